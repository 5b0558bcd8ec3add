"""The stage that finds everybody in a frame from one look at it, without boxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from videopose.errors import InputError
from videopose.estimators.base import SceneFinder
from videopose.stages.concurrency import map_concurrently
from videopose.stages.pipeline import TemporalContext, batched
from videopose.types import Record


@dataclass(frozen=True)
class EstimateScenes:
    """Find people and their poses in windows of records, whose images share batches.

    Attributes:
        estimator: what finds people.
        window: records looked at together.
        at_once: windows under way at the same time; they do not depend on one another.
    """

    estimator: SceneFinder
    window: int = 16
    at_once: int = 2

    @property
    def context(self) -> TemporalContext:
        """Windows are looked at one by one."""
        return TemporalContext(window=self.window, is_closed=True)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Estimate poses in a stream of records with images."""
        for estimated in map_concurrently(self._window, batched(records, self.window), self.at_once):
            yield from estimated

    def _window(self, batch: list[Record]) -> list[Record]:
        found = self.estimator.estimate([_image(record) for record in batch])
        return [replace(record, poses=poses) for record, poses in zip(batch, found, strict=True)]


def _image(record: Record) -> Tensor:
    if record.frame.image is None:
        raise InputError(f"frame {record.frame.index} has no image any more; EstimateScenes stands before DropImages")
    return record.frame.image
