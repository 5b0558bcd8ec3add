"""The shipped person detector: residual encoder, two-way feature pyramid, an anchor point per cell at three strides."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videopose.models.anchor_points import DistributionOutput, cell_points
from videopose.models.encoder import ResidualEncoder, conv_norm

STRIDES = (8, 16, 32)


class FpnDetector(nn.Module):
    """Image to person scores and boxes.

    Source:
        Tian et al., FCOS, ICCV 2019 (points and side distances); Li et al., Generalized Focal Loss, NeurIPS 2020
        (distances as distributions, score as quality); Liu et al., PANet, CVPR 2018 (the way back down).
    """

    def __init__(
        self,
        *,
        widths: Sequence[int] = (24, 48, 96, 192),
        depths: Sequence[int] = (1, 2, 3, 2),
        neck_width: int = 64,
        bins: int = 12,
    ) -> None:
        super().__init__()
        self.bins = bins
        self.encoder = ResidualEncoder(widths, depths)
        self.laterals = nn.ModuleList(nn.Conv2d(width, neck_width, 1) for width in widths[1:])
        self.smooth = nn.ModuleList(conv_norm(neck_width, neck_width) for _ in STRIDES[:-1])
        self.down = nn.ModuleList(conv_norm(neck_width, neck_width, stride=2) for _ in STRIDES[:-1])
        self.towers = nn.ModuleList(
            nn.Sequential(conv_norm(neck_width, neck_width), conv_norm(neck_width, neck_width)) for _ in STRIDES
        )
        self.heads = nn.ModuleList(_head(neck_width, bins) for _ in STRIDES)

    def forward(self, image: Tensor) -> DistributionOutput:
        """(N, 3, H, W) normalised images, H and W multiples of 32 -> scores and boxes at every point."""
        merged = [lateral(x) for lateral, x in zip(self.laterals, self.encoder(image)[1:], strict=True)]
        for level in (1, 0):
            up = F.interpolate(merged[level + 1], scale_factor=2.0, mode="nearest")
            merged[level] = self.smooth[level](merged[level] + up)
        for level in (0, 1):
            merged[level + 1] = merged[level + 1] + self.down[level](merged[level])
        raw = [head(tower(x)) for head, tower, x in zip(self.heads, self.towers, merged, strict=True)]
        flat = torch.cat([level.flatten(2) for level in raw], 2).transpose(1, 2)
        places = [cell_points(level, stride) for level, stride in zip(raw, STRIDES, strict=True)]
        return DistributionOutput(
            flat[..., 0],
            flat[..., 1:].reshape(*flat.shape[:2], 4, self.bins),
            torch.cat([points for points, _ in places]),
            torch.cat([stride for _, stride in places]),
        )


def _head(inputs: int, bins: int) -> nn.Conv2d:
    head = nn.Conv2d(inputs, 1 + 4 * bins, 1)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        head.bias[0] = -math.log(99)  # type: ignore[index] # nobody is there, until learned otherwise
    return head
