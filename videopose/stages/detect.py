"""The stages that say who is in a frame: a detector, boxes from a file, or the whole frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from videopose.errors import InputError
from videopose.estimators.base import Detector
from videopose.stages.concurrency import map_concurrently
from videopose.stages.pipeline import TemporalContext, batched
from videopose.stages.shots import is_new_shot
from videopose.types import Detections, Frame, Record


@dataclass(frozen=True)
class DetectPeople:
    """Run a detector on every `every`-th record and where a shot begins; the others pass with `detections` None.

    Attributes:
        detector: what finds people.
        every: 1 = on every frame.
        window: records looked at together; a multiple of `every`.
        at_once: windows under way at the same time.
    """

    detector: Detector
    every: int = 1
    window: int = 16
    at_once: int = 2

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"detector.every = {self.every}: give 1 or more")
        if self.window % self.every:
            fitting = self.every * max(1, round(self.window / self.every))
            raise InputError(
                f"detector.every = {self.every}: must divide the window of {self.window} frames. "
                f"Choose another, or --set window={fitting} too"
            )

    @property
    def context(self) -> TemporalContext:
        """Windows are looked at one by one."""
        return TemporalContext(window=self.window, is_closed=True)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Detect people in a stream of records with images."""
        for detected in map_concurrently(self._window, batched(records, self.window), self.at_once):
            yield from detected

    def _window(self, batch: list[Record]) -> list[Record]:
        rows = [row for row in range(len(batch)) if row % self.every == 0 or is_new_shot(batch[row - 1], batch[row])]
        found = self.detector.detect([_image(batch[row].frame) for row in rows])
        out = list(batch)
        for row, people in zip(rows, found, strict=True):
            out[row] = replace(batch[row], detections=people)
        return out


@dataclass(frozen=True)
class BoxesFromFile:
    """Read boxes from a file, by frame index; a frame without any has nobody.

    Attributes:
        boxes: frame index -> people.
    """

    boxes: Mapping[int, Detections]

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Add the boxes to a stream of records."""
        for record in records:
            yield replace(record, detections=self.boxes.get(record.frame.index, Detections.empty()))


@dataclass(frozen=True)
class FullFrameBox:
    """Use the whole frame as the one person's box."""

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Return every record of the stream one box."""
        for record in records:
            height, width = _image(record.frame).shape[1:]
            box = np.array([[0, 0, width, height]], np.float32)
            yield replace(record, detections=Detections(box, np.ones(1, np.float32)))


def _image(frame: Frame) -> Tensor:
    if frame.image is None:
        raise InputError(f"frame {frame.index} has no image any more; detectors stand before DropImages")
    return frame.image
