"""Tracking with the whole video at hand: a careful online pass, global linking, and the removal of what is weak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from videopose.skeletons import Skeleton
from videopose.tracking.crossing import uncross
from videopose.tracking.linking import link
from videopose.tracking.options import TrackerOptions
from videopose.tracking.tracker import create_tracker
from videopose.tracking.video_poses import VideoPoses
from videopose.types import I64, UNTRACKED


def track_whole(table: VideoPoses, options: TrackerOptions, skeleton: Skeleton) -> VideoPoses:
    """Give every pose the id of its person over the whole video.

    Args:
        table: all poses; their `track_id` is ignored.
        options: of the online pass, and in `options.linking` of the rest.
        skeleton: of the poses.

    Returns:
        The same rows with ids from 1 in the order in which people first appear; -1 = duplicate or too weak a track.
    """
    tracker = create_tracker(options, skeleton)
    track_id = np.full(len(table), UNTRACKED, np.int64)
    first = 0
    for number, time, people in table.frames():
        cues = table.cues_of(number, first, len(people))
        track_id[first : first + len(people)] = tracker.step(people, time, cues)
        first += len(people)
    linked = link(replace(table, track_id=track_id), options.linking)
    return numbered(without_weak(uncross(linked, options.linking), options.linking.min_track_score))


def without_weak(table: VideoPoses, min_track_score: float) -> VideoPoses:
    """Take the id from tracks whose pose scores sum to less than `min_track_score`.

    In a video of a few frames nobody can gather much, so no more is asked than a tenth of a point per frame.
    """
    order, edges = table.by_track()
    if len(edges) < 2:
        return table
    asked = min(min_track_score, 0.1 * len(table.time))
    weak = np.add.reduceat(table.score[order], edges[:-1]) < asked
    track_id = table.track_id.copy()
    track_id[order[np.repeat(weak, np.diff(edges))]] = UNTRACKED
    return replace(table, track_id=track_id)


def numbered(table: VideoPoses) -> VideoPoses:
    """Number tracks from 1 in the order of first appearance, in one frame from left to right."""
    order, edges = table.by_track()
    if len(edges) < 2:
        return table
    begins = order[edges[:-1]]
    rank: I64 = np.lexsort((table.xyxy[begins, 1], table.xyxy[begins, 0], table.frame[begins]))
    new_id = np.empty(len(rank), np.int64)
    new_id[rank] = np.arange(1, len(rank) + 1)
    track_id = table.track_id.copy()
    track_id[order] = np.repeat(new_id, np.diff(edges))
    return replace(table, track_id=track_id)
