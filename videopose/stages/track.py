"""The stage that gives people ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from videopose.skeletons import Skeleton
from videopose.tracking.options import TrackerOptions
from videopose.tracking.tracker import create_tracker
from videopose.types import Record


@dataclass(frozen=True)
class TrackPoses:
    """Give every pose its `track_id`; a fresh tracker for each stream.

    Attributes:
        options: which tracker.
        skeleton: of the poses.
    """

    options: TrackerOptions
    skeleton: Skeleton

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Track a stream; records without poses pass through as they are."""
        tracker = create_tracker(self.options, self.skeleton)
        for record in records:
            if record.poses is None:
                yield record
                continue
            track_id = tracker.step(record.poses, record.frame.time, record.cues)
            yield replace(record, poses=replace(record.poses, track_id=track_id))
