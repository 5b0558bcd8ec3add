"""CPN: a feature pyramid that finds the easy keypoints and a second network that refines the hard ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import conv_norm
from videopose.models.names import strip_wrapper
from videopose.models.resnet import ResNet

_WIDTH = 256
_REFINE_BLOCKS = (3, 2, 1, 0)
"""Bottlenecks per level, coarse to fine."""


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=True)


class _GlobalNet(nn.Module):
    """Feature pyramid with a prediction at every level."""

    def __init__(self, widths: tuple[int, ...], num_keypoints: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(conv_norm(width, _WIDTH, 1) for width in reversed(widths))
        self.upsamples = nn.ModuleList(
            nn.Sequential(nn.Identity(), nn.Conv2d(_WIDTH, _WIDTH, 1, bias=False), nn.BatchNorm2d(_WIDTH))
            for _ in widths[1:]
        )
        self.predict = nn.ModuleList(_Predictor(num_keypoints) for _ in widths)

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        size = (features[0].shape[2], features[0].shape[3])
        merged: list[Tensor] = []
        for index, (lateral, x) in enumerate(zip(self.laterals, reversed(features), strict=True)):
            y = lateral(x)
            if index:
                lifted = functional.interpolate(merged[-1], scale_factor=2, mode="bilinear", align_corners=True)
                y = y + self.upsamples[index - 1](lifted)
            merged.append(y)
        predictions = []
        for predict, y in zip(self.predict, merged, strict=True):
            assert isinstance(predict, _Predictor)
            predictions.append(predict.at_size(y, size))
        return merged, predictions


class _Predictor(nn.Sequential):
    """1x1 and 3x3 convolutions; the batch norm comes after the heatmaps are brought to the final size."""

    def __init__(self, num_keypoints: int) -> None:
        super().__init__(
            *conv_norm(_WIDTH, _WIDTH, 1),
            nn.Conv2d(_WIDTH, num_keypoints, 3, padding=1, bias=False),
            nn.Identity(),  # the release counts its resizing layer here
            nn.BatchNorm2d(num_keypoints),
        )

    def at_size(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Predict heatmaps of a size, (height, width)."""
        for layer in list(self)[:4]:
            x = layer(x)
        out: Tensor = self[5](_resize(x, size))
        return out


class _Refiner(nn.Module):
    """Bottleneck half as wide as ResNet's, always with a projection."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, _WIDTH // 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(_WIDTH // 2)
        self.conv2 = nn.Conv2d(_WIDTH // 2, _WIDTH // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_WIDTH // 2)
        self.conv3 = nn.Conv2d(_WIDTH // 2, _WIDTH, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(_WIDTH)
        self.downsample = conv_norm(inner, _WIDTH, 1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        return functional.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class _RefineNet(nn.Module):
    def __init__(self, num_keypoints: int) -> None:
        super().__init__()
        self.cascade = nn.ModuleList(
            nn.Sequential(*(_Refiner(_WIDTH) for _ in range(count))) for count in _REFINE_BLOCKS
        )
        self.final_predict = nn.Sequential(
            _Refiner(_WIDTH * len(_REFINE_BLOCKS)),
            nn.Conv2d(_WIDTH, num_keypoints, 3, padding=1, bias=False),
            nn.BatchNorm2d(num_keypoints),
        )

    def forward(self, levels: list[Tensor]) -> Tensor:
        size = (levels[-1].shape[2], levels[-1].shape[3])
        refined = [_resize(blocks(level), size) for blocks, level in zip(self.cascade, levels, strict=True)]
        out: Tensor = self.final_predict(torch.cat(refined, 1))
        return out


class CPN(nn.Module):
    """Cascaded pyramid network.

    Written from the paper and from a list of tensor names and shapes; the release's code was not read.

    Args:
        depth: of the ResNet.
        num_keypoints: heatmap channels.

    Source:
        Chen et al., Cascaded Pyramid Network for Multi-Person Pose Estimation, CVPR 2018, section 3.
    """

    def __init__(self, *, depth: int = 50, num_keypoints: int = 17) -> None:
        super().__init__()
        self.resnet = ResNet(depth)
        self.global_net = _GlobalNet(self.resnet.widths, num_keypoints)
        self.refine_net = _RefineNet(num_keypoints)

    def stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Map normalised crops to the global network's four predictions, coarse to fine, and the refined one."""
        levels, predictions = self.global_net(self.resnet.stages(x))
        return predictions, self.refine_net(levels)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to refined heatmaps (N, K, H / 4, W / 4)."""
        return self.stages(x)[1]


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the names of the PyTorch release to ours, which are the same but for the data-parallel prefix."""
    return strip_wrapper(state)
