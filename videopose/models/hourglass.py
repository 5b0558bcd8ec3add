"""Stacked hourglasses. Names as in the authors' PyTorch release (princeton-vl/pytorch_stacked_hourglass)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import ConvUnit
from videopose.models.names import strip_wrapper

_WIDTH = 256
_DEPTH = 4


class _Residual(nn.Module):
    """Pre-activated bottleneck."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv1 = ConvUnit(inner, outer // 2, norm=False)
        self.bn2 = nn.BatchNorm2d(outer // 2)
        self.conv2 = ConvUnit(outer // 2, outer // 2, 3, norm=False)
        self.bn3 = nn.BatchNorm2d(outer // 2)
        self.conv3 = ConvUnit(outer // 2, outer, norm=False)
        self.skip_layer = None if inner == outer else ConvUnit(inner, outer, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(functional.relu(self.bn1(x)))
        y = self.conv2(functional.relu(self.bn2(y)))
        y = self.conv3(functional.relu(self.bn3(y)))
        out: Tensor = y + (x if self.skip_layer is None else self.skip_layer(x))
        return out


class _Hourglass(nn.Module):
    """Down to a coarse map and back up, with a branch that keeps each resolution."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.up1 = _Residual(_WIDTH, _WIDTH)
        self.low1 = _Residual(_WIDTH, _WIDTH)
        self.low2 = _Hourglass(depth - 1) if depth > 1 else _Residual(_WIDTH, _WIDTH)
        self.low3 = _Residual(_WIDTH, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        low = self.low3(self.low2(self.low1(functional.max_pool2d(x, 2))))
        out: Tensor = self.up1(x) + functional.interpolate(low, scale_factor=2, mode="nearest")
        return out


class _Wrapped(nn.Module):
    """A convolution under the name `conv`, as the release wraps its merging layers."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.conv = ConvUnit(inner, _WIDTH, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class StackedHourglass(nn.Module):
    """Hourglasses one after the other, each refining the heatmaps of the one before.

    Args:
        stacks: number of hourglasses, 1 to 8.
        num_keypoints: heatmap channels.

    Source:
        Newell et al., Stacked Hourglass Networks for Human Pose Estimation, ECCV 2016, section 3.
    """

    def __init__(self, *, stacks: int = 8, num_keypoints: int = 16) -> None:
        super().__init__()
        self.pre = nn.Sequential(
            ConvUnit(3, 64, 7, stride=2, bias=True, activation=nn.ReLU(inplace=True)),
            _Residual(64, 128),
            nn.MaxPool2d(2),
            _Residual(128, 128),
            _Residual(128, _WIDTH),
        )
        self.hgs = nn.ModuleList(nn.Sequential(_Hourglass(_DEPTH)) for _ in range(stacks))
        self.features = nn.ModuleList(
            nn.Sequential(
                _Residual(_WIDTH, _WIDTH), ConvUnit(_WIDTH, _WIDTH, bias=True, activation=nn.ReLU(inplace=True))
            )
            for _ in range(stacks)
        )
        self.outs = nn.ModuleList(ConvUnit(_WIDTH, num_keypoints, norm=False) for _ in range(stacks))
        self.merge_features = nn.ModuleList(_Wrapped(_WIDTH) for _ in range(stacks - 1))
        self.merge_preds = nn.ModuleList(_Wrapped(num_keypoints) for _ in range(stacks - 1))

    def stages(self, x: Tensor) -> Tensor:
        """Map crops (N, 3, H, W), RGB in [0, 1], to the heatmaps of every stack, (N, stacks, K, H / 4, W / 4)."""
        x = self.pre(x)
        heatmaps: list[Tensor] = []
        for index, (hourglass, features, out) in enumerate(zip(self.hgs, self.features, self.outs, strict=True)):
            feature = features(hourglass(x))
            heatmaps.append(out(feature))
            if index < len(self.merge_preds):
                x = x + self.merge_preds[index](heatmaps[-1]) + self.merge_features[index](feature)
        return torch.stack(heatmaps, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, 3, H, W), RGB in [0, 1], to the last stack's heatmaps (N, K, H / 4, W / 4)."""
        return self.stages(x)[:, -1]


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the release's names to ours: shortcuts between equal widths exist there, but are never used."""
    used = re.compile(r"pre\.[14]\.skip_layer\.")
    names = strip_wrapper(state)
    return {name: value for name, value in names.items() if ".skip_layer." not in name or used.match(name)}
