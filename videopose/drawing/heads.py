"""Where a person's head is, by the keypoints that say it, and how to make it unrecognisable."""

from __future__ import annotations

import cv2
import numpy as np

from videopose.skeletons import Skeleton
from videopose.types import F32, U8, Poses

HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top", "head_bottom", "face")
"""Keypoints of the head and its ends."""

_OF_TRUNK = 0.45
"""Length of the head by that of the trunk, from shoulders to hips."""
_OF_SHOULDERS = 0.75
"""The same, by the width of the shoulders."""
_OF_BOX = 0.17
"""The same, by the longer side of the box."""
_CELLS = 5
"""Cells across a hidden head: fewer than any face can be told by."""
_MARGIN = 1.2
"""Half axes of the hidden ellipse, in lengths of the head by two."""


def head_circles(poses: Poses, skeleton: Skeleton, *, min_score: float) -> F32:
    """Estimate where heads are.

    Args:
        poses: N people, image pixels.
        skeleton: of the poses.
        min_score: keypoints below do not count.

    Returns:
        (N, 3) x, y of the head's centre and its radius, image pixels; NaN where nothing says it.
    """
    return np.array([_circle(poses, row, skeleton, min_score) for row in range(len(poses))], np.float32).reshape(-1, 3)


def _circle(poses: Poses, row: int, skeleton: Skeleton, min_score: float) -> tuple[float, float, float]:
    def seen(*names: str) -> F32:
        rows = [skeleton.keypoints.index(name) for name in names if name in skeleton.keypoints]
        points = poses.keypoints[row, rows]
        usable = np.isfinite(points).all(1) & (points[:, 2] >= min_score)
        return points[usable, :2]

    x1, y1, x2, y2 = (float(side) for side in poses.xyxy[row])
    shoulders, hips, parts = seen("left_shoulder", "right_shoulder"), seen("left_hip", "right_hip"), seen(*HEAD)
    lengths = [_OF_BOX * max(x2 - x1, y2 - y1)] if np.isfinite([x1, y1, x2, y2]).all() else []
    if len(shoulders) and len(hips):
        lengths.append(_OF_TRUNK * float(np.linalg.norm(shoulders.mean(0) - hips.mean(0))))
    if len(shoulders) == 2:
        lengths.append(_OF_SHOULDERS * float(np.linalg.norm(shoulders[0] - shoulders[1])))
    length = float(np.median(lengths)) if lengths else 0.0
    if len(parts):
        low, high = parts.min(0), parts.max(0)
        # Both ends of the head, if they are seen, say its length; the face alone says where its middle is.
        length = max(length, float(np.linalg.norm(high - low)))
        center = (low + high) / 2
        return float(center[0]), float(center[1]), length / 2
    if len(shoulders) and length:
        neck = shoulders.mean(0)
        up = neck - hips.mean(0) if len(hips) else np.array([0, -1], np.float32)
        up = up / max(float(np.linalg.norm(up)), 1e-6)
        center = neck + up * length * 0.75
        return float(center[0]), float(center[1]), length / 2
    if lengths and x2 > x1 and y2 > y1:
        return (x1 + x2) / 2, y1 + length / 2, length / 2
    return np.nan, np.nan, np.nan


def hide_heads(image: U8, poses: Poses, skeleton: Skeleton) -> None:
    """Replace everybody's head by a few smoothed cells of its mean colours, in place.

    Every person of the poses counts, however low their scores are. Only what is left of the colours of a fifth of the
    head's width stays, so that no face can be restored from it.

    Args:
        image: (H, W, 3) RGB, contiguous.
        poses: in the image's pixels.
        skeleton: of the poses.
    """
    for x, y, radius in head_circles(poses, skeleton, min_score=0.05):
        if not np.isfinite([x, y, radius]).all() or radius <= 0:
            continue
        reach = max(3.0, float(radius) * _MARGIN * 1.2)
        low = np.floor([x - reach, y - reach]).clip(0, [image.shape[1], image.shape[0]]).astype(int)
        high = np.ceil([x + reach, y + reach]).clip(0, [image.shape[1], image.shape[0]]).astype(int)
        if (high <= low).any():
            continue
        part = image[low[1] : high[1], low[0] : high[0]]
        cells = cv2.resize(part, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        smooth = cv2.resize(cells, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
        mask = np.zeros(part.shape[:2], np.uint8)
        middle = (round(float(x) - int(low[0])), round(float(y) - int(low[1])))
        cv2.circle(mask, middle, round(reach), 255, cv2.FILLED)
        part[mask > 0] = smooth[mask > 0]
