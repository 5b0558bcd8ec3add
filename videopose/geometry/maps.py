"""Move maps of cells, heatmaps or hidden states, from one crop into another."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from videopose.errors import check_shape
from videopose.types import F64


def resample_maps(
    maps: Tensor, to_from_crop: F64, input_hw: tuple[int, int], *, outside: Literal["zero", "lowest"] = "zero"
) -> Tensor:
    """Read maps of one crop where the cells of another crop lie, bilinearly.

    Cell (i, j) of a map with stride s stands for the crop pixel (s * i + (s - 1) / 2, …). The stride follows from the
    maps' size, so maps of any stride are moved by the same transform.

    Args:
        maps: (N, C, h, w) of the crops they come from.
        to_from_crop: (N, 3, 3) affine, pixels of the crop they come from -> pixels of the crop they go to.
        input_hw: (height, width) of a crop, pixels.
        outside: what cells get that lie outside the map: zero, or the lowest value of its channel.

    Returns:
        (N, C, h, w) float32.
    """
    check_shape("to_from_crop", to_from_crop, len(maps), 3, 3)
    height, width = maps.shape[-2:]
    stride_x, stride_y = input_hw[1] / width, input_hw[0] / height
    crop_from_cell = np.array([[stride_x, 0, (stride_x - 1) / 2], [0, stride_y, (stride_y - 1) / 2], [0, 0, 1]])
    # grid_sample counts from -1 to 1, edge to edge
    unit_from_cell = np.array([[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1], [0, 0, 1]])
    unit_from_crop = unit_from_cell @ np.linalg.inv(crop_from_cell)
    theta = unit_from_crop @ np.linalg.inv(to_from_crop) @ np.linalg.inv(unit_from_crop)
    rows = torch.as_tensor(theta[:, :2], dtype=torch.float32, device=maps.device)
    grid = functional.affine_grid(rows, list(maps.shape), align_corners=False)
    values = maps.float()
    floor = torch.zeros((), device=maps.device) if outside == "zero" else values.amin((2, 3), keepdim=True)
    return functional.grid_sample(values - floor, grid, align_corners=False) + floor
