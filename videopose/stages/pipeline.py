"""How records flow: the stage protocol, pipelines, batches, windows, running ahead. Nothing here knows a network.

A stage is a callable from a stream of records to a stream of records: one in, one out, in order, lazily. State lives
in the generator, so one stage object serves many videos.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat
from typing import Generic, Protocol, TypeVar, cast, runtime_checkable

import torch

from videopose.errors import InputError, VideoPoseError
from videopose.stages.concurrency import prefetch
from videopose.types import Record

T = TypeVar("T")


@dataclass(frozen=True)
class TemporalContext:
    """How many records a stage needs before and after one.

    Attributes:
        before: records of the past.
        after: records of the future.
        window: a chunk of the stream is a whole number of as many records.
        is_closed: nothing is looked at outside a window of records, and nothing is carried from one window to the next.
        step: records counted from the stream's first one on; `before` is a whole number of them, so that a stream begun
            later counts the same.
    """

    before: int = 0
    after: int = 0
    window: int = 1
    is_closed: bool = False
    step: int = 1

    def __add__(self, other: TemporalContext) -> TemporalContext:
        """Return how far two stages look, one behind the other."""
        step = math.lcm(self.step, other.step)
        return TemporalContext(
            -(-(self.before + other.before) // step) * step,
            self.after + other.after,
            math.lcm(self.window, other.window),
            self.is_closed and other.is_closed,
            step,
        )


ONE_RECORD = TemporalContext(is_closed=True)
"""The context of a stage that looks at each record by itself."""


class Stage(Protocol):
    """One step of a pipeline. It may have a `context`; without, it looks at each record by itself."""

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Return one record for each record, in order, pulling no more than it needs to look ahead."""
        ...


@runtime_checkable
class LooksAround(Protocol):
    """A stage that looks at more than one record at a time."""

    @property
    def context(self) -> TemporalContext:
        """Return how many records it needs before and after one."""
        ...


@dataclass(frozen=True)
class Pipeline:
    """Stages in a row; itself a stage.

    A `VideoPoseError` that passes through gets one note, from the stage it arose in: the stage, the last frame that
    stage gave, and the video.

    Attributes:
        stages: first to last.
        video: name of the video, for the note.
    """

    stages: tuple[Stage, ...]
    video: str | None = None

    @property
    def context(self) -> TemporalContext:
        """Return how many records all stages together need before and after one."""
        return sum(map(context_of, self.stages), ONE_RECORD)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Send the records through the stages; at the end, or when one fails, all are closed, last to first."""
        streams = [_noted(records, "reading", self.video)]
        for stage in self.stages:
            given = stage(streams[-1])
            streams += [given, _noted(given, type(stage).__name__, self.video)]
        return _closing(streams)


def _closing(streams: list[Iterator[Record]]) -> Iterator[Record]:
    """Return the last stream's records; then close every stream, so that none still runs ahead in its thread.

    A stage that failed leaves those before it waiting, and whoever closes the source would find it being read.
    """
    try:
        yield from streams[-1]
    finally:
        for stream in reversed(streams):
            if isinstance(stream, Generator):
                stream.close()


def context_of(stage: Stage) -> TemporalContext:
    """Return how many records a stage needs before and after one."""
    return stage.context if isinstance(stage, LooksAround) else ONE_RECORD


def _noted(records: Iterable[Record], stage: str, video: str | None) -> Iterator[Record]:
    last: int | None = None
    try:
        for record in records:
            last = record.frame.index
            yield record
    except VideoPoseError as error:
        if not getattr(error, "__notes__", None):
            where = "before its first frame" if last is None else f"after frame {last}"
            error.add_note(f"in {stage}, {where}" + (f" of {video}" if video else ""))
        raise


def run(pipeline: Stage, records: Iterable[Record]) -> int:
    """Run a pipeline to its end for the side effects of its stages.

    Returns:
        How many records came out.
    """
    return sum(1 for _ in pipeline(records))


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of `size` items, in order; the last may be shorter.

    Example:
        >>> list(batched("abcde", 2))
        [['a', 'b'], ['c', 'd'], ['e']]
    """
    if size < 1:
        raise InputError(f"batch size {size}: give 1 or more")
    stream = iter(items)
    while batch := list(islice(stream, size)):
        yield batch


@dataclass(frozen=True, slots=True)
class Window(Generic[T]):
    """One item with its neighbours in time.

    Attributes:
        past: the items before, oldest first; fewer at the beginning of the stream.
        center: the item itself.
        future: the items after; fewer at the end of the stream.
    """

    past: tuple[T, ...]
    center: T
    future: tuple[T, ...]


def windows(items: Iterable[T], *, before: int = 0, after: int = 0) -> Iterator[Window[T]]:
    """Yield one window per item, in order; shorter at both ends of the stream.

    Example:
        >>> [w.past + (w.center,) + w.future for w in windows("abc", before=1, after=1)]
        [('a', 'b'), ('a', 'b', 'c'), ('b', 'c')]
    """
    padded: Iterator[object] = chain(repeat(_GAP, before), items, repeat(_GAP, after))
    row = deque(islice(padded, before + after), maxlen=before + 1 + after)
    for item in padded:
        row.append(item)
        real = list(row)
        yield Window(_real(real[:before]), cast(T, real[before]), _real(real[before + 1 :]))


_GAP = object()


def _real(items: list[object]) -> tuple[T, ...]:
    return tuple(cast(T, item) for item in items if item is not _GAP)


@dataclass(frozen=True)
class Prefetch:
    """Run everything before this stage ahead, in a thread.

    Attributes:
        depth: how many records it may be ahead.
    """

    depth: int = 8

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Return the records that were made ahead."""
        return prefetch(records, self.depth)


@dataclass(frozen=True)
class ToDevice:
    """Copy each image to the device the networks run on: the one upload.

    Attributes:
        device: where to.
    """

    device: torch.device

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Return the records with their images moved."""
        for record in records:
            image = record.frame.image
            moved = None if image is None else image.to(self.device, non_blocking=True)
            yield replace(record, frame=replace(record.frame, image=moved))


@dataclass(frozen=True)
class DropImages:
    """Drop the images; no stage after this one needs them, and whole videos of records fit into memory."""

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Return the records without their images."""
        for record in records:
            yield replace(record, frame=replace(record.frame, image=None))
