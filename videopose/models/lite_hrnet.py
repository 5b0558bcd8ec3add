"""Lite-HRNet: HRNet's branches with channel weighting in place of 1x1 convolutions. Names as in the release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import ConvUnit, SeparableConv
from videopose.models.names import from_mmpose, strip_wrapper

_WIDTHS = (40, 80, 160, 320)
_STEM_WIDTH = 32
_SPATIAL_RATIO, _CROSS_RATIO = 4, 8


def _shuffle(x: Tensor) -> Tensor:
    """Interleave the two halves of the channels."""
    num, channels, height, width = x.shape
    return x.view(num, 2, channels // 2, height, width).transpose(1, 2).reshape(num, channels, height, width)


def _depthwise(inner: int, outer: int, *, stride: int, relu: bool) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inner, inner, 3, stride, padding=1, groups=inner, bias=False),
        nn.BatchNorm2d(inner),
        nn.Conv2d(inner, outer, 1, bias=False),
        nn.BatchNorm2d(outer),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class _Stem(nn.Module):
    """A strided convolution and a strided shuffle block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        relu = nn.ReLU(inplace=True)
        self.conv1 = ConvUnit(3, width, 3, stride=2, activation=relu)
        self.branch1 = nn.Sequential(
            ConvUnit(half, half, 3, stride=2, groups=half), ConvUnit(half, half, activation=relu)
        )
        self.expand_conv = ConvUnit(half, width, activation=relu)
        self.depthwise_conv = ConvUnit(width, width, 3, stride=2, groups=width)
        self.linear_conv = ConvUnit(width, half, activation=relu)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.conv1(x).chunk(2, 1)
        right = self.linear_conv(self.depthwise_conv(self.expand_conv(right)))
        return _shuffle(torch.cat([self.branch1(left), right], 1))


class _SpatialWeighting(nn.Module):
    """One weight per channel, from its mean over the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // _SPATIAL_RATIO
        self.conv1 = ConvUnit(width, inner, norm=False, activation=nn.ReLU(inplace=True))
        self.conv2 = ConvUnit(inner, width, norm=False, activation=nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.conv2(self.conv1(x.mean((2, 3), keepdim=True)))
        return x * weights


class _CrossResolutionWeighting(nn.Module):
    """One weight per channel and place of the coarsest branch, from all branches together."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = list(widths)
        total = sum(widths)
        self.conv1 = ConvUnit(total, total // _CROSS_RATIO, activation=nn.ReLU(inplace=True))
        self.conv2 = ConvUnit(total // _CROSS_RATIO, total, activation=nn.Sigmoid())

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        coarse = (xs[-1].shape[2], xs[-1].shape[3])
        pooled = torch.cat([functional.adaptive_avg_pool2d(x, coarse) for x in xs[:-1]] + [xs[-1]], 1)
        weights = self.conv2(self.conv1(pooled)).split(self.widths, 1)
        return [
            x * functional.interpolate(w, size=x.shape[2:], mode="nearest") for x, w in zip(xs, weights, strict=True)
        ]


class _WeightingBlock(nn.Module):
    """A shuffle block on every branch whose 1x1 convolutions are the two weightings."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        halves = [width // 2 for width in widths]
        self.cross_resolution_weighting = _CrossResolutionWeighting(halves)
        self.depthwise_convs = nn.ModuleList(ConvUnit(half, half, 3, groups=half) for half in halves)
        self.spatial_weighting = nn.ModuleList(_SpatialWeighting(half) for half in halves)

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        kept, worked = zip(*(x.chunk(2, 1) for x in xs), strict=True)
        weighted = self.cross_resolution_weighting(list(worked))
        layers = zip(kept, weighted, self.depthwise_convs, self.spatial_weighting, strict=True)
        return [_shuffle(torch.cat([keep, weigh(conv(x))], 1)) for keep, x, conv, weigh in layers]


class _Module(nn.Module):
    """Two weighting blocks and an exchange between all branches."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.Sequential(_WeightingBlock(widths), _WeightingBlock(widths))
        count = range(len(widths))
        self.fuse_layers = nn.ModuleList(nn.ModuleList(_fuse(widths, i, j) for j in count) for i in count)

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        xs = self.layers(xs)
        return sum_branches(self.fuse_layers, xs)


def sum_branches(fuse: nn.ModuleList, xs: list[Tensor]) -> list[Tensor]:
    """Add up all branches for each, as the release does.

    Args:
        fuse: row i, column j brings branch j to the size of branch i.
        xs: a tensor per branch, finest first.
    """
    fused: list[Tensor] = []
    for row in fuse:
        assert isinstance(row, nn.ModuleList)
        parts = [layer(x) for layer, x in zip(row, xs, strict=True)]
        # The release adds the finest branch twice, and in place: the coarser rows see the sum of the first.
        total = parts[0] + parts[0]
        for part in parts[1:]:
            total = total + part
        if not fused:
            xs = [total, *xs[1:]]
        fused.append(functional.relu(total))
    return fused


def _fuse(widths: Sequence[int], target: int, source: int) -> nn.Module:
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            nn.Conv2d(widths[source], widths[target], 1, bias=False),
            nn.BatchNorm2d(widths[target]),
            nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
        )
    steps = [_depthwise(widths[source], widths[source], stride=2, relu=True) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, _depthwise(widths[source], widths[target], stride=2, relu=False))


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    layers: list[nn.Module] = []
    for index, width in enumerate(after):
        if index < len(before):
            same = before[index] == width
            layers.append(nn.Identity() if same else _depthwise(before[index], width, stride=1, relu=True))
        else:
            layers.append(nn.Sequential(_depthwise(before[-1], width, stride=2, relu=True)))
    return nn.ModuleList(layers)


class _IterativeHead(nn.Module):
    """From coarse to fine: add what came before, project."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        inner = list(reversed(widths))
        outer = [*inner[1:], inner[-1]]
        self.projects = nn.ModuleList(
            SeparableConv(i, o, 3, activation=nn.ReLU(inplace=True)) for i, o in zip(inner, outer, strict=True)
        )

    def forward(self, xs: list[Tensor]) -> Tensor:
        out: Tensor = self.projects[0](xs[-1])
        for project, x in zip(list(self.projects)[1:], reversed(xs[:-1]), strict=True):
            lifted = functional.interpolate(out, size=x.shape[2:], mode="bilinear", align_corners=True)
            out = project(x + lifted)
        return out


class _Backbone(nn.Module):
    def __init__(self, modules: Sequence[int]) -> None:
        super().__init__()
        self.stem = _Stem(_STEM_WIDTH)
        self.num_stages = len(modules)
        before: Sequence[int] = [_STEM_WIDTH]
        for index, count in enumerate(modules):
            widths = _WIDTHS[: index + 2]
            self.add_module(f"transition{index}", _transition(before, widths))
            self.add_module(f"stage{index}", nn.Sequential(*(_Module(widths) for _ in range(count))))
            before = widths
        self.head_layer = _IterativeHead(before)

    def forward(self, x: Tensor) -> Tensor:
        xs = [self.stem(x)]
        for index in range(self.num_stages):
            transition = self.get_submodule(f"transition{index}")
            assert isinstance(transition, nn.ModuleList)
            xs = [layer(xs[min(branch, len(xs) - 1)]) for branch, layer in enumerate(transition)]
            xs = self.get_submodule(f"stage{index}")(xs)
        finest: Tensor = self.head_layer(xs)
        return finest


class _Head(nn.Module):
    def __init__(self, num_keypoints: int) -> None:
        super().__init__()
        self.final_layer = nn.Conv2d(_WIDTHS[0], num_keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        heatmaps: Tensor = self.final_layer(x)
        return heatmaps


class LiteHRNet(nn.Module):
    """Lite-HRNet with a 1x1 heatmap head.

    Args:
        modules: exchange modules per stage: (2, 4, 2) makes Lite-HRNet-18, (3, 8, 3) makes Lite-HRNet-30.
        num_keypoints: heatmap channels.

    Source:
        Yu et al., Lite-HRNet: A Lightweight High-Resolution Network, CVPR 2021, section 3.
    """

    def __init__(self, *, modules: Sequence[int] = (2, 4, 2), num_keypoints: int = 17) -> None:
        super().__init__()
        self.backbone = _Backbone(modules)
        self.head = _Head(num_keypoints)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to heatmaps (N, K, H / 4, W / 4)."""
        heatmaps: Tensor = self.head(self.backbone(x))
        return heatmaps


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the names of the original release or of MMPose 1.x to ours."""
    return from_mmpose(strip_wrapper(state))
