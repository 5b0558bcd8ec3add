"""PoseWarper's way of fusing frames, as a small head on the heatmaps of any network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from videopose.models.blocks import BasicBlock
from videopose.models.fusion_parts import FrameWeights, add_evidence, as_frames
from videopose.ops.deform_conv import DeformConv2d

DILATIONS = (1, 2, 4, 6, 8)
"""The paper's, in proportion: its heatmaps are three times as fine as the maps here."""


class _Warp(nn.Module):
    """One deformable convolution of a single tap: each keypoint's map, read where features around each cell say."""

    def __init__(self, num_keypoints: int, width: int, dilation: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, groups=width, bias=False)
        self.offset = nn.Conv2d(width, 2 * num_keypoints, 1)
        self.warp = DeformConv2d(num_keypoints, num_keypoints, 1, deform_groups=num_keypoints)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)  # type: ignore[arg-type]  # it has one
        nn.init.eye_(self.warp.weight.view(num_keypoints, num_keypoints))

    def forward(self, maps: Tensor, features: Tensor) -> Tensor:
        out: Tensor = self.warp(maps, self.offset(self.around(features)))
        return out


class PoseWarperHead(nn.Module):
    """Warp each neighbour's evidence to the current frame by deformable convolutions, then add it up.

    Offsets come from the difference of two frames' maps, with five dilations, as in the paper. Other than there, frames
    are weighed by what they show instead of by fixed numbers; a convolution has one tap instead of nine, because maps
    this coarse only need to be shifted, and a window then costs about what a frame does; and the result is a change of
    the current frame's logits, none at all before training or where nobody is seen in the neighbouring frames.

    Args:
        num_keypoints: K.
        before: earlier frames of the window.
        after: later frames of the window.
        width: channels of the features.
        blocks: residual blocks the features are made by.

    Source:
        Bertasius et al., Learning Temporal Pose Estimation from Sparsely-Labeled Videos, NeurIPS 2019, section 3.
    """

    def __init__(
        self, *, num_keypoints: int = 19, before: int = 3, after: int = 3, width: int = 32, blocks: int = 2
    ) -> None:
        super().__init__()
        self.before, self.after, self.num_keypoints = before, after, num_keypoints
        inner = [2 * num_keypoints] + [width] * (blocks - 1)
        self.features = nn.Sequential(*(BasicBlock(channels, width) for channels in inner))
        self.warps = nn.ModuleList(_Warp(num_keypoints, width, dilation) for dilation in DILATIONS)
        self.weights = FrameWeights(num_keypoints)

    def example_shapes(self, input_hw: tuple[int, int]) -> list[tuple[int, ...]]:
        """Give the shapes of the inputs for one person."""
        frames, hw = self.before + self.after, (input_hw[0] // 4, input_hw[1] // 4)
        return [(1, self.num_keypoints, *hw), (1, frames, self.num_keypoints, *hw), (1, frames), (1, frames)]

    def warp(self, neighbor: Tensor, center: Tensor) -> Tensor:
        """Warp evidence of a neighbour frame to the current frame; (N, K, h, w) all."""
        features = self.features(torch.cat([center - neighbor, center], 1))
        return torch.stack([warp(neighbor, features) for warp in self.warps]).mean(0)

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
        maps = as_frames(center, neighbors)
        num, frames = neighbors.shape[:2]
        current = maps[:, :1].expand(-1, frames, -1, -1, -1).flatten(0, 1)
        warped = self.warp(maps[:, 1:].flatten(0, 1), current).view(num, frames, *maps.shape[2:])
        weights = self.weights(torch.cat([maps[:, :1], warped], 1), seconds.float(), present)
        change = torch.einsum("nfk,nfkhw->nkhw", weights[:, 1:], warped)
        seen = present.to(torch.float32).amax(1)[:, None]
        return add_evidence(center, change, 1 + weights[:, 0] * seen)
