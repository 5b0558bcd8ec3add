"""RTMDet for people: CSPNeXt, a pyramid of its blocks, and a head per level. Names as in MMDetection."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from videopose.models.anchor_points import DistanceOutput, cell_points
from videopose.models.blocks import ConvUnit
from videopose.models.cross_stage import CrossStage, Pyramid, next_block, unit
from videopose.models.names import from_mmpose, keep_person, strip_wrapper
from videopose.models.rtmpose import CSPNeXt

STRIDES = (8, 16, 32)
_CONVS = 2
"""Convolutions of the head before its predictions."""


class _Head(nn.Module):
    """Scores and distances of every level.

    Args:
        width: channels of every level.
        separable: whether convolutions are, and each level has its own; else all levels share them, but not the norms.
        exponential: whether distances are exponentials of what is predicted.
    """

    def __init__(self, width: int, *, separable: bool, exponential: bool) -> None:
        super().__init__()
        towers = _separable_towers if separable else _sharing_towers
        self.cls_convs = towers(width)
        self.reg_convs = towers(width)
        self.rtm_cls = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in STRIDES)
        self.rtm_reg = nn.ModuleList(nn.Conv2d(width, 4, 1) for _ in STRIDES)
        self.exponential = exponential
        for layer in self.rtm_cls:
            nn.init.normal_(layer.weight, std=0.01)  # type: ignore[arg-type]
            nn.init.constant_(layer.bias, -math.log(99))  # type: ignore[arg-type]

    def forward(self, levels: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        parts = zip(levels, self.cls_convs, self.rtm_cls, self.reg_convs, self.rtm_reg, STRIDES, strict=True)
        scores, distances = [], []
        for level, cls_convs, rtm_cls, reg_convs, rtm_reg, stride in parts:
            scores.append(rtm_cls(cls_convs(level)))
            predicted = rtm_reg(reg_convs(level))
            distances.append((predicted.exp() if self.exponential else predicted) * stride)
        return scores, distances


def _separable_towers(width: int) -> nn.ModuleList:
    return nn.ModuleList(
        nn.Sequential(*(unit(width, width, 3, depthwise=True) for _ in range(_CONVS))) for _ in STRIDES
    )


def _sharing_towers(width: int) -> nn.ModuleList:
    """Build the levels' convolutions, which are the same modules, with norms of their own."""
    shared = [nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(_CONVS)]
    towers = nn.ModuleList()
    for _ in STRIDES:
        units = [ConvUnit(width, width, 3, activation=nn.SiLU(inplace=True)) for _ in range(_CONVS)]
        for each, conv in zip(units, shared, strict=True):
            each.conv = conv
        towers.append(nn.Sequential(*units))
    return towers


class RTMDet(nn.Module):
    """Image to person scores and distances to the sides of a box.

    Args:
        width: factor on the channels.
        depth: factor on the number of blocks.
        separable: whether convolutions are separable throughout, and the head's each level's own: the nano network.
        exponential: whether distances are exponentials of what is predicted: m and larger.

    Source:
        Lyu et al., RTMDet: An Empirical Study of Designing Real-Time Object Detectors, 2022, section 3; sizes as in
        MMDetection, the nano network and its separate heads as in MMPose's `rtmdet_nano_320-8xb32_coco-person`.
    """

    def __init__(
        self, *, width: float = 0.25, depth: float = 0.33, separable: bool = True, exponential: bool = False
    ) -> None:
        super().__init__()
        self.backbone = CSPNeXt(width=width, depth=depth, depthwise=separable)
        widths = [int(channels * width) for channels in (256, 512, 1024)]
        out = partial(unit, outer=widths[0], kernel=3, depthwise=separable)
        block = partial(next_block, depthwise=separable)
        blocks = max(round(3 * depth), 1)
        merge = partial(CrossStage, blocks=blocks, make_block=block, identity=False, attention=False)
        self.neck = Pyramid(widths, out, merge, depthwise=separable)
        self.bbox_head = _Head(widths[0], separable=separable, exponential=exponential)

    def forward(self, image: Tensor) -> DistanceOutput:
        """(N, 3, H, W) normalised RGB images, H and W multiples of 32 -> scores and boxes at every point."""
        return joined(*self.bbox_head(self.neck(self.backbone.levels(image)[1:])))


def joined(scores: Sequence[Tensor], distances: Sequence[Tensor]) -> DistanceOutput:
    """Join the levels' scores (N, 1, h, w) and distances (N, 4, h, w); a point is its cell's top left corner."""
    places = [cell_points(level, stride, offset=0.0) for level, stride in zip(scores, STRIDES, strict=True)]
    return DistanceOutput(
        torch.cat([level.flatten(1) for level in scores], 1),
        torch.cat([level.flatten(2) for level in distances], 2).transpose(1, 2),
        torch.cat([points for points, _ in places]),
        torch.cat([stride for _, stride in places]),
    )


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert MMDetection's weights to ours: same names, but red first instead of blue and people alone."""
    out = keep_person(from_mmpose(strip_wrapper(state)), r"bbox_head\.rtm_cls\.")
    first = "backbone.stem.0.conv.weight"
    return {name: value.flip(1) if name == first else value for name, value in out.items()}
