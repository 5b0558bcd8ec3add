"""The cheap inflated variant of any 2D network: its heatmaps over a tube, refined by convolutions in time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.fusion_parts import WindowHead

_FLOOR = 12.0
"""Logarithms of probabilities further down than this make no difference."""


class TubeHead(WindowHead):
    """Adds to the logits of a frame what the frames around it in the tube tell.

    Two 3x3x3 convolutions see two frames before and two after and 9 x 9 cells; the last layer begins at zero, so an
    untrained head changes nothing, and neither does one whose frame has no neighbour.

    Args:
        num_keypoints: heatmap channels.
        width: channels inside.

    Source:
        After the inflated convolutions of Wang et al., Combining Detection and Tracking for Human Pose Estimation in
        Videos, CVPR 2020, section 3.1; put behind the backbone here and not into its first stages, so that the
        backbone runs once for each crop and stays as it is.
    """

    def __init__(self, num_keypoints: int, *, width: int = 24) -> None:
        super().__init__(num_keypoints, before=2, after=2)
        self.near = nn.Conv3d(num_keypoints, width, 3, padding=(0, 1, 1))
        self.far = nn.Conv3d(width, width, 3, padding=(0, 3, 3), dilation=(1, 3, 3))
        self.out = nn.Conv2d(width, num_keypoints, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, center: Tensor, neighbors: Tensor, seconds: Tensor, present: Tensor) -> Tensor:
        """Refine the current frame's logits.

        Args:
            center: (N, K, h, w) logits of the current frame.
            neighbors: (N, 4, K, h, w) logits of the two frames before and the two after, in time order, in the
                current frame's crop.
            seconds: (N, 4) their times; not looked at: a tube's frames follow one another.
            present: (N, 4) False = there is no such neighbour.

        Returns:
            (N, K, h, w) logits.
        """
        frames = torch.cat([neighbors[:, : self.before], center[:, None], neighbors[:, self.before :]], 1)
        present = present.bool()
        ones = torch.ones_like(present[:, :1])
        seen = torch.cat([present[:, : self.before], ones, present[:, self.before :]], 1)
        level = torch.log_softmax(frames.flatten(3), -1).view_as(frames).clamp_min(-_FLOOR) / _FLOOR + 1
        level = torch.where(seen[:, :, None, None, None], level, 0.0)  # as improbable everywhere as can be
        hidden = functional.relu(self.near(level.transpose(1, 2)))
        hidden = functional.relu(self.far(hidden))[:, :, 0]
        change: Tensor = self.out(hidden)
        return center + torch.where(present.any(1)[:, None, None, None], change, 0.0)
