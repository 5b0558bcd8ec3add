"""Trained heads over networks whose maps are heights: heatmaps in and out, logits for the head between."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from videopose.codecs.base import MapCodec
from videopose.estimators.heads import FusionHead, RecurrentHead


def on_heatmaps(head: nn.Module, codec: MapCodec) -> nn.Module:
    """Return a head that works on logits as one that works on what a codec reads: itself, if that is logits."""
    if codec.is_logits:
        return head
    if isinstance(head, RecurrentHead):
        return _Track(head, codec.sharpness)
    return _Window(cast("FusionHead", head), codec.sharpness)


def heights(logits: Tensor, sharpness: float, like: Tensor | None = None) -> Tensor:
    """Convert logits to heatmaps.

    A constant says nothing in logits, but is a score in heatmaps: the mean of the cells, nearly all of which are empty,
    stays where it was.

    Args:
        logits: (N, K, h, w).
        sharpness: of the codec.
        like: (N, K, h, w) heatmaps whose means are kept; None = they are zero.
    """
    out = logits.float() / sharpness
    wanted = 0.0 if like is None else like.float().mean((-2, -1), keepdim=True)
    return out - out.mean((-2, -1), keepdim=True) + wanted


class _Window(nn.Module):
    """A `FusionHead`."""

    def __init__(self, head: FusionHead, sharpness: float) -> None:
        super().__init__()
        self.head, self.sharpness = head, sharpness
        self.before, self.after = head.before, head.after

    def forward(self, center: Tensor, neighbors: Tensor, seconds: Tensor, present: Tensor) -> Tensor:
        """Fuse heatmaps, (N, K, h, w) and (N, F, K, h, w); exactly `center` where no neighbour is present."""
        fused = self.head(center * self.sharpness, neighbors * self.sharpness, seconds, present)
        seen = present.any(1)[:, None, None, None]
        return torch.where(seen, heights(fused, self.sharpness, center), center.float())


class _Track(nn.Module):
    """A `RecurrentHead`."""

    def __init__(self, head: RecurrentHead, sharpness: float) -> None:
        super().__init__()
        self.head, self.sharpness, self.before = head, sharpness, head.before

    def step(
        self, heatmaps: Tensor, state: Any, seconds: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:  # Any: the head's own tuple of tensors, or None
        """Advance each track by one frame; exactly `heatmaps` at a track's start."""
        fused, new = self.head.step(heatmaps * self.sharpness, state, seconds)
        return heatmaps.float() if state is None else heights(fused, self.sharpness, heatmaps), new
