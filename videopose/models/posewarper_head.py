"""PoseWarper's way of fusing frames, as a small head on the heatmaps of any network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from videopose.models.blocks import BasicBlock
from videopose.models.fusion_parts import FrameWeights, Shift, WindowHead, as_frames, fuse_log_likelihood

DILATIONS = (1, 2, 4, 6, 8)
"""The paper's, in proportion: its heatmaps are three times as fine as the maps here."""


class PoseWarperHead(WindowHead):
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
        super().__init__(num_keypoints, before, after)
        inner = [2 * num_keypoints] + [width] * (blocks - 1)
        self.features = nn.Sequential(*(BasicBlock(channels, width) for channels in inner))
        self.warps = nn.ModuleList(Shift(num_keypoints, width, dilation) for dilation in DILATIONS)
        self.weights = FrameWeights(num_keypoints)

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
        return fuse_log_likelihood(center, change, 1 + weights[:, 0] * seen)
