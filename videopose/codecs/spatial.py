"""The codec of the shipped pose network: a keypoint is a probability distribution over the heatmap's cells.

Trained with softmax cross-entropy, which gets off the ground from scratch where the mean square error does not: the
gradient does not vanish in a sea of empty pixels. The distribution also gives an honest score: the probability that
the keypoint lies within a small window around the peak.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videopose.codecs.base import PlainCodec
from videopose.codecs.heatmaps import first_largest, presence
from videopose.geometry.affine import scaling, translation
from videopose.types import F32, F64

STRIDE = 4


@dataclass(frozen=True)
class SpatialCodec(PlainCodec):
    """Keypoints <-> logits of a distribution over cells, `STRIDE` crop pixels each.

    Cell (i, j) stands for the crop pixel (STRIDE * i + (STRIDE - 1) / 2, …): its own centre.

    Attributes:
        input_hw: (height, width) of the crop, crop pixels; multiples of STRIDE.
        heatmap_sigma: spread of the target, in cells.
        window: radius of the window around the peak that gives position and score, in cells.
        absent: whether there is one more cell, of logit 0, that stands for "not in this crop". Then labelled keypoints
            outside the crop are learned too, and the score is the probability of the window against everything.

    Source:
        Position by local expectation: Sun et al., Integral Human Pose Regression, ECCV 2018, section 2, restricted to
        the window so that a second mode does not pull the answer between the two.
    """

    input_hw: tuple[int, int]
    heatmap_sigma: float = 1.5
    window: int = 3
    name: str = "spatial"
    absent: bool = False
    is_logits: ClassVar[bool] = True

    @property
    def absent_logit(self) -> float | None:
        """Logit of the cell that stands for "not in this crop"; None without one."""
        return 0.0 if self.absent else None

    @property
    def heatmap_hw(self) -> tuple[int, int]:
        """(height, width) of the heatmap, cells."""
        return self.input_hw[0] // STRIDE, self.input_hw[1] // STRIDE

    @property
    def crop_from_heatmap(self) -> F64:
        """(3, 3) transform from cells to crop pixels."""
        return translation((STRIDE - 1) / 2, (STRIDE - 1) / 2) @ scaling(STRIDE)

    @property
    def sharpness(self) -> float:
        """Factor that makes the output logits: it has them already."""
        return 1.0

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Build target distributions, each summing to one.

        Args:
            keypoints: (N, K, 3) x, y in crop pixels and visibility; 0 = not labelled.

        Returns:
            (N, K, h, w) targets and (N, K) weights, 0 where the keypoint is not labelled or outside the crop; with an
            absent answer, targets outside are 0 everywhere and count.
        """
        height, width = self.heatmap_hw
        cells = (keypoints[..., :2] - (STRIDE - 1) / 2) / STRIDE
        rows = torch.arange(height, device=keypoints.device, dtype=torch.float32)
        columns = torch.arange(width, device=keypoints.device, dtype=torch.float32)
        spread = -0.5 / self.heatmap_sigma**2
        along_x = torch.softmax((columns - cells[..., :1]) ** 2 * spread, -1)
        along_y = torch.softmax((rows - cells[..., 1:2]) ** 2 * spread, -1)
        inside = (cells > -0.5).all(-1) & (cells[..., 0] < width - 0.5) & (cells[..., 1] < height - 0.5)
        target, labelled = along_y[..., :, None] * along_x[..., None, :], keypoints[..., 2] > 0
        if self.absent:
            return target * inside[..., None, None], labelled.float()
        return target, (labelled & inside).float()

    def decode(self, output: Tensor, /) -> Tensor:
        """Find the peak of each distribution, its local expectation and the probability around it.

        Args:
            output: (N, K, h, w) logits.

        Returns:
            (N, K, 3) float32 x, y in crop pixels and score in [0, 1]. Of an exact target, x and y are right to 0.3
            crop pixels inside and to a cell and a half where the border cuts the distribution off.
        """
        num, num_keypoints, height, width = output.shape
        probability = torch.softmax(output.float().flatten(2), -1).view(num * num_keypoints, height, width)
        # The peak of the windowed mass, not of single cells: neighbours vote, and a lone noisy cell does not win.
        peak = first_largest(_sums_of_five(probability).flatten(1))
        row, column = peak // width, peak % width
        offset = torch.arange(2 * self.window + 1, device=output.device)
        person = torch.arange(len(peak), device=output.device)[:, None, None]
        padded = F.pad(probability, (self.window,) * 4)
        patch = padded[person, (row[:, None] + offset)[:, :, None], (column[:, None] + offset)[:, None, :]]
        mass, x, y = (patch.flatten(1) @ torch.from_numpy(_moments(self.window)).to(output.device)).unbind(1)
        cells = torch.stack([x, y], -1) / mass.clamp_min(1e-12)[:, None] + torch.stack([column, row], -1)
        if self.absent_logit is not None:
            mass = mass * presence(output, self.absent_logit).flatten()
        decoded = torch.cat([cells * STRIDE + (STRIDE - 1) / 2, mass.clamp(0, 1)[:, None]], -1)
        return torch.nan_to_num(decoded).view(num, num_keypoints, 3)  # of logits that are no numbers: nowhere, score 0

    def flip_back(self, output: Tensor, flip_index: Tensor, /) -> Tensor:
        """Mirror the logits of a mirrored crop back: cells stand for their own centres, so no shift is needed."""
        return output.flip(-1)[:, flip_index]


def spatial_with_absent(input_hw: tuple[int, int]) -> SpatialCodec:
    """Build the codec with an absent answer."""
    return SpatialCodec(input_hw, name="spatial_absent", absent=True)


@cache
def _moments(radius: int) -> F32:
    """Return the weights over a flat square of (2 radius + 1)^2 cells for its sum and its moments along x and y."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    return np.stack([np.ones_like(x), x, y], -1).reshape(-1, 3)


def _sums_of_five(maps: Tensor) -> Tensor:
    """Add up the 5 x 5 cells around each cell of (N, h, w) maps; slices add ten times faster than a pooling layer."""
    height, width = maps.shape[1:]
    padded = F.pad(maps, (2, 2, 2, 2))
    rows = padded[:, :height] + padded[:, 1 : height + 1]
    for shift in (2, 3, 4):
        rows += padded[:, shift : shift + height]
    cells = rows[..., :width] + rows[..., 1 : width + 1]
    for shift in (2, 3, 4):
        cells += rows[..., shift : shift + width]
    return cells
