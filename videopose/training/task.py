"""What a task brings to the loop: a network, batches, a loss, a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

from videopose.models.zoo import Weights

Batch: TypeAlias = dict[str, Tensor]


class Task(Protocol):
    """One kind of training: of a pose network, of a detector.

    Attributes:
        monitor: the name in `evaluate`'s result that the best checkpoint is chosen by; higher is better.
    """

    monitor: str

    def build(self) -> nn.Module:
        """Build the network, freshly initialised from torch's global seed."""
        ...

    def batch(self, step: int, rows: range, device: torch.device, progress: float) -> Batch:
        """Prepare part of a step's batch.

        A pure function of its arguments and the config's seed: this is what makes resuming exact.

        Args:
            step: optimiser step, from 0.
            rows: which rows of the step's batch, so that processes and parts share it out.
            device: where the tensors go.
            progress: share of the training that is done, for phases.
        """
        ...

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compute the loss to minimise and named parts of it to log."""
        ...

    def describe(self, name: str) -> Weights:
        """Describe what a user of the trained file alone must know."""
        ...

    def evaluate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Score the network on held-out data."""
        ...
