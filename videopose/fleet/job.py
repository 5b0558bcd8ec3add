"""What is asked of every clip of a job, and what became of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypedDict

from videopose.errors import VideoPoseError
from videopose.fleet.inputs import Input
from videopose.io.result import JsonObject
from videopose.io.results import read_result
from videopose.workflows.run import ReadingOptions

State = Literal["done", "finished before", "failed"]


class RunOptions(TypedDict):
    """Keywords of `videopose.run` for one clip of a job, without those of reading."""

    pipeline: str
    overrides: tuple[str, ...]
    device: str


@dataclass(frozen=True)
class Job:
    """The options of a job, the same for all its clips. It is small, and is sent to workers.

    Attributes:
        pipeline: name of a pipeline, or its YAML file.
        overrides: `dotted.key=value` texts.
        device: where networks run.
        overwrite: replace results that are there.
        restart: throw away what unfinished runs have left.
        reading: which frames, and how they are read.
    """

    pipeline: str = "default"
    overrides: tuple[str, ...] = ()
    device: str = "auto"
    overwrite: bool = False
    restart: bool = False
    reading: ReadingOptions = field(default_factory=lambda: ReadingOptions())

    def options_of(self, clip: Input) -> RunOptions:
        """Return how a clip is run; its own boxes take the detector's place."""
        boxes = ("detector.source=file", f"detector.boxes={_quoted(clip.boxes)}") if clip.boxes else ()
        return {"pipeline": self.pipeline, "overrides": (*self.overrides, *boxes), "device": self.device}

    def reading_of(self, clip: Input) -> ReadingOptions:
        """Return which frames of a clip are read; its own span goes before that of all."""
        reading = self.reading.copy()
        if clip.start is not None:
            reading["start"] = clip.start
        if clip.end is not None:
            reading["end"] = clip.end
        return reading


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one clip.

    Attributes:
        clip: as it was given.
        output: its result's file.
        state: done; finished before, and not touched; or failed.
        frames: frames in the result.
        people: ids in the result.
        gaps: spans of frames that could not be decoded.
        seconds: time spent on it, of all workers together.
        error: one line that says why it failed; empty otherwise.
    """

    clip: str
    output: str
    state: State
    frames: int = 0
    people: int = 0
    gaps: int = 0
    seconds: float = 0.0
    error: str = ""

    def facts(self) -> JsonObject:
        """Return it as a JSON object."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def failed(clip: Input, error: BaseException, seconds: float = 0.0) -> Report:
    """Report that a clip failed, and why."""
    return Report(clip.clip, str(clip.output), "failed", seconds=seconds, error=said(error))


def finished_before(clip: Input) -> Report:
    """Report a result that is there, by what stands in it.

    Raises:
        VideoPoseError: it cannot be read.
    """
    result = read_result(clip.output)
    frames, people = counted(() if record.poses is None else record.poses.track_id.tolist() for record in result)
    return Report(clip.clip, str(clip.output), "finished before", frames, people, len(result.header.gaps))


def counted(ids_by_frame: Iterable[Iterable[int]]) -> tuple[int, int]:
    """Count frames, and the ids in them."""
    frames, people = 0, set[int]()
    for ids in ids_by_frame:
        frames += 1
        people.update(ids)
    return frames, len(people - {-1})


def said(error: BaseException) -> str:
    """Return an error in one line, with the stage it arose in where that is known."""
    notes: list[Any] = getattr(error, "__notes__", [])  # Any: whatever was added
    text = str(error) or type(error).__name__
    if isinstance(error, OSError) and not isinstance(error, VideoPoseError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join((f"{text} ({'; '.join(map(str, notes))})" if notes else text).split())
