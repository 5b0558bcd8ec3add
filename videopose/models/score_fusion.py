"""Heatmaps of several frames averaged, each by how sure it is: a head that works untrained, and can be trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from videopose.models.fusion_parts import WindowHead

_LEAST = 1e-9
"""Probability of a cell nobody sees anything in."""


class ScoreFusion(WindowHead):
    """Averages warped heatmaps, weighted by score, by distance in time and by learned numbers that start at nothing.

    Args:
        num_keypoints: heatmap channels.
        before: neighbours of the past.
        after: neighbours of the future.
        gain: weight of a neighbour in the same instant, as sure as the current frame; that one counts 1.
        sharpness: exponent of the scores in the weights: at 0 sure and unsure frames count the same.
        time_constant: seconds over which a neighbour's weight falls to 1 / e.
        is_logits: the maps are logits of a distribution over cells; otherwise heatmaps, averaged as they are.

    Source:
        Pfister et al., Flowing ConvNets for Human Pose Estimation in Videos, ICCV 2015, section 3.2 (a weight learned
        per frame and keypoint); the scores are ours.
    """

    def __init__(
        self,
        *,
        num_keypoints: int = 19,
        before: int = 2,
        after: int = 2,
        gain: float = 0.5,
        sharpness: float = 1.0,
        time_constant: float = 0.1,
        is_logits: bool = True,
    ) -> None:
        super().__init__(num_keypoints, before, after)
        self.gain, self.sharpness, self.time_constant, self.is_logits = gain, sharpness, time_constant, is_logits
        self.log_weights = nn.Parameter(torch.zeros(before + after, num_keypoints))

    def forward(self, center: Tensor, neighbors: Tensor, seconds: Tensor, present: Tensor) -> Tensor:
        """Fuse (N, K, h, w) with (N, F, K, h, w) at (N, F) seconds where present; (N, K, h, w)."""
        frames = torch.cat([center[:, None], neighbors], 1)
        if self.is_logits:
            frames = frames.flatten(3).softmax(-1).view_as(frames)
        score = peak_mass(frames) if self.is_logits else frames.flatten(3).amax(-1).clamp(0, 1)
        weights = score.clamp_min(_LEAST) ** self.sharpness
        share = self.gain * torch.exp(self.log_weights - seconds.abs()[..., None] / self.time_constant)
        weights = torch.cat([weights[:, :1], weights[:, 1:] * share * present[..., None]], 1)
        weights = weights / weights.sum(1, keepdim=True)
        fused = (weights[..., None, None] * frames).sum(1)
        return (fused + _LEAST).log() if self.is_logits else fused


def peak_mass(probability: Tensor, window: int = 3) -> Tensor:
    """Return (...) the probability around the peak of each distribution (..., h, w): how sure it is."""
    planes = probability.flatten(0, -3)[:, None]
    size = 2 * window + 1
    mass = nn.functional.avg_pool2d(planes, size, 1, window) * size**2
    return mass.flatten(1).amax(1).clamp(0, 1).view(probability.shape[:-2])
