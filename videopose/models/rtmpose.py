"""RTMPose: CSPNeXt and a head that classifies coordinates. Names as in MMPose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.cross_stage import Trunk, next_block, unit
from videopose.models.names import from_mmpose, strip_wrapper

_WIDTHS, _BLOCKS = (64, 128, 256, 512, 1024), (3, 6, 6, 3)
"""Channels after the stem and each stage, and each stage's blocks, before scaling."""
_ATTENTION_WIDTH = 128
_TOKEN_WIDTH = 256
_NORM_EPS = 1e-5


class CSPNeXt(Trunk):
    """The convolutional trunk of RTMDet and RTMPose.

    Args:
        width: factor on the channels.
        depth: factor on the number of blocks.
        depthwise: whether 3x3 convolutions after the stem are separable, as in the smallest networks.

    Source:
        Lyu et al., RTMDet: An Empirical Study of Designing Real-Time Object Detectors, 2022, section 3.1.
    """

    def __init__(self, *, width: float, depth: float, depthwise: bool = False) -> None:
        widths = [int(channels * width) for channels in _WIDTHS]
        half = widths[0] // 2
        stem = nn.Sequential(unit(3, half, 3, stride=2), unit(half, half, 3), unit(half, widths[0], 3))
        blocks = [max(round(count * depth), 1) for count in _BLOCKS]
        super().__init__(stem, widths, blocks, partial(next_block, depthwise=depthwise), depthwise=depthwise)


class _ScaleNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1))
        self.scale = width**-0.5

    def forward(self, x: Tensor) -> Tensor:
        length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True) * self.scale
        return x / length.clamp_min(_NORM_EPS) * self.g


class _ResidualScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class _GatedAttention(nn.Module):
    """Gated attention unit over keypoint tokens.

    Source:
        Hua et al., Transformer Quality in Linear Time, ICML 2022, section 2.2, with squared-ReLU attention.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expanded = width * 2
        self.ln = _ScaleNorm(width)
        self.uv = nn.Linear(width, self.expanded * 2 + _ATTENTION_WIDTH, bias=False)
        self.gamma = nn.Parameter(torch.rand(2, _ATTENTION_WIDTH))
        self.beta = nn.Parameter(torch.rand(2, _ATTENTION_WIDTH))
        self.o = nn.Linear(self.expanded, width, bias=False)
        self.res_scale = _ResidualScale(width)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.expanded, self.expanded, _ATTENTION_WIDTH]
        gate, value, base = torch.split(functional.silu(self.uv(self.ln(x))), parts, -1)
        query, key = (base[:, :, None] * self.gamma + self.beta).unbind(2)
        kernel = functional.relu(query @ key.transpose(1, 2) / math.sqrt(_ATTENTION_WIDTH)).square()
        out: Tensor = self.res_scale(x) + self.o(gate * (kernel @ value))
        return out


class _CoordinateHead(nn.Module):
    def __init__(self, inner: int, num_keypoints: int, input_hw: tuple[int, int], bins_per_pixel: int) -> None:
        super().__init__()
        cells = (input_hw[0] // 32) * (input_hw[1] // 32)
        self.final_layer = nn.Conv2d(inner, num_keypoints, 7, padding=3)
        self.mlp = nn.Sequential(_ScaleNorm(cells), nn.Linear(cells, _TOKEN_WIDTH, bias=False))
        self.gau = _GatedAttention(_TOKEN_WIDTH)
        self.cls_x = nn.Linear(_TOKEN_WIDTH, input_hw[1] * bins_per_pixel, bias=False)
        self.cls_y = nn.Linear(_TOKEN_WIDTH, input_hw[0] * bins_per_pixel, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.gau(self.mlp(self.final_layer(x).flatten(2)))
        return torch.cat([self.cls_x(tokens), self.cls_y(tokens)], -1)


class RTMPose(nn.Module):
    """CSPNeXt and coordinate classification.

    Args:
        width: factor on the trunk's channels.
        depth: factor on the trunk's number of blocks.
        num_keypoints: K.
        input_hw: (height, width) of the crop, pixels.
        bins_per_pixel: bins of the coordinate classifiers per crop pixel.

    Source:
        Jiang et al., RTMPose: Real-Time Multi-Person Pose Estimation based on MMPose, 2023, section 3.
    """

    def __init__(
        self,
        *,
        width: float,
        depth: float,
        num_keypoints: int = 17,
        input_hw: tuple[int, int] = (256, 192),
        bins_per_pixel: int = 2,
    ) -> None:
        super().__init__()
        self.backbone = CSPNeXt(width=width, depth=depth)
        self.head = _CoordinateHead(self.backbone.num_features, num_keypoints, input_hw, bins_per_pixel)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to logits (N, K, bins of x then bins of y)."""
        logits: Tensor = self.head(self.backbone(x))
        return logits


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert MMPose's names to ours, which are the same but for wrappers and constants."""
    return from_mmpose(strip_wrapper(state))
