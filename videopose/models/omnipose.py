"""OmniPose: HRNet that upsamples by transposed convolutions, and a waterfall of dilated convolutions as its head.

Written from the paper and from a list of tensor names and shapes. The release is for non-commercial use only: its code
was not read, and its weights are not listed; this network takes weights of those who may use them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import conv_norm
from videopose.models.hrnet import HighResolutionModule, HRNet
from videopose.models.names import strip_wrapper

_RATES = (1, 6, 12, 18)
_LOW_WIDTH = 6
_STEM_WIDTH = 256


class _Separable(nn.Module):
    def __init__(self, width: int, kernel: int, rate: int) -> None:
        super().__init__()
        padding = 0 if kernel == 1 else rate
        self.spatialConv = nn.Conv2d(width, width, kernel, padding=padding, dilation=rate, groups=width, bias=False)
        self.pointConv = nn.Conv2d(width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointConv(functional.relu(self.spatialConv(x)))
        return out


class _Atrous(nn.Module):
    def __init__(self, width: int, kernel: int, rate: int) -> None:
        super().__init__()
        self.atrous_conv = _Separable(width, kernel, rate)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.atrous_conv(x)))


class _Waterfall(nn.Module):
    """Dilated convolutions one after the other, all of whose outputs are kept, and low-level features beside them."""

    def __init__(self, width: int, num_keypoints: int) -> None:
        super().__init__()
        for index, rate in enumerate(_RATES, start=1):
            self.add_module(f"aspp{index}", _Atrous(width, 1 if index == 1 else 3, rate))
        self.global_avg_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_norm(width, width, 1))
        self.conv1 = nn.Conv2d(width * (len(_RATES) + 1), width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(_STEM_WIDTH, _LOW_WIDTH, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(_LOW_WIDTH)
        self.last_conv = nn.Sequential(
            *conv_norm(width + _LOW_WIDTH, width),
            *conv_norm(width, width),
            nn.Conv2d(width, num_keypoints, 1),
        )

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        falls = []
        y = x
        for index in range(1, len(_RATES) + 1):
            y = self.get_submodule(f"aspp{index}")(y)
            falls.append(y)
        whole = self.global_avg_pool(x).expand(-1, -1, *x.shape[2:])
        high = functional.relu(self.bn1(self.conv1(torch.cat([*falls, whole], 1))))
        low = functional.relu(self.bn2(self.conv2(low)))
        heatmaps: Tensor = self.last_conv(torch.cat([high, low], 1))
        return heatmaps


def _deconvolve(inner: int, outer: int, doublings: int) -> nn.Sequential:
    layers: list[nn.Module] = [*conv_norm(inner, outer, 1, relu=False)]
    for _ in range(doublings):
        layers += [
            nn.ConvTranspose2d(outer, outer, 3, 2, padding=1, output_padding=1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(inplace=True),
        ]
    smooth = nn.Conv2d(outer, outer, 3, padding=1, groups=outer, bias=False)
    return nn.Sequential(*layers, smooth)


class OmniPose(HRNet):
    """HRNet with learned upsampling and a waterfall head.

    Args:
        width: of the HRNet.
        num_keypoints: heatmap channels.

    Source:
        Artacho and Savakis, OmniPose: A Multi-Scale Framework for Multi-Person Pose Estimation, 2021, section 3.
    """

    def __init__(self, *, width: int = 48, num_keypoints: int = 17) -> None:
        super().__init__(width=width, num_keypoints=num_keypoints)
        del self.final_layer
        widths = [width * 2**index for index in range(4)]
        self.stage4[-1] = HighResolutionModule(widths)
        for stage, branches in (("stage2", 2), ("stage3", 3), ("stage4", 4)):
            for module in self.get_submodule(stage).children():
                assert isinstance(module, HighResolutionModule)
                _learn_upsampling(module, widths[:branches])
        self.waspv2 = _Waterfall(width, num_keypoints)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to heatmaps (N, K, H / 4, W / 4)."""
        low = self.stem(x)
        heatmaps: Tensor = self.waspv2(self.branches(low), low)
        return heatmaps


def _learn_upsampling(module: HighResolutionModule, widths: Sequence[int]) -> None:
    for target, row in enumerate(module.fuse_layers):
        assert isinstance(row, nn.ModuleList)
        for source in range(target + 1, len(widths)):
            row[source] = _deconvolve(widths[source], widths[target], source - target)


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert names with a data-parallel prefix to ours."""
    return strip_wrapper(state)
