"""The stage behind the journal: who is who, then tracks cleaned, over the whole video."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from videopose.learned_tracking import learned_smoother
from videopose.skeletons import Skeleton
from videopose.stages.track import TrackPoses
from videopose.tracking.cleaning.smoothing import smooth
from videopose.tracking.options import SmoothingOptions, TrackerOptions
from videopose.types import Record

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrackAndSmooth:
    """Track, then fill gaps, repair swapped sides, reject outliers and smooth, on one table of the whole video.

    Reads the whole stream before the first record comes out, so it stands after images have been dropped; images,
    detections and features do not come out again. One stage and not two, because two would hold all poses twice: a pose
    of 19 keypoints takes 270 bytes here, and while it is smoothed about as much again.

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
        learned = learned_smoother(self.smoothing, self.skeleton)
        table = TrackPoses(self.tracker, self.skeleton).table(records)
        filled, movement = smooth(table, self.smoothing, self.skeleton, learned)
        _log.info("smoothing (%s) %s", self.smoothing.method, movement)
        yield from table.records(filled, keep_untracked=self.tracker.keep_untracked)
