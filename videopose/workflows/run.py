"""`videopose run` and `videopose.run`: every option of a user, checked before the work begins."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict, Unpack

from videopose.config import input_paths
from videopose.errors import InputError, VideoPoseError
from videopose.io.disk import refusals_said
from videopose.io.identity import WatchedClip, clip_files
from videopose.io.journal_store import check_folder, clip_of
from videopose.io.provenance import stored_header, stored_provenance
from videopose.io.reader import check_is_path, open_video
from videopose.io.result import JsonObject
from videopose.io.results import check_suffix
from videopose.models.fetch import SAID, FetchOptions
from videopose.runtime.choice import RuntimeOptions
from videopose.runtime.device import choose_device
from videopose.workflows.fetching import fetch_missing
from videopose.workflows.outputs import check_length, check_output
from videopose.workflows.pipelines import load_pipeline
from videopose.workflows.recipe import LoadedNetworks
from videopose.workflows.running import Progress, Run, journal_folder


class ReadingOptions(TypedDict, total=False):
    """Which frames of a clip, and how they are read; what is left out is as the reader has it.

    Attributes:
        backend: what decodes, `pyav`, `opencv` or `decord`.
        start: first presentation time wanted, seconds.
        end: presentation time to stop before, seconds.
        frames: first and last index wanted, inclusive; a last of None is the end.
        every: take every nth of these frames.
        frame_rate: images to the second, for a folder of images.
        strict: frames that cannot be decoded are an error; otherwise they become gaps.
        stream: number of the video stream wanted, as FFmpeg counts them; None for the one with the frames.
        allow_references: let the clip name other local files (`.m3u8`, ffconcat), which are then read too.
        keep_holes: numbers missing among the names of a folder's images become gaps.
    """

    backend: str
    start: float | None
    end: float | None
    frames: tuple[int, int | None] | None
    every: int
    frame_rate: float | None
    strict: bool
    stream: int | None
    allow_references: bool
    keep_holes: bool


def run(
    clip: str | Path,
    output: str | Path | None = None,
    *,
    pipeline: str = "default",
    overrides: Iterable[str] = (),
    device: str = "auto",
    overwrite: bool = False,
    restart: bool = False,
    progress: Progress | None = None,
    networks: LoadedNetworks | None = None,
    fetching: FetchOptions = SAID,
    **reading: Unpack[ReadingOptions],
) -> Run:
    """Find everybody in a video: boxes, keypoints and ids. Iterate over the answer to do the work.

    Results come when the whole video has been looked at, because tracks are joined and smoothed over all of it. They
    come as frames are read, some tens of frames behind, if there is no output, `tracker.name` is neither `whole-video`
    nor `pose-flow`, and nothing changes tracks afterwards: `smoothing.method=none`, `smoothing.max_fill=0`,
    `smoothing.repair_swaps=false` and `smoothing.reject_outliers=false`.

    Args:
        clip: a video file, a folder of images or a glob.
        output: write the result here too, `.json`, `.parquet` or `.csv`; such a run can be interrupted and goes on
            when it is asked for again.
        pipeline: name of a shipped pipeline (fast, default, accurate), of one of published networks (rtmpose-m …),
            which are fetched the first time, or of a network added to the store; or a YAML file, or a folder with one.
        overrides: `dotted.key=value` texts laid over the pipeline's config.
        device: auto, cpu, cuda, cuda:1 …
        overwrite: replace a result that is there.
        restart: throw away what an unfinished run has left.
        progress: called with (frames done, all frames), first with 0, when the networks are loaded.
        networks: of that pipeline on that device, if they are loaded already (`Predictor`).
        fetching: how fetching published weights is shown.
        **reading: which frames, and how they are read; see `ReadingOptions`.

    Raises:
        VideoPoseError: with one line that says what is wrong, where, and what to do.
    """
    check_is_path(str(clip))
    overrides = list(overrides)
    recipe = load_pipeline(pipeline, overrides)
    options = recipe.options
    if isinstance(options, RuntimeOptions) and options.precision == "int8" and not options.calibration:
        recipe = load_pipeline(pipeline, [*overrides, f"calibration={json.dumps(str(clip))}"])
    if output is not None:
        _check_result(Path(output), [*_files_of(clip), *input_paths(recipe.options).values()], overwrite=overwrite)
    chosen = choose_device(device)
    watched = WatchedClip(clip)
    reader = open_video(clip, **reading)
    recipe.check_inputs(reader.info)
    fetch_missing(recipe, fetching)
    request: JsonObject = {"video": watched.identify(), **_as_asked(reading)}
    return Run(
        clip, output, reader, recipe, chosen,
        overwrite=overwrite, restart=restart, watched=watched, request=request, progress=progress, networks=networks,
    )  # fmt: skip


def check_name(output: Path, clip: str) -> None:
    """Raise `InputError` where a result's name was not chosen, and what lies there is another clip's.

    `clip.mp4`, `clip.mov` and a folder `clip` have one default name between them.
    """
    check_length(output)
    with refusals_said(output):
        stored = stored_header(output)
        other = clip_of(journal_folder(output)) if stored is None else stored.video.path
        is_pattern = not Path(clip).exists()
    if other and (other != clip if is_pattern else Path(other).name != Path(clip).name):
        name = Path(clip).name + (".images" if Path(clip).is_dir() else "")
        begun = "is" if stored is not None else "is begun as"
        raise InputError(
            f"{output}: {begun} the result of {other}, and would also be that of {clip}. "
            f"Choose another name, as -o {name}.poses.json"
        )


def _check_result(output: Path, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Raise `InputError` unless a run may write its result there; what lies there may be its own, finished before."""
    check_suffix(output)
    inputs = list(inputs)
    with refusals_said(output):
        journal = journal_folder(output).resolve()
        if any(path.exists() and journal in path.resolve().parents for path in inputs):
            raise InputError(f"{output}: is what the result is made from. Choose another place with -o")
        check_output(output, inputs, overwrite=overwrite or (output.is_file() and bool(stored_provenance(output))))
        check_folder(journal_folder(output))


def _as_asked(reading: ReadingOptions) -> JsonObject:
    """Return what the identity of a run says of reading; options left out are the reader's own."""
    request: JsonObject = {
        "backend": "pyav", "start": None, "end": None, "frames": None, "every": 1, "frame_rate": None, "stream": None,
        "keep_holes": False,
    }  # fmt: skip
    request |= {key: value for key, value in reading.items() if key in request}
    return {**request, "frames": None if request["frames"] is None else list(request["frames"])}


def _files_of(clip: str | Path) -> list[Path]:
    try:
        return clip_files(clip)
    except (OSError, VideoPoseError):
        return []  # what is wrong with it is said when it is opened
