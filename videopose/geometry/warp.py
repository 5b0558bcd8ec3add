"""Cut pieces out of images by an affine map: the one place where pixels are resampled.

On the CPU OpenCV does it, on a GPU `grid_sample`; both follow the pixel convention of `geometry.affine` and agree to
within OpenCV's fixed-point rounding (a test holds them together).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videopose.errors import check_shape
from videopose.geometry.affine import invert, scaling, translation
from videopose.types import F64, U8


def warp_affine(image: Tensor, out_from_image: F64, size_hw: tuple[int, int], *, antialias: bool = True) -> Tensor:
    """Resample one image by an affine map, bilinearly; what lies outside the image is black.

    Args:
        image: (3, H, W) uint8, or (H, W, 3) memory seen as such (`permute`), which the CPU path reads without a copy.
        out_from_image: (3, 3) transform from image pixels to output pixels.
        size_hw: (height, width) of the output.
        antialias: shrink by whole factors with an area filter first where the map shrinks by more than 2, so that a
            person 1500 pixels tall does not turn into noise; published networks were trained without.

    Returns:
        (3, h, w) uint8 on the image's device.
    """
    check_shape("image", image, 3, None, None)
    if image.device.type != "cpu":
        return _warp_on_device(image, out_from_image, size_hw, antialias=antialias)
    array = image.permute(1, 2, 0).numpy()
    out = warp_array(array, out_from_image, size_hw, antialias=antialias)
    return torch.from_numpy(out).permute(2, 0, 1)


def warp_array(image: U8, out_from_image: F64, size_hw: tuple[int, int], *, antialias: bool = True) -> U8:
    """Resample an (H, W, 3) uint8 array on the CPU; otherwise as `warp_affine`.

    Returns:
        (h, w, 3) uint8.
    """
    matrix = out_from_image
    factor = _whole_shrink(matrix) if antialias else 1
    if factor > 1:
        image, matrix = _shrunk_part(image, matrix, size_hw, factor)
    size_wh = (size_hw[1], size_hw[0])
    out = cv2.warpAffine(np.ascontiguousarray(image), matrix[:2], size_wh, flags=cv2.INTER_LINEAR)
    return np.asarray(out, np.uint8)


def _whole_shrink(matrix: F64) -> int:
    """By how many whole pixels one output pixel spans in the image; 1 unless it is at least 2."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    return max(1, int(1 / max(scale, 1e-6)))


def _shrunk_part(image: U8, matrix: F64, size_hw: tuple[int, int], factor: int) -> tuple[U8, F64]:
    """Cut out the part of the image the output sees, shrink it by a whole factor, and correct the map."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [size_hw[1], 0], [0, size_hw[0]], [size_hw[1], size_hw[0]]], np.float64)
    seen = corners @ invert(matrix)[:2, :2].T + invert(matrix)[:2, 2]
    low = np.clip(np.floor(seen.min(0)) - factor, 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(seen.max(0)) + factor, low + 1, [width, height]).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    small_wh = tuple(int(n) for n in np.maximum(1, (high - low) // factor))
    small = cv2.resize(part, small_wh, interpolation=cv2.INTER_AREA)
    ratio = np.array(small_wh) / (high - low)
    # resize aligns pixel areas: small + 0.5 = (part + 0.5) * ratio
    small_from_part = translation(-0.5, -0.5) @ scaling(*ratio) @ translation(0.5, 0.5)
    small_from_image = small_from_part @ translation(-float(low[0]), -float(low[1]))
    return np.asarray(small, np.uint8), matrix @ invert(small_from_image)


def _warp_on_device(image: Tensor, out_from_image: F64, size_hw: tuple[int, int], *, antialias: bool) -> Tensor:
    source = image.float()[None]
    matrix = out_from_image
    factor = _whole_shrink(matrix) if antialias else 1
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
