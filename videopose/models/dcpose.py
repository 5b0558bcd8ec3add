"""DCPose: previous, current and next frame's heatmaps, merged, subtracted and corrected. Names as in the release."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import ConvUnit
from videopose.models.hrnet import HRNet
from videopose.models.names import strip_wrapper
from videopose.ops.deform_conv import DeformConv2d

DILATIONS = (3, 6, 9, 12, 15)
_TAPS = 9
_STEPS = 4
_COMBINED = 64


def _unit(inner: int, outer: int, kernel: int, *, relu: bool = True) -> ConvUnit:
    return ConvUnit(inner, outer, kernel, bias=True, activation=nn.ReLU(inplace=True) if relu else None)


class StepsBlock(nn.Module):
    """Four branches of one to four 3x3 convolutions, each also fed by the branch before.

    Source:
        Cai et al., Learning Delicate Local Representations for Multi-Person Pose Estimation, ECCV 2020, section 3.2.
    """

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.branch = inner * 26 // 64
        self.conv_bn_relu1 = _unit(inner, _STEPS * self.branch, 1)
        for i in range(1, _STEPS + 1):
            for j in range(1, i + 1):
                self.add_module(f"conv_bn_relu2_{i}_{j}", _unit(self.branch, self.branch, 3))
        self.conv_bn_relu3 = _unit(_STEPS * self.branch, outer, 1, relu=False)
        self.downsample = None if inner == outer else _unit(inner, outer, 1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, h, w) to (N, outer, h, w)."""
        before: list[Tensor] = []
        ends = []
        for i, y in enumerate(torch.split(self.conv_bn_relu1(x), self.branch, 1), start=1):
            row: list[Tensor] = []
            for j in range(1, i + 1):
                y = y + before[j - 1] if j < i else y
                y = self.get_submodule(f"conv_bn_relu2_{i}_{j}")(y)
                row.append(y)
            ends.append(y)
            before = row
        out = self.conv_bn_relu3(torch.cat(ends, 1))
        return functional.relu(out + (x if self.downsample is None else self.downsample(x)))


class _StepsChain(nn.Module):
    def __init__(self, inner: int, outer: int, blocks: int) -> None:
        super().__init__()
        widths = [inner] + [outer] * (blocks - 1)
        self.layers = nn.Sequential(*(StepsBlock(width, outer) for width in widths))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class _Modulated(nn.Module):
    """A modulated deformable convolution under the release's name."""

    def __init__(self, num_keypoints: int, dilation: int) -> None:
        super().__init__()
        self.deform_conv = DeformConv2d(
            num_keypoints, num_keypoints, padding=dilation, dilation=dilation, deform_groups=num_keypoints, bias=True
        )

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        out: Tensor = self.deform_conv(x, offset, mask)
        return out


def _dilated(outer: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(_COMBINED, outer, 3, padding=dilation, dilation=dilation, bias=False))


class DCPose(nn.Module):
    """Dual consecutive network: a temporal merger, residual fusion and a pose correction network over HRNet.

    Args:
        width: of the HRNet.
        num_keypoints: heatmap channels.

    Source:
        Liu et al., Deep Dual Consecutive Network for Human Pose Estimation, CVPR 2021, section 3; written from the
        paper and a list of tensor names and shapes.
    """

    def __init__(self, *, width: int = 48, num_keypoints: int = 17) -> None:
        super().__init__()
        self.rough_pose_estimation_net = HRNet(width=width, num_keypoints=num_keypoints)
        self.support_temporal_fuse = _StepsChain(num_keypoints * 3, num_keypoints, 1)
        self.diff_temporal_fuse = _StepsChain(num_keypoints * 4, num_keypoints * 2, 2)
        self.offset_mask_combine_conv = _StepsChain(num_keypoints * 3, _COMBINED, 2)
        self.offsets_list = nn.ModuleList(_dilated(2 * _TAPS * num_keypoints, dilation) for dilation in DILATIONS)
        self.masks_list = nn.ModuleList(_dilated(_TAPS * num_keypoints, dilation) for dilation in DILATIONS)
        self.modulated_deform_conv_list = nn.ModuleList(_Modulated(num_keypoints, dilation) for dilation in DILATIONS)

    @staticmethod
    def example_shapes(input_hw: tuple[int, int]) -> list[tuple[int, ...]]:
        """Return the shapes of the inputs for one person."""
        return [(1, 3, 3, *input_hw), (1, 2)]

    def heatmaps(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to single-frame heatmaps (N, K, H / 4, W / 4)."""
        heatmaps: Tensor = self.rough_pose_estimation_net(x)
        return heatmaps

    def fuse(self, center: Tensor, previous: Tensor, following: Tensor, margin: Tensor) -> Tensor:
        """Correct the current frame's heatmaps by its neighbours'.

        Args:
            center: (N, K, h, w) heatmaps of the current frame.
            previous: the same of an earlier frame.
            following: the same of a later frame.
            margin: (N, 2) how far away these two are, frames or seconds; the nearer one counts more.

        Returns:
            (N, K, h, w).
        """
        share = margin / margin.sum(1, keepdim=True)
        weight_previous, weight_following = share[:, 1, None, None, None], share[:, 0, None, None, None]
        support = self.support_temporal_fuse(
            _interleave(center, previous * weight_previous, following * weight_following)
        )
        before, after = center - previous, center - following
        difference = self.diff_temporal_fuse(
            _interleave(before, before * weight_previous, after, after * weight_following)
        )
        combined = self.offset_mask_combine_conv(torch.cat([difference, support], 1))
        corrected = [
            warp(support, offsets(combined), masks(combined))
            for warp, offsets, masks in zip(
                self.modulated_deform_conv_list, self.offsets_list, self.masks_list, strict=True
            )
        ]
        return torch.stack(corrected).mean(0)

    def forward(self, window: Tensor, margin: Tensor) -> Tensor:
        """Estimate the current frame from itself and two neighbours.

        Args:
            window: (N, 3, 3, H, W) normalised crops of one person, all cut with the current frame's box: current,
                previous, next.
            margin: as for `fuse`.

        Returns:
            (N, K, H / 4, W / 4) heatmaps.
        """
        frames = self.heatmaps(window.transpose(0, 1).flatten(0, 1))
        center, previous, following = torch.split(frames, len(window))
        return self.fuse(center, previous, following, margin)


def _interleave(*maps: Tensor) -> Tensor:
    """Stack maps keypoint by keypoint: all of the first keypoint, all of the second, and so on."""
    return torch.stack(maps, 2).flatten(1, 2)


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the release's names, which may carry a data-parallel prefix, to ours."""
    return strip_wrapper(state)
