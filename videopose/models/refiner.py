"""Pose-sequence refiner: a small temporal convolutional network that corrects smoothed keypoints of one person."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.skeletons import Skeleton
from videopose.types import I64

FEATURES = 13
"""What is known of a keypoint at a moment, see `learned_tracking/refiner.py`."""

PARTS = ("head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "trunk")
"""Kinds of keypoints; left and right are one kind, so that a mirrored person is no news."""

OFFSET_SCALE = 0.3
"""Person sizes per unit of features 2 and 3, which say how far the estimate lies from the smoothed position."""

STEP = 0.1
"""Person sizes per unit of the network's answer."""

LEEWAY_REACH = 4
"""Poses to either side within which estimates give leeway for correction."""


_HEAD = ("nose", "eye", "ear", "face", "head_bottom", "head_top")
_ARM = ("shoulder", "elbow", "wrist")
_LEG = ("hip", "knee", "ankle")


def parts_of(skeleton: Skeleton) -> tuple[I64, I64]:
    """Return (K,) each keypoint's kind, an index into `PARTS`, and (K,) the number of its limb.

    Limbs are the head (0), the arms (1, 2), the legs (3, 4) and the rest (5). A name nobody knows is of the trunk.
    """
    parts, limbs = [], []
    for name in skeleton.keypoints:
        side, _, rest = name.partition("_")
        plain = rest if side in ("left", "right") else name
        part = "head" if plain in _HEAD else plain if plain in PARTS else "trunk"
        parts.append(PARTS.index(part))
        right = side == "right"
        limbs.append(1 + right if part in _ARM else 3 + right if part in _LEG else 0 if part == "head" else 5)
    return np.array(parts, np.int64), np.array(limbs, np.int64)


class _Block(nn.Module):
    """Looks along time, then at the rest of the limb and of the body."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.before = nn.LayerNorm(width)
        self.along = nn.Parameter(torch.empty(width, 3 * width))
        self.along_bias = nn.Parameter(torch.zeros(width))
        nn.init.kaiming_uniform_(self.along, a=5**0.5)
        self.between = nn.LayerNorm(width)
        self.across = nn.Linear(3 * width, 2 * width)
        self.out = nn.Linear(2 * width, width)

    def forward(self, tokens: Tensor, valid: Tensor, limb: Tensor, body: Tensor) -> Tensor:
        """Map (B, T, K, C) tokens to tokens; `valid` is (B, T, 1, 1), `limb` and `body` are (B, 1, K, K)."""
        read = functional.relu(self.before(tokens)) * valid
        reach = self.dilation
        padded = functional.pad(read, (0, 0, 0, 0, reach, reach))
        length = tokens.shape[1]
        taps = torch.cat([padded[:, shift : shift + length] for shift in (0, reach, 2 * reach)], dim=-1)
        tokens = tokens + functional.linear(taps, self.along, self.along_bias)
        read = self.between(tokens)
        seen = torch.cat([read, limb @ read, body @ read], dim=-1)
        mixed: Tensor = tokens + self.out(functional.relu(self.across(seen)))
        return mixed


class PoseRefiner(nn.Module):
    """Corrects the keypoints of a track that has been smoothed by formula already.

    Nothing in it depends on the number or the order of keypoints: each is a token that knows its kind, its own past and
    future, and the mean of its limb and of the whole body. A network that has learned nothing corrects nothing, and
    where the estimates agree with what was smoothed, nothing is corrected: no correction is longer than the greatest
    distance between the two within a few poses. So a clean kick stays a kick, whatever was learned.

    Args:
        width: channels of a token.
        dilations: of the convolutions along time, one per block; with 1, 2, 4, 8 it sees 15 poses to either side.

    Source:
        In the spirit of Zeng et al., SmoothNet, ECCV 2022 (a network on trajectories alone, position and acceleration
        in the loss) and of the same authors' DeciWatch, ECCV 2022 (unseen poses recovered from seen ones). Different
        on purpose: a residual on a smoother, real times, scores, and the other keypoints as context.
    """

    def __init__(self, width: int = 32, dilations: tuple[int, ...] = (1, 2, 4, 8)) -> None:
        super().__init__()
        self.enter = nn.Linear(FEATURES, width)
        self.kind = nn.Embedding(len(PARTS), width)
        self.blocks = nn.ModuleList([_Block(width, dilation) for dilation in dilations])
        self.leave = nn.LayerNorm(width)
        self.shift = nn.Linear(width, 2)
        nn.init.zeros_(self.shift.weight)
        nn.init.zeros_(self.shift.bias)

    @staticmethod
    def example_shapes(_: tuple[int, int]) -> list[tuple[int, ...]]:
        """Return input shapes to count with: one person of 19 keypoints for one pose."""
        return [(1, 1, 19, FEATURES), (1, 19), (1, 19), (1, 19), (1, 1)]

    def forward(self, features: Tensor, parts: Tensor, limbs: Tensor, exists: Tensor, valid: Tensor) -> Tensor:
        """Correct pieces of tracks.

        Args:
            features: (B, T, K, FEATURES).
            parts: (B, K) index into `PARTS` of each keypoint.
            limbs: (B, K) number of the limb each keypoint belongs to.
            exists: (B, K) 1 for keypoints there are, 0 for columns without meaning.
            valid: (B, T) 1 for poses, 0 for padding after the last one.

        Returns:
            (B, T, K, 2) what is to be added to the smoothed positions, in person sizes.
        """
        there = exists.to(features.dtype)[:, None, None, :]
        same = (limbs[:, None, :, None] == limbs[:, None, None, :]).to(features.dtype) * there
        limb = same / same.sum(-1, keepdim=True).clamp(min=1)
        body = (there / there.sum(-1, keepdim=True).clamp(min=1)).expand_as(limb)
        tokens = self.enter(features) + self.kind(parts.long())[:, None]
        for block in self.blocks:
            tokens = block(tokens, valid[..., None, None].to(features.dtype), limb, body)
        shift = STEP * self.shift(functional.relu(self.leave(tokens))).float()
        leeway = _leeway(features, valid)[..., None]
        length = (shift.square().sum(-1, keepdim=True) + 1e-12).sqrt()
        limited: Tensor = shift * leeway / (leeway + length)
        return limited


def _leeway(features: Tensor, valid: Tensor) -> Tensor:
    """Return (B, T, K) how far estimates nearby lie from the smoothed positions at most, person sizes."""
    off = OFFSET_SCALE * features[..., 2:4].square().sum(-1).sqrt() * valid[..., None]
    pooled = functional.max_pool1d(off.transpose(1, 2), 2 * LEEWAY_REACH + 1, stride=1, padding=LEEWAY_REACH)
    return pooled.transpose(1, 2)
