"""Tracking with the whole video at hand: global linking of an online pass's tracks, and the removal of what is weak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from videopose.tracking.camera import steadied
from videopose.tracking.crossing import resolve_swaps
from videopose.tracking.doubles import drop_doubles
from videopose.tracking.duplicates import split_overlaps
from videopose.tracking.linking import link
from videopose.tracking.options import LinkingOptions
from videopose.tracking.track_table import TrackTable
from videopose.types import I64, UNTRACKED


def join_tracks(table: TrackTable, options: LinkingOptions) -> TrackTable:
    """Link tracklets of a careful online pass into whole tracks, shot by shot: no track spans two scenes.

    Args:
        table: all poses, with the ids of that pass.
        options: of everything after it.

    Returns:
        The same rows with ids from 1 in the order in which people first appear; -1 = duplicate or too weak a track.
    """
    return numbered(in_shots(table, lambda shot: _joined(shot, options)))


def in_shots(table: TrackTable, track: Callable[[TrackTable], TrackTable]) -> TrackTable:
    """Track each shot as a video of its own.

    Args:
        table: of the whole video.
        track: gives the same rows with other ids.

    Returns:
        The rows of `table`; no id is in two shots.
    """
    ids: list[I64] = []
    used = 0
    for shot in table.shots():
        found = track(shot).track_id
        ids.append(np.where(found == UNTRACKED, UNTRACKED, found + used))
        used += int(found.max(initial=0))
    return replace(table, track_id=np.concatenate(ids) if ids else table.track_id)


def _joined(table: TrackTable, options: LinkingOptions) -> TrackTable:
    still = steadied(table)  # who goes on as whom is a question about the world, not about the image
    trimmed, handovers = split_overlaps(still, options)
    linked = link(trimmed, options, handovers)
    named = drop_doubles(resolve_swaps(linked, options), options)
    return drop_weak_tracks(replace(table, track_id=named.track_id), options)


def drop_weak_tracks(table: TrackTable, options: LinkingOptions) -> TrackTable:
    """Remove the ids of tracks with little evidence.

    Those are tracks whose pose scores sum to less than `min_track_score` (in a video of a few frames nobody can gather
    much, so no more is asked than a tenth of a point per frame), tracks that are there in less than `min_presence` of
    the frames they span, which are accidents strung together, and tracks whose middle score is below
    `min_middle_score`. None of this depends on who else is in the video: scores are chances of being right.
    """
    order, edges = table.by_track()
    if len(edges) < 2:
        return table
    score = table.score[order]
    asked = min(options.min_track_score, 0.1 * len(table.time))
    middle = [float(np.median(score[first:last])) for first, last in pairwise(edges.tolist())]
    weak = np.add.reduceat(score, edges[:-1]) < asked
    looked = np.cumsum(table.has_poses)
    span = looked[table.frame[order[edges[1:] - 1]]] - looked[table.frame[order[edges[:-1]]]] + 1
    weak |= np.diff(edges) < options.min_presence * span
    weak |= np.array(middle) < options.min_middle_score
    track_id = table.track_id.copy()
    track_id[order[np.repeat(weak, np.diff(edges))]] = UNTRACKED
    return replace(table, track_id=track_id)


def numbered(table: TrackTable) -> TrackTable:
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
