"""Augmentation of pixels for whole batches on the device: as `data.augment_pixels`, but each crop in its own measure.

Random numbers are drawn by NumPy on the processor, so that a batch is the same on every device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videopose.training.packed import blocks


def change_pixels(images: Tensor, rng: np.random.Generator, options: Mapping[str, Any]) -> Tensor:
    """Change colours, blur, smear, compress, erase and cover crops.

    Args:
        images: (N, 3, H, W) float in [0, 1]; changed in place.
        rng: source of every random number.
        options: fields of `data.augment_pixels.PixelOptions`, which says what they mean.

    Returns:
        (N, 3, H, W) float in [0, 1].
    """
    out = _colours(images, rng, options)
    for probability, kernels in ((options["blur_probability"], _blurs), (options["motion_blur_probability"], _smears)):
        chosen = _chosen(rng, len(out), probability)
        if len(chosen):
            out[chosen] = _filtered(out[chosen], kernels(rng, len(chosen), options))
    chosen = _chosen(rng, len(out), options["jpeg_probability"])
    if len(chosen):
        out[chosen] = blocks.requantised(out[chosen], _on(rng.uniform(10, 60, len(chosen)), out))
    return _covered(out, rng, options).clamp_(0, 1)


def _chosen(rng: np.random.Generator, count: int, probability: float) -> list[int]:
    return [int(row) for row in np.flatnonzero(rng.random(count) < probability)]


def _on(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(like.device)


def _colours(images: Tensor, rng: np.random.Generator, options: Mapping[str, Any]) -> Tensor:
    count = len(images)
    saturation, contrast, brightness = (
        rng.uniform(-options[name], options[name], count) for name in ("saturation", "contrast", "brightness")
    )
    colour = np.where(rng.random(count) < options["gray_probability"], 0.0, 1 + saturation)
    amounts = _on(np.stack([colour, 1 + contrast, brightness]), images).view(3, -1, 1, 1, 1)
    gray = images[:, :1] * 0.299 + images[:, 1:2] * 0.587 + images[:, 2:] * 0.114
    middle = gray.mean((2, 3), keepdim=True)
    out = (images - gray).mul_(amounts[0]).add_(gray)
    return out.sub_(middle).mul_(amounts[1]).add_(middle + amounts[2]).clamp_(0, 1)


def _blurs(rng: np.random.Generator, count: int, options: Mapping[str, Any]) -> np.ndarray:
    radius = max(1, math.ceil(2.5 * options["blur_sigma"]))
    sigma = rng.uniform(0.4, max(0.4, options["blur_sigma"]), (count, 1))
    line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernels = line[:, :, None] * line[:, None]
    return np.asarray(kernels / kernels.sum((1, 2), keepdims=True))


def _smears(rng: np.random.Generator, count: int, options: Mapping[str, Any]) -> np.ndarray:
    longest = int(options["motion_blur_length"]) | 1
    angle, reach = rng.uniform(0, math.pi, (count, 1)), rng.integers(3, longest + 1, (count, 1)) // 2
    steps = np.linspace(-1, 1, 4 * longest) * reach
    place = [np.rint(longest // 2 + steps * way(angle)).astype(int) for way in (np.sin, np.cos)]
    kernels = np.zeros((count, longest, longest))
    np.add.at(kernels, (np.arange(count)[:, None], *place), 1.0)
    return np.asarray(kernels / kernels.sum((1, 2), keepdims=True))


def _filtered(images: Tensor, kernels: np.ndarray) -> Tensor:
    """Convolve each crop with its own kernel, edges repeated."""
    count, channels, height, width = images.shape
    pad = kernels.shape[-1] // 2
    planes = F.pad(images, (pad,) * 4, mode="replicate").reshape(1, count * channels, height + 2 * pad, -1)
    weights = _on(kernels, images).repeat_interleave(channels, 0)[:, None]
    return F.conv2d(planes, weights, groups=count * channels).view(count, channels, height, width)


def _covered(images: Tensor, rng: np.random.Generator, options: Mapping[str, Any]) -> Tensor:
    """Erase a rectangle of some crops to one colour, and cover an ellipse of some with a piece of another crop.

    Source:
        As `data.augment_pixels.paste_patches`.
    """
    count, _, height, width = images.shape
    chance, colour = rng.random((2, count)), _on(rng.random((count, 3)), images).view(-1, 3, 1, 1)
    low, high = options["patch_size"]
    size = rng.uniform(low, high, (2, 2, count)) * np.array([height, width])[:, None]  # of the two kinds; tall, wide
    first = rng.random((2, 2, count)) * (np.array([height, width])[:, None] - size)
    rows = torch.arange(height, device=images.device)[None, :, None]
    columns = torch.arange(width, device=images.device)[None, None]
    away = [
        ((line - _on(start + extent / 2, images)[:, :, None, None]) / _on(extent / 2, images)[:, :, None, None]).abs()
        for line, start, extent in ((rows, first[:, 0], size[:, 0]), (columns, first[:, 1], size[:, 1]))
    ]
    erased = (torch.maximum(away[0][0], away[1][0]) <= 1)[:, None]
    covered = (away[0][1] ** 2 + away[1][1] ** 2 <= 1)[:, None]
    picked = [_on(chance[kind] < options[name], images).bool().view(-1, 1, 1, 1) for kind, name in _KINDS]
    out = torch.where(erased & picked[0], colour, images)
    other = images.roll(1 + int(rng.integers(max(1, count - 1))), 0)
    return torch.where(covered & picked[1], other, out)


_KINDS = ((0, "erase_probability"), (1, "occluder_probability"))
