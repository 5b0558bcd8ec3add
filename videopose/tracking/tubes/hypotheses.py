"""Several poses of one person in each frame, merged into one: by mean shift, and by the shortest path over time.

All arrays have the axes T frames, H hypotheses, K keypoints. A hypothesis that is not there has score 0 and counts for
nothing, whatever its place says.
"""

from __future__ import annotations

import numpy as np

from videopose.errors import check_shape
from videopose.tracking.tubes.options import MergeOptions
from videopose.types import F32, F64, I64, Bool

_STEPS = 30
"""Iterations of the mean shift; the points hardly move any more after ten."""
_LEAST = 1e-3
"""Scores below it cost no more than it does."""


def mean_shift(points: F32, weight: F32, bandwidth: F64) -> tuple[F32, F32]:
    """Move every hypothesis to the mode of the weighted hypotheses that it climbs to.

    Args:
        points: (T, H, K, 2) image pixels.
        weight: (T, H, K) not negative; 0 = not there.
        bandwidth: (T,) standard deviation of the kernel, pixels.

    Returns:
        (T, H, K, 2) modes and (T, H, K) their density: the weights under the kernel. Where no hypothesis of a keypoint
        has weight, the points stay and the density is 0.

    Source:
        Comaniciu & Meer, Mean Shift, TPAMI 2002, with a Gaussian kernel.
    """
    check_shape("weight", weight, *points.shape[:3])
    fixed = np.where((weight > 0)[..., None], points, 0).astype(np.float64)
    mass = np.asarray(weight, np.float64)[:, None]
    spread = -0.5 / np.maximum(bandwidth, 1e-6)[:, None, None, None] ** 2
    modes = np.where((weight > 0)[..., None], points, _centers(points, weight)[:, None]).astype(np.float64)
    for _ in range(_STEPS):
        pull = mass * np.exp(((modes[:, :, None] - fixed[:, None]) ** 2).sum(-1) * spread)
        total = pull.sum(2)
        moved = (pull[..., None] * fixed[:, None]).sum(2) / np.maximum(total, 1e-300)[..., None]
        modes = np.where((total > 1e-300)[..., None], moved, modes)
    density = (mass * np.exp(((modes[:, :, None] - fixed[:, None]) ** 2).sum(-1) * spread)).sum(2)
    nothing = ~np.any(weight > 0, axis=1, keepdims=True)
    kept = np.where(nothing[..., None], np.nan_to_num(points), modes)
    return kept.astype(np.float32), np.where(nothing, 0, density).astype(np.float32)


def _centers(points: F32, weight: F32) -> F64:
    """Return the (T, K, 2) weighted means."""
    there = np.where((weight > 0)[..., None], points, 0).astype(np.float64)
    total = np.maximum(weight.sum(1, dtype=np.float64), 1e-12)
    return np.asarray((there * weight[..., None]).sum(1) / total[..., None])


def shortest_path(points: F32, cost: F32, size: F32, joined: Bool, options: MergeOptions) -> I64:
    """Choose a hypothesis per frame and keypoint so that costs of hypotheses and of jumps add up to the least.

    Frames are layers of a graph without cycles, so Dijkstra's answer is found by going through them once.

    Args:
        points: (T, H, K, 2) image pixels.
        cost: (T, H, K) of choosing a hypothesis; infinite = not there. A keypoint with none chooses the first.
        size: (T,) of the person, pixels.
        joined: (T,) False where a frame does not follow the one before; jumps from there cost nothing.
        options: what a jump costs.

    Returns:
        (T, K) indices of hypotheses.

    Source:
        Wang et al., Combining Detection and Tracking for Human Pose Estimation in Videos, CVPR 2020, section 3.3;
        weights and the cap on jumps are ours.
    """
    num_frames, num_hypotheses, num_keypoints = cost.shape
    finite = np.isfinite(cost)
    own = np.where(finite.any(1, keepdims=True), cost, 0).astype(np.float64)
    came_from = np.zeros((num_frames, num_hypotheses, num_keypoints), np.int64)
    total = own[:1].reshape(num_hypotheses, num_keypoints) if num_frames else np.zeros((num_hypotheses, num_keypoints))
    for now in range(1, num_frames):
        leap = np.linalg.norm(np.nan_to_num(points[now - 1][:, None] - points[now][None]), axis=-1) / size[now]
        price = options.motion_weight * np.minimum(leap, options.max_jump) if joined[now] else np.zeros_like(leap)
        through = total[:, None] + price
        came_from[now] = through.argmin(0)
        total = through.min(0) + own[now]
    chosen = np.zeros((num_frames, num_keypoints), np.int64)
    columns = np.arange(num_keypoints)
    if num_frames:
        chosen[-1] = total.argmin(0)
    for now in range(num_frames - 1, 0, -1):
        chosen[now - 1] = came_from[now, chosen[now], columns]
    return chosen


def merge(keypoints: F32, size: F32, joined: Bool, options: MergeOptions, *, start: F32 | None = None) -> F32:
    """Merge the hypotheses of one person.

    Args:
        keypoints: (T, H, K, 3) x, y in image pixels and score; a score of 0 (or NaN) = not there.
        size: (T,) of the person, pixels.
        joined: (T,) False where a frame does not follow the one before.
        options: how.
        start: (K, 3) what the frame before the first one has been merged to, where there is one; paths begin there.

    Returns:
        (T, K, 3) image pixels and score. A keypoint nobody saw in a frame gets the mean place of its hypotheses and
        score 0; NaN if none has a place.
    """
    check_shape("keypoints", keypoints, len(size), None, None, 3)
    points, score = keypoints[..., :2], np.nan_to_num(keypoints[..., 2], nan=0.0)
    score = np.where(np.isfinite(points).all(-1), score, 0).astype(np.float32)
    support = score
    if options.method in ("both", "mean-shift"):
        points, density = mean_shift(points, score, options.bandwidth * size.astype(np.float64))
        score = np.where(score > 0, _mode_scores(points, keypoints, score, size, options), 0)
        support = np.where(score > 0, density, 0)
    if options.method in ("best", "mean-shift"):
        chosen = support.argmax(1)
    else:
        chosen = _path(points, support, size, joined, options, start)
    frames, columns = np.arange(len(size))[:, None], np.arange(points.shape[2])[None]
    merged = np.concatenate([points, score[..., None]], -1)[frames, chosen, columns]
    unseen = ~np.any(score > 0, axis=1)
    merged[unseen] = np.concatenate([_mean_place(keypoints)[unseen], np.zeros((int(unseen.sum()), 1))], -1)
    return np.asarray(merged, np.float32)


def _path(points: F32, support: F32, size: F32, joined: Bool, options: MergeOptions, start: F32 | None) -> I64:
    there = support > 0
    share = support / np.maximum(support.max(1, keepdims=True), 1e-12)
    apart = np.linalg.norm(np.where(there[..., None], points, 0) - _centers(points, support)[:, None], axis=-1)
    cost = -options.score_weight * np.log(np.maximum(share, _LEAST))
    cost = np.where(there, cost + options.position_weight * apart / size[:, None, None], np.inf).astype(np.float32)
    if start is None:
        return shortest_path(points, cost, size, joined, options)
    first = np.full((1, *points.shape[1:]), np.nan, np.float32)
    first[0, 0] = start[:, :2]
    known = np.full((1, *cost.shape[1:]), np.inf, np.float32)
    known[0, 0] = 0
    before = np.concatenate([first, points]), np.concatenate([known, cost])
    sizes, joints = np.concatenate([size[:1], size]), np.concatenate([[True], joined])
    return shortest_path(*before, sizes, joints, options)[1:]


def _mode_scores(modes: F32, keypoints: F32, score: F32, size: F32, options: MergeOptions) -> F32:
    """Return each mode the weighted mean score of the hypotheses around it."""
    places = np.where((score > 0)[..., None], keypoints[..., :2], 0)
    spread = -0.5 / np.maximum(options.bandwidth * size, 1e-6)[:, None, None, None] ** 2
    pull = score[:, None] * np.exp(((modes[:, :, None] - places[:, None]) ** 2).sum(-1) * spread)
    return np.asarray((pull * score[:, None]).sum(2) / np.maximum(pull.sum(2), 1e-12), np.float32)


def _mean_place(keypoints: F32) -> F64:
    known = np.asarray(np.isfinite(keypoints[..., :2]).all(axis=-1))
    total = np.where(known[..., None], keypoints[..., :2], 0).sum(1, dtype=np.float64)
    count = known.sum(1)[..., None]
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
