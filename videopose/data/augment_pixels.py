"""Augmentation that leaves pixels where they are: colour, blur, JPEG, erasing, occluders. Whole batches, any device.

Random numbers are drawn by numpy on the CPU, so that a batch is the same on every device; pixels are changed by torch
wherever they live.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videopose.config import Options


class PixelOptions(Options):
    """How often and how much pixels are changed."""

    brightness: float = 0.25
    """Largest shift, as a share of full scale."""
    contrast: float = 0.35
    saturation: float = 0.5
    """Largest relative change of contrast and of colour."""
    gray_probability: float = 0.05
    blur_probability: float = 0.15
    blur_sigma: float = 1.6
    """Largest spread of the Gaussian blur, pixels."""
    motion_blur_probability: float = 0.08
    motion_blur_length: int = 9
    """Longest streak, pixels; odd."""
    jpeg_probability: float = 0.15
    erase_probability: float = 0.15
    occluder_probability: float = 0.2
    """How often a piece of another image of the batch is pasted in."""
    patch_size: tuple[float, float] = (0.1, 0.4)
    """Range of an erased or pasted patch's sides, as a share of the crop's."""


def augment_pixels(images: Tensor, rng: np.random.Generator, options: PixelOptions) -> Tensor:
    """Change a batch of crops.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        rng: source of every random number.
        options: how often and how much.

    Returns:
        (N, 3, H, W) float in [0, 1], a new tensor.
    """
    out = change_colour(images, rng, options)
    changes: list[tuple[float, Callable[[Tensor], Tensor]]] = [
        (options.blur_probability, lambda part: _blur(part, rng, options.blur_sigma)),
        (options.motion_blur_probability, lambda part: _motion_blur(part, rng, options.motion_blur_length)),
        (options.jpeg_probability, lambda part: jpeg(part, rng.uniform(10, 60))),
    ]
    for probability, change in changes:
        chosen = _choose(rng, len(out), probability)
        if len(chosen):
            out[chosen] = change(out[chosen])
    paste_patches(out, rng, options)
    return out.clamp_(0, 1)


def _choose(rng: np.random.Generator, num: int, probability: float) -> list[int]:
    return [int(row) for row in np.flatnonzero(rng.random(num) < probability)]


def _column(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device).view(-1, 1, 1, 1)


def change_colour(images: Tensor, rng: np.random.Generator, options: PixelOptions) -> Tensor:
    """Change brightness, contrast and saturation of each image by its own random amounts."""
    num = len(images)
    gray = images[:, :1] * 0.299 + images[:, 1:2] * 0.587 + images[:, 2:] * 0.114
    saturation = 1 + rng.uniform(-options.saturation, options.saturation, num)
    saturation[_choose(rng, num, options.gray_probability)] = 0
    contrast = _column(1 + rng.uniform(-options.contrast, options.contrast, num), images)
    brightness = _column(rng.uniform(-options.brightness, options.brightness, num), images)
    middle = gray.mean((2, 3), keepdim=True)
    out = (images - gray).mul_(_column(saturation, images)).add_(gray)
    # In place from here on: fresh memory for every step costs more than the arithmetic.
    return out.sub_(middle).mul_(contrast).add_(middle + brightness).clamp_(0, 1)


def _filter(images: Tensor, kernel: Tensor) -> Tensor:
    """Convolve every channel with one (h, w) kernel, edges repeated.

    As a sum of shifted images: several times faster on a CPU than a convolution with one input channel.
    """
    height, width = images.shape[-2:]
    pad_y, pad_x = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = F.pad(images, (pad_x, pad_x, pad_y, pad_y), mode="replicate")
    out = torch.zeros_like(images)
    for row, column in kernel.nonzero().tolist():
        out.add_(padded[..., row : row + height, column : column + width], alpha=float(kernel[row, column]))
    return out


def _blur(images: Tensor, rng: np.random.Generator, largest: float) -> Tensor:
    spread = rng.uniform(0.4, largest)
    radius = max(1, math.ceil(2.5 * spread))
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / spread) ** 2)
    weights = weights / weights.sum()
    return _filter(_filter(images, weights[None, :]), weights[:, None])


def _motion_blur(images: Tensor, rng: np.random.Generator, longest: int) -> Tensor:
    """Smear along a line in a random direction, as a moving camera or limb does."""
    length = int(rng.integers(3, longest + 1)) | 1
    angle = rng.uniform(0, math.pi)
    radius = length // 2
    kernel = torch.zeros(length, length)
    for step in np.linspace(-radius, radius, 4 * length):
        kernel[round(radius + step * math.sin(angle)), round(radius + step * math.cos(angle))] += 1
    return _filter(images, kernel / kernel.sum())


def jpeg(images: Tensor, quality: float) -> Tensor:
    """Compress and decompress as JPEG does: 8x8 cosine transform in YCbCr, coefficients rounded to quality's steps.

    Args:
        images: (N, 3, H, W) float in [0, 1]; what does not fill a whole 8x8 block is left as it is.
        quality: 1 to 100, the usual scale.

    Source:
        ITU-T T.81, sections A.3.3 and K.1 (its luminance table serves colour too: a little harsher than real files).
    """
    height, width = images.shape[-2] // 8 * 8, images.shape[-1] // 8 * 8
    part = images[..., :height, :width]
    to_ycc = _YCC.to(images)
    ycc = torch.einsum("ij,njhw->nihw", to_ycc, part) * 255
    blocks = ycc.unfold(2, 8, 8).unfold(3, 8, 8) - 128 * torch.tensor([1, 0, 0]).to(images).view(1, 3, 1, 1, 1, 1)
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    steps = (_STEPS.to(images) * scale).clamp_min(1)
    basis = _DCT.to(images)
    coefficients = (basis @ blocks @ basis.T / steps).round() * steps
    restored = basis.T @ coefficients @ basis
    restored = restored.permute(0, 1, 2, 4, 3, 5).reshape(len(images), 3, height, width)
    restored = restored + 128 * torch.tensor([1, 0, 0]).to(images).view(1, 3, 1, 1)
    out = images.clone()
    out[..., :height, :width] = torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_ycc), restored / 255).clamp(0, 1)
    return out


def _dct_basis() -> Tensor:
    rows, columns = np.mgrid[0:8, 0:8]
    basis = np.sqrt(2 / 8) * np.cos((2 * columns + 1) * rows * np.pi / 16)
    basis[0] /= np.sqrt(2)
    return torch.from_numpy(basis)


_DCT = _dct_basis()
_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_STEPS = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


def paste_patches(images: Tensor, rng: np.random.Generator, options: PixelOptions) -> None:
    """Hide patches, in place: erased to one colour, or covered by a piece of another image of the batch.

    Source:
        Zhong et al., Random Erasing Data Augmentation, AAAI 2020; pasted pieces in the spirit of Sarandi et al., How
        Robust is 3D Human Pose Estimation to Occlusion, IROS workshops 2018.
    """
    num, _, height, width = images.shape
    for row in _choose(rng, num, options.erase_probability):
        top, left, tall, wide = _patch(rng, height, width, options.patch_size)
        colour = torch.as_tensor(rng.random(3), dtype=images.dtype, device=images.device).view(3, 1, 1)
        images[row, :, top : top + tall, left : left + wide] = colour
    for row in _choose(rng, num, options.occluder_probability):
        other = int(rng.integers(num))
        top, left, tall, wide = _patch(rng, height, width, options.patch_size)
        from_top, from_left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
        piece = images[other, :, from_top : from_top + tall, from_left : from_left + wide].clone()
        mask = _ellipse(tall, wide).to(images.device)
        target = images[row, :, top : top + tall, left : left + wide]
        target.copy_(torch.where(mask, piece, target))


def _patch(rng: np.random.Generator, height: int, width: int, share: tuple[float, float]) -> tuple[int, int, int, int]:
    tall, wide = (max(1, round(rng.uniform(*share) * side)) for side in (height, width))
    return int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1)), tall, wide


def _ellipse(height: int, width: int) -> Tensor:
    y = torch.linspace(-1, 1, height)[:, None]
    x = torch.linspace(-1, 1, width)[None, :]
    return y**2 + x**2 <= 1
