"""The stage that gives people ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from videopose.learned_tracking import learned_similarity
from videopose.skeletons import Skeleton
from videopose.tracking.options import TrackerOptions
from videopose.tracking.pose_flow import track_pose_flow
from videopose.tracking.track_table import TrackTable, collect
from videopose.tracking.tracker import create_tracker
from videopose.tracking.whole import join_tracks
from videopose.types import UNTRACKED, Record


@dataclass(frozen=True)
class TrackPoses:
    """Assign every pose its `track_id`, and drop people of no track unless they are to be kept.

    Online trackers answer record by record. `whole-video` and `pose-flow` read the whole stream before the first record
    comes out, so they stand after images have been dropped; images, detections and features are not in its output. The
    online pass of `whole-video` goes along with the stream: behind networks, it is done when they are.

    Attributes:
        options: which tracker.
        skeleton: of the poses.
    """

    options: TrackerOptions
    skeleton: Skeleton

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Track a stream; records without poses pass through as they are."""
        if self.options.is_online:
            yield from map(self._reported, self._online(records))
        else:
            yield from self.table(records).records(keep_untracked=self.options.keep_untracked)

    def table(self, records: Iterable[Record]) -> TrackTable:
        """Track a stream into a table, which belongs to the caller; it still holds people of no track."""
        if self.options.name == "pose-flow":
            return track_pose_flow(collect(records), self.options, self.skeleton)
        table = collect(self._online(records))
        return join_tracks(table, self.options.linking) if self.options.name == "whole-video" else table

    def _online(self, records: Iterable[Record]) -> Iterator[Record]:
        learned = learned_similarity(self.options.similarity, self.skeleton)
        tracker = create_tracker(self.options, self.skeleton, similarity=learned)
        shot = 0
        for record in records:
            if record.shot != shot:
                tracker.start_shot()
                shot = record.shot
            if record.poses is not None:
                track_id = tracker.step(record.poses, record.frame.time, record.features)
                yield replace(record, poses=replace(record.poses, track_id=track_id))
            else:
                if record.features is not None and record.features.camera is not None:
                    tracker.move_camera(record.features.camera)
                yield record

    def _reported(self, record: Record) -> Record:
        poses = record.poses
        if poses is None or self.options.keep_untracked:
            return record
        return replace(record, poses=poses[poses.track_id != UNTRACKED])
