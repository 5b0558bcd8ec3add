"""LSTM Pose Machine's way of carrying heatmaps along a track, as a small head on the heatmaps of any network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.geometry.sampling import sample_maps
from videopose.models.fusion_parts import FrameWeights, fuse_log_likelihood, log_likelihood

State = tuple[Tensor, Tensor, Tensor]
"""What is carried along a track, each (N, C, h, w) on the heatmaps' own cells: hidden and cell state of the LSTM, and
the evidence of the frame before."""
_STEP_SECONDS = 1 / 25
"""Between two frames of the clips the head is trained on."""


class ConvLSTMHead(nn.Module):
    """A convolutional LSTM over the evidence of a track's frames, that also weighs the frame before's result.

    A track's first frame comes out exactly as it went in, and so does every frame before training.

    Args:
        num_keypoints: K.
        before: frames after which the start of a track is forgotten: what a stream is warmed up with.
        width: channels of the states.

    Source:
        Luo et al., LSTM Pose Machines, CVPR 2018, section 3: states per track and the last frame's heatmaps fed back;
        here the encoder is the pose network itself, and what is learned is a change of its logits.
    """

    after = 0

    def __init__(self, *, num_keypoints: int = 19, before: int = 12, width: int = 32) -> None:
        super().__init__()
        self.before, self.num_keypoints, self.width = before, num_keypoints, width
        self.gates = nn.Conv2d(2 * num_keypoints + width, 4 * width, 3, padding=1)
        self.decode = nn.Conv2d(width, num_keypoints, 3, padding=1, bias=False)
        self.weights = FrameWeights(num_keypoints)
        nn.init.zeros_(self.decode.weight)

    def example_shapes(self, input_hw: tuple[int, int]) -> list[tuple[int, ...]]:
        """Return the shapes of the input for one person in two frames."""
        return [(1, 2, self.num_keypoints, input_hw[0] // 4, input_hw[1] // 4)]

    def step(self, logits: Tensor, state: State | None, seconds: Tensor | None = None) -> tuple[Tensor, State]:
        """Advance each track by one frame.

        Args:
            logits: (N, K, h, w) of this frame; h and w even.
            state: of the frame before, moved into this frame's crop (zero outside); None at a track's start.
            seconds: (N,) since that frame; None = as in training.

        Returns:
            (N, K, h, w) float32 logits and the new state.
        """
        seen = log_likelihood(logits)
        if state is None:
            blank = seen.new_zeros(len(seen), self.width, *seen.shape[2:])
            hidden, cell, belief = blank, blank, torch.zeros_like(seen)
        else:
            hidden, cell, belief = (functional.avg_pool2d(part, 2) for part in state)
        value, let_in, let_out, keep = self.gates(torch.cat([seen, belief, hidden], 1)).chunk(4, 1)
        cell = keep.sigmoid() * cell + let_in.sigmoid() * value.tanh()
        hidden = let_out.sigmoid() * cell.tanh()
        out = logits.float()
        if state is not None:
            passed = seen.new_full((len(seen),), _STEP_SECONDS) if seconds is None else seconds.to(seen)
            out = self._fuse(logits, seen, belief, hidden, passed)
        parts = (hidden, cell, log_likelihood(out))
        return out, (_enlarge(parts[0]), _enlarge(parts[1]), _enlarge(parts[2]))

    def _fuse(self, logits: Tensor, seen: Tensor, belief: Tensor, hidden: Tensor, seconds: Tensor) -> Tensor:
        present = seen.new_ones((len(seen), 1), dtype=torch.bool)
        weights = self.weights(torch.stack([seen, belief], 1), -seconds[:, None], present)
        change = weights[:, 1, :, None, None] * belief + self.decode(hidden)
        return fuse_log_likelihood(logits, change, 1 + weights[:, 0])

    def forward(self, sequence: Tensor, places: Tensor | None = None) -> Tensor:
        """Compute whole tracks at once.

        Args:
            sequence: (N, T, K, h, w) logits, each frame in its own crop.
            places: (N, T - 1, h, w, 2) x, y where the cells of frames 1 … T - 1 lie in the frame before, in cells;
                None = the crops do not move.

        Returns:
            (N, T, K, h, w) float32 logits.
        """
        state: State | None = None
        frames = []
        for number, logits in enumerate(sequence.unbind(1)):
            if state is not None and places is not None:
                hidden, cell, belief = (sample_maps(part, places[:, number - 1], outside="zero") for part in state)
                state = hidden, cell, belief
            out, state = self.step(logits, state)
            frames.append(out)
        return torch.stack(frames, 1)


def _enlarge(part: Tensor) -> Tensor:
    """Resample a state to the heatmaps' cells, so that it is warped between crops as they are."""
    return functional.interpolate(part, scale_factor=2.0, mode="nearest")
