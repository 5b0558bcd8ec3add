"""The stage behind the journal: who is who, then tracks cleaned, over the whole video."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from videopose.learned_tracking import learned_smoother
from videopose.skeletons import Skeleton
from videopose.stages.track import TrackPoses
from videopose.tracking.cleaning.smoothing import smooth
from videopose.tracking.options import SmoothingOptions, TrackerOptions
from videopose.tracking.track_table import in_order_of_ids
from videopose.types import Frame, Record

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrackAndSmooth:
    """Track, then fill gaps, repair swapped sides, reject outliers and smooth, on one table of the whole video.

    With an online tracker and smoothing that changes nothing, records come out one by one. Otherwise the whole stream
    is read before the first, so this stands after images have been dropped. Images, detections and features do not come
    out again either way, and people of a frame stand in the order of their ids. One stage and not two, because two
    would hold all poses twice: a pose of 19 keypoints takes 270 bytes here, and while it is smoothed about as much
    again.

    Attributes:
        tracker: which tracker.
        smoothing: what is done to its tracks.
        skeleton: of the poses.
    """

    tracker: TrackerOptions
    smoothing: SmoothingOptions
    skeleton: Skeleton

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Track and clean a stream of poses."""
        if self.tracker.is_online and self.smoothing.changes_nothing:
            yield from map(_as_of_a_table, TrackPoses(self.tracker, self.skeleton)(records))
            return
        learned = learned_smoother(self.smoothing, self.skeleton)
        table = TrackPoses(self.tracker, self.skeleton).table(records)
        if table.source is None:  # what is put in the place of outliers is marked here
            table = replace(table, source=np.zeros(table.keypoints.shape[:2], np.uint8))
        filled, movement = smooth(table, self.smoothing, self.skeleton, learned)
        _log.info("smoothing (%s) %s", self.smoothing.method, movement)
        yield from table.records(filled, keep_untracked=self.tracker.keep_untracked)


def _as_of_a_table(record: Record) -> Record:
    """Keep what `TrackTable.records` returns, so that a result does not depend on the way it came."""
    people = None if record.poses is None else in_order_of_ids(record.poses)
    return Record(Frame(record.frame.index, record.frame.time, None), poses=people, gaps=record.gaps, shot=record.shot)
