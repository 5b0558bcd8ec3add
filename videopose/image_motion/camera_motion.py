"""The motion of the camera between two images, from points that do not belong to people."""

from __future__ import annotations

import cv2
import numpy as np

from videopose.types import F32, F64, U8

_MAX_POINTS = 400
_MIN_INLIERS = 12
"""With fewer agreeing points nothing is said: a wrong guess would shake every track."""


def camera_motion(before: U8, after: U8, people: F32) -> F64 | None:
    """Estimate how the background has moved, as rotation, scale and shift.

    Args:
        before: (H, W) grey.
        after: (H, W) grey.
        people: (N, 4) boxes in `before`, whose insides are not looked at.

    Returns:
        (3, 3) transform from pixels of `before` to pixels of `after`; None when it cannot be told.

    Source:
        Sparse features (Shi & Tomasi 1994) followed by pyramidal Lucas-Kanade, with RANSAC; as BoT-SORT (Aharon et al.
        2022, section 3.2) does.
    """
    mask = np.full(before.shape, 255, np.uint8)
    for x1, y1, x2, y2 in np.clip(people, 0, None).astype(int).tolist():
        mask[y1:y2, x1:x2] = 0
    points = cv2.goodFeaturesToTrack(before, _MAX_POINTS, 0.01, 8, mask=mask)
    if points is None or len(points) < _MIN_INLIERS:
        return None
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None)  # type: ignore[call-overload]
    good = found[:, 0] == 1
    if good.sum() < _MIN_INLIERS:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(points[good], moved[good], ransacReprojThreshold=2.0)
    if matrix is None or int(inliers.sum()) < max(_MIN_INLIERS, good.sum() // 3):
        return None
    motion = np.eye(3)
    motion[:2] = matrix
    return motion
