"""Repairs on whole tracks that smoothing cannot make: swapped sides, keypoints that jump away and come back, gaps."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from videopose.tracking.cleaning.track_batches import TrackBatch
from videopose.tracking.track_table import TrackTable
from videopose.types import F64, FILLED, I64, Bool

_S = TypeVar("_S", bound=np.generic)

_SWAP_COST = 1.5
"""Cost of believing for a second that sides are swapped, in person sizes of travel. Legs that pass each other save
about 0.1 by exchanging names; a real swap of shoulders costs about 1."""

_OUTLIER = 0.25
_CALM = 0.12
_OUTLIER_SPAN = 0.4
"""An outlier lies 0.25 person sizes off the line between its neighbours, which lie within 0.12 of each other and
within 0.4 s."""

_FILL_FADE = 0.4
"""Seconds from the nearest seen pose after which the confidence of a filled one has fallen to 1 / e."""


def detect_left_right_swaps(series: TrackBatch, flip_pairs: tuple[tuple[int, int], ...]) -> Bool:
    """Find where left and right of a pair were exchanged, by the cheapest way to follow both through time.

    Args:
        series: pieces of tracks.
        flip_pairs: (left, right) keypoint indices.

    Returns:
        (T, B, number of pairs) True = exchange them. The labelling held for most of the time is taken as right.

    Source:
        Viterbi's algorithm with two states per pair.
    """
    length, num = series.rows.shape
    pairs = np.array(flip_pairs, np.int64).reshape(-1, 2)
    if not len(pairs) or not length:
        return np.zeros((length, num, len(pairs)), bool)
    seen = (series.weight[..., pairs[:, 0]] > 0) & (series.weight[..., pairs[:, 1]] > 0)
    dt = np.diff(series.time, axis=0)
    held = series.xy[0][:, pairs]  # (B, P, 2 sides, 2): where each pair was seen last
    cost = np.zeros((2, num, len(pairs)))
    came_from = np.zeros((length, 2, num, len(pairs)), bool)
    known = seen[0].copy()
    for t in range(1, length):
        now = series.xy[t][:, pairs]
        scale = np.where(known & seen[t], 1 / series.size[:, None], 0.0)
        same = np.minimum(_length(now - held).sum(-1) * scale, 1.0)
        cross = np.minimum(_length(now[:, :, ::-1] - held).sum(-1) * scale, 1.0)
        stay = cost + same
        change = cost[::-1] + cross
        came_from[t] = change < stay
        cost = np.minimum(stay, change)
        cost[1] += (_SWAP_COST * dt[t - 1])[:, None] * seen[t]
        held = np.where(seen[t][..., None, None], now, held)
        known |= seen[t]
    return _traced_back(cost, came_from)


def _length(vectors: F64) -> F64:
    """Measure (..., 2) vectors; numpy's norm is slow along an axis of two."""
    return np.asarray(np.sqrt(vectors[..., 0] ** 2 + vectors[..., 1] ** 2))


def _traced_back(cost: F64, came_from: Bool) -> Bool:
    state = cost[1] < cost[0]
    out = np.zeros((len(came_from), *state.shape), bool)
    for t in range(len(came_from) - 1, -1, -1):
        out[t] = state
        changed = np.where(state, came_from[t, 1], came_from[t, 0])
        state = state ^ changed
    return out


def swap_left_right(values: NDArray[_S], swapped: Bool, flip_pairs: tuple[tuple[int, int], ...]) -> NDArray[_S]:
    """Exchange the two keypoints of swapped pairs.

    Args:
        values: (T, B, K, ...) anything per keypoint.
        swapped: (T, B, number of pairs).
        flip_pairs: (left, right) keypoint indices.
    """
    out = values.copy()
    for position, (left, right) in enumerate(flip_pairs):
        where = swapped[..., position].reshape(*swapped.shape[:2], *((1,) * (values.ndim - 3)))
        out[:, :, left] = np.where(where, values[:, :, right], values[:, :, left])
        out[:, :, right] = np.where(where, values[:, :, left], values[:, :, right])
    return out


def outliers(series: TrackBatch, confident_score: float) -> tuple[Bool, F64]:
    """Find keypoints of low score that jump away for one pose and come back.

    Args:
        series: pieces of tracks.
        confident_score: keypoints from here up are believed and never rejected.

    Returns:
        (T, B, K) which, and (T, B, K, 2) where the line between their neighbours runs.
    """
    found = np.zeros(series.weight.shape, bool)
    between = series.xy.copy()
    if len(series.time) < 3:
        return found, between
    span = np.maximum(series.time[2:] - series.time[:-2], 1e-6)
    part = ((series.time[1:-1] - series.time[:-2]) / span)[..., None, None]
    before, after = series.xy[:-2], series.xy[2:]
    between[1:-1] = before + part * (after - before)
    size = series.size[:, None]
    off = _length(series.xy[1:-1] - between[1:-1])
    calm = _length(after - before) < _CALM * size
    counted = (series.weight[:-2] > 0) & (series.weight[1:-1] > 0) & (series.weight[2:] > 0)
    doubtful = series.weight[1:-1] < confident_score
    found[1:-1] = (off > _OUTLIER * size) & calm & counted & doubtful & (span < _OUTLIER_SPAN)[..., None]
    return found, between


def fill_gaps(table: TrackTable, max_fill: float) -> TrackTable:
    """Interpolate poses for the frames in which a track is missing, on the line between the poses around the gap.

    Scores are those of the weaker side, falling off with the time to the nearest pose that was seen. All of it is
    marked as filled; a keypoint that is absent on one side is absent between.

    Args:
        table: tracked poses.
        max_fill: seconds; longer gaps stay open.

    Returns:
        The new rows alone, over the same frames; in one frame they stand in the order of tracks.
    """
    order, _ = table.by_track()
    first, second = order[:-1], order[1:]
    step = table.frame[second] - table.frame[first]
    lasts = table.time[table.frame[second]] - table.time[table.frame[first]]
    open_ = (table.track_id[first] == table.track_id[second]) & (step > 1) & (lasts <= max_fill + 1e-9)
    first, second, count = first[open_], second[open_], step[open_] - 1
    before, after = np.repeat(first, count), np.repeat(second, count)
    nth = np.arange(len(before)) - np.repeat(np.cumsum(count) - count, count) + 1
    frame = table.frame[before] + nth
    rows = np.flatnonzero(table.has_poses[frame])
    rows = rows[np.argsort(frame[rows], kind="stable")]
    return _between(table, before[rows], after[rows], frame[rows])


def _between(table: TrackTable, before: I64, after: I64, frame: I64) -> TrackTable:
    time, start, end = (table.time[each] for each in (frame, table.frame[before], table.frame[after]))
    part = ((time - start) / (end - start)).astype(np.float32)
    fade = np.exp(-np.minimum(time - start, end - time) / _FILL_FADE).astype(np.float32)
    keypoints = table.keypoints[before] + part[:, None, None] * (table.keypoints[after] - table.keypoints[before])
    keypoints[..., 2] = np.minimum(table.keypoints[before, :, 2], table.keypoints[after, :, 2]) * fade[:, None]
    keypoints[~(table.keypoints[before].any(axis=2) & table.keypoints[after].any(axis=2))] = 0  # absent on one side
    return replace(
        table,
        frame=frame,
        keypoints=keypoints,
        score=np.minimum(table.score[before], table.score[after]) * fade,
        xyxy=table.xyxy[before] + part[:, None] * (table.xyxy[after] - table.xyxy[before]),
        track_id=table.track_id[before],
        appearance=None,  # nobody has seen them
        source=np.full(keypoints.shape[:2], FILLED, np.uint8),
    )
