"""PoseWarper: warp a neighbour frame's heatmaps to the current frame. Names as in the original release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from videopose.models.blocks import BasicBlock
from videopose.models.hrnet import HRNet
from videopose.models.names import strip_wrapper
from videopose.ops.deform_conv import DeformConv2d

DILATIONS = (3, 6, 12, 18, 24)
_TAPS = 9
_INNER, _BLOCKS = 128, 20
RELEASE_WEIGHTS = {1: (1.0,), 3: (0.4, 0.3, 0.3), 5: (0.3, 0.25, 0.1, 0.25, 0.1)}
"""By number of frames: how much the current frame, earlier ones (nearest first) and later ones (nearest first) count.

The five are the release's; the three keep their proportions.
"""


class PoseWarper(HRNet):
    """HRNet, and deformable convolutions with several dilations whose offsets come from the difference of heatmaps.

    Args:
        width: of the HRNet.
        num_keypoints: heatmap channels.

    Source:
        Bertasius et al., Learning Temporal Pose Estimation from Sparsely-Labeled Videos, NeurIPS 2019, section 3.
    """

    def __init__(self, *, width: int = 48, num_keypoints: int = 17) -> None:
        super().__init__(width=width, num_keypoints=num_keypoints)
        inner = [num_keypoints] + [_INNER] * (_BLOCKS - 1)
        self.offset_feats = nn.Sequential(*(BasicBlock(channels, _INNER) for channels in inner))
        for index, dilation in enumerate(DILATIONS, start=1):
            offsets = nn.Conv2d(_INNER, 2 * _TAPS * num_keypoints, 3, padding=dilation, dilation=dilation, bias=False)
            warp = DeformConv2d(
                num_keypoints, num_keypoints, padding=dilation, dilation=dilation, deform_groups=num_keypoints
            )
            self.add_module(f"offsets{index}", offsets)
            self.add_module(f"deform_conv{index}", warp)

    @staticmethod
    def example_shapes(input_hw: tuple[int, int]) -> list[tuple[int, ...]]:
        """Return the shapes of the inputs for one person."""
        return [(1, 5, 3, *input_hw)]

    def heatmaps(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to single-frame heatmaps (N, K, H / 4, W / 4)."""
        return super().forward(x)

    def warp(self, neighbor: Tensor, center: Tensor) -> Tensor:
        """Warp heatmaps of a neighbour frame to the current frame.

        Args:
            neighbor: (N, K, h, w) heatmaps of the neighbour.
            center: (N, K, h, w) heatmaps of the current frame.

        Returns:
            (N, K, h, w), the mean over the dilations.
        """
        features = self.offset_feats(center - neighbor)
        warped = []
        for index in range(1, len(DILATIONS) + 1):
            offsets = self.get_submodule(f"offsets{index}")(features)
            warped.append(self.get_submodule(f"deform_conv{index}")(neighbor, offsets))
        return torch.stack(warped).mean(0)

    def aggregate(self, center: Tensor, neighbors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
        """Add up the current frame's and its neighbours' warped heatmaps.

        Args:
            center: (N, K, h, w) heatmaps of the current frame.
            neighbors: the same of each neighbour.
            weights: one per frame, the current one first.

        Returns:
            (N, K, h, w).
        """
        frames = [center, *neighbors]
        warped = self.warp(torch.cat(frames), center.repeat(len(frames), 1, 1, 1))
        warped = warped.view(len(frames), *center.shape)
        return torch.einsum("f,fnkhw->nkhw", warped.new_tensor(list(weights)), warped)

    def forward(self, window: Tensor) -> Tensor:
        """Estimate the current frame from itself and its neighbours.

        Args:
            window: (N, F, 3, H, W) normalised crops of one person, all cut with the current frame's box: the current
                frame, earlier ones nearest first, later ones nearest first; F is 1, 3 or 5.

        Returns:
            (N, K, H / 4, W / 4) heatmaps.
        """
        num, frames = window.shape[:2]
        center, *neighbors = torch.split(self.heatmaps(window.transpose(0, 1).flatten(0, 1)), num)
        return self.aggregate(center, neighbors, RELEASE_WEIGHTS[frames])


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the release's names, which may carry a data-parallel prefix, to ours."""
    return strip_wrapper(state)
