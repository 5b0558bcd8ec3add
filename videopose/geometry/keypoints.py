"""Keypoints: OKS, the box around a pose."""

from __future__ import annotations

import numpy as np

from videopose.errors import check_shape
from videopose.types import F32, F64, I64, Bool


def pair_oks(a: F32, b: F32, area: F32 | F64, falloff: F32, seen: Bool) -> tuple[F32, I64]:
    """Measure the object keypoint similarity of pairs of poses: the one kernel under every OKS but the scoring kits'.

    Arrays are broadcast over the pairs, `...`: (M, K, 2) and (M, K, 2) are M pairs, (P, 1, K, 2) and (1, G, K, 2) are
    P times G.

    Args:
        a: (..., K, 2 or more) x, y in image pixels; a pair with one that is no number has no similarity either.
        b: likewise.
        area: (...) of each pair's person, square pixels, above 0.
        falloff: (K,) squared, no unit: (2 sigma)^2, times whatever tolerance.
        seen: (..., K) which keypoints count.

    Returns:
        (...) similarity in [0, 1], 0 where no keypoint counts; and (...) how many do.

    Source:
        cocodataset.org/#keypoints-eval.
    """
    distance2 = (a[..., 0] - b[..., 0]) ** 2 + (a[..., 1] - b[..., 1]) ** 2
    alike = np.exp(-distance2 / (2 * area[..., None] * falloff)) * seen
    count = np.asarray(seen.sum(-1))
    return np.asarray(alike.sum(-1) / np.maximum(count, 1)), count


def oks(predicted: F32, truth: F32, area: F32, oks_sigmas: F32) -> F32:
    """Measure how close each predicted pose is to each true pose, as COCO does.

    Args:
        predicted: (P, K, 2) x, y in image pixels.
        truth: (G, K, 3) x, y in image pixels and visibility; 0 means "not labelled, do not count".
        area: (G,) area of each true person in square pixels (COCO takes the segment's, not the box's).
        oks_sigmas: (K,) the skeleton's falloff constants, no unit.

    Returns:
        (P, G) similarity in [0, 1]; 0 for a true pose without any labelled keypoint.

    Raises:
        ShapeError: the two sides have a different number of keypoints.

    Source:
        Object keypoint similarity, cocodataset.org/#keypoints-eval. COCO's special case for people without labelled
        keypoints lives with the protocol, the only place that needs it.

    Example:
        >>> pose = np.array([[[10, 20, 2]]], np.float32)
        >>> oks(pose[..., :2], pose, np.array([100.0]), np.array([0.05]))
        array([[1.]])
    """
    check_shape("predicted", predicted, None, len(oks_sigmas), 2)
    check_shape("truth", truth, len(area), len(oks_sigmas), 3)
    labelled = truth[..., 2] > 0
    positive = area + np.spacing(1)  # the guard against area 0 is COCO's
    return pair_oks(predicted[:, None], truth[None], positive, (2 * oks_sigmas) ** 2, labelled)[0]


def boxes_around(keypoints: F32, *, min_score: float = 0.0, padding: float = 1.0) -> F32:
    """Compute a box around the keypoints of each person whose score is above `min_score`.

    Args:
        keypoints: (N, K, 3) x, y in image pixels and score or visibility.
        min_score: keypoints at or below it are left out; a person without any gets a box of NaN.
        padding: factor by which the box grows about its centre.

    Returns:
        (N, 4) x1, y1, x2, y2 in image pixels.
    """
    check_shape("keypoints", keypoints, None, None, 3)
    counted = (keypoints[..., 2] > min_score)[..., None]
    low = np.where(counted, keypoints[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(counted, keypoints[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    nobody = ~counted.any(axis=(1, 2))
    low[nobody] = high[nobody] = np.nan
    center, half = (low + high) / 2, (high - low) / 2 * padding
    return np.concatenate([center - half, center + half], axis=1).astype(np.float32)
