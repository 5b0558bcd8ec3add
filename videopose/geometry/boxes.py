"""Boxes: xyxy <-> xywh, IoU, clipping, NMS. All (N, 4) in image pixels, width = x2 - x1 as in COCO."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from videopose.errors import check_shape
from videopose.types import I64

Floats = TypeVar("Floats", bound=NDArray[np.floating])


def xywh_from_xyxy(xyxy: Floats) -> Floats:
    """Convert corners to corner and size; (..., 4) both."""
    out = xyxy.copy()
    out[..., 2:] -= out[..., :2]
    return out


def xyxy_from_xywh(xywh: Floats) -> Floats:
    """Convert corner and size to corners; (..., 4) both."""
    out = xywh.copy()
    out[..., 2:] += out[..., :2]
    return out


def area(xyxy: NDArray[np.floating]) -> NDArray[np.floating]:
    """Measure boxes, (N, 4) -> (N,) square pixels; a box turned inside out has area 0."""
    return np.asarray(np.maximum(xyxy[..., 2] - xyxy[..., 0], 0) * np.maximum(xyxy[..., 3] - xyxy[..., 1], 0))


def clip(xyxy: Floats, image_hw: tuple[int, int]) -> Floats:
    """Cut boxes off at the image's border."""
    out = xyxy.copy()
    out[..., 0::2] = np.clip(out[..., 0::2], 0, image_hw[1])
    out[..., 1::2] = np.clip(out[..., 1::2], 0, image_hw[0])
    return out


def scale_about_center(xyxy: Floats, factor: float) -> Floats:
    """Grow or shrink boxes about their centres."""
    center = (xyxy[..., :2] + xyxy[..., 2:]) / 2
    half = (xyxy[..., 2:] - xyxy[..., :2]) / 2 * factor
    out = xyxy.copy()
    out[..., :2], out[..., 2:] = center - half, center + half
    return out


def intersection(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Measure the overlap of every pair, (A, 4) and (B, 4) -> (A, B) square pixels."""
    check_shape("a", a, None, 4)
    check_shape("b", b, None, 4)
    # Side by side, because numpy is slow along an axis of two.
    width, height = (
        np.maximum(np.minimum.outer(a[:, far], b[:, far]) - np.maximum.outer(a[:, near], b[:, near]), 0)
        for near, far in ((0, 2), (1, 3))
    )
    return np.asarray(width * height)


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Measure intersection over union of every pair, (A, 4) and (B, 4) -> (A, B) in [0, 1].

    Two boxes without area have IoU 0.
    """
    shared = intersection(a, b)
    union = area(a)[:, None] + area(b)[None, :] - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float32).tiny))


def nms(similarity: NDArray[np.floating], score: NDArray[np.floating], threshold: float) -> I64:
    """Run greedy non-maximum suppression on any similarity: IoU for boxes, OKS for poses.

    Args:
        similarity: (N, N) in [0, 1].
        score: (N,) the better one of two similar rows is kept; ties go to the earlier row.
        threshold: rows more similar than this to a kept one are removed.

    Returns:
        Indices of kept rows, best first.
    """
    check_shape("similarity", similarity, len(score), len(score))
    order = np.argsort(-score, kind="stable")
    alive = np.ones(len(score), bool)
    kept = []
    for row in order:
        if alive[row]:
            kept.append(row)
            alive &= similarity[row] <= threshold
    return np.array(kept, np.int64)
