"""Two tracklets on one person: a second box takes over from the first, and for a moment both are there.

A detector that sees a person in an unusual pose often gives two boxes, and the tracker follows both until one ends.
The ends then overlap in time, where linking joins only what lies one after the other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from videopose.tracking.options import LinkingOptions
from videopose.tracking.track_table import TrackTable
from videopose.types import F32, F64, I64, UNTRACKED


def split_overlaps(table: TrackTable, options: LinkingOptions) -> tuple[TrackTable, I64]:
    """Remove the id of the weaker poses where a tracklet takes over another's person before that one has ended.

    Args:
        table: whose `track_id` names tracklets.
        options: `max_handover`, how long both may be there or take turns, and `handover_overlap`, how much of the
            smaller box lies within the other in the mean over that time.

    Returns:
        The table, and (H, 2) handovers: the last row of a tracklet and the first one of that which takes over.
    """
    order, edges = table.by_track()
    if len(edges) < 3:
        return table, np.zeros((0, 2), np.int64)
    handovers: list[tuple[I64, I64]] = []
    firsts, lasts = table.frame[order[edges[:-1]]], table.frame[order[edges[1:] - 1]]
    track_id = table.track_id.copy()
    by_start = np.argsort(firsts, kind="stable")
    starts = firsts[by_start]
    for old in np.argsort(lasts, kind="stable").tolist():
        time = table.time[lasts[old]] - options.max_handover
        low = np.searchsorted(table.time[starts], time)
        for new in by_start[low : np.searchsorted(starts, lasts[old], side="right")].tolist():
            if firsts[old] < firsts[new] and lasts[old] < lasts[new]:
                pair = [order[edges[each] : edges[each + 1]] for each in (old, new)]
                shared = _shared(table, track_id, *pair)
                if _is_one(table.xyxy, *shared, options.handover_overlap):
                    one, other = shared
                    track_id[_weaker(table.score, one, other)] = UNTRACKED
                    handovers.append((pair[0], pair[1]))
    return replace(table, track_id=track_id), _outer_rows(handovers, track_id)


def _weaker(score: F32, one: I64, other: I64) -> I64:
    """Choose which of two runs of poses to drop: the lower scores, for gaps can be filled, or a far shorter run."""
    fewer, more = (one, other) if len(one) < len(other) else (other, one)
    if 2 * len(fewer) < len(more):
        return fewer
    return one if score[one].mean() < score[other].mean() else other


def _outer_rows(handovers: list[tuple[I64, I64]], track_id: I64) -> I64:
    """Return the rows next to each handover among those that kept their ids."""
    kept = [[rows[track_id[rows] != UNTRACKED] for rows in pair] for pair in handovers]
    outer = [(old[-1], new[0]) for old, new in kept if len(old) and len(new)]
    return np.array([pair for pair in outer if pair[0] < pair[1]], np.int64).reshape(-1, 2)


def _shared(table: TrackTable, track_id: I64, old: I64, new: I64) -> tuple[I64, I64]:
    """Return the rows each has between the beginning of the new and the end of the old one."""
    old, new = old[track_id[old] != UNTRACKED], new[track_id[new] != UNTRACKED]
    if not len(old) or not len(new):
        return old[:0], new[:0]
    begin, end = table.frame[new[0]], table.frame[old[-1]]
    return old[table.frame[old] >= begin], new[table.frame[new] <= end]


def _is_one(xyxy: F32, old: I64, new: I64, overlap: float) -> bool:
    """Check whether two runs of poses are one person's; boxes may take turns, so they pair by their place in time."""
    if not len(old) or not len(new):
        return False
    place = np.round(np.linspace(0, len(new) - 1, len(old))).astype(np.int64)
    return bool(share_within(xyxy[old], xyxy[new[place]]).mean() >= overlap)


def share_within(first: F32, second: F32) -> F64:
    """Return (C,) the share of the smaller box that lies within the other, pair by pair."""
    corner, far = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    inside = np.maximum(far - corner, 0).prod(axis=1, dtype=np.float64)
    area = np.minimum((first[:, 2:] - first[:, :2]).prod(axis=1), (second[:, 2:] - second[:, :2]).prod(axis=1))
    return np.asarray(inside / np.maximum(area, 1e-6), np.float64)
