"""Optimiser, learning-rate schedule and the moving average of weights."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:  # packed trainings run where the configs' own library is not installed
    from videopose.training.options import OptimiserOptions


def make_optimiser(model: nn.Module, options: OptimiserOptions) -> torch.optim.Optimizer:
    """Build the optimiser; weights of rank 1 (norms, biases) do not decay.

    Each group's `factor` belongs on the learning rate of every step.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    factors = [_factor(name, options) for name, _ in named]
    groups = [
        {
            "params": [
                p for (_, p), own in zip(named, factors, strict=True) if own == factor and (p.ndim > 1) == decays
            ],
            "weight_decay": options.weight_decay if decays else 0.0,
            "factor": factor,
        }
        for factor in dict.fromkeys([1.0, *factors])
        for decays in (True, False)
    ]
    if options.name == "sgd":
        return torch.optim.SGD(groups, lr=options.learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=options.learning_rate)


def _factor(name: str, options: OptimiserOptions) -> float:
    return next((factor for prefix, factor in options.rate_factors.items() if name.startswith(prefix)), 1.0)


def learning_rate(step: int, steps: int, options: OptimiserOptions) -> float:
    """Return the rate of a step: a pure function, so that resuming needs no scheduler state."""
    warm = min(1.0, (step + 1) / max(1, options.warmup_steps))
    done = min(1.0, step / max(1, steps))
    if options.schedule == "step":
        factor = 0.1 ** sum(done >= milestone for milestone in options.milestones)
    else:
        factor = options.final_factor + (1 - options.final_factor) * 0.5 * (1 + math.cos(math.pi * done))
    return options.learning_rate * warm * factor


def freeze_norm_statistics(model: nn.Module) -> None:
    """Freeze the running statistics of batch norms in a network in training mode."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


class MovingAverage:
    """An exponential moving average of every floating tensor of a network, running statistics included.

    The decay starts small and grows, so that the first thousand steps do not drag the random start along.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move a little towards the network's present weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        floats: list[tuple[Tensor, Tensor]] = []
        for mine, new in zip(_tensors(self.model), _tensors(model), strict=True):
            if mine.is_floating_point():
                floats.append((mine, new))
            else:
                mine.copy_(new)
        torch._foreach_lerp_([mine for mine, _ in floats], [new for _, new in floats], 1 - decay)


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*(parameter.data for parameter in model.parameters()), *model.buffers()]
