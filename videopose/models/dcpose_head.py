"""DCPose's way of fusing frames, as a small head on the heatmaps of any network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from videopose.models.dcpose import StepsBlock
from videopose.models.fusion_parts import FrameWeights, Shift, WindowHead, as_frames, fuse_log_likelihood

DILATIONS = (1, 2, 3, 4, 5)
"""The paper's, in proportion: its heatmaps are three times as fine as the maps here."""


class DCPoseHead(WindowHead):
    """Merge a window's evidence, look at how frames differ, and correct the merged map by deformable convolutions.

    The three parts are the paper's: temporal merger, residual fusion, correction network. Other than there, the window
    may hold any number of frames, their weights depend on what they show as well as when, a deformable convolution has
    one tap instead of nine, because maps this coarse only need to be shifted, and the result is a change of the current
    frame's logits, none at all before training or where nobody is seen in the neighbouring frames.

    Args:
        num_keypoints: K.
        before: earlier frames of the window.
        after: later frames of the window.
        width: channels of the features.

    Source:
        Liu et al., Deep Dual Consecutive Network for Human Pose Estimation, CVPR 2021, section 3.
    """

    def __init__(self, *, num_keypoints: int = 19, before: int = 3, after: int = 3, width: int = 40) -> None:
        super().__init__(num_keypoints, before, after)
        frames = before + after
        self.weights = FrameWeights(num_keypoints)
        self.merge = nn.Sequential(_each(num_keypoints, 1 + frames, width), StepsBlock(width, width))
        self.merged = nn.Conv2d(width, num_keypoints, 1, bias=False)
        nn.init.zeros_(self.merged.weight)
        self.differ = nn.Sequential(_each(num_keypoints, 2 * frames, width), StepsBlock(width, width))
        self.combine = StepsBlock(2 * width, width)
        self.correct = nn.ModuleList(Shift(num_keypoints, width, dilation, modulated=True) for dilation in DILATIONS)

    def forward(self, center: Tensor, neighbors: Tensor, seconds: Tensor, present: Tensor) -> Tensor:
        """Correct the current frame's logits by its neighbours'.

        Args:
            center: (N, K, h, w) logits of the current frame; h and w even.
            neighbors: (N, F, K, h, w) logits of F = before + after frames in the current frame's crop, in time order.
            seconds: (N, F) presentation time relative to the current frame.
            present: (N, F) False where the person was not seen; such a frame is ignored.

        Returns:
            (N, K, h, w) float32 logits; exactly `center` for a person none of whose neighbours is present.
        """
        there = present.to(torch.float32)
        maps = as_frames(center, neighbors)
        maps = torch.cat([maps[:, :1], maps[:, 1:] * there[:, :, None, None, None]], 1)
        weights = self.weights(maps, seconds.float(), present)
        features = self.merge(_interleave(maps))
        support = torch.einsum("nfk,nfkhw->nkhw", weights[:, 1:], maps[:, 1:]) + self.merged(features)
        nearness = there / seconds.float().abs().clamp_min(1e-3)
        share = nearness / nearness.sum(1, keepdim=True).clamp_min(1e-6)
        difference = (maps[:, :1] - maps[:, 1:]) * there[:, :, None, None, None]
        both = torch.cat([difference, difference * share[:, :, None, None, None]], 1)
        combined = self.combine(torch.cat([self.differ(_interleave(both)), features], 1))
        change = torch.stack([correct(support, combined) for correct in self.correct]).mean(0)
        seen = there.amax(1)[:, None]
        return fuse_log_likelihood(center, change * seen[..., None, None], 1 + weights[:, 0] * seen)


def _each(num_keypoints: int, frames: int, width: int) -> nn.Sequential:
    """Sum up each keypoint's own maps to two channels, then mix the keypoints."""
    return nn.Sequential(
        nn.Conv2d(num_keypoints * frames, num_keypoints * 2, 3, padding=1, groups=num_keypoints),
        nn.ReLU(),
        nn.Conv2d(num_keypoints * 2, width, 1),
    )


def _interleave(maps: Tensor) -> Tensor:
    """Stack maps keypoint by keypoint, (N, T, K, h, w) -> (N, K * T, h, w)."""
    return maps.transpose(1, 2).flatten(1, 2)
