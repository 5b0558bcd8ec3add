"""Random views of packed people: turned, scaled, shifted, mirrored and cut, whole batches at once, on the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videopose.geometry.affine import apply, invert, mirror
from videopose.skeletons import Skeleton
from videopose.training.packed.parts import Labels
from videopose.types import F32, F64, I64, Bool

_LOWER = ("hip", "knee", "ankle")
_HALF_PADDING = 1.3
_LOWER_SHARE = 0.4
"""How far the box of a half body goes beyond its keypoints, how often it is the lower: as `data.augment_geometry`."""


def plain_views(labels: Labels, rows: I64, input_hw: tuple[int, int], padding: float) -> F64:
    """Return (N, 3, 3) transforms from stored crops to the network's crops as pipelines cut them."""
    boxes = labels.xyxy[rows].astype(np.float64)
    return _matrices(boxes, input_hw, np.full(len(rows), padding), np.zeros(len(rows)))


def draw_views(
    rng: np.random.Generator, labels: Labels, rows: I64, skeleton: Skeleton, input_hw: tuple[int, int],
    options: Mapping[str, Any],
) -> tuple[F64, Bool]:  # fmt: skip
    """Draw a random view of each person.

    Args:
        rng: source of every random number; so many are drawn whatever becomes of them.
        labels: of all packed people.
        rows: (N,) which of them.
        skeleton: of the labels.
        input_hw: (height, width) of the network's crops.
        options: fields of `data.augment_geometry.GeometryOptions`, which says what they mean.

    Returns:
        (N, 3, 3) transforms from stored to network crop pixels, mirror included, and (N,) whether they mirror.
    """
    count = len(rows)
    chance, deviation = rng.random((7, count)), np.clip(rng.normal(size=(2, count)), -2, 2)
    shift = rng.normal(size=(count, 2)) * options["translation"] * np.array([input_hw[1], input_hw[0]])
    boxes = _cut_boxes(labels, rows, skeleton, chance[:4], options)
    turned = np.where(chance[4] < options["rotation_probability"], deviation[0] * options["rotation_degrees"], 0.0)
    full = rng.uniform(-180, 180, count)
    degrees = np.where(chance[5] < options["full_turn_probability"], full, turned)
    matrices = _matrices(boxes, input_hw, options["padding"] * np.exp(deviation[1] * options["scale"]), degrees)
    matrices[:, :2, 2] += shift
    flipped = chance[6] < options["flip_probability"]
    matrices[flipped] = mirror(input_hw[1]) @ matrices[flipped]
    return matrices, flipped


def _cut_boxes(labels: Labels, rows: I64, skeleton: Skeleton, chance: F64, options: Mapping[str, Any]) -> F64:
    """Return boxes of which some are those of half a body, others have lost a part of a side."""
    boxes, keypoints = labels.xyxy[rows].astype(np.float64), labels.keypoints[rows]
    labelled = keypoints[..., 2] > 0
    lower = np.array([name.endswith(_LOWER) for name in skeleton.keypoints])
    half = labelled & np.where(chance[1, :, None] < _LOWER_SHARE, lower, ~lower)
    halved = (chance[0] < options["half_body_probability"]) & (half.sum(1) >= 3)
    halved &= labelled.sum(1) >= options["half_body_min_keypoints"]
    places = keypoints[..., :2].astype(np.float64)
    low = np.where(half[..., None], places, np.inf).min(1, initial=1e6)
    high = np.where(half[..., None], places, -np.inf).max(1, initial=-1e6)
    middle, size = (low + high) / 2, (high - low) * _HALF_PADDING
    halved &= size.min(1) > 4
    boxes[halved] = np.concatenate([middle - size / 2, middle + size / 2], 1)[halved]
    cut = ~halved & (chance[2] < options["truncation_probability"])
    side = np.where(chance[1] < 0.5, 3, (chance[1] * 8).astype(int) % 4)
    extent = boxes[np.arange(len(rows)), side % 2 + 2] - boxes[np.arange(len(rows)), side % 2]
    amount = (0.1 + chance[3] * (options["truncation"] - 0.1)) * extent * np.where(side < 2, 1, -1)
    boxes[np.flatnonzero(cut), side[cut]] += amount[cut]
    return boxes


def _matrices(boxes: F64, input_hw: tuple[int, int], padding: F64, degrees: F64) -> F64:
    """As `geometry.affine.crop_from_box`, each box with its own padding and turn."""
    height, width = input_hw
    center, size = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
    scale = width / (np.maximum(size[:, 0], size[:, 1] * width / height) * padding)
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrices = np.zeros((len(boxes), 3, 3))
    matrices[:, :2, :2] = scale[:, None, None] * np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)
    matrices[:, :2, 2] = np.array([width / 2, height / 2]) - apply(matrices, center[:, None])[:, 0]
    matrices[:, 2, 2] = 1
    return matrices


def move_labels(labels: Labels, rows: I64, matrices: F64, flipped: Bool, skeleton: Skeleton) -> tuple[F32, F32]:
    """Transform labels as the pixels are: (N, K, 3) in network crop pixels, and (N, K) weights."""
    keypoints, weight = labels.keypoints[rows].copy(), labels.weight[rows].copy()
    keypoints[..., :2] = apply(matrices, keypoints[..., :2])
    keypoints[flipped] = keypoints[flipped][:, skeleton.flip_index]
    weight[flipped] = weight[flipped][:, skeleton.flip_index]
    return keypoints, weight


def cut_crops(images: Tensor, rows: I64, matrices: F64, size_hw: tuple[int, int]) -> Tensor:
    """Resample stored crops, bilinearly; what lies beyond them is black.

    Args:
        images: (M, 3, H, W) uint8 stored crops.
        rows: (N,) which of them.
        matrices: (N, 3, 3) from stored pixels to the wanted ones.
        size_hw: (height, width) of what is wanted.

    Returns:
        (N, 3, h, w) float32 in [0, 1] on the images' device, channels last.
    """
    device = images.device
    stored = images[torch.from_numpy(rows).to(device)].float()
    back = torch.from_numpy(invert(matrices)[:, :2]).float().to(device)
    y, x = torch.meshgrid(*(torch.arange(side, device=device, dtype=torch.float32) for side in size_hw), indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3) @ back.transpose(1, 2)
    size_wh = torch.tensor([stored.shape[-1], stored.shape[-2]], device=device)
    # pixel centres on whole numbers -> align_corners=False's edges at -1 and 1
    grid = ((points * 2 + 1) / size_wh - 1).view(len(rows), *size_hw, 2)
    found = F.grid_sample(stored, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return (found / 255).contiguous(memory_format=torch.channels_last)
