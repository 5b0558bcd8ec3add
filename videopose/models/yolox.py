"""YOLOX for people: CSPDarknet, a pyramid of its blocks, and a head with objectness. Names as in MMDetection."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.anchor_points import DistanceOutput, cell_points
from videopose.models.cross_stage import CrossStage, Pyramid, Trunk, dark_block, unit
from videopose.models.names import Rule, keep_person, rename, strip_wrapper

STRIDES = (8, 16, 32)
_WIDTHS, _BLOCKS = (64, 128, 256, 512, 1024), (3, 9, 9, 3)
_NORM_EPS, _NORM_MOMENTUM = 1e-3, 0.03


class _Focus(nn.Module):
    """Four pixels to one place of four times the channels, then a convolution."""

    def __init__(self, outer: int) -> None:
        super().__init__()
        self.conv = unit(12, outer, 3)

    def forward(self, x: Tensor) -> Tensor:
        even, odd = x[..., ::2, :], x[..., 1::2, :]
        out: Tensor = self.conv(torch.cat([even[..., ::2], odd[..., ::2], even[..., 1::2], odd[..., 1::2]], 1))
        return out


class _Head(nn.Module):
    """Class, objectness and box of every level, by convolutions of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.multi_level_cls_convs = nn.ModuleList(_tower(width) for _ in STRIDES)
        self.multi_level_reg_convs = nn.ModuleList(_tower(width) for _ in STRIDES)
        self.multi_level_conv_cls = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in STRIDES)
        self.multi_level_conv_reg = nn.ModuleList(nn.Conv2d(width, 4, 1) for _ in STRIDES)
        self.multi_level_conv_obj = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in STRIDES)
        for layer in (*self.multi_level_conv_cls, *self.multi_level_conv_obj):
            nn.init.constant_(layer.bias, -math.log(99))

    def forward(self, levels: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        person, box, objectness = [], [], []
        for index, level in enumerate(levels):
            regressed = self.multi_level_reg_convs[index](level)
            person.append(self.multi_level_conv_cls[index](self.multi_level_cls_convs[index](level)))
            box.append(self.multi_level_conv_reg[index](regressed))
            objectness.append(self.multi_level_conv_obj[index](regressed))
        return person, box, objectness


def _tower(width: int) -> nn.Sequential:
    return nn.Sequential(unit(width, width, 3), unit(width, width, 3))


class YOLOX(nn.Module):
    """Image to person scores and boxes. The released networks take pixels in 0..255, not normalised.

    Args:
        width: factor on the channels.
        depth: factor on the number of blocks.

    Source:
        Ge et al., YOLOX: Exceeding YOLO Series in 2021, sections 2.1 and 2.2.
    """

    def __init__(self, *, width: float, depth: float) -> None:
        super().__init__()
        widths = [int(channels * width) for channels in _WIDTHS]
        blocks = [max(round(count * depth), 1) for count in _BLOCKS]
        self.backbone = Trunk(_Focus(widths[0]), widths, blocks, dark_block, attention=False)
        merge = partial(CrossStage, blocks=blocks[0], make_block=dark_block, identity=False, attention=False)
        self.neck = Pyramid(widths[2:], partial(unit, outer=widths[2]), merge)
        self.bbox_head = _Head(widths[2])
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps, module.momentum = _NORM_EPS, _NORM_MOMENTUM

    def forward(self, image: Tensor) -> DistanceOutput:
        """(N, 3, H, W) RGB images, H and W multiples of 32 -> scores and boxes at every point."""
        return joined(*self.bbox_head(self.neck(self.backbone.levels(image)[1:])))


def joined(person: Sequence[Tensor], box: Sequence[Tensor], objectness: Sequence[Tensor]) -> DistanceOutput:
    """Join the levels' logits of the class (N, 1, h, w), boxes (N, 4, h, w) and logits of an object (N, 1, h, w)."""
    places = [cell_points(level, stride, offset=0.0) for level, stride in zip(person, STRIDES, strict=True)]
    points, stride = (torch.cat(each) for each in zip(*places, strict=True))
    raw = torch.cat([level.flatten(2) for level in box], 2).transpose(1, 2)
    logits = (torch.cat([level.flatten(1) for level in levels], 1) for levels in (person, objectness))
    return DistanceOutput(logit_of_both(*logits), distances(raw, stride[:, None]), points, stride)


def distances(raw: Tensor, stride: Tensor) -> Tensor:
    """Convert (..., 4) centre and logarithm of the size, in strides from the point, to distances in pixels."""
    center, half = raw[..., :2].float() * stride, raw[..., 2:].float().exp() * stride / 2
    return torch.cat([half - center, half + center], -1)


def logit_of_both(a: Tensor, b: Tensor) -> Tensor:
    """Return the logit of the product of two probabilities that are given as logits."""
    both = functional.logsigmoid(a.float()) + functional.logsigmoid(b.float())
    return both - torch.log(-torch.expm1(both.clamp(max=-torch.finfo(both.dtype).eps)))


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert MMDetection's or Megvii's weights to ours: MMDetection's names, red first, people alone.

    MMDetection's files of 2021 hold the last step's values beside the averaged ones, as `ema_…`; they are dropped.
    """
    names = {name: value for name, value in strip_wrapper(state).items() if not name.startswith("ema_")}
    names = {name: value for name, value in names.items() if not name.startswith("data_preprocessor.")}
    out = keep_person(rename(rename(names, _MEGVII), _MEGVII_STAGE), r"bbox_head\.multi_level_conv_cls\.")
    first = "backbone.stem.conv.conv.weight"
    return {name: _red_first(value) if name == first else value for name, value in out.items()}


def _red_first(weight: Tensor) -> Tensor:
    """Exchange blue and red in each of the four pixels, (O, 12, 3, 3)."""
    return weight[:, [3 * pixel + colour for pixel in range(4) for colour in (2, 1, 0)]]


_MEGVII: tuple[Rule, ...] = (
    (r"backbone\.backbone\.stem\.", "backbone.stem."),
    (r"backbone\.backbone\.dark2\.", "backbone.stage1."),
    (r"backbone\.backbone\.dark3\.", "backbone.stage2."),
    (r"backbone\.backbone\.dark4\.", "backbone.stage3."),
    (r"backbone\.backbone\.dark5\.", "backbone.stage4."),
    (r"backbone\.lateral_conv0\.", "neck.reduce_layers.0."),
    (r"backbone\.reduce_conv1\.", "neck.reduce_layers.1."),
    (r"backbone\.C3_p4\.", "neck.top_down_blocks.0."),
    (r"backbone\.C3_p3\.", "neck.top_down_blocks.1."),
    (r"backbone\.bu_conv2\.", "neck.downsamples.0."),
    (r"backbone\.bu_conv1\.", "neck.downsamples.1."),
    (r"backbone\.C3_n3\.", "neck.bottom_up_blocks.0."),
    (r"backbone\.C3_n4\.", "neck.bottom_up_blocks.1."),
    (r"head\.stems\.", "neck.out_convs."),
    (r"head\.(cls|reg)_convs\.", r"bbox_head.multi_level_\1_convs."),
    (r"head\.(cls|reg|obj)_preds\.", r"bbox_head.multi_level_conv_\1."),
)
_STAGE = r"(backbone\.stage[123]\.1|backbone\.stage4\.2|neck\.(?:top_down|bottom_up)_blocks\.[01])"
_MEGVII_STAGE: tuple[Rule, ...] = (
    (_STAGE + r"\.conv1\.", r"\1.main_conv."),
    (_STAGE + r"\.conv2\.", r"\1.short_conv."),
    (_STAGE + r"\.conv3\.", r"\1.final_conv."),
    (_STAGE + r"\.m\.", r"\1.blocks."),
)
