"""Keypoints that tell each other where they are, across the body and across frames: a head that needs no training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from videopose.geometry.sampling import sample_maps
from videopose.models.fusion_parts import WindowHead
from videopose.models.score_fusion import peak_mass

_LEAST = 1e-9


class JointMessages(WindowHead):
    """Passes messages in a graph of keypoints over a window: along the skeleton's edges, and along flow through time.

    Neighbours' maps come warped into the current crop, so a message through time is a warped map, spread by how wrong
    the flow may be. A message along an edge is a map moved by the edge's vector, which the window itself tells: the
    mean over its frames, weighed by how sure both ends are. Every message leaves room for being wrong.

    Args:
        edges: (E, 2) pairs of keypoints; both directions are used.
        num_keypoints: heatmap channels.
        before: neighbours of the past.
        after: neighbours of the future.
        rounds: how often messages are passed.
        time_weight: exponent of a neighbour's message where it is as near as can be.
        edge_weight: exponent of an edge's message.
        time_spread: cells; how wrong the flow may be.
        edge_spread: cells; how far an edge's vector may be off.
        time_constant: seconds over which a neighbour's exponent falls to 1 / e.
        doubt: probability that a message is wrong.

    Source:
        Song et al., Thin-Slicing Network: A Deep Structured Model for Pose Estimation in Videos, CVPR 2017, section 3.
        There max-sum with learned edge vectors and spreads; here sum-product, with vectors from the window.
    """

    def __init__(
        self,
        edges: Sequence[tuple[int, int]] = (),
        *,
        num_keypoints: int = 19,
        before: int = 2,
        after: int = 2,
        rounds: int = 2,
        time_weight: float = 0.5,
        edge_weight: float = 0.25,
        time_spread: float = 1.0,
        edge_spread: float = 3.0,
        time_constant: float = 0.1,
        doubt: float = 0.3,
    ) -> None:
        super().__init__(num_keypoints, before, after)
        self.edges = [*edges, *((b, a) for a, b in edges)]
        self.rounds, self.doubt, self.time_constant = rounds, doubt, time_constant
        self.time_weight, self.edge_weight = time_weight, edge_weight
        self.time_spread, self.edge_spread = time_spread, edge_spread

    def forward(self, center: Tensor, neighbors: Tensor, seconds: Tensor, present: Tensor) -> Tensor:
        """Fuse logits (N, K, h, w) with (N, F, K, h, w) at (N, F) seconds where present; (N, K, h, w) logits."""
        frames = torch.cat([center[:, None], neighbors], 1)
        seen = frames.flatten(3).softmax(-1).view_as(frames)
        here = torch.cat([seen.new_ones(len(seen), 1), present.to(seen.dtype)], 1)
        vectors = self._vectors(seen, here)
        share = self.time_weight * torch.exp(-seconds.abs() / self.time_constant) * present
        own = seen.clamp_min(_LEAST).log()
        belief = own
        for _ in range(self.rounds):
            told = own + self._along_edges(belief.flatten(3).softmax(-1).view_as(belief), vectors)
            others = _spread(told[:, 1:].flatten(3).softmax(-1).view_as(neighbors), self.time_spread)
            current = told[:, :1] + (share[..., None, None, None] * self._doubted(others)).sum(1, keepdim=True)
            belief = torch.cat([current, told[:, 1:]], 1)
        return belief[:, 0]

    def _vectors(self, seen: Tensor, here: Tensor) -> Tensor:
        """Return (N, E, 2) where the second end of each edge lies from the first, in cells."""
        height, width = seen.shape[-2:]
        sharp = functional.normalize(seen.flatten(3) ** 2, p=1, dim=-1).view_as(seen)  # the peak, not the whole map
        x = sharp.sum(-2) @ torch.arange(width, device=seen.device, dtype=seen.dtype)
        y = sharp.sum(-1) @ torch.arange(height, device=seen.device, dtype=seen.dtype)
        places, score = torch.stack([x, y], -1), peak_mass(seen) * here[..., None]
        start, end = ([edge[side] for edge in self.edges] for side in (0, 1))
        weights = (score[:, :, start] * score[:, :, end])[..., None] + _LEAST
        return ((places[:, :, end] - places[:, :, start]) * weights).sum(1) / weights.sum(1)

    def _along_edges(self, belief: Tensor, vectors: Tensor) -> Tensor:
        """Return (N, T, K, h, w) the weighted sum of the logarithms of what each keypoint is told within its frame."""
        total = torch.zeros_like(belief)
        height, width = belief.shape[-2:]
        rows = torch.arange(height, device=belief.device, dtype=belief.dtype)
        columns = torch.arange(width, device=belief.device, dtype=belief.dtype)
        cells = torch.stack([columns.expand(height, width), rows[:, None].expand(height, width)], -1)
        for number, (start, end) in enumerate(self.edges):
            places = cells - vectors[:, number, None, None]
            moved = sample_maps(belief[:, :, start], places, outside="zero")
            total[:, :, end] += self.edge_weight * self._doubted(_spread(moved, self.edge_spread))
        return total

    def _doubted(self, message: Tensor) -> Tensor:
        cells = message.shape[-1] * message.shape[-2]
        return (message.clamp_min(0) * (1 - self.doubt) + self.doubt / cells).log()


def _spread(maps: Tensor, deviation: float) -> Tensor:
    """Blur maps (..., h, w) by a Gaussian of so many cells."""
    radius = max(1, round(2.5 * deviation))
    offset = torch.arange(-radius, radius + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-0.5 * (offset / deviation) ** 2)
    kernel = kernel / kernel.sum()
    planes = maps.flatten(0, -3)[:, None]
    planes = functional.conv2d(planes, kernel[None, None, None], padding=(0, radius))
    return functional.conv2d(planes, kernel[None, None, :, None], padding=(radius, 0)).view_as(maps)
