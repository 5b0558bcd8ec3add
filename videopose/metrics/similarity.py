"""How alike a prediction and a truth are, exactly as COCO's tool computes it (64-bit, ignore rules included)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from videopose.errors import check_shape
from videopose.geometry.boxes import intersection
from videopose.types import F64


def coco_oks(
    predicted: ArrayLike, truth: ArrayLike, area: ArrayLike, truth_xyxy: ArrayLike, oks_sigmas: ArrayLike
) -> F64:
    """Measure object keypoint similarity with COCO's rule for people without labelled keypoints.

    Such a person is an ignore region: a predicted keypoint costs only what it lies outside the box grown to three
    times its width and height about its centre.

    Args:
        predicted: (P, K, 2 or more) x, y in image pixels.
        truth: (G, K, 3) x, y in image pixels and visibility.
        area: (G,) area of each true person, square pixels.
        truth_xyxy: (G, 4) boxes in image pixels.
        oks_sigmas: (K,) falloff constants, no unit.

    Returns:
        (P, G) similarity in [0, 1].

    Source:
        cocodataset.org/#keypoints-eval.
    """
    guess, real = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    areas, boxes, sigmas = (np.asarray(each, np.float64) for each in (area, truth_xyxy, oks_sigmas))
    check_shape("truth", real, None, len(sigmas), 3)
    check_shape("predicted", guess, None, len(sigmas), guess.shape[-1])
    check_shape("area", areas, len(real))
    check_shape("truth_xyxy", boxes, len(real), 4)
    labelled = real[..., 2] > 0
    nobody = np.logical_not(labelled.any(axis=1))
    offset = guess[:, None, :, :2] - real[None, :, :, :2]
    size = boxes[:, 2:] - boxes[:, :2]
    low, high = boxes[:, None, :2] - size[:, None], boxes[:, None, 2:] + size[:, None]
    outside = np.maximum(0, low - guess[:, None, :, :2]) + np.maximum(0, guess[:, None, :, :2] - high)
    offset = np.where(nobody[None, :, None, None], outside, offset)
    counted = labelled | nobody[:, None]
    falloff = (2 * sigmas) ** 2 * (areas[:, None] + np.spacing(1)) * 2  # the guard against area 0 is COCO's
    similarity = np.exp(-(offset**2).sum(-1) / falloff) * counted
    return np.asarray(similarity.sum(-1) / np.maximum(counted.sum(-1), 1))


def coco_box_overlap(predicted: ArrayLike, truth: ArrayLike, crowd: ArrayLike) -> F64:
    """Measure box overlap as COCO does: IoU, but the share of the prediction that is covered for a crowd region.

    Args:
        predicted: (P, 4) x1, y1, x2, y2 in image pixels.
        truth: (G, 4) likewise.
        crowd: (G,) true for a region that may hold many people (`iscrowd`).

    Returns:
        (P, G) in [0, 1].
    """
    guess, real = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    shared = intersection(guess, real)
    size = [np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1) for boxes in (guess, real)]
    union = size[0][:, None] + size[1][None, :] - shared
    whole = np.where(np.asarray(crowd, bool)[None, :], size[0][:, None], union)
    return np.asarray(np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0), np.float64)
