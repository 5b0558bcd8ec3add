"""Published networks over several frames, taken apart: what looks at one crop, and what then puts frames together.

The two halves give what the whole gives, so that a person's crops are looked at once, people share batches, and a
window may end with its clip. Where a neighbour is missing, the current frame stands in, as in the releases.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from videopose.errors import InputError
from videopose.models.dcpose import DCPose
from videopose.models.lstm_pm import CONTEXT, LSTMPoseMachine, TrackState
from videopose.models.posewarper import RELEASE_WEIGHTS, PoseWarper


class Backbone(nn.Module):
    """The half of a network over several frames that looks at crops, (N, 3, H, W) -> (N, C, h, w)."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.whole = whole

    @property
    def heatmaps(self) -> slice:
        """Which channels are heatmaps of keypoints."""
        return slice(CONTEXT, -1) if isinstance(self.whole, LSTMPoseMachine) else slice(None)

    def forward(self, x: Tensor) -> Tensor:
        """Return heatmaps; of `LSTMPoseMachine` its context, followed by a track's first heatmaps."""
        if isinstance(self.whole, LSTMPoseMachine):
            return torch.cat([self.whole.context(x), self.whole.start(x)], 1)
        return cast("PoseWarper | DCPose", self.whole).heatmaps(x)


class PoseWarperWindow(nn.Module):
    """The half of PoseWarper that warps and adds up heatmaps, as a head over a window.

    Args:
        whole: the network.
        before: neighbours on each side, 0, 1 or 2; the release has 2.

    Raises:
        InputError: there are no weights for so many.
    """

    def __init__(self, whole: PoseWarper, *, before: int = 2) -> None:
        super().__init__()
        if 1 + 2 * before not in RELEASE_WEIGHTS:
            raise InputError(f"posewarper: {before} neighbours on each side have no weights; give 0, 1 or 2")
        self.whole, self.before, self.after = whole, before, before

    def forward(self, center: Tensor, neighbors: Tensor, seconds: Tensor, present: Tensor) -> Tensor:
        """Fuse (N, K, h, w) with (N, F, K, h, w) where present; (N, K, h, w)."""
        del seconds  # the release counts frames
        frames = _stand_in(center, neighbors, present).unbind(1)
        past, future = frames[: self.before][::-1], frames[self.before :]  # the release's order: nearest first
        return self.whole.aggregate(center, [*past, *future], RELEASE_WEIGHTS[1 + len(frames)])


class DCPoseWindow(nn.Module):
    """The half of DCPose that merges, subtracts and corrects heatmaps, as a head over a window.

    Args:
        whole: the network.
    """

    before, after = 1, 1

    def __init__(self, whole: DCPose) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, center: Tensor, neighbors: Tensor, seconds: Tensor, present: Tensor) -> Tensor:
        """Fuse (N, K, h, w) with (N, 2, K, h, w) at (N, 2) seconds where present; (N, K, h, w)."""
        previous, following = _stand_in(center, neighbors, present).unbind(1)
        margin = seconds.abs() * present
        alone = ~present.any(1, keepdim=True)
        return self.whole.fuse(center, previous, following, torch.where(alone, torch.ones_like(margin), margin))


class LSTMPoseMachineTrack(nn.Module):
    """The half of LSTM pose machines that goes along a track, as a recurrent head.

    Args:
        whole: the network.
        before: frames after which the start of a track is forgotten.
    """

    after = 0

    def __init__(self, whole: LSTMPoseMachine, *, before: int = 8) -> None:
        super().__init__()
        self.whole, self.before = whole, before

    def step(
        self, features: Tensor, state: tuple[Tensor, ...] | None, seconds: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Advance each track by one frame: heatmaps (N, K, h, w) and the new state, from what `Backbone` gives.

        The published network knows frames in a row, not the `seconds` between them.
        """
        context, first = features[:, :CONTEXT], features[:, CONTEXT:]
        left = None if state is None else TrackState(*state)
        size_hw = (8 * context.shape[2], 8 * context.shape[3])
        middle = self.whole.pooled(center_map(size_hw).to(context)).expand(len(context), -1, -1, -1)
        new = self.whole.advance(context, first if left is None else left.heatmaps, middle, left)
        return new.heatmaps[:, :-1], new


def head_of(whole: nn.Module, *, before: int | None = None) -> nn.Module:
    """Return the half of a network over several frames that puts them together.

    Args:
        whole: the network.
        before: neighbours on each side, or frames of warming up; None = its own number.
    """
    if isinstance(whole, DCPose):
        return DCPoseWindow(whole)
    if isinstance(whole, LSTMPoseMachine):
        return LSTMPoseMachineTrack(whole) if before is None else LSTMPoseMachineTrack(whole, before=before)
    warper = cast(PoseWarper, whole)
    return PoseWarperWindow(warper) if before is None else PoseWarperWindow(warper, before=before)


def _stand_in(center: Tensor, neighbors: Tensor, present: Tensor) -> Tensor:
    return torch.where(present[:, :, None, None, None], neighbors, center[:, None])


_MIDDLE_SPREAD = 21.0
"""Spread of the Gaussian on the crop's middle, crop pixels: the release's."""


def center_map(input_hw: tuple[int, int]) -> Tensor:
    """Return (1, 1, H, W) the Gaussian on the crop's middle that tells `LSTMPoseMachine` who is meant."""
    rows, columns = (torch.arange(size, dtype=torch.float32) - (size - 1) / 2 for size in input_hw)
    return torch.exp(-(rows[:, None] ** 2 + columns**2) / (2 * _MIDDLE_SPREAD**2))[None, None]
