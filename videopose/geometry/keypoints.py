"""Keypoints: OKS, the box around a pose."""

from __future__ import annotations

import numpy as np

from videopose.errors import check_shape
from videopose.types import F32


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
    distance2 = ((predicted[:, None] - truth[None, ..., :2]) ** 2).sum(-1)
    falloff = 2 * (area[:, None] + np.spacing(1)) * (2 * oks_sigmas) ** 2  # the guard against area 0 is COCO's
    similarity = np.exp(-distance2 / falloff) * labelled
    return np.asarray(similarity.sum(-1) / np.maximum(labelled.sum(-1), 1))


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
