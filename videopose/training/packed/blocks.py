"""Crops as cosine coefficients: JPEG's transform and steps, but packed by a general compressor from Python itself.

A machine with nothing but PyTorch can unpack them, and most of the work is matrix products on the device. At the same
error the files are a little smaller than JPEG's and half as large again as WebP's (`docs/training/gpu.md`).
"""

from __future__ import annotations

import lzma
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videopose.errors import DatasetError
from videopose.types import U8

MULTIPLE = 16
"""Sides of crops are multiples of it: blocks of 8 in planes of half the size."""

_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 4}]
_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_LUMINANCE = torch.tensor(
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
_CHROMINANCE = torch.full((8, 8), 99)
_CHROMINANCE[:4, :4] = torch.tensor([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])


def _basis() -> Tensor:
    row, column = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    basis = 0.5 * torch.cos((2 * column + 1) * row * math.pi / 16)
    basis[0] /= math.sqrt(2)
    return basis


_BASIS = _basis()


def compress(images: U8, quality: int) -> bytes:
    """Compress crops of one size together.

    Args:
        images: (N, H, W, 3) RGB, sides multiples of `MULTIPLE`.
        quality: 1 to 95, JPEG's scale.

    Source:
        ITU-T T.81, sections A.3.3, F.1.1.5.1 (differences of means) and K.1.
    """
    planes = _planes(torch.from_numpy(images).permute(0, 3, 1, 2).float())
    parts = []
    for plane, steps in zip(planes, _steps(quality), strict=True):
        blocks = plane.unfold(1, 8, 8).unfold(2, 8, 8)
        levels = (_BASIS @ blocks @ _BASIS.T / steps).round().flatten(3)
        means = levels[..., 0].short().numpy()
        change = means.copy()
        change[:, :, 1:] -= means[:, :, :-1]
        change[:, 1:, 0] -= means[:, :-1, 0]
        rest = levels[..., 1:].clamp(-127, 127).to(torch.int8)
        # all crops' values of one frequency lie together: most of the high ones are runs of zeros
        parts += [change.astype("<i2").tobytes(), rest.permute(3, 0, 1, 2).contiguous().numpy().tobytes()]
    return lzma.compress(b"".join(parts), lzma.FORMAT_RAW, filters=_FILTERS)


def unpack(data: bytes, count: int, size_hw: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Undo the compressor, which is the part that takes a processor: per plane means (int16) and the rest (int8).

    Raises:
        DatasetError: the bytes are not those of so many crops; no more memory is taken than they need.
    """
    sizes = [(size_hw[0] // side, size_hw[1] // side) for side in (8, 16, 16)]
    expected = sum(count * height * width * (2 + 63) for height, width in sizes)
    try:
        machine = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
        raw = machine.decompress(data, max_length=expected + 1)
    except lzma.LZMAError as error:
        raise DatasetError(f"crops cannot be unpacked ({error})") from error
    if len(raw) != expected:
        raise DatasetError(f"{count} crops of {size_hw} unpack to {len(raw)} bytes instead of {expected}")
    planes, place = [], 0
    for height, width in sizes:
        cells = count * height * width
        means = np.frombuffer(raw, "<i2", cells, place).reshape(count, height, width)
        rest = np.frombuffer(raw, np.int8, 63 * cells, place + 2 * cells).reshape(63, count, height, width)
        planes.append((means, rest))
        place += 65 * cells
    return planes


def restore(planes: list[tuple[np.ndarray, np.ndarray]], quality: int, device: torch.device) -> Tensor:
    """Compute pixels of what `unpack` gave, (N, 3, H, W) uint8 RGB on the device."""
    channels = []
    for (change, rest), steps in zip(planes, _steps(quality), strict=True):
        means = change.astype(np.int32)
        means[:, :, 0] = means[:, :, 0].cumsum(1)
        levels = torch.empty(*means.shape, 64, device=device)
        levels[..., 0] = torch.from_numpy(means.cumsum(2)).to(device)
        levels[..., 1:] = torch.from_numpy(rest.copy()).to(device).permute(1, 2, 3, 0)
        basis = _BASIS.to(device)
        blocks = basis.T @ (levels.view(*means.shape, 8, 8) * steps.to(device)) @ basis
        count, rows, columns = means.shape
        channels.append(blocks.permute(0, 1, 3, 2, 4).reshape(count, 1, rows * 8, columns * 8))
    size_hw = channels[0].shape[2:]
    coloured = [F.interpolate(plane, size=size_hw, mode="bilinear") for plane in channels[1:]]
    ycc = torch.cat([channels[0] + 128, *coloured], 1)
    rgb = torch.einsum("ij,njhw->nihw", torch.linalg.inv(_YCC).to(device), ycc)
    return rgb.round_().clamp_(0, 255).to(torch.uint8)


def _planes(images: Tensor) -> list[Tensor]:
    """Split (N, 3, H, W) RGB levels into brightness less 128 and two colours at half the size."""
    ycc = torch.einsum("ij,njhw->nihw", _YCC, images)
    halves = F.avg_pool2d(ycc[:, 1:], 2)
    return [ycc[:, 0] - 128, halves[:, 0], halves[:, 1]]


def _steps(quality: int) -> list[Tensor]:
    """Return the (8, 8) steps of the three planes for a quality on JPEG's usual scale."""
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    luminance, chrominance = ((table * scale).clamp_min(1) for table in (_LUMINANCE, _CHROMINANCE))
    return [luminance, chrominance, chrominance]


def requantised(images: Tensor, quality: Tensor) -> Tensor:
    """Lose what JPEG would lose, each crop by its own quality; what fills no whole block of 8 is left as it is.

    Args:
        images: (N, 3, H, W) float in [0, 1].
        quality: (N,) 1 to 100; colours are cut as coarsely as brightness, at full size.
    """
    height, width = (side // 8 * 8 for side in images.shape[-2:])
    to_ycc, basis = _YCC.to(images), _BASIS.to(images)
    ycc = torch.einsum("ij,njhw->nihw", to_ycc, images[..., :height, :width]) * 255
    blocks = ycc.unfold(2, 8, 8).unfold(3, 8, 8)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50).view(-1, 1, 1, 1, 1, 1)
    steps = (_LUMINANCE.to(images) * scale).clamp_min(1)
    levels = (basis @ blocks @ basis.T / steps).round_()
    back = (basis.T @ (levels * steps) @ basis).permute(0, 1, 2, 4, 3, 5).reshape(len(images), 3, height, width)
    out = images.clone()
    out[..., :height, :width] = torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_ycc), back / 255).clamp_(0, 1)
    return out
