"""Cross-stage networks: the trunks of RTMDet, RTMPose and YOLOX, and the pyramid of their detectors.

Names as in MMDetection. What the families do differently are the blocks, the stem and the norms' epsilon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import ConvUnit, SeparableConv

MakeBlock = Callable[[int, bool], nn.Module]
"""From a width, and whether there is an identity, to a block."""


def unit(inner: int, outer: int, kernel: int = 1, *, stride: int = 1, depthwise: bool = False) -> nn.Module:
    """Build a convolution with batch norm and SiLU, or a depthwise and a 1x1 one, each with both."""
    if depthwise:
        inside, activation = nn.SiLU(inplace=True), nn.SiLU(inplace=True)
        return SeparableConv(inner, outer, kernel, stride=stride, inside=inside, activation=activation)
    return ConvUnit(inner, outer, kernel, stride=stride, activation=nn.SiLU(inplace=True))


class TwoConvBlock(nn.Module):
    """Two convolution units and, by choice, an identity.

    Args:
        first: keeps the width.
        second: keeps the width.
        identity: whether the input is added to what comes out.
    """

    def __init__(self, first: nn.Module, second: nn.Module, *, identity: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = first, second
        self.identity = identity

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        out: Tensor = self.conv2(self.conv1(x))
        return out + x if self.identity else out


def next_block(width: int, identity: bool, *, depthwise: bool = False) -> TwoConvBlock:
    """Build a block of CSPNeXt: 3x3, separable in the smallest networks, then a separable 5x5."""
    first, second = unit(width, width, 3, depthwise=depthwise), unit(width, width, 5, depthwise=True)
    return TwoConvBlock(first, second, identity=identity)


def dark_block(width: int, identity: bool) -> TwoConvBlock:
    """Build a block of CSPDarknet: 1x1, then 3x3."""
    return TwoConvBlock(unit(width, width), unit(width, width, 3), identity=identity)


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
        make_block: what they are.
        identity: whether blocks have an identity.
        attention: whether the merged channels are weighted.
    """

    def __init__(
        self, inner: int, outer: int, blocks: int, make_block: MakeBlock, *, identity: bool, attention: bool
    ) -> None:
        super().__init__()
        half = outer // 2
        self.main_conv = unit(inner, half)
        self.short_conv = unit(inner, half)
        self.final_conv = unit(2 * half, outer)
        self.blocks = nn.Sequential(*(make_block(half, identity) for _ in range(blocks)))
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


class Trunk(nn.Module):
    """A stem and four stages that halve the size; the last one pools over its map and has no identities.

    Args:
        stem: from images to the first of the widths, at stride 2.
        widths: channels after the stem and after each stage.
        blocks: number of blocks of each stage.
        make_block: what they are.
        depthwise: whether the convolutions between the stages are separable.
        attention: whether the stages weight their channels.
    """

    def __init__(
        self,
        stem: nn.Module,
        widths: Sequence[int],
        blocks: Sequence[int],
        make_block: MakeBlock,
        *,
        depthwise: bool = False,
        attention: bool = True,
    ) -> None:
        super().__init__()
        self.stem = stem
        self._stages = tuple(f"stage{index + 1}" for index in range(len(blocks)))
        for name, (inner, outer), count in zip(self._stages, pairwise(widths), blocks, strict=True):
            is_last = name == self._stages[-1]
            layers = [unit(inner, outer, 3, stride=2, depthwise=depthwise)]
            if is_last:
                layers.append(_PyramidPooling(outer))
            layers.append(CrossStage(outer, outer, count, make_block, identity=not is_last, attention=attention))
            self.add_module(name, nn.Sequential(*layers))
        self.num_features = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, 3, H, W) to features (N, C, H / 32, W / 32)."""
        return self.levels(x)[-1]

    def levels(self, x: Tensor) -> list[Tensor]:
        """Map images (N, 3, H, W) to each stage's features, at strides 4, 8, 16 and 32."""
        x, out = self.stem(x), []
        for name in self._stages:
            x = self.get_submodule(name)(x)
            out.append(x)
        return out


class Pyramid(nn.Module):
    """Two ways through the levels: down to the fine ones and up again (PAFPN).

    Args:
        widths: channels of the levels, the finest first.
        out: from a level's channels to what it goes through at the end.
        merge: from input and output channels to what merges two levels.
        depthwise: whether the convolutions on the way up are separable.

    Source:
        Liu et al., Path Aggregation Network for Instance Segmentation, CVPR 2018, section 3.1, with cross-stage blocks.
    """

    def __init__(
        self,
        widths: Sequence[int],
        out: Callable[[int], nn.Module],
        merge: Callable[[int, int], nn.Module],
        *,
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        down = list(pairwise(reversed(widths)))
        self.reduce_layers = nn.ModuleList(unit(high, low) for high, low in down)
        self.top_down_blocks = nn.ModuleList(merge(2 * low, low) for _, low in down)
        self.downsamples = nn.ModuleList(unit(low, low, 3, stride=2, depthwise=depthwise) for low in widths[:-1])
        self.bottom_up_blocks = nn.ModuleList(merge(high, high) for high in widths[1:])
        self.out_convs = nn.ModuleList(out(width) for width in widths)

    def merged(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Merge the levels, the finest first; shapes stay."""
        coarse, reduced = levels[-1], []
        for fine, reduce, merge in zip(levels[-2::-1], self.reduce_layers, self.top_down_blocks, strict=True):
            reduced.append(reduce(coarse))
            coarse = merge(torch.cat([functional.interpolate(reduced[-1], scale_factor=2.0), fine], 1))
        out = [coarse]
        for kept, down, merge in zip(reversed(reduced), self.downsamples, self.bottom_up_blocks, strict=True):
            out.append(merge(torch.cat([down(out[-1]), kept], 1)))
        return out

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Merge the levels, the finest first, and bring each to the width of the head."""
        return [conv(level) for conv, level in zip(self.out_convs, self.merged(levels), strict=True)]
