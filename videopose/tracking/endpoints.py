"""Where tracklets begin and end, how people move there, and what speaks against one going on as another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from videopose.tracking.motion import damped_time
from videopose.tracking.options import LinkingOptions
from videopose.tracking.similarity import person_size
from videopose.tracking.track_table import TrackTable
from videopose.types import F32, F64, I64

_HIDDEN, _WHOLE = 0.6, 0.85
"""Parts of the size a person reaches soon: below the first they are half hidden, from the second on all is seen."""


@dataclass(frozen=True, eq=False)
class TrackletEndpoints:
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


def measure_endpoints(
    table: TrackTable, order: I64, edges: I64, options: LinkingOptions
) -> tuple[tuple[TrackletEndpoints, TrackletEndpoints], tuple[TrackletEndpoints, TrackletEndpoints]]:
    """Measure pose and motion at the start and at the end of each tracklet.

    Args:
        table: the poses.
        order: rows by track, as `TrackTable.by_track` gives them.
        edges: of the tracks in `order`.
        options: window and keypoint gate.

    Returns:
        Starts and ends where anything of the person is seen, and starts and ends where all of them is.
    """
    anything: tuple[list[_End], list[_End]] = ([], [])
    everything: tuple[list[_End], list[_End]] = ([], [])
    time, size = table.pose_time, person_size(table.xyxy)
    for first, last in pairwise(edges.tolist()):
        for side, rows in enumerate((order[first:last], order[first:last][::-1])):
            outer = _one_end(table, time, rows[: options.window_frames], options)
            begin = _emerged(time[rows], size[rows], options)
            inner = _one_end(table, time, rows[begin : begin + options.window_frames], options) if begin else outer
            anything[side].append(outer)
            everything[side].append(inner)
    heads, tails = map(_stacked, anything)
    whole_heads, whole_tails = map(_stacked, everything)
    return (heads, tails), (whole_heads, whole_tails)


def _emerged(time: F64, size: F32, options: LinkingOptions) -> int:
    """Find the first row, from an end inwards, at which all of a person is seen who is half hidden at the end."""
    soon = size[: int(np.searchsorted(np.abs(time - time[0]), options.emerging, side="right"))]
    return int((soon >= _WHOLE * soon.max()).argmax()) if soon[0] < _HIDDEN * soon.max() else 0


_End = tuple[float, F32, F64, float, float, F32]


def _one_end(table: TrackTable, time: F64, rows: I64, options: LinkingOptions) -> _End:
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


def _look(table: TrackTable, rows: I64) -> F32:
    if table.appearance is None:
        return np.zeros(0, np.float32)
    mean = table.appearance[rows].mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


def _stacked(ends: list[_End]) -> TrackletEndpoints:
    time, keypoints, velocity, steadiness, size, look = zip(*ends, strict=True)
    return TrackletEndpoints(
        np.array(time), np.stack(keypoints), np.stack(velocity), np.array(steadiness), np.array(size), np.stack(look)
    )


def link_cost(tails: TrackletEndpoints, heads: TrackletEndpoints, end: I64, start: I64, options: LinkingOptions) -> F64:
    """Measure how badly the end of one tracklet continues into the start of another.

    The cost is a negative log likelihood, up to a constant: the body's displacement that its motion (forward from the
    end, backward from the start) does not explain, the change of pose, the change of size, and the time unseen. What
    is tolerated grows with the gap. A motion fades away, or goes on as it was: whichever explains more counts.

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
    travel = damped_time(gap, options.horizon)
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
    fading = 0.5 * unexplained / spread + options.doubt_cost * np.log(spread / options.position_noise**2)
    motion = np.minimum(fading, _going_on(body, gap, size, tails.velocity[end], steady[0], options))
    motion = np.minimum(motion, _going_on(body, gap, size, heads.velocity[start], steady[1], options))
    cost = (
        motion
        + 0.5 * change / pose_spread
        + 0.5 * (growth / options.size_noise) ** 2
        + options.gap_cost * gap
        + _strangeness(tails.appearance[end], heads.appearance[start], options)
    )
    return np.where(total > 0, cost, np.inf)


def _going_on(body: F64, gap: F64, size: F64, velocity: F64, steadiness: F64, options: LinkingOptions) -> F64:
    """Return the cost of the displacement if the person went on as at one end, as walkers do behind what hides them."""
    off = ((body - velocity * gap[:, None]) ** 2).sum(axis=1) / size**2
    spread = options.position_noise**2 + (options.pace_noise * gap) ** 2
    cost = 0.5 * off / spread + options.doubt_cost * np.log(spread / options.position_noise**2)
    return np.where(steadiness >= options.window / 3, cost, np.inf)


def _strangeness(before: F32, after: F32, options: LinkingOptions) -> F64:
    """Return the cost of looking different; 0 where either side was not looked at."""
    alike = (before * after).sum(axis=1, dtype=np.float64)
    known = before.any(axis=1) & after.any(axis=1)
    return np.where(known, 0.5 * ((1 - alike) / options.appearance_noise) ** 2, 0.0)
