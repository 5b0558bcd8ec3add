"""`videopose run` for several clips: what it prints on the way and at the end."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from videopose.drawing.options import DrawOptions
    from videopose.fleet.executor import Executor
    from videopose.fleet.inputs import Input
    from videopose.fleet.job import Job, Report
    from videopose.fleet.place import Place
    from videopose.fleet.worker import Worker

SECONDS_BETWEEN_LINES = 10.0


@dataclass
class Speaker:
    """Prints what happens, on stderr: for people, or a JSON object a line for machines.

    Attributes:
        clips: all there are to do.
        draw: what draws a result; None for no overlays.
        as_json: for machines.
        is_quiet: say nothing but what failed.
        reports: of the clips that are over.
    """

    clips: Sequence[Input]
    draw: Callable[[Input, Report], Report] | None = None
    as_json: bool = False
    is_quiet: bool = False
    reports: list[Report] = field(default_factory=list)
    start: float = field(default_factory=time.monotonic)
    _next_line: float = field(default_factory=lambda: time.monotonic() + SECONDS_BETWEEN_LINES)

    def event(self, what: str, text: str = "", **facts: object) -> None:
        """Print one event."""
        from videopose.cli.main import printable

        if self.as_json:
            seconds = round(time.monotonic() - self.start, 3)
            click.echo(json.dumps({"event": what, "seconds": seconds, **facts}), err=True)
        elif text and not self.is_quiet:
            click.echo(printable(text), err=True)

    def progress(self, clip: str, done: int, total: int) -> None:
        """Print how far a clip is, not too often."""
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            self.event("progress", f"{clip}: {done} of {total} frames", clip=clip, done=done, total=total)

    def working(self, share: float, doing: Sequence[str]) -> None:
        """Print what each worker does and how far everything is, not too often."""
        if time.monotonic() < self._next_line or not 0 < share < 1:
            return
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        left = (time.monotonic() - self.start) / share * (1 - share)
        text = "\n".join([*doing, f"{share:.0%} done, about {duration(left)} left"])
        self.event("progress", text, share=round(share, 4), left=round(left, 1), workers=list(doing))

    def ended(self, report: Report) -> None:
        """Print what became of a clip, and how long the others may take."""
        if self.draw is not None and not report.error:
            clip = next(each for each in self.clips if str(each.output) == report.output)
            report = self.draw(clip, report)
        self.reports.append(report)
        over, count = len(self.reports), len(self.clips)
        left = (time.monotonic() - self.start) / over * (count - over)
        text = f"[{over}/{count}] {report.clip}: {report.error or _result_of(report)}"
        text += f"; about {duration(left)} left" if count > over else ""
        if report.error and self.is_quiet and not self.as_json:
            from videopose.cli.main import printable

            click.echo(printable(text), err=True)
        self.event("ended", text, left=round(left, 1), **report.facts())
        if not report.error:
            click.echo(report.output)


def _result_of(report: Report) -> str:
    return "finished before" if report.state == "finished before" else f"{report.frames} frames, {report.people} people"


def duration(seconds: float) -> str:
    """Format a time as a person would say it.

    Example:
        >>> duration(3725)
        '1 h 2 min'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@dataclass(frozen=True)
class ManyOptions:
    """What the command line says about many clips.

    Attributes:
        summary: file for what became of them.
        dry_run: only say what would be done.
        log_json: print for machines.
        quiet: print nothing but what failed.
        save_video: draw each result.
        drawing: how results are drawn.
        workers: processes of this machine; None for this one alone.
        gpus: numbers of GPUs that workers take in turn.
        shard: number of this shard and of all shards; None if there are none.
        place: what workers take of a Ray cluster; None for no cluster.
    """

    summary: Path | None = None
    dry_run: bool = False
    log_json: bool = False
    quiet: bool = False
    save_video: bool = False
    workers: int | None = None
    gpus: tuple[int, ...] = ()
    shard: tuple[int, int] | None = None
    place: Place | None = None
    drawing: DrawOptions | None = None


def gpu_numbers(text: str, workers: int | None) -> tuple[int, ...]:
    """Read `--gpus`.

    Example:
        >>> gpu_numbers("0,2", 4)
        (0, 2)
    """
    if text and workers is None:
        raise click.UsageError("--gpus are for workers: how many? Add --workers")
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError as error:
        raise click.UsageError(f"--gpus {text}: give numbers of GPUs, as 0,1") from error


def run_many(clips: Sequence[Input], job: Job, asked: ManyOptions) -> int:
    """Run all clips; print, write the summary, and return the exit code."""
    from videopose.fleet.reports import exit_code, summary, table, write_summary
    from videopose.fleet.worker import Worker
    from videopose.workflows.outputs import check_output
    from videopose.workflows.pipelines import load_pipeline

    if asked.summary is not None:
        check_output(asked.summary, [Path(clip.clip) for clip in clips], overwrite=True)
    load_pipeline(job.pipeline, job.overrides).weights()  # what is wrong with all clips is said once
    worker = Worker(job)
    if asked.dry_run:
        return dry_run(worker, clips)
    draw = _drawer(job, asked.drawing) if asked.save_video else None
    speaker = Speaker(clips, draw, as_json=asked.log_json, is_quiet=asked.quiet)
    stopped = False
    try:
        owner = uuid.uuid4().hex[:8]
        executor = executor_of(job, asked, owner, clips[0].output.parent)
        if executor is None:
            one_after_another(worker, speaker)
        else:
            side_by_side(executor, speaker, asked, owner)
    except KeyboardInterrupt:
        stopped = True
    seconds = time.monotonic() - speaker.start
    facts = summary(speaker.reports, clips=len(clips), seconds=seconds)
    speaker.event(
        "summary", table(speaker.reports, clips=len(clips), seconds=seconds), stopped=stopped, **facts["totals"]
    )
    if asked.summary is not None:
        write_summary(asked.summary, {**facts, "stopped": stopped})
    if stopped:
        click.echo("Stopped. Type the same command again to go on from here.", err=True)
        return 130
    return exit_code(speaker.reports)


def executor_of(job: Job, asked: ManyOptions, owner: str, shared: Path) -> Executor | None:
    """Return who does the work; None for this very process."""
    from videopose.cli.main import set_up_process
    from videopose.fleet.place import check_ray
    from videopose.fleet.processes import ProcessExecutor
    from videopose.fleet.shards import ShardExecutor

    if asked.shard is not None:
        return ShardExecutor(job, owner)
    if asked.place is not None:
        check_ray()
        from videopose.fleet.ray_cluster import RayExecutor

        return RayExecutor(job, asked.workers or 1, asked.place, shared)
    return (
        None if asked.workers is None else ProcessExecutor(job, asked.workers, gpus=asked.gpus, prepare=set_up_process)
    )


def one_after_another(worker: Worker, speaker: Speaker) -> None:
    """Run the clips in this process."""
    for number, clip in enumerate(speaker.clips, start=1):
        speaker.event("started", clip=clip.clip, number=number, clips=len(speaker.clips))
        name = clip.clip
        speaker.ended(worker.whole(clip, lambda done, total, name=name: speaker.progress(name, done, total)))  # type: ignore[misc]


def side_by_side(executor: Executor, speaker: Speaker, asked: ManyOptions, owner: str) -> None:
    """Run the clips on several workers."""
    from videopose.fleet.drive import Fleet, weight_of
    from videopose.fleet.shards import own_first

    weights = [weight_of(clip) for clip in speaker.clips]
    order = None if asked.shard is None else own_first(weights, *asked.shard)
    count = asked.workers or (1 if asked.shard is None else asked.shard[1])
    Fleet(speaker.clips, executor, speaker, owner=owner, cut_for=count, weights=weights, order=order).run()


def _drawer(job: Job, drawing: DrawOptions | None) -> Callable[[Input, Report], Report]:
    """Return what draws a result over its clip, unless the overlay is there already."""
    from videopose.errors import VideoPoseError
    from videopose.fleet.job import failed
    from videopose.workflows.render import render

    reading: dict[str, Any] = {  # Any: values of several types
        key: value
        for key, value in job.reading.items()
        if key in ("frame_rate", "stream", "allow_references", "keep_holes")
    }

    def draw(clip: Input, report: Report) -> Report:
        overlay = overlay_of(clip.output)
        if overlay.exists() and not job.overwrite:
            return report
        try:
            render(clip.clip, clip.output, overlay, overwrite=job.overwrite, drawing=drawing, **reading)
        except VideoPoseError as error:
            return failed(clip, error, report.seconds)
        return report

    return draw


def overlay_of(result: Path) -> Path:
    """Return where `--save video` draws a result."""
    return result.with_name(f"{result.stem.removesuffix('.poses')}.overlay.mp4")


def dry_run(worker: Worker, clips: Sequence[Input]) -> int:
    """Print what would be done with every clip, and how long it may take."""
    from videopose.errors import VideoPoseError
    from videopose.fleet.forecast import forecast, frames_per_second

    left, first, code = 0, None, 0
    for each in forecast(worker, clips):
        click.echo(f"{each.clip.clip} -> {each.clip.output}: {each.error or each.what}")
        code = code or int(bool(each.error))
        left += each.frames
        first = first or (each.clip if each.frames else None)
    if first is None:
        click.echo("nothing to compute")
        return code
    try:
        speed = frames_per_second(worker, first)
    except VideoPoseError:  # a damaged clip is named when it is run
        speed = None
    text = f"{left} frames to compute"
    if speed:
        text += f", about {duration(left / speed)} at {speed:.1f} frames per second, measured on {first.clip}"
    click.echo(text)
    return code
