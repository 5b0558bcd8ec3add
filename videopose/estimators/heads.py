"""What heads over heatmaps are: over a window of frames, or along a track with a state."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from videopose.errors import ConfigError
from videopose.runtime.network import Network
from videopose.runtime.torch import TorchNetwork


@runtime_checkable
class RecurrentHead(Protocol):
    """A head that goes along tracks, one frame at a time; in evaluation mode, on the network's device.

    Attributes:
        before: frames after which the start of a track makes no difference any more.
    """

    before: int

    def step(
        self, logits: Tensor, state: Any, seconds: Tensor | None = None, /
    ) -> tuple[Tensor, tuple[Tensor, ...]]:  # Any: each head's own tuple of tensors, or None
        """Advance each track by one frame.

        Args:
            logits: (N, C, h, w) what the network gives for N people.
            state: what the frame before has left, tensors (N, C', h, w) moved into this frame's crops; None starts
                tracks.
            seconds: (N,) since that frame; None where tracks start.

        Returns:
            (N, K, h, w) what the codec decodes, and the new state.
        """
        ...


@runtime_checkable
class FusionHead(Protocol):
    """A head that fuses the heatmaps of a window of frames; in evaluation mode, on the network's device.

    Attributes:
        before: earlier frames of the window.
        after: later frames of the window; F = before + after.
    """

    before: int
    after: int

    def __call__(self, center: Tensor, neighbors: Tensor, seconds: Tensor, present: Tensor, /) -> Tensor:
        """Fuse (N, K, h, w) heatmaps with (N, F, K, h, w), (N, F) seconds away, where (N, F) present; (N, K, h, w)."""
        ...


def as_fusion_head(head: nn.Module, option: str) -> FusionHead:
    """Return a network as a head over windows.

    Raises:
        ConfigError: it goes along tracks, or is no head; `option` says what the user wrote.
    """
    if isinstance(head, RecurrentHead):
        raise ConfigError(f"{option}: goes frame by frame and looks at no window; choose another")
    if not isinstance(head, FusionHead):
        raise ConfigError(f"{option}: is no head over a window of frames; choose another")
    return head


def head_network(head: FusionHead) -> Network:
    """Return a head as a network of the runtime it runs on: torch, because its windows change from frame to frame."""
    assert isinstance(head, nn.Module), "heads are modules"
    return TorchNetwork(head)
