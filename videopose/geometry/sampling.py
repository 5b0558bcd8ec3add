"""Read maps of cells at any places: the bilinear half of warping heatmaps, whoever says where to look."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from videopose.errors import check_shape
from videopose.geometry.affine import apply
from videopose.types import F64


def cell_centers(size_hw: tuple[int, int]) -> F64:
    """Return (h, w, 2) the place x, y of each cell of a map, in cells."""
    y, x = np.meshgrid(np.arange(size_hw[0]), np.arange(size_hw[1]), indexing="ij")
    return np.stack([x, y], -1).astype(np.float64)


def moved_cells(source_from_target: F64, size_hw: tuple[int, int]) -> F64:
    """Return (N, h, w, 2) where in the sources the cells of a target lie; (N, 3, 3) transforms between cells."""
    check_shape("source_from_target", source_from_target, None, 3, 3)
    cells = np.broadcast_to(cell_centers(size_hw), (len(source_from_target), *size_hw, 2))
    return apply(source_from_target, cells)


def sample_maps(maps: Tensor, places: Tensor, *, outside: Literal["zero", "lowest"] = "lowest") -> Tensor:
    """Read maps bilinearly.

    Args:
        maps: (N, C, H, W).
        places: (N, h, w, 2) x, y in cells of the maps; whole numbers are the cells' centres.
        outside: what lies outside a map: zero, or each channel's lowest value (of logits: as good as impossible).

    Returns:
        (N, C, h, w).
    """
    check_shape("places", places, len(maps), None, None, 2)
    size_wh = torch.tensor([maps.shape[-1], maps.shape[-2]], device=maps.device, dtype=maps.dtype)
    grid = (places.to(maps) * 2 + 1) / size_wh - 1  # whole numbers in the middle of cells: edges at -1 and 1
    low = maps.flatten(2).amin(-1)[..., None, None] if outside == "lowest" else 0.0
    read = functional.grid_sample(maps - low, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return read + low
