"""Cut pieces out of images by an affine map: the one place where pixels are resampled.

On the CPU OpenCV does it, on a GPU `grid_sample`; both follow the pixel convention of `geometry.affine` and agree to
within OpenCV's fixed-point rounding (a test holds them together).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videopose.errors import check_shape
from videopose.geometry.affine import invert, scaling, translation
from videopose.geometry.placement import Resize, place
from videopose.types import F64, U8


def warp_affine(image: Tensor, out_from_image: F64, size_hw: tuple[int, int], *, antialias: bool = True) -> Tensor:
    """Resample one image by an affine map, bilinearly; what lies outside the image is black.

    Args:
        image: (3, H, W) uint8, or (H, W, 3) memory seen as such (`permute`), which the CPU path reads without a copy.
        out_from_image: (3, 3) transform from image pixels to output pixels.
        size_hw: (height, width) of the output.
        antialias: average cells of 2 x 2, 4 x 4 … pixels first where the map shrinks by more than 2, so that a person
            1500 pixels tall does not turn into noise; published networks were trained without.

    Returns:
        (3, h, w) uint8 on the image's device.
    """
    check_shape("image", image, 3, None, None)
    if image.device.type != "cpu":
        return _warp_on_device(image, out_from_image, size_hw, antialias=antialias)
    array = image.permute(1, 2, 0).numpy()
    out = warp_array(array, out_from_image, size_hw, antialias=antialias)
    return torch.from_numpy(out).permute(2, 0, 1)


def warp_images(
    images: Sequence[Tensor], out_from_image: F64, size_hw: tuple[int, int], *, antialias: bool = True
) -> Tensor:
    """Resample a piece of each image into one batch, as `warp_affine` does; on the CPU without a copy in between.

    Args:
        images: N of (3, H, W) uint8, on one device; sizes may differ, and one image may come several times.
        out_from_image: (N, 3, 3) transforms from image pixels to output pixels.
        size_hw: (height, width) of the output.
        antialias: see `warp_affine`.

    Returns:
        (N, 3, h, w) uint8 on the images' device, channels last.
    """
    if images[0].device.type != "cpu":
        rows = [
            warp_affine(image, matrix, size_hw, antialias=antialias)
            for image, matrix in zip(images, out_from_image, strict=True)
        ]
        return torch.stack(rows).contiguous(memory_format=torch.channels_last)
    out = np.empty((len(images), *size_hw, 3), np.uint8)
    for row, image, matrix in zip(out, images, out_from_image, strict=True):
        check_shape("image", image, 3, None, None)
        warp_array(image.permute(1, 2, 0).numpy(), matrix, size_hw, antialias=antialias, out=row)
    return torch.from_numpy(out).permute(0, 3, 1, 2)


def place_images(images: Sequence[Tensor], size_hw: tuple[int, int], resize: Resize = "shape", *, fill: int) -> Tensor:
    """Scale whole images into one batch, each as `geometry.placement` says, and fill what they leave free.

    Args:
        images: N of (3, H, W) uint8, on one device; sizes may differ.
        size_hw: (height, width) of the output.
        resize: how an image is brought there.
        fill: level of every channel around an image.

    Returns:
        (N, 3, h, w) uint8 on the images' device, channels last.
    """
    device = images[0].device
    out = torch.full((len(images), *size_hw, 3), fill, dtype=torch.uint8, device=device).permute(0, 3, 1, 2)
    for row, image in zip(out, images, strict=True):
        placed = place((image.shape[1], image.shape[2]), size_hw, resize)
        height, width = placed.size_hw
        matrix = placed._replace(top=0, left=0).input_from_image
        rows, columns = slice(placed.top, placed.top + height), slice(placed.left, placed.left + width)
        if device.type == "cpu":
            array: U8 = image.permute(1, 2, 0).numpy()
            part: U8 = row.permute(1, 2, 0).numpy()[rows, columns]
            factor = _shrink(matrix) if resize == "shape" else 1
            cv2.resize(_shrunk(array, factor), (width, height), dst=part, interpolation=cv2.INTER_LINEAR)
        else:
            row[:, rows, columns] = warp_affine(image, matrix, (height, width), antialias=resize == "shape")
    return out


def warp_array(
    image: U8, out_from_image: F64, size_hw: tuple[int, int], *, antialias: bool = True, out: U8 | None = None
) -> U8:
    """Resample an (H, W, 3) uint8 array on the CPU; otherwise as `warp_affine`.

    Args:
        image: rows may lie apart in memory, pixels may not.
        out_from_image: (3, 3) transform from image pixels to output pixels.
        size_hw: (height, width) of the output.
        antialias: see `warp_affine`.
        out: where to write; a new array if not given.

    Returns:
        (h, w, 3) uint8.
    """
    matrix = out_from_image
    factor = _shrink(matrix) if antialias else 1
    if factor > 1:
        image, matrix = _shrunk_part(image, matrix, size_hw, factor)
    size_wh = (size_hw[1], size_hw[0])
    warped = cv2.warpAffine(image, matrix[:2], size_wh, dst=out, flags=cv2.INTER_LINEAR)
    return np.asarray(warped, np.uint8)


def _shrink(matrix: F64) -> int:
    """Return the largest power of two that one output pixel spans in the image; 1 unless it spans at least 2."""
    scale = math.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))
    return 1 << max(0, int(1 / max(scale, 1e-6)).bit_length() - 1)


def _shrunk_part(image: U8, matrix: F64, size_hw: tuple[int, int], factor: int) -> tuple[U8, F64]:
    """Cut out the part of the image the output sees, shrink it by a power of two, and correct the map."""
    image_wh = np.array([image.shape[1], image.shape[0]])
    corners = np.array([[0, 0], [size_hw[1], 0], [0, size_hw[0]], [size_hw[1], size_hw[0]]], np.float64)
    image_from_out = invert(matrix)
    seen = corners @ image_from_out[:2, :2].T + image_from_out[:2, 2]
    low = np.clip(np.floor(seen.min(0)) - factor, 0, image_wh - 1).astype(int)
    high = np.clip(np.ceil(seen.max(0)) + factor, low + 1, image_wh).astype(int)
    # Whole cells where there is room for them: averaging those is much faster.
    high = np.minimum(high + (low - high) % factor, image_wh)
    low = np.maximum(low - (low - high) % factor, 0)
    small = _shrunk(image[low[1] : high[1], low[0] : high[0]], factor)
    ratio = np.array([small.shape[1], small.shape[0]]) / (high - low)
    # resize aligns pixel areas: small + 0.5 = (part + 0.5) * ratio
    small_from_part = translation(-0.5, -0.5) @ scaling(*ratio) @ translation(0.5, 0.5)
    small_from_image = small_from_part @ translation(-float(low[0]), -float(low[1]))
    return small, matrix @ invert(small_from_image)


def _shrunk(image: U8, factor: int) -> U8:
    """Average cells of `factor` x `factor` pixels, a power of two; halving is what OpenCV does with vectors."""
    while factor > 1:
        size_wh = (max(1, image.shape[1] // 2), max(1, image.shape[0] // 2))
        image = np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
        factor //= 2
    return image


def _warp_on_device(image: Tensor, out_from_image: F64, size_hw: tuple[int, int], *, antialias: bool) -> Tensor:
    source = image.float()[None]
    matrix = out_from_image
    factor = _shrink(matrix) if antialias else 1
    if factor > 1:
        source = F.avg_pool2d(source, factor, ceil_mode=False)
        matrix = matrix @ translation((factor - 1) / 2, (factor - 1) / 2) @ scaling(factor)
    image_from_out = torch.as_tensor(invert(matrix)[:2], dtype=torch.float32, device=image.device)
    rows = torch.arange(size_hw[0], device=image.device, dtype=torch.float32)
    columns = torch.arange(size_hw[1], device=image.device, dtype=torch.float32)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1) @ image_from_out.T
    size_wh = torch.tensor([source.shape[-1], source.shape[-2]], device=image.device)
    grid = (points * 2 + 1) / size_wh - 1  # pixel centres on whole numbers -> align_corners=False's edges at -1, 1
    out = F.grid_sample(source, grid[None], mode="bilinear", padding_mode="zeros", align_corners=False)
    return out[0].round().clamp(0, 255).to(torch.uint8)
