"""Join tracklets into tracks over the whole video by a global assignment of ends to starts.

Each round solves one assignment over all tracklets, with gaps up to that round's limit: short gaps first, so that later
rounds know the motion of longer pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from videopose.tracking.cost import person_size
from videopose.tracking.motion import travelled
from videopose.tracking.options import LinkingOptions
from videopose.tracking.video_poses import VideoPoses
from videopose.types import F32, F64, I64

_PAIRS_AT_ONCE = 20_000
"""Candidate pairs whose poses are compared in one go; bounds memory."""


@dataclass(frozen=True, eq=False)
class Ends:
    """One end (or start) of each of T tracklets, with the motion there.

    Attributes:
        time: (T,) seconds.
        keypoints: (T, K, 3) the outermost poses, each keypoint from the nearest frame that sees it.
        velocity: (T, 2) of the body, pixels per second.
        steadiness: (T,) seconds of observation the velocity rests on.
        size: (T,) pixels, median over the end.
        appearance: (T, D) mean embeddings over the end, of unit length or zero; D = 0 where none was measured.
    """

    time: F64
    keypoints: F32
    velocity: F64
    steadiness: F64
    size: F64
    appearance: F32


def link(table: VideoPoses, options: LinkingOptions) -> VideoPoses:
    """Join the tracklets of a table; ids become those of the earliest piece.

    Args:
        table: whose `track_id` names tracklets.
        options: gap limits and what counts as agreement.
    """
    rounds = [limit for limit in (0.2, 0.6, 1.5) if limit < options.max_gap] + [options.max_gap]
    for max_gap in rounds:
        order, edges = table.by_track()
        if len(edges) < 3:
            return table
        heads, tails = measure_ends(table, order, edges, options)
        end, start, cost = candidates(heads, tails, max_gap, options)
        successor = solve(len(edges) - 1, end, start, cost, options.max_cost)
        table = _renamed(table, order, edges, successor)
    return table


def measure_ends(table: VideoPoses, order: I64, edges: I64, options: LinkingOptions) -> tuple[Ends, Ends]:
    """Measure pose and motion at the start and at the end of each tracklet.

    Args:
        table: the poses.
        order: rows by track, as `VideoPoses.by_track` gives them.
        edges: of the tracks in `order`.
        options: window and keypoint gate.
    """
    heads, tails = [], []
    time = table.pose_time
    for first, last in pairwise(edges.tolist()):
        reach = min(last - first, options.window_frames)
        heads.append(_one_end(table, time, order[first : first + reach], options))
        tails.append(_one_end(table, time, order[last - reach : last][::-1], options))
    return _stacked(heads), _stacked(tails)


_End = tuple[float, F32, F64, float, float, F32]


def _one_end(table: VideoPoses, time: F64, rows: I64, options: LinkingOptions) -> _End:
    """Measure one end; rows run from the outermost pose inwards."""
    away = time[rows] - time[rows[0]]
    rows, away = rows[np.abs(away) <= options.window], away[np.abs(away) <= options.window]
    poses = table.keypoints[rows]
    seen = poses[..., 2] >= options.min_keypoint_score
    nearest = seen.argmax(axis=0)  # of each keypoint, the outermost frame that sees it
    outer = poses[nearest, np.arange(poses.shape[1])]
    size = float(np.median(person_size(table.xyxy[rows])))
    velocity, steadiness = np.zeros(2), 0.0
    if len(rows) > 1:
        weight = (seen & seen[0])[..., None] * 1.0
        shared = weight.sum(axis=1)
        shift = ((poses[..., :2] - poses[0, :, :2]) * weight).sum(axis=1) / np.maximum(shared, 1)
        # A line through the outermost pose, far frames counting more because they tell the slope better.
        lever = (away * np.minimum(shared[:, 0], 4) / 4).astype(np.float64)
        if np.any(lever):
            velocity = (shift * lever[:, None]).sum(axis=0) / (lever * away).sum()
            steadiness = float(np.abs(away).max())
    return float(time[rows[0]]), outer, velocity, steadiness, size, _look(table, rows)


def _look(table: VideoPoses, rows: I64) -> F32:
    if table.appearance is None:
        return np.zeros(0, np.float32)
    mean = table.appearance[rows].mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


def _stacked(ends: list[_End]) -> Ends:
    time, keypoints, velocity, steadiness, size, look = zip(*ends, strict=True)
    return Ends(
        np.array(time), np.stack(keypoints), np.stack(velocity), np.array(steadiness), np.array(size), np.stack(look)
    )


def candidates(heads: Ends, tails: Ends, max_gap: float, options: LinkingOptions) -> tuple[I64, I64, F64]:
    """List the pairs of a tracklet's end and another's later start that could be one person.

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
    cost = np.concatenate(parts) if parts else np.zeros(0)
    good = cost < options.max_cost
    return end[good].astype(np.int64), start[good].astype(np.int64), cost[good]


def link_cost(tails: Ends, heads: Ends, end: I64, start: I64, options: LinkingOptions) -> F64:
    """Measure how badly the end of one tracklet continues into the start of another.

    The cost is a negative log likelihood, up to a constant: the body's displacement that its motion (forward from the
    end, backward from the start) does not explain, the change of pose, the change of size, and the time unseen. What
    is tolerated grows with the gap.

    Args:
        tails: ends.
        heads: starts.
        end: (P,) rows of `tails`.
        start: (P,) rows of `heads`.
        options: standard deviations.

    Returns:
        (P,) costs, infinite where the two share no keypoint.
    """
    gap = heads.time[start] - tails.time[end]
    size = np.sqrt(tails.size[end] * heads.size[start])
    before, after = tails.keypoints[end], heads.keypoints[start]
    weight = np.minimum(before[..., 2], after[..., 2]).astype(np.float64)
    weight = np.where(weight >= options.min_keypoint_score, weight, 0.0)
    total = weight.sum(axis=1)
    share = (weight / np.maximum(total, 1e-9)[:, None])[..., None]
    moved = after[..., :2].astype(np.float64) - before[..., :2]
    body = (moved * share).sum(axis=1)
    change = (((moved - body[:, None]) ** 2) * share).sum(axis=(1, 2)) / size**2
    travel = travelled(gap, options.horizon)
    drift = [body - velocity * travel[:, None] for velocity in (tails.velocity[end], heads.velocity[start])]
    steady = np.stack([tails.steadiness[end], heads.steadiness[start]])
    trust = (steady + 1e-3) / (steady + 1e-3).sum(axis=0)
    unexplained = sum(t * (d**2).sum(axis=1) for t, d in zip(trust, drift, strict=True)) / size**2
    known = steady.max(axis=0) >= options.window / 3
    # A velocity that wanders off with time constant `horizon` carries a body this far (squared): ~ gap² at first, ~ gap
    # later on.
    reach = 2 * options.horizon * (gap - travel)
    spread = options.position_noise**2 + np.where(known, options.drift, 2 * options.drift) ** 2 * reach
    pose_spread = options.pose_noise**2 * (1 + np.minimum(gap, 1.0) / 0.2)
    growth = np.log(heads.size[start] / tails.size[end])
    cost = (
        0.5 * unexplained / spread
        + options.doubt_cost * np.log(spread / options.position_noise**2)
        + 0.5 * change / pose_spread
        + 0.5 * (growth / options.size_noise) ** 2
        + options.gap_cost * gap
        + _strangeness(tails.appearance[end], heads.appearance[start], options)
    )
    return np.where(total > 0, cost, np.inf)


def _strangeness(before: F32, after: F32, options: LinkingOptions) -> F64:
    """Give the cost of looking different; 0 where either side was not looked at."""
    alike = (before * after).sum(axis=1, dtype=np.float64)
    known = before.any(axis=1) & after.any(axis=1)
    return np.where(known, 0.5 * ((1 - alike) / options.appearance_noise) ** 2, 0.0)


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
    # One private dummy column per row keeps a full matching possible; +1 because a sparse zero means "no edge".
    graph = csr_matrix(
        (
            np.concatenate([cost + 1, np.full(rows, max_cost + 1)]),
            (np.concatenate([row, np.arange(rows)]), np.concatenate([column, columns + np.arange(rows)])),
        ),
        shape=(rows, columns + rows),
    )
    matched_row, matched_column = min_weight_full_bipartite_matching(graph)
    real = matched_column < columns
    successor[involved[matched_row[real]]] = targets[matched_column[real]]
    return successor


def _renamed(table: VideoPoses, order: I64, edges: I64, successor: I64) -> VideoPoses:
    """Give every chain of tracklets the id of its first."""
    first = np.arange(len(successor))
    begins = table.frame[order[edges[:-1]]]
    for piece in np.argsort(begins, kind="stable").tolist():  # predecessors begin earlier, so they are done before
        if successor[piece] >= 0:
            first[successor[piece]] = first[piece]
    ids = table.track_id[order[edges[:-1]]]
    track_id = table.track_id.copy()
    track_id[order] = np.repeat(ids[first], np.diff(edges))
    return replace(table, track_id=track_id)
