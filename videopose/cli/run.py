"""`videopose run`: from a video to everybody's poses and ids."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from videopose.cli.drawing import drawing_from, drawing_options

if TYPE_CHECKING:
    from videopose.types import Gap
    from videopose.workflows.running import Run


class Shard(click.ParamType[tuple[int, int]]):
    """`i/n`: number of a shard, from 1 on, and how many there are."""

    name = "i/n"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read the two numbers."""
        if isinstance(value, tuple):
            return value
        number, _, count = value.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            self.fail(f"{value!r} is no shard. Write 1/8 to 8/8 for eight of them", param, ctx)
        return int(number), int(count)


class FrameRange(click.ParamType[tuple[int, int | None]]):
    """`A-B`, `A-` or `A`: first and last index, inclusive."""

    name = "A-B"

    def convert(
        self, value: str | tuple[int, int | None], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int | None]:
        """Read the two numbers."""
        if isinstance(value, tuple):
            return value
        first, dash, last = value.partition("-")
        try:
            return int(first), (int(last) if last else None) if dash else int(first)
        except ValueError:
            self.fail(f"{value!r} is not a range of frames. Write 100-199, or 100- for all from there on", param, ctx)


@click.command("run", short_help="Find everybody in a video: boxes, poses, ids.")
@click.argument("clips", nargs=-1, required=True, metavar="CLIP...")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Result [<clip>.poses.json]; or .parquet, .csv.")
@click.option("-r", "--recursive", is_flag=True, help="Look for videos in folders inside folders too.")
@click.option("--summary", type=click.Path(path_type=Path), help="What became of every clip, as JSON.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and how long it may take.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes that share the work, of one clip too.")
@click.option("--gpus", default="", metavar="0,1", help="GPUs the workers take in turn.")
@click.option("--shard", type=Shard(), help="Be one of n such commands over one shared folder.")
@click.option(
    "--cluster", metavar="ray[:ADDRESS]", help="The workers are actors of Ray, started here or at an address."
)
@click.option("--cpus-per-worker", type=float, default=1.0, show_default=True, help="Cores, of a cluster.")
@click.option("--gpus-per-worker", type=float, default=0.0, show_default=True, help="GPUs, of a cluster; 0.25 too.")
@click.option("--resource", "resources", multiple=True, metavar="NAME=N", help="What else a worker takes of a cluster.")
@click.option("--log-json", is_flag=True, help="Progress as a JSON object a line.")
@click.option("--overwrite", is_flag=True, help="Replace a result that is there.")
@click.option("--restart", is_flag=True, help="Throw away what an unfinished run has left.")
@click.option(
    "--save", type=click.Choice(["video"]), is_flag=False, flag_value="video", help="Also draw <result>.overlay.mp4."
)
@drawing_options(short=False)
@click.option(
    "--pipeline", default="default", show_default=True, help="fast, default, accurate, rtmpose-m …, or a YAML file."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the pipeline.")
@click.option("--print-config", is_flag=True, help="Print the whole config and stop.")
@click.option("--boxes", type=click.Path(path_type=Path), help="Boxes from a file: MOT det.txt, COCO, PoseTrack json.")
@click.option("--single-person", is_flag=True, help="One person fills the frame: run no detector.")
@click.option("--start", type=float, metavar="SECONDS", help="First time wanted.")
@click.option("--end", type=float, metavar="SECONDS", help="Time to stop before.")
@click.option("--frames", type=FrameRange(), help="First and last frame wanted.")
@click.option("--every", type=int, default=1, metavar="N", help="Take every Nth frame.")
@click.option("--frame-rate", type=float, help="Images per second, for a folder of images [25].")
@click.option("--strict", is_flag=True, help="Stop at a frame that cannot be decoded.")
@click.option("--stream", type=int, metavar="N", help="Video stream to read [the one with the frames].")
@click.option("--allow-references", is_flag=True, help="Let CLIP name other local files (m3u8, ffconcat).")
@click.option("--keep-holes", is_flag=True, help="Images whose numbers are missing are gaps.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 …")
@click.option("--backend", default="pyav", show_default=True, help="What decodes: pyav, opencv or decord.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def command(
    clips: tuple[str, ...],
    output: Path | None,
    recursive: bool,
    summary: Path | None,
    dry_run: bool,
    workers: int | None,
    gpus: str,
    shard: tuple[int, int] | None,
    cluster: str | None,
    cpus_per_worker: float,
    gpus_per_worker: float,
    resources: tuple[str, ...],
    log_json: bool,
    overwrite: bool,
    restart: bool,
    save: str | None,
    pipeline: str,
    overrides: tuple[str, ...],
    print_config: bool,
    boxes: Path | None,
    single_person: bool,
    start: float | None,
    end: float | None,
    frames: tuple[int, int | None] | None,
    every: int,
    frame_rate: float | None,
    strict: bool,
    stream: int | None,
    allow_references: bool,
    keep_holes: bool,
    device: str,
    backend: str,
    quiet: bool,
    **drawing: Any,  # Any: of `drawing_options`
) -> None:
    """Find everybody in CLIP: for every frame a box, keypoints with scores, and an id that stays with the person.

    CLIP is a video, a folder of images or a quoted glob. A folder or glob of videos, and a list of clips (.txt, .csv),
    stand for many; then -o is a folder. A run that was interrupted goes on when the same command is typed again.
    """
    if boxes is not None and single_person:
        raise click.UsageError("--boxes and --single-person exclude each other: where do the boxes come from?")
    if len(clips) == 1:
        _check_is_there(clips[0], print_config=print_config)
    with _without_collection():
        from videopose.cli.downloads import shown_on_stderr
        from videopose.cli.progress import ProgressBar
        from videopose.cli.run_many import ManyOptions, gpu_numbers, run_many
        from videopose.config import dump
        from videopose.errors import AlreadyFinishedError, InputError
        from videopose.fleet.inputs import find_inputs, is_several
        from videopose.fleet.job import Job
        from videopose.fleet.place import place_from
        from videopose.runtime.choice import RuntimeOptions, choose
        from videopose.runtime.device import choose_device
        from videopose.workflows import run as api
        from videopose.workflows.pipelines import load_pipeline
        from videopose.workflows.render import render

    overrides = (*overrides, *_who(boxes, single_person))
    if print_config:
        options = load_pipeline(pipeline, overrides).options
        click.echo(dump(options), nl=False)
        if isinstance(options, RuntimeOptions):
            click.echo(f"# networks: {choose(options, choose_device(device))}")
        return
    reading: dict[str, Any] = {  # Any: values of several types
        "frame_rate": frame_rate, "stream": stream, "allow_references": allow_references, "keep_holes": keep_holes,
    }  # fmt: skip
    if (
        dry_run
        or log_json
        or workers
        or gpus
        or shard
        or cluster
        or summary is not None
        or is_several(clips, recursive=recursive)
    ):
        found = find_inputs(clips, output, recursive=recursive)
        if boxes is not None and len(found) > 1:
            raise click.UsageError("--boxes are of one clip: name those of each in a list, column boxes (.csv)")
        if shard and (workers or cluster or overwrite or restart):
            raise click.UsageError(
                "--shard goes without --workers, --cluster, --overwrite and --restart: others are at work too"
            )
        job = Job(
            pipeline, tuple(overrides), device, overwrite, restart,
            {"backend": backend, "start": start, "end": end, "frames": frames, "every": every, "strict": strict,
             **reading},  # type: ignore[typeddict-item]
        )  # fmt: skip
        place = place_from(cluster, cpus_per_worker, gpus_per_worker, resources) if cluster else None
        asked = ManyOptions(
            summary, dry_run, log_json, quiet, bool(save), workers, gpu_numbers(gpus, workers), shard, place,
            drawing_from(drawing),
        )  # fmt: skip
        raise click.exceptions.Exit(run_many(found, job, asked))
    clip = clips[0]
    result = output or default_output(clip, ".poses.json")
    if output is None:
        api.check_name(result, clip)
    overlay = result.with_name(f"{result.stem.removesuffix('.poses')}.overlay.mp4") if save else None
    options = drawing_from(drawing)

    def draw(place: Path) -> None:
        shown = ProgressBar(is_quiet=quiet, what="drawing")
        try:
            render(clip, result, place, overwrite=overwrite, drawing=options, progress=shown, **reading)
        finally:
            shown.close()

    has_overlay = overlay is not None and overlay.exists() and not overwrite
    try:
        with _without_collection():
            begun = api.run(
                clip, result, pipeline=pipeline, overrides=overrides, device=device, backend=backend, start=start,
                end=end, frames=frames, every=every, strict=strict, overwrite=overwrite, restart=restart,
                fetching=shown_on_stderr(), **reading,
            )  # fmt: skip
    except AlreadyFinishedError as done:
        click.echo(str(done), err=True)
        _report(result, None if has_overlay else overlay, draw)
        return
    if has_overlay:
        raise InputError(f"{overlay}: is already there. Add --overwrite to replace it, or leave --save video out")
    progress = ProgressBar(begun.resumed_frames, is_quiet=quiet)
    begun.progress = progress
    if begun.resumed_frames and not quiet:
        click.echo(f"{clip}: going on after {begun.resumed_frames} of {begun.num_frames} frames", err=True)
    try:
        num_frames, people = _drained(begun)
        speed = progress.frames_per_second(num_frames)
    except KeyboardInterrupt as error:
        progress.close()
        click.echo("Stopped. Type the same command again to go on from here.", err=True)
        raise click.exceptions.Exit(130) from error
    finally:
        progress.close()
    if not quiet:
        click.echo(f"{clip}: {num_frames} frames, {_count(people, 'person', 'people')}, {speed:.1f} frames/s", err=True)
    _warn_of(begun.gaps, clip)
    _report(result, overlay, draw)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Import without looking for garbage in all that was imported before, again and again: a fifth of the start."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check_is_there(clip: str, *, print_config: bool) -> None:
    """Raise for a file that is not there, before a second of imports; what else may be wrong is the reader's to say."""
    from videopose.errors import VideoError

    is_plain = not any(sign in clip for sign in "*?[\0") and "://" not in clip and clip != "-"
    if is_plain and not print_config and len(clip) < 200 and not os.path.lexists(clip):
        raise VideoError(f"{clip}: no such file. Check the path")


def _report(result: Path, overlay: Path | None, draw: Callable[[Path], object]) -> None:
    """Print where the result is; draw the overlay if there is to be one, and print where that is."""
    click.echo(result)
    if overlay is not None:
        draw(overlay)
        click.echo(overlay)


def default_output(clip: str, suffix: str) -> Path:
    """Return a file beside the clip, after its stem; in the working folder for a glob."""
    from videopose.io._media import writable_name

    path = Path(clip)
    if not path.exists() and any(sign in clip for sign in "*?["):
        return Path(f"images{suffix}")
    if path.is_dir():
        path = path if path.name else path.resolve()  # "." has no name of its own
        return path.with_name(f"{writable_name(path.name)}{suffix}")
    return path.with_name(f"{writable_name(path.stem)}{suffix}")


def _who(boxes: Path | None, single_person: bool) -> Iterable[str]:
    """Write the two short options as overrides."""
    if boxes is not None:
        return ("detector.source=file", f"detector.boxes={json.dumps(str(boxes))}")
    return ("detector.source=frame",) if single_person else ()


def _drained(begun: Run) -> tuple[int, int]:
    """Run to the end; count frames and people."""
    num_frames = 0
    ids: set[int] = set()
    for frame in begun:
        num_frames += 1
        ids.update(person.track_id for person in frame.people)
    return num_frames, len(ids - {-1})


def _warn_of(gaps: Iterable[Gap], clip: str) -> None:
    for gap in gaps:
        what = f"frame {gap.first}" if gap.first == gap.last else f"frames {gap.first}-{gap.last}"
        click.echo(
            f"Warning: {clip}: {what} ({gap.start:.2f}-{gap.end:.2f} s) could not be decoded: {gap.reason}", err=True
        )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
