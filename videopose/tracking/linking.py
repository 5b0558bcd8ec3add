"""Join tracklets into tracks over the whole video by a global assignment of ends to starts.

Each round solves one assignment over all tracklets, with gaps up to that round's limit: short gaps first, so that later
rounds know the motion of longer pieces.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from videopose.tracking.endpoints import TrackletEndpoints, link_cost, measure_endpoints
from videopose.tracking.options import LinkingOptions
from videopose.tracking.track_table import TrackTable
from videopose.types import F64, I64

_PAIRS_AT_ONCE = 20_000
"""Candidate pairs whose poses are compared in one go; bounds memory."""


def link(
    table: TrackTable, options: LinkingOptions, handovers: I64 | None = None, locked: I64 | None = None
) -> TrackTable:
    """Join the tracklets of a table; ids become those of the earliest piece.

    Args:
        table: whose `track_id` names tracklets.
        options: gap limits and what counts as agreement.
        handovers: (H, 2) the last row of a tracklet and the first one of another that took over its person: they cost
            `handover_gain` less, because boxes on one place say more than a change of pose or size says against it.
        locked: (M,) whom each row is known to be of, -1 = nobody knows; pieces of different people are never joined.
    """
    pairs = np.zeros((0, 2), np.int64) if handovers is None else handovers
    rounds = [limit for limit in (0.2, 0.6, 1.5) if limit < options.max_gap] + [options.max_gap]
    for max_gap in rounds:
        order, edges = table.by_track()
        if len(edges) < 3:
            return table
        (heads, tails), whole = measure_endpoints(table, order, edges, options)
        listed = candidates(heads, tails, max_gap, options, whole)
        end, start, cost = _with_handovers(listed, heads, tails, _open_handovers(pairs, order, edges), options)
        label = None if locked is None else piece_labels(locked, order, edges)
        if label is not None:
            fits = (label[end] < 0) | (label[start] < 0) | (label[end] == label[start])
            end, start, cost = end[fits], start[fits], cost[fits]
        eager = options.open_cost * np.minimum(tails.time - heads.time, 1.0)  # a second box is short, a person is not
        successor = solve(len(edges) - 1, end, start, cost - eager[end] - eager[start], options.max_cost)
        if label is not None:
            successor = _of_one_label(successor, label, table.frame[order[edges[:-1]]])
        table = _renamed(table, order, edges, successor)
    return table


def piece_labels(locked: I64, order: I64, edges: I64) -> I64:
    """Return whom each tracklet is known to be of, (T,), -1 = nobody knows."""
    return np.asarray(np.maximum.reduceat(locked[order], edges[:-1]), np.int64)


def _of_one_label(successor: I64, label: I64, begins: I64) -> I64:
    """Cut chains of tracklets where they would join two people who are known to be different."""
    label, successor = label.copy(), successor.copy()
    for piece in np.argsort(begins, kind="stable").tolist():  # predecessors begin earlier, so they are done before
        after = int(successor[piece])
        if after < 0 or label[piece] < 0:
            continue
        if label[after] >= 0 and label[after] != label[piece]:
            successor[piece] = -1
        else:
            label[after] = label[piece]
    return successor


def _open_handovers(handovers: I64, order: I64, edges: I64) -> I64:
    """Convert rows to tracklets (H, 2), without those whose rows no longer are an end and a start."""
    lasts, firsts = order[edges[1:] - 1], order[edges[:-1]]
    end = {row: piece for piece, row in enumerate(lasts.tolist())}
    start = {row: piece for piece, row in enumerate(firsts.tolist())}
    still = [(end[old], start[new]) for old, new in handovers.tolist() if old in end and new in start]
    return np.array(sorted(set(still)), np.int64).reshape(-1, 2)


def _with_handovers(
    listed: tuple[I64, I64, F64],
    heads: TrackletEndpoints,
    tails: TrackletEndpoints,
    pairs: I64,
    options: LinkingOptions,
) -> tuple[I64, I64, F64]:
    """Add handovers to the candidates, or make them cheaper where they are among them."""
    end, start, cost = listed
    handover = link_cost(tails, heads, pairs[:, 0], pairs[:, 1], options) - options.handover_gain
    pairs, handover = pairs[handover < options.max_cost], handover[handover < options.max_cost]
    keep = ~np.isin(end * len(heads.time) + start, pairs[:, 0] * len(heads.time) + pairs[:, 1])
    return (
        np.concatenate([end[keep], pairs[:, 0]]),
        np.concatenate([start[keep], pairs[:, 1]]),
        np.concatenate([cost[keep], np.maximum(handover, 0.0)]),
    )


def candidates(
    heads: TrackletEndpoints,
    tails: TrackletEndpoints,
    max_gap: float,
    options: LinkingOptions,
    whole: tuple[TrackletEndpoints, TrackletEndpoints] | None = None,
) -> tuple[I64, I64, F64]:
    """List the pairs of a tracklet's end and another's later start that could be one person.

    Args:
        heads: starts of tracklets.
        tails: their ends.
        max_gap: between an end and a start, seconds.
        options: what speaks against a pair.
        whole: starts and ends where all of a person is seen; a pair costs what it costs there if that is less.

    Returns:
        (P,) tracklets that end, (P,) tracklets that start, (P,) costs below `options.max_cost`.
    """
    by_start = np.argsort(heads.time, kind="stable")
    starts = heads.time[by_start]
    low = np.searchsorted(starts, tails.time, side="right")
    high = np.searchsorted(starts, tails.time + max_gap, side="right")
    count = np.maximum(high - low, 0)
    end = np.repeat(np.arange(len(count)), count)
    offset = np.arange(len(end)) - np.repeat(np.cumsum(count) - count, count)
    start = by_start[np.repeat(low, count) + offset]
    parts = []
    for first in range(0, len(end), _PAIRS_AT_ONCE):
        chunk = slice(first, first + _PAIRS_AT_ONCE)
        parts.append(link_cost(tails, heads, end[chunk], start[chunk], options))
        if whole is not None:
            parts[-1] = np.minimum(parts[-1], link_cost(whole[1], whole[0], end[chunk], start[chunk], options))
    cost = np.concatenate(parts) if parts else np.zeros(0)
    good = cost < options.max_cost
    return end[good].astype(np.int64), start[good].astype(np.int64), cost[good]


def solve(num: int, end: I64, start: I64, cost: F64, max_cost: float) -> I64:
    """Choose at most one successor for each tracklet so that the total cost is least.

    Leaving an end open costs `max_cost`, so every accepted pair is worth it; the assignment over all ends and starts
    is the exact optimum of the min-cost flow through tracklets.

    Args:
        num: number of tracklets.
        end: (P,) tracklets that end.
        start: (P,) tracklets that start later.
        cost: (P,) below max_cost.
        max_cost: of leaving an end open.

    Returns:
        (num,) the successor of each tracklet, -1 = none.

    Source:
        Zhang, Li, Nevatia, Global Data Association for Multi-Object Tracking Using Network Flows, CVPR 2008, section 3,
        without the observation costs: tracklets are not dropped here.
    """
    successor = np.full(num, -1, np.int64)
    if not len(end):
        return successor
    involved, row = np.unique(end, return_inverse=True)
    targets, column = np.unique(start, return_inverse=True)
    rows, columns = len(involved), len(targets)
    # One private dummy column per row keeps a full matching possible; a sparse zero or less would mean "no edge".
    above = 1.0 - min(float(cost.min()), 0.0)
    graph = csr_matrix(
        (
            np.concatenate([cost + above, np.full(rows, max_cost + above)]),
            (np.concatenate([row, np.arange(rows)]), np.concatenate([column, columns + np.arange(rows)])),
        ),
        shape=(rows, columns + rows),
    )
    matched_row, matched_column = min_weight_full_bipartite_matching(graph)
    real = matched_column < columns
    successor[involved[matched_row[real]]] = targets[matched_column[real]]
    return successor


def _renamed(table: TrackTable, order: I64, edges: I64, successor: I64) -> TrackTable:
    """Return every chain of tracklets the id of its first."""
    first = np.arange(len(successor))
    begins = table.frame[order[edges[:-1]]]
    for piece in np.argsort(begins, kind="stable").tolist():  # predecessors begin earlier, so they are done before
        if successor[piece] >= 0:
            first[successor[piece]] = first[piece]
    ids = table.track_id[order[edges[:-1]]]
    track_id = table.track_id.copy()
    track_id[order] = np.repeat(ids[first], np.diff(edges))
    return replace(table, track_id=track_id)
