"""Two tracks on one body: a second pose of a person that goes on for so long that it has got an id of its own.

One frame tells nothing, people who cross look like one for a moment. So a track counts as a double by how much of its
whole life it spends on the bodies of others.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from videopose.tracking.duplicates import share_within
from videopose.tracking.options import LinkingOptions
from videopose.tracking.similarity import person_size
from videopose.tracking.track_table import TrackTable
from videopose.types import I64, UNTRACKED, Bool

_FEWEST = 3
"""Keypoints both must show; with fewer, the boxes alone tell."""


def drop_doubles(table: TrackTable, options: LinkingOptions) -> TrackTable:
    """Remove the ids of tracks that for most of their life lie on a person of a stronger track.

    Args:
        table: tracked poses. The stronger of two tracks is the one whose pose scores sum to more.
        options: `double_distance`, within which two poses are on one body, and `double_share` of a life.
    """
    order, edges = table.by_track()
    if len(edges) < 3:
        return table
    track = np.full(len(table), -1, np.int64)
    track[order] = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
    strength = np.add.reduceat(table.score[order].astype(np.float64), edges[:-1])
    first, second = _pairs(table, options)
    weaker = np.where(strength[track[first]] < strength[track[second]], first, second)
    on_others = np.bincount(track[np.unique(weaker)], minlength=len(edges) - 1)
    is_double = on_others >= options.double_share * np.diff(edges)
    track_id = table.track_id.copy()
    track_id[order[np.repeat(is_double, np.diff(edges))]] = UNTRACKED
    return replace(table, track_id=track_id)


def _pairs(table: TrackTable, options: LinkingOptions) -> tuple[I64, I64]:
    """Return the rows of tracked poses that are on one body in one frame, pair by pair."""
    rows = np.flatnonzero(table.track_id >= 0)
    found: list[tuple[I64, I64]] = [(rows[:0], rows[:0])]
    frame = table.frame[rows]
    for away in range(1, int(np.bincount(frame).max(initial=0))):
        same = np.flatnonzero(frame[away:] == frame[:-away])
        first, second = rows[same], rows[same + away]
        near = share_within(table.xyxy[first], table.xyxy[second]) >= options.double_overlap
        first, second = first[near], second[near]
        one = _is_one_body(table, first, second, options)
        found.append((first[one], second[one]))
    return np.concatenate([first for first, _ in found]), np.concatenate([second for _, second in found])


def _is_one_body(table: TrackTable, first: I64, second: I64, options: LinkingOptions) -> Bool:
    a, b = table.keypoints[first], table.keypoints[second]
    seen = np.minimum(a[..., 2], b[..., 2]) >= options.min_keypoint_score
    count = seen.sum(axis=1)
    apart = (np.hypot(a[..., 0] - b[..., 0], a[..., 1] - b[..., 1]) * seen).sum(axis=1) / np.maximum(count, 1)
    size = np.minimum(person_size(table.xyxy[first]), person_size(table.xyxy[second]))
    return np.asarray((count < _FEWEST) | (apart <= options.double_distance * size), bool)
