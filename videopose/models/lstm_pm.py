"""LSTM pose machines: heatmaps of a person carried along a track by a convolutional LSTM. Names as in the release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.names import strip_wrapper

_WIDTH, CONTEXT = 128, 32


class TrackState(NamedTuple):
    """What is carried from one frame of a track to the next.

    Attributes:
        hidden: (N, C, h, w).
        cell: (N, C, h, w).
        heatmaps: (N, K + 1, h, w) of the frame before; the last channel is the background.
    """

    hidden: Tensor
    cell: Tensor
    heatmaps: Tensor


class _Shift(nn.Module):
    """Adds a learned number to each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias[:, None, None]


def _convolutions(names: str, sizes: list[tuple[int, int, int]]) -> dict[str, nn.Module]:
    return {
        names.format(index): nn.Conv2d(inner, outer, kernel, padding=kernel // 2)
        for index, (inner, outer, kernel) in enumerate(sizes, start=1)
    }


class LSTMPoseMachine(nn.Module):
    """Two encoders, one that starts a track and one for every frame, a convolutional LSTM and a decoder.

    Args:
        num_keypoints: K; heatmaps have one more channel, the background.

    Source:
        Luo et al., LSTM Pose Machines, CVPR 2018, section 3; written from the paper and a list of names and shapes.
    """

    def __init__(self, *, num_keypoints: int = 14) -> None:
        super().__init__()
        channels = num_keypoints + 1
        trunk = [(3, _WIDTH, 9), (_WIDTH, _WIDTH, 9), (_WIDTH, _WIDTH, 9), (_WIDTH, CONTEXT, 5)]
        start = [*trunk, (CONTEXT, 512, 9), (512, 512, 1), (512, channels, 1)]
        width = CONTEXT + channels + 1
        decoder = [(width, _WIDTH, 11), (_WIDTH, _WIDTH, 11), (_WIDTH, _WIDTH, 11), (_WIDTH, _WIDTH, 1)]
        layers = {
            **_convolutions("conv{}_stage1", start),
            **_convolutions("conv{}_stage2", trunk),
            **_convolutions("Mres{}", [*decoder, (_WIDTH, channels, 1)]),
        }
        for gate in "gifo":
            layers[f"{gate}_x"] = nn.Conv2d(width, width, 3, padding=1)
            layers[f"{gate}_h"] = nn.Conv2d(width, width, 3, padding=1)
            layers[f"scale_{gate}"] = _Shift(width)
        for name, layer in layers.items():
            self.add_module(name, layer)

    @staticmethod
    def example_shapes(input_hw: tuple[int, int]) -> list[tuple[int, ...]]:
        """Return the shapes of the inputs for one person in three frames."""
        return [(1, 3, 3, *input_hw), (1, 1, *input_hw)]

    def start(self, x: Tensor) -> Tensor:
        """Map a track's first crops (N, 3, H, W) to initial heatmaps (N, K + 1, h, w), h = H / 8."""
        x = self._trunk(x, 1)
        for index in (5, 6):
            x = functional.relu(self.get_submodule(f"conv{index}_stage1")(x))
        heatmaps: Tensor = self.get_submodule("conv7_stage1")(x)
        return heatmaps

    def step(self, x: Tensor, center_map: Tensor, state: TrackState | None) -> TrackState:
        """Advance each track by one frame.

        Args:
            x: (N, 3, H, W) crops of this frame.
            center_map: (N, 1, H, W) a Gaussian on the crop's middle.
            state: of the frame before; None at a track's first frame.

        Returns:
            The new state; its heatmaps are the answer for this frame.
        """
        before = self.start(x) if state is None else state.heatmaps
        return self.advance(self.context(x), before, self.pooled(center_map), state)

    def pooled(self, center_map: Tensor) -> Tensor:
        """Pool a map of the crop's centre, (N, 1, H, W), to the heatmaps' stride."""
        return functional.avg_pool2d(center_map, 9, 8, ceil_mode=True)

    def context(self, x: Tensor) -> Tensor:
        """Map crops (N, 3, H, W) to what every frame is seen by, (N, `CONTEXT`, h, w)."""
        return self._trunk(x, 2)

    def advance(self, context: Tensor, before: Tensor, middle: Tensor, state: TrackState | None) -> TrackState:
        """Compute what `step` computes, from the features of the crops.

        Args:
            context: (N, `CONTEXT`, h, w) of this frame.
            before: (N, K + 1, h, w) heatmaps of the frame before; at a track's first frame those of `start`.
            middle: (N, 1, h, w) the map of the crop's middle at the heatmaps' stride.
            state: of the frame before; None at a track's first frame.
        """
        seen = torch.cat([context, before, middle], 1)
        hidden, cell = (None, None) if state is None else (state.hidden, state.cell)
        value, let_in, let_out = (self._gate(name, seen, hidden) for name in "gio")
        new_cell = let_in.sigmoid() * value.tanh()
        if cell is not None:
            new_cell = new_cell + self._gate("f", seen, hidden).sigmoid() * cell
        new_hidden = let_out.sigmoid() * new_cell.tanh()
        return TrackState(new_hidden, new_cell, self._decode(new_hidden))

    def forward(self, frames: Tensor, center_map: Tensor) -> Tensor:
        """Estimate one person in consecutive frames.

        Args:
            frames: (N, T, 3, H, W) crops.
            center_map: (N, 1, H, W) a Gaussian on the crop's middle.

        Returns:
            (N, T, K, h, w) heatmaps without the background.
        """
        state: TrackState | None = None
        heatmaps = []
        for x in frames.unbind(1):
            state = self.step(x, center_map, state)
            heatmaps.append(state.heatmaps[:, :-1])
        return torch.stack(heatmaps, 1)

    def _trunk(self, x: Tensor, stage: int) -> Tensor:
        for index in (1, 2, 3):
            x = functional.relu(self.get_submodule(f"conv{index}_stage{stage}")(x))
            x = functional.max_pool2d(x, 3, 2, ceil_mode=True)  # Caffe rounds up
        return functional.relu(self.get_submodule(f"conv4_stage{stage}")(x))

    def _gate(self, name: str, seen: Tensor, hidden: Tensor | None) -> Tensor:
        total = self.get_submodule(f"{name}_x")(seen)
        if hidden is not None:
            total = total + self.get_submodule(f"{name}_h")(hidden)
        out: Tensor = self.get_submodule(f"scale_{name}")(total)
        return out

    def _decode(self, hidden: Tensor) -> Tensor:
        for index in (1, 2, 3, 4):
            hidden = functional.relu(self.get_submodule(f"Mres{index}")(hidden))
        heatmaps: Tensor = self.get_submodule("Mres5")(hidden)
        return heatmaps


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert names with a data-parallel prefix to ours."""
    return strip_wrapper(state)
