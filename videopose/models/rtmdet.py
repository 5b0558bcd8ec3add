"""RTMDet for people: CSPNeXt, a pyramid of its blocks, and a head per level. Names as in MMDetection."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.anchor_points import DistanceOutput, cell_points
from videopose.models.names import from_mmpose, strip_wrapper
from videopose.models.rtmpose import CrossStage, CSPNeXt, unit

STRIDES = (8, 16, 32)


class _Pyramid(nn.Module):
    """Two ways through the levels: down to the fine ones and up again."""

    def __init__(self, widths: Sequence[int], outer: int, *, blocks: int) -> None:
        super().__init__()
        down = list(pairwise(reversed(widths)))
        self.reduce_layers = nn.ModuleList(unit(high, low) for high, low in down)
        self.top_down_blocks = nn.ModuleList(_merge(2 * low, low, blocks) for _, low in down)
        self.downsamples = nn.ModuleList(unit(low, low, 3, stride=2, depthwise=True) for low in widths[:-1])
        self.bottom_up_blocks = nn.ModuleList(_merge(high, high, blocks) for high in widths[1:])
        self.out_convs = nn.ModuleList(unit(width, outer, 3, depthwise=True) for width in widths)

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        coarse, reduced = levels[-1], []
        for fine, reduce, merge in zip(levels[-2::-1], self.reduce_layers, self.top_down_blocks, strict=True):
            reduced.append(reduce(coarse))
            coarse = merge(torch.cat([functional.interpolate(reduced[-1], scale_factor=2.0), fine], 1))
        out = [coarse]
        for kept, down, merge in zip(reversed(reduced), self.downsamples, self.bottom_up_blocks, strict=True):
            out.append(merge(torch.cat([down(out[-1]), kept], 1)))
        return [conv(level) for conv, level in zip(self.out_convs, out, strict=True)]


def _merge(inner: int, outer: int, blocks: int) -> CrossStage:
    return CrossStage(inner, outer, blocks, identity=False, depthwise=True, attention=False)


class _Head(nn.Module):
    """Scores and distances of every level, by convolutions of its own."""

    def __init__(self, width: int, *, convs: int = 2) -> None:
        super().__init__()
        self.cls_convs = nn.ModuleList(_tower(width, convs) for _ in STRIDES)
        self.reg_convs = nn.ModuleList(_tower(width, convs) for _ in STRIDES)
        self.rtm_cls = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in STRIDES)
        self.rtm_reg = nn.ModuleList(nn.Conv2d(width, 4, 1) for _ in STRIDES)
        for layer in self.rtm_cls:
            nn.init.normal_(layer.weight, std=0.01)  # type: ignore[arg-type]
            nn.init.constant_(layer.bias, -math.log(99))  # type: ignore[arg-type]

    def forward(self, levels: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        parts = zip(levels, self.cls_convs, self.rtm_cls, self.reg_convs, self.rtm_reg, STRIDES, strict=True)
        scores, distances = [], []
        for level, cls_convs, rtm_cls, reg_convs, rtm_reg, stride in parts:
            scores.append(rtm_cls(cls_convs(level)))
            distances.append(rtm_reg(reg_convs(level)) * stride)
        return scores, distances


def _tower(width: int, convs: int) -> nn.Sequential:
    return nn.Sequential(*(unit(width, width, 3, depthwise=True) for _ in range(convs)))


class RTMDet(nn.Module):
    """Image to person scores and distances to the sides of a box, with depthwise convolutions throughout.

    Args:
        width: factor on the channels.
        depth: factor on the number of blocks.

    Source:
        Lyu et al., RTMDet: An Empirical Study of Designing Real-Time Object Detectors, 2022, section 3; sizes of the
        nano network and separate heads as in MMPose's `rtmdet_nano_320-8xb32_coco-person`.
    """

    def __init__(self, *, width: float = 0.25, depth: float = 0.33) -> None:
        super().__init__()
        self.backbone = CSPNeXt(width=width, depth=depth, depthwise=True)
        widths = [int(channels * width) for channels in (256, 512, 1024)]
        self.neck = _Pyramid(widths, widths[0], blocks=max(round(3 * depth), 1))
        self.bbox_head = _Head(widths[0])

    def forward(self, image: Tensor) -> DistanceOutput:
        """(N, 3, H, W) normalised RGB images, H and W multiples of 32 -> scores and boxes at every point."""
        scores, distances = self.bbox_head(self.neck(self.backbone.levels(image)[1:]))
        places = [cell_points(level, stride, offset=0.0) for level, stride in zip(scores, STRIDES, strict=True)]
        return DistanceOutput(
            torch.cat([level.flatten(1) for level in scores], 1),
            torch.cat([level.flatten(2) for level in distances], 2).transpose(1, 2),
            torch.cat([points for points, _ in places]),
            torch.cat([stride for _, stride in places]),
        )


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert MMDetection's weights to ours: same names but for wrappers, and red first instead of blue."""
    out = from_mmpose(strip_wrapper(state))
    first = "backbone.stem.0.conv.weight"
    return {name: value.flip(1) if name == first else value for name, value in out.items()}
