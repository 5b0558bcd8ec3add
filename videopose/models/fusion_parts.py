"""What the heads that fuse neighbouring frames share: maps as evidence, how much each frame is worth, maps shifted.

A trained head works on heatmap logits of any network that gives maps (heatmaps are made logits first, see
`estimators.heatmap_heads`). It reads them as evidence, the logarithm
of each cell's probability over the uniform one, on cells of twice the stride: a quarter of the work, and a correction
that varies slowly is lost nothing by it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.ops.deform_conv import DeformConv2d

LARGEST = 4.0
"""Evidence is divided by this, which brings it to the order of one."""
_FLOOR = math.exp(-4.0)
_DESCRIPTORS, _HIDDEN, _NAMES = 9, 32, 8
_SPREADS = (4, 8)
_NEAR = 0.1


class WindowHead(nn.Module):
    """A head called as head(center (N, K, h, w), neighbors (N, F, K, h, w), seconds (N, F), present (N, F)).

    Attributes:
        num_keypoints: K.
        before: earlier frames of the window.
        after: later frames of the window; F = before + after.
    """

    def __init__(self, num_keypoints: int, before: int, after: int) -> None:
        super().__init__()
        self.num_keypoints, self.before, self.after = num_keypoints, before, after

    def example_shapes(self, input_hw: tuple[int, int]) -> list[tuple[int, ...]]:
        """Return the shapes of the inputs for one person."""
        frames, hw = self.before + self.after, (input_hw[0] // 4, input_hw[1] // 4)
        return [(1, self.num_keypoints, *hw), (1, frames, self.num_keypoints, *hw), (1, frames), (1, frames)]


def log_likelihood(logits: Tensor) -> Tensor:
    """Measure what maps say about each cell, whatever constant their logits carry.

    Args:
        logits: (..., h, w), h and w even.

    Returns:
        (..., h / 2, w / 2) float32: log of probability over uniform probability, from -1 (surely not here) through 0
        (nothing known) to about 1.3 (a sharp peak).
    """
    maps = logits.float()
    likely = torch.exp(maps - maps.amax((-2, -1), keepdim=True))
    # sums of slices: several times faster on a CPU than a pooling layer
    rows = likely[..., 0::2, :] + likely[..., 1::2, :]
    pooled = rows[..., 0::2] + rows[..., 1::2]
    uniform = pooled.mean((-2, -1), keepdim=True)
    return torch.log(pooled / uniform + _FLOOR) / LARGEST


def fuse_log_likelihood(center: Tensor, change: Tensor, keep: Tensor) -> Tensor:
    """Change logits by evidence.

    Args:
        center: (N, K, h, w) logits.
        change: (N, K, h / 2, w / 2) evidence to add.
        keep: (N, K) factor on the centre's own logits: 1 = trust it as it is, 0 = forget it.

    Returns:
        (N, K, h, w) float32 logits.
    """
    fine = functional.interpolate(change, scale_factor=2.0, mode="bilinear", align_corners=False)
    return center.float() * keep[..., None, None] + fine * LARGEST


def as_frames(center: Tensor, neighbors: Tensor) -> Tensor:
    """Return a window's evidence, (N, K, h, w) and (N, F, K, h, w) -> (N, 1 + F, K, h / 2, w / 2), centre first."""
    return torch.cat([log_likelihood(center)[:, None], log_likelihood(neighbors)], 1)


class Shift(nn.Module):
    """A deformable convolution of a single tap: each keypoint's map, read where features around each cell say.

    Untrained it gives the maps as they are.

    Args:
        num_keypoints: K.
        width: channels of the features.
        dilation: of the look around each cell, cells.
        modulated: a mask is learned too, as in version 2.
    """

    def __init__(self, num_keypoints: int, width: int, dilation: int, *, modulated: bool = False) -> None:
        super().__init__()
        # a dilated look around each cell, then a mix of channels: a tenth of a full convolution's parameters
        self.around = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, groups=width, bias=False)
        self.offset = nn.Conv2d(width, 2 * num_keypoints, 1)
        self.mask = nn.Conv2d(width, num_keypoints, 1) if modulated else None
        self.warp = DeformConv2d(num_keypoints, num_keypoints, 1, deform_groups=num_keypoints)
        for layer in (self.offset, self.mask):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # both have one
        nn.init.eye_(self.warp.weight.view(num_keypoints, num_keypoints))

    def forward(self, maps: Tensor, features: Tensor) -> Tensor:
        """Move maps (N, K, h, w) by features (N, width, h, w)."""
        around = self.around(features)
        mask = None if self.mask is None else 2 * self.mask(around).sigmoid()
        out: Tensor = self.warp(maps, self.offset(around), mask)
        return out


class FrameWeights(nn.Module):
    """Says how much each frame's map of each keypoint is worth, from how sharp it is and whom it agrees with.

    The centre's weight is the change of its own logits' factor. All weights start at zero: nothing is changed.

    Args:
        num_keypoints: K.

    Source:
        Fusion by scores: Pfister et al., Flowing ConvNets for Human Pose Estimation in Videos, ICCV 2015, section 3.2,
        where one weight per frame and keypoint is learned; here it depends on the maps.
    """

    def __init__(self, num_keypoints: int) -> None:
        super().__init__()
        self.names = nn.Parameter(torch.zeros(num_keypoints, _NAMES))
        self.first = nn.Linear(3 * _DESCRIPTORS + _NAMES, _HIDDEN)
        self.second = nn.Linear(_HIDDEN, _HIDDEN)
        self.last = nn.Linear(_HIDDEN, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, maps: Tensor, seconds: Tensor, present: Tensor) -> Tensor:
        """Weigh frames.

        Args:
            maps: (N, T, K, h, w) evidence, the centre first.
            seconds: (N, T - 1) of the neighbours relative to the centre.
            present: (N, T - 1) whether a neighbour is there.

        Returns:
            (N, T, K); 0 for neighbours that are absent, the centre's at least -1.
        """
        here = torch.cat([torch.ones_like(present[:, :1]), present], 1).to(maps.dtype)
        own = _describe(maps, torch.cat([torch.zeros_like(seconds[:, :1]), seconds], 1), here)
        shown = here[:, :, None, None]
        mean = (own * shown).sum(1, keepdim=True) / shown.sum(1, keepdim=True)
        names = self.names.expand(*own.shape[:3], -1)
        told = torch.cat([own, own[:, :1].expand_as(own), mean.expand_as(own), names], -1)
        hidden = functional.relu(self.second(functional.relu(self.first(told))))
        weights: Tensor = self.last(hidden)[..., 0] * here[:, :, None]
        return torch.cat([weights[:, :1].clamp_min(-1), weights[:, 1:]], 1)


def _describe(maps: Tensor, seconds: Tensor, here: Tensor) -> Tensor:
    """Describe each frame's map of each keypoint by nine numbers, (N, T, K, 9)."""
    num, frames, keypoints = maps.shape[:3]
    probability = torch.softmax(maps.flatten(3) * LARGEST, -1).view(num * frames, keypoints, *maps.shape[-2:])
    numbers = []
    for spread in _SPREADS:
        wide = functional.avg_pool2d(probability, spread, spread // 2, spread // 4).view(num, frames, keypoints, -1)
        numbers.append(wide.amax(-1) * spread**2)  # the probability near the best place
        root = wide.clamp_min(0).sqrt().transpose(1, 2)  # (N, K, T, cells)
        overlap = (root @ root.transpose(2, 3)).transpose(1, 2)  # (N, T, K, T)
        others = here[:, None] - torch.diag_embed(here)
        others = others * here[:, :, None]
        numbers.append((overlap * others[:, :, None]).sum(-1) / others.sum(-1).clamp_min(1)[:, :, None])
        numbers.append(overlap[..., 0])
    pose = numbers[0].mean(-1, keepdim=True).expand_as(numbers[0])  # a blurred frame is blurred all over
    scaled = (seconds / _NEAR).clamp(-4, 4)
    when = [value[:, :, None].expand_as(numbers[0]) for value in (scaled, scaled.abs())]
    return torch.stack([*numbers, pose, *when], -1) * here[:, :, None, None]
