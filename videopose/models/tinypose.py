"""PP-TinyPose: Lite-HRNet of the naive, wider kind, with plain shuffle units and batch norms folded into biases."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import ConvUnit
from videopose.models.lite_hrnet import sum_branches

_WIDTHS = (40, 80, 160, 320)
_STEM_WIDTH = 32
_MODULES = (2, 4, 2)
_UNITS = 2
_BRANCH_WIDTH = 32


def _shuffled(left: Tensor, right: Tensor) -> Tensor:
    """Interleave the channels of two (N, C, H, W) tensors, by the operator that other runtimes have a fast one for."""
    return torch.channel_shuffle(torch.cat([left, right], 1), 2)


def _conv(inner: int, outer: int, *, relu: bool = True) -> ConvUnit:
    return ConvUnit(inner, outer, norm=False, activation=nn.ReLU(inplace=True) if relu else None)


def _depthwise(width: int, *, stride: int = 1) -> ConvUnit:
    return ConvUnit(width, width, 3, stride=stride, groups=width, norm=False)


def _separable(inner: int, outer: int, *, stride: int = 1, relu: bool = True) -> nn.Sequential:
    return nn.Sequential(_depthwise(inner, stride=stride), _conv(inner, outer, relu=relu))


class Stem(nn.Module):
    """A strided convolution and a strided shuffle unit: (N, 3, H, W) to (N, 32, H / 4, W / 4)."""

    def __init__(self) -> None:
        super().__init__()
        half = _STEM_WIDTH // 2
        self.conv = ConvUnit(3, _STEM_WIDTH, 3, stride=2, norm=False, activation=nn.ReLU(inplace=True))
        self.left = _separable(half, half, stride=2)
        self.right = nn.Sequential(_conv(half, _STEM_WIDTH), *_separable(_STEM_WIDTH, half, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to (N, 32, H / 4, W / 4)."""
        left, right = self.conv(x).chunk(2, 1)
        return _shuffled(self.left(left), self.right(right))


class ShuffleUnit(nn.Module):
    """Half of the channels pass, the others go through 1x1, depthwise 3x3 and 1x1 convolutions.

    Source:
        Ma et al., ShuffleNet V2, ECCV 2018, figure 3 c.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.branch = nn.Sequential(_conv(half, half), _depthwise(half), _conv(half, half))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same."""
        kept, worked = x.chunk(2, 1)
        return _shuffled(kept, self.branch(worked))


class Exchange(nn.Module):
    """Two shuffle units on every branch, then every branch gets the sum of all."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(ShuffleUnit(width) for _ in range(_UNITS))) for width in widths)
        count = range(len(widths))
        self.fuse = nn.ModuleList(nn.ModuleList(_fuse(widths, i, j) for j in count) for i in count)

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        """Map a tensor for each branch to the same."""
        xs = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        return sum_branches(self.fuse, xs)


def _fuse(widths: Sequence[int], target: int, source: int) -> nn.Module:
    if source == target:
        return nn.Identity()
    if source > target:
        lift = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
        return nn.Sequential(_conv(widths[source], widths[target], relu=False), lift)
    steps = [_separable(widths[source], widths[source], stride=2) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, _separable(widths[source], widths[target], stride=2, relu=False))


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    layers: list[nn.Module] = []
    for index, width in enumerate(after):
        if index >= len(before):
            layers.append(_separable(before[-1], width, stride=2))
        else:
            layers.append(nn.Identity() if before[index] == width else _separable(before[index], width))
    return nn.ModuleList(layers)


class _Branch(nn.Module):
    """Heatmaps of keypoints the published features were not made for: plain convolutions at half their resolution."""

    def __init__(self, num_keypoints: int) -> None:
        super().__init__()
        relu = nn.ReLU(inplace=True)
        self.convs = nn.Sequential(
            ConvUnit(_WIDTHS[0], _BRANCH_WIDTH, 3, stride=2, norm=False, activation=relu),
            ConvUnit(_BRANCH_WIDTH, _BRANCH_WIDTH, 3, norm=False, activation=relu),
            ConvUnit(_BRANCH_WIDTH, _BRANCH_WIDTH, 3, norm=False, activation=relu),
        )
        self.head = nn.Conv2d(_BRANCH_WIDTH, num_keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        coarse = self.head(self.convs(x))
        return functional.interpolate(coarse, size=x.shape[2:], mode="bilinear", align_corners=False)


class TinyPose(nn.Module):
    """PP-TinyPose, 1.3 M parameters: four resolutions of shuffle units, joined from coarse to fine, a 1x1 head.

    Its batch norms are folded, as in the published file, and it is trained on without them.

    Args:
        num_keypoints: heatmap channels.
        branch: how many of them, the last ones, come from a branch of their own instead of the published 1x1 head.

    Source:
        PaddleDetection, configs/keypoint/tiny_pose; Yu et al., Lite-HRNet, CVPR 2021, section 3.1 (naive Lite-HRNet).
    """

    def __init__(self, *, num_keypoints: int = 17, branch: int = 0) -> None:
        super().__init__()
        self.stem = Stem()
        self.transitions = nn.ModuleList()
        self.stages = nn.ModuleList()
        before: Sequence[int] = [_STEM_WIDTH]
        for index, count in enumerate(_MODULES):
            widths = _WIDTHS[: index + 2]
            self.transitions.append(_transition(before, widths))
            self.stages.append(nn.Sequential(*(Exchange(widths) for _ in range(count))))
            before = widths
        inner = _WIDTHS[::-1]
        self.projects = nn.ModuleList(_separable(i, o) for i, o in zip(inner, (*inner[1:], inner[-1]), strict=True))
        self.head = nn.Conv2d(_WIDTHS[0], num_keypoints - branch, 1)
        self.branch = _Branch(branch) if branch else None

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to heatmaps (N, K, H / 4, W / 4)."""
        xs = [self.stem(x)]
        for transition, stage in zip(self.transitions, self.stages, strict=True):
            assert isinstance(transition, nn.ModuleList)
            xs = [layer(xs[min(branch, len(xs) - 1)]) for branch, layer in enumerate(transition)]
            xs = stage(xs)
        out: Tensor = self.projects[0](xs[-1])
        for project, x in zip(list(self.projects)[1:], reversed(xs[:-1]), strict=True):
            lifted = functional.interpolate(out, size=x.shape[2:], mode="bilinear", align_corners=True)
            out = project(x + lifted)
        heatmaps: Tensor = self.head(out)
        return heatmaps if self.branch is None else torch.cat([heatmaps, self.branch(out)], 1)
