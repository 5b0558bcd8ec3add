"""What a job would do, before it does anything: `--dry-run`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from videopose.errors import AlreadyFinishedError, VideoPoseError
from videopose.fleet.inputs import Input
from videopose.fleet.job import said
from videopose.fleet.worker import Worker
from videopose.workflows.run import ReadingOptions, run

_WARM, _TIMED = 16, 48
"""Frames before the clock starts, and frames after which it stops."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would be done with one clip.

    Attributes:
        clip: the clip.
        what: in words.
        frames: still to be computed.
        error: why it would fail; empty otherwise.
    """

    clip: Input
    what: str
    frames: int = 0
    error: str = ""


def forecast(worker: Worker, clips: Iterable[Input]) -> Iterator[Forecast]:
    """Find out for each clip what a run would do; nothing is written."""
    for clip in clips:
        try:
            has_place = clip.output.parent.is_dir()  # it is made when there is something to put there
            job = worker.job
            begun = worker.begin(clip) if has_place else run(clip.clip, **job.options_of(clip), **job.reading_of(clip))
        except AlreadyFinishedError:
            yield Forecast(clip, "finished before")
            continue
        except (VideoPoseError, OSError) as error:
            yield Forecast(clip, "would fail", error=said(error))
            continue
        left = begun.num_frames - begun.resumed_frames
        words = f"go on after {begun.resumed_frames} of" if begun.resumed_frames else "all"
        yield Forecast(clip, f"{words} {begun.num_frames} frames", left)


def frames_per_second(worker: Worker, clip: Input) -> float | None:
    """Measure how fast one process is on the first frames of a clip; None if they are too few to tell.

    Raises:
        VideoPoseError: the clip cannot be run.
    """
    marks: list[tuple[int, float]] = []
    reading = worker.job.reading_of(clip)
    first: ReadingOptions = {**reading, "start": None, "end": None, "frames": (0, _TIMED - 1), "every": 1}
    begun = run(
        clip.clip, networks=worker.networks(clip), progress=lambda done, _: marks.append((done, time.monotonic())),
        **worker.job.options_of(clip), **first,
    )  # fmt: skip
    for _ in begun:
        pass
    timed = [mark for mark in marks if mark[0] >= _WARM]
    if len(timed) < 2 or timed[-1][1] <= timed[0][1]:
        return None
    return (timed[-1][0] - timed[0][0]) / (timed[-1][1] - timed[0][1])
