"""Losses of the field as plain functions on tensors; a weight of 0 means "not labelled"."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def _weighted_mean(loss: Tensor, weights: Tensor) -> Tensor:
    return (loss * weights).sum() / weights.sum().clamp_min(1e-6)


def heatmap_mse(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean square error of heatmaps over labelled keypoints.

    Args:
        predicted: (N, K, h, w).
        target: (N, K, h, w).
        weights: (N, K), 0 = not labelled.

    Source:
        Zheng et al., Deep Learning-Based Human Pose Estimation: A Survey, 2023, eq. 1.
    """
    return _weighted_mean(((predicted - target) ** 2).mean((-2, -1)), weights)


def heatmap_cross_entropy(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Kullback-Leibler divergence from target distributions to the softmax of logits.

    The cross-entropy less the target's own entropy: the same gradient, and 0 when the two agree.

    Args:
        logits: (N, K, ...) cells or bins on any number of trailing axes.
        target: the same shape, each distribution summing to one over those axes.
        weights: (N, K), 0 = not labelled.
    """
    log_predicted = F.log_softmax(logits.float().flatten(2), -1)
    wanted = target.float().flatten(2)
    return _weighted_mean((torch.xlogy(wanted, wanted) - wanted * log_predicted).sum(-1), weights)


def hard_keypoint_mse(predicted: Tensor, target: Tensor, weights: Tensor, *, top: int = 8) -> Tensor:
    """Mean square error over each person's `top` worst keypoints only.

    Source:
        Online hard keypoints mining: Chen et al., Cascaded Pyramid Network, CVPR 2018, section 3.1.2.
    """
    loss = ((predicted - target) ** 2).mean((-2, -1)) * weights
    worst = loss.topk(min(top, loss.shape[1]), dim=1).values
    return worst.sum() / weights.clamp_max(1).sum(1).clamp_max(top).sum().clamp_min(1e-6)


def simcc_cross_entropy(
    logits: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], weights: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """Classify x and y bins separately.

    Args:
        logits: (N, K, W') and (N, K, H') for x and y.
        target: the same shapes, each summing to one over the bins.
        weights: (N, K), 0 = not labelled.
        temperature: factor on the logits; RTMPose uses 10.

    Source:
        Li et al., SimCC: A Simple Coordinate Classification Perspective, ECCV 2022, section 3.
    """
    along_x, along_y = (
        heatmap_cross_entropy(axis * temperature, wanted, weights) for axis, wanted in zip(logits, target, strict=True)
    )
    return along_x + along_y


def smooth_l1(predicted: Tensor, target: Tensor, weights: Tensor, *, beta: float = 1 / 9) -> Tensor:
    """Regress coordinates or offsets: quadratic below `beta`, linear above.

    Args:
        predicted: (N, K, 2), or (N, 2K, h, w) dense offsets.
        target: the same shape.
        weights: broadcastable to it, 0 = not labelled.
        beta: where the quadratic part ends.

    Source:
        Geng et al., Bottom-Up Human Pose Estimation via Disentangled Keypoint Regression, CVPR 2021, section 3.3.
    """
    loss = F.smooth_l1_loss(predicted, target, beta=beta, reduction="none")
    return _weighted_mean(loss, weights.expand_as(loss))


def focal(logits: Tensor, target: Tensor, weights: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Binary focal loss, summed; divide by the number of positives.

    Args:
        logits: any shape.
        target: the same shape; 1 = person, 0 = background.
        weights: the same shape; 0 = do not count (ignore regions).
        alpha: weight of people, against 1 - alpha of the background.
        gamma: how strongly easy examples are played down.

    Source:
        Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 5.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    probability = logits.sigmoid()
    wrong = target * (1 - probability) + (1 - target) * probability
    balance = target * alpha + (1 - target) * (1 - alpha)
    return (balance * wrong**gamma * cross_entropy * weights).sum()


def quality_focal(logits: Tensor, quality: Tensor, weights: Tensor, *, beta: float = 2.0) -> Tensor:
    """Focal loss towards a soft quality in [0, 1], summed.

    Args:
        logits: any shape.
        quality: the same shape; 0 for background.
        weights: the same shape; 0 = do not count (ignore regions).
        beta: how strongly easy examples are played down.

    Source:
        Li et al., Generalized Focal Loss, NeurIPS 2020, eq. 2.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    return ((quality - logits.sigmoid()).abs() ** beta * cross_entropy * weights).sum()


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Measure IoU of boxes, (..., 4) xyxy -> (...) in [0, 1]; leading axes broadcast, so (A, 1, 4) and (B, 4) pair."""
    shared, union = _shared_and_union(a, b)
    return shared / union


def pairwise_giou(a: Tensor, b: Tensor) -> Tensor:
    """Measure generalised IoU of boxes row by row, (..., 4) xyxy -> (...) in [-1, 1].

    Source:
        Rezatofighi et al., Generalized Intersection over Union, CVPR 2019, algorithm 1.
    """
    shared, union = _shared_and_union(a, b)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp_min(0).prod(-1)
    return shared / union - (hull - union) / hull.clamp_min(1e-6)


def _shared_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp_min(0).prod(-1)
    area_a, area_b = ((boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1) for boxes in (a, b))
    return shared, (area_a + area_b - shared).clamp_min(1e-6)


def distribution_focal(logits: Tensor, distance: Tensor) -> Tensor:
    """Cross-entropy to the two whole bins around a distance.

    Args:
        logits: (P, 4, B) over distances 0 … B - 1.
        distance: (P, 4) in bins, within [0, B - 1].

    Returns:
        (P,) the mean over the four sides.

    Source:
        Li et al., Generalized Focal Loss, NeurIPS 2020, eq. 6.
    """
    bins = logits.shape[-1]
    distance = distance.clamp(0, bins - 1 - 1e-3)
    low = distance.floor()
    share = distance - low
    log_probability = F.log_softmax(logits.float(), -1)
    at_low = log_probability.gather(-1, low.long()[..., None])[..., 0]
    at_high = log_probability.gather(-1, low.long()[..., None] + 1)[..., 0]
    return -(at_low * (1 - share) + at_high * share).mean(-1)
