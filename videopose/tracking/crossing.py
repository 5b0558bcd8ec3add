"""Find people who exchanged ids where they crossed, and exchange the rest of their tracks back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from videopose.geometry import boxes
from videopose.tracking.endpoints import TrackletEndpoints, link_cost, measure_endpoints
from videopose.tracking.options import LinkingOptions
from videopose.tracking.track_table import TrackTable
from videopose.types import F64, I64, Bool


@dataclass(frozen=True)
class Crossing:
    """Two tracks that overlap for a while.

    Attributes:
        first: id of one.
        second: id of the other.
        begin: first frame number of the overlap.
        end: last frame number of the overlap.
    """

    first: int
    second: int
    begin: int
    end: int


def resolve_swaps(table: TrackTable, options: LinkingOptions, locked: I64 | None = None) -> TrackTable:
    """Split and rejoin tracks at crossings where keeping the ids explains the motion clearly worse than exchanging.

    Each crossing is judged once, in order of time, by the cost of linking what lies before it to what lies after it,
    straight and crosswise, with the poses of the crossing itself left out: they are the ones that cannot be trusted.

    Args:
        table: tracked poses.
        options: of linking; `swap_margin` is the cost an exchange must save.
        locked: (M,) whom each row is known to be of, -1 = nobody knows; nobody is joined with another who is known.
    """
    track_id = table.track_id.copy()
    for crossing in find_crossings(table, options.crossing_overlap):
        current = replace(table, track_id=track_id)
        # An exchange further up may have renamed either; what overlaps here is judged under today's names.
        saved = saving(current, crossing, options)
        if saved > options.swap_margin:
            after = table.frame > (crossing.begin + crossing.end) // 2
            one, other = after & (track_id == crossing.first), after & (track_id == crossing.second)
            if locked is not None and _is_barred(locked, track_id, crossing, after):
                continue
            track_id[one], track_id[other] = crossing.second, crossing.first
    return replace(table, track_id=track_id)


def _is_barred(locked: I64, track_id: I64, crossing: Crossing, after: Bool) -> bool:
    """Check whether an exchange would make one person of two who are known to be different."""
    for before, behind in ((crossing.first, crossing.second), (crossing.second, crossing.first)):
        rows = (~after & (track_id == before)) | (after & (track_id == behind))
        if len(np.unique(locked[rows & (locked >= 0)])) > 1:
            return True
    return False


def find_crossings(table: TrackTable, overlap: float) -> list[Crossing]:
    """List runs of frames in which two tracks' boxes overlap, in order of time.

    Args:
        table: tracked poses.
        overlap: IoU from which boxes overlap.
    """
    running: dict[tuple[int, int], tuple[int, int]] = {}
    done: list[Crossing] = []
    for number, _, people in table.frames():
        rows = np.flatnonzero(people.track_id >= 0)
        alike = np.triu(boxes.iou(people.xyxy[rows], people.xyxy[rows]) >= overlap, 1)
        for a, b in np.argwhere(alike).tolist():
            ids = people.track_id[rows[[a, b]]].tolist()
            pair = (min(ids), max(ids))
            begin, end = running.get(pair, (number, number))
            if number - end > _SAME_CROSSING:
                done.append(Crossing(*pair, begin, end))
                begin = number
            running[pair] = (begin, number)
    done += [Crossing(*pair, *run) for pair, run in running.items()]
    return sorted(done, key=lambda each: (each.begin, each.end, each.first, each.second))


_SAME_CROSSING = 5
"""Frames without overlap after which the next overlap is another crossing."""


_IMPOSSIBLE = 100.0


def saving(table: TrackTable, crossing: Crossing, options: LinkingOptions) -> float:
    """Return how much cheaper it is to exchange the two than to keep them."""
    before, after = [], []
    reach = 2 * options.window_frames  # an end is measured on its last frames, so no others need be looked at
    low, high = np.searchsorted(table.frame, [crossing.begin - reach, crossing.end + reach + 1])
    for track in (crossing.first, crossing.second):
        rows = low + np.flatnonzero(table.track_id[low:high] == track)
        before.append(rows[table.frame[rows] < crossing.begin])
        after.append(rows[table.frame[rows] > crossing.end])
    if any(len(rows) < 2 for rows in (*before, *after)):
        return 0.0
    pieces = [*before, *after]
    order, edges = np.concatenate(pieces), np.cumsum([0, *(len(rows) for rows in pieces)])
    (heads, tails), _ = measure_endpoints(table, order, edges, options)
    gap = heads.time[2:].max() - tails.time[:2].min()
    if gap > options.max_crossing:
        return 0.0
    cost = _pair_costs(tails, heads, options)
    return float(cost[0, 0] + cost[1, 1] - cost[0, 1] - cost[1, 0])


def _pair_costs(tails: TrackletEndpoints, heads: TrackletEndpoints, options: LinkingOptions) -> F64:
    end: I64 = np.array([0, 0, 1, 1])
    start: I64 = np.array([2, 3, 2, 3])
    # Impossible pairs cost much, not infinity: the difference of two impossible ways is nothing.
    return np.minimum(link_cost(tails, heads, end, start, options), _IMPOSSIBLE).reshape(2, 2)
