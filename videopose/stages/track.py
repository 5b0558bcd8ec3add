"""The stage that gives people ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from videopose.estimators import learned_similarity
from videopose.skeletons import Skeleton
from videopose.tracking.options import TrackerOptions
from videopose.tracking.pose_flow import track_pose_flow
from videopose.tracking.tracker import create_tracker
from videopose.tracking.video_poses import VideoPoses, collect
from videopose.tracking.whole import track_whole
from videopose.types import UNTRACKED, Record

_WHOLE = {"whole-video": track_whole, "pose-flow": track_pose_flow}


@dataclass(frozen=True)
class TrackPoses:
    """Give every pose its `track_id`, and let go of people who belong to no track unless they are to be kept.

    Online trackers answer record by record. `whole-video` and `pose-flow` read the whole stream before the first record
    comes out, so they stand after pictures have been let go; pictures, detections and cues do not come out again.

    Attributes:
        options: which tracker.
        skeleton: of the poses.
    """

    options: TrackerOptions
    skeleton: Skeleton

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Track a stream; records without poses pass through as they are."""
        if self.options.name in _WHOLE:
            yield from self.table(records).records(keep_untracked=self.options.keep_untracked)
        else:
            yield from self._online(records)

    def table(self, records: Iterable[Record]) -> VideoPoses:
        """Track a stream into a table, which belongs to the caller; it still holds people of no track."""
        if self.options.name in _WHOLE:
            return _WHOLE[self.options.name](collect(records), self.options, self.skeleton)
        return collect(self._online(records))

    def _online(self, records: Iterable[Record]) -> Iterator[Record]:
        learned = learned_similarity(self.options.similarity, self.skeleton)
        tracker = create_tracker(self.options, self.skeleton, similarity=learned)
        for record in records:
            if record.poses is None:
                yield record
                continue
            track_id = tracker.step(record.poses, record.frame.time, record.cues)
            poses = replace(record.poses, track_id=track_id)
            yield replace(record, poses=poses if self.options.keep_untracked else poses[track_id != UNTRACKED])
