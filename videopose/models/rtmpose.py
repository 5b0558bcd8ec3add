"""RTMPose: CSPNeXt and a head that classifies coordinates. Names as in MMPose."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import ConvUnit, SeparableConv
from videopose.models.names import from_mmpose, strip_wrapper

_STAGES = ((128, 3, True), (256, 6, True), (512, 6, True), (1024, 3, False))
"""Width, blocks and whether blocks have an identity, before scaling."""
_ATTENTION_WIDTH = 128
_TOKEN_WIDTH = 256
_NORM_EPS = 1e-5


def unit(inner: int, outer: int, kernel: int = 1, *, stride: int = 1, depthwise: bool = False) -> nn.Module:
    """Build a convolution with batch norm and SiLU, or a depthwise and a 1x1 one, each with both."""
    if depthwise:
        inside, activation = nn.SiLU(inplace=True), nn.SiLU(inplace=True)
        return SeparableConv(inner, outer, kernel, stride=stride, inside=inside, activation=activation)
    return ConvUnit(inner, outer, kernel, stride=stride, activation=nn.SiLU(inplace=True))


class _NextBlock(nn.Module):
    def __init__(self, width: int, *, identity: bool, depthwise: bool) -> None:
        super().__init__()
        self.conv1 = unit(width, width, 3, depthwise=depthwise)
        self.conv2 = unit(width, width, 5, depthwise=True)
        self.identity = identity

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(self.conv1(x))
        return out + x if self.identity else out


class _ChannelAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * functional.hardsigmoid(self.fc(x.mean((2, 3), keepdim=True)))


class CrossStage(nn.Module):
    """Half of the channels go through the blocks, half pass by; both are weighted and merged.

    Args:
        inner: input channels.
        outer: output channels.
        blocks: number of blocks.
        identity: whether blocks have an identity.
        depthwise: whether the blocks' 3x3 convolution is separable, as in the smallest networks.
        attention: whether the merged channels are weighted.
    """

    def __init__(
        self, inner: int, outer: int, blocks: int, *, identity: bool, depthwise: bool = False, attention: bool = True
    ) -> None:
        super().__init__()
        half = outer // 2
        self.main_conv = unit(inner, half)
        self.short_conv = unit(inner, half)
        self.final_conv = unit(2 * half, outer)
        self.blocks = nn.Sequential(*(_NextBlock(half, identity=identity, depthwise=depthwise) for _ in range(blocks)))
        self.attention = _ChannelAttention(2 * half) if attention else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, H, W) to (N, outer, H, W)."""
        merged = torch.cat([self.blocks(self.main_conv(x)), self.short_conv(x)], 1)
        out: Tensor = self.final_conv(self.attention(merged))
        return out


class _PyramidPooling(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = unit(width, width // 2)
        self.conv2 = unit(width * 2, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        pooled = [functional.max_pool2d(x, size, 1, size // 2) for size in (5, 9, 13)]
        out: Tensor = self.conv2(torch.cat([x, *pooled], 1))
        return out


class CSPNeXt(nn.Module):
    """The convolutional trunk of RTMDet and RTMPose.

    Args:
        width: factor on the channels.
        depth: factor on the number of blocks.
        depthwise: whether 3x3 convolutions after the stem are separable, as in the smallest networks.

    Source:
        Lyu et al., RTMDet: An Empirical Study of Designing Real-Time Object Detectors, 2022, section 3.1.
    """

    def __init__(self, *, width: float, depth: float, depthwise: bool = False) -> None:
        super().__init__()
        inner = int(64 * width)
        self.stem = nn.Sequential(
            unit(3, inner // 2, 3, stride=2), unit(inner // 2, inner // 2, 3), unit(inner // 2, inner, 3)
        )
        for index, (channels, count, identity) in enumerate(_STAGES):
            outer = int(channels * width)
            layers = [unit(inner, outer, 3, stride=2, depthwise=depthwise)]
            if index == len(_STAGES) - 1:
                layers.append(_PyramidPooling(outer))
            blocks = max(round(count * depth), 1)
            layers.append(CrossStage(outer, outer, blocks, identity=identity, depthwise=depthwise))
            self.add_module(f"stage{index + 1}", nn.Sequential(*layers))
            inner = outer
        self.num_features = inner

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, 3, H, W) to features (N, 1024 width, H / 32, W / 32)."""
        return self.levels(x)[-1]

    def levels(self, x: Tensor) -> list[Tensor]:
        """Map images (N, 3, H, W) to each stage's features, at strides 4, 8, 16 and 32."""
        x, out = self.stem(x), []
        for index in range(len(_STAGES)):
            x = self.get_submodule(f"stage{index + 1}")(x)
            out.append(x)
        return out


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
