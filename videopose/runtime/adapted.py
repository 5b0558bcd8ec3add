"""What stands around a network from elsewhere, so that it is called like all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from videopose.runtime.network import Network


class Adapted(nn.Module):
    """A `Network` that takes any number of images, around one that takes a fixed number.

    Args:
        network: that is called.
        batch: the only number of images it takes; None = any.
        joined: which of its outputs become the one output, one behind the other along the last axis; None = all of
            them stay as they are.
    """

    def __init__(self, network: Network, *, batch: int | None = None, joined: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.network = network
        self._batch, self._joined = batch, joined
        self.dtype, self.device, self.brings_threads = network.dtype, network.device, network.brings_threads

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for images (N, 3, H, W), whatever N."""
        (images,) = tensors
        size = self._batch
        if size is None:
            parts = [self.network(images)]
        else:
            parts = [self._run(images[start : start + size], size) for start in range(0, len(images), size)]
        outputs = parts[0] if len(parts) == 1 else tuple(_stacked(each) for each in zip(*parts, strict=True))
        if self._joined is None:
            return outputs
        return (torch.cat([outputs[place] for place in self._joined], -1),)

    def _run(self, images: Tensor, size: int) -> tuple[Tensor, ...]:
        count = len(images)
        if count < size:
            images = torch.cat([images, images.new_zeros(size - count, *images.shape[1:])])
        return tuple(each[:count] for each in self.network(images))


def _stacked(parts: tuple[Tensor, ...]) -> Tensor:
    """Stack what single calls gave; where they found different numbers of things, zeros follow the fewer."""
    if len({each.shape[1:] for each in parts}) > 1:
        most = max(each.shape[1] for each in parts)
        parts = tuple(_filled(each, most) for each in parts)
    return torch.cat(parts)


def _filled(part: Tensor, count: int) -> Tensor:
    return torch.cat([part, part.new_zeros(part.shape[0], count - part.shape[1], *part.shape[2:])], 1)


class BlueFirst(nn.Module):
    """A `Network` that takes red first, around one that takes blue first.

    Args:
        network: that is called.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.dtype, self.device, self.brings_threads = network.dtype, network.device, network.brings_threads

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for images (N, 3, H, W)."""
        return self.network(*(each.flip(1) for each in tensors))
