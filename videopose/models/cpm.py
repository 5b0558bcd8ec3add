"""Convolutional pose machines. Names as in MMPose, whose checkpoints are the ones in use."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from videopose.models.blocks import ConvUnit
from videopose.models.names import from_mmpose, strip_wrapper

_WIDTH, _CONTEXT = 128, 32


def _unit(inner: int, outer: int, kernel: int) -> ConvUnit:
    return ConvUnit(inner, outer, kernel, activation=nn.ReLU(inplace=True))


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, padding=1)


class _WideBlock(nn.Module):
    def __init__(self, inner: int) -> None:
        super().__init__()
        self.model = nn.Sequential(_unit(inner, _WIDTH, 11), _unit(_WIDTH, _WIDTH, 11), _unit(_WIDTH, _WIDTH, 11))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


class _Trunk(nn.Module):
    def __init__(self, stages: int, num_keypoints: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(_unit(3, _WIDTH, 9), _pool(), _unit(_WIDTH, _WIDTH, 9), _pool(), _unit(_WIDTH, _WIDTH, 9), _pool()),
            *(_unit(_WIDTH, 32, 5), _unit(32, 512, 9), _unit(512, 512, 1), ConvUnit(512, num_keypoints)),
        )
        self.middle = nn.Sequential(
            *(_unit(3, _WIDTH, 9), _pool(), _unit(_WIDTH, _WIDTH, 9), _pool(), _unit(_WIDTH, _WIDTH, 9), _pool())
        )
        later = range(stages - 1)
        self.cpm_stages = nn.ModuleList(_WideBlock(_CONTEXT + num_keypoints) for _ in later)
        self.middle_conv = nn.ModuleList(nn.Sequential(_unit(_WIDTH, _CONTEXT, 5)) for _ in later)
        self.out_convs = nn.ModuleList(
            nn.Sequential(_unit(_WIDTH, _WIDTH, 1), ConvUnit(_WIDTH, num_keypoints)) for _ in later
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        heatmaps: list[Tensor] = [self.stem(x)]
        middle = self.middle(x)
        for block, context, out in zip(self.cpm_stages, self.middle_conv, self.out_convs, strict=True):
            heatmaps.append(out(block(torch.cat([heatmaps[-1], context(middle)], 1))))
        return heatmaps


class CPM(nn.Module):
    """Stages of large kernels, each seeing the image and the heatmaps of the stage before.

    Args:
        stages: number of stages.
        num_keypoints: heatmap channels.

    Source:
        Wei et al., Convolutional Pose Machines, CVPR 2016, section 3; with batch norm, as MMPose trains it.
    """

    def __init__(self, *, stages: int = 6, num_keypoints: int = 17) -> None:
        super().__init__()
        self.backbone = _Trunk(stages, num_keypoints)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Map normalised crops (N, 3, H, W) to the heatmaps of every stage, each (N, K, H / 8, W / 8)."""
        heatmaps: list[Tensor] = self.backbone(x)
        return heatmaps

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to the last stage's heatmaps (N, K, H / 8, W / 8)."""
        return self.stages(x)[-1]


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert MMPose's names to ours, which are the same but for wrappers."""
    return from_mmpose(strip_wrapper(state))
