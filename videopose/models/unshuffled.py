"""TinyPose without channel shuffles: the same function, its channels in another order.

A shuffle moves every number and computes nothing; it and the splits and concatenations around it took a third of the
network's time. Here each channel stays where it is: the convolutions' weights know where that is.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.tinypose import Exchange, ShuffleUnit, Stem, TinyPose

Order = Tensor
"""(C,) for each channel of a tensor, which channel of the shuffled network it is."""


def unshuffled(model: TinyPose) -> nn.Module:
    """Return a copy of a network in evaluation mode that gives the same heatmaps without shuffling.

    Args:
        model: on the CPU.
    """
    model = copy.deepcopy(model).eval()
    stem = _OrderedStem(model.stem)
    orders = [stem.order]
    for transition, stage in zip(model.transitions, model.stages, strict=True):
        assert isinstance(transition, nn.ModuleList)
        assert isinstance(stage, nn.Sequential)
        orders = [_transition(layer, orders[min(row, len(orders) - 1)]) for row, layer in enumerate(transition)]
        for exchange in stage:
            assert isinstance(exchange, Exchange)
            _exchange(exchange, orders)
    coarse_first = orders[::-1]
    for row, project in enumerate(model.projects):
        _reorder(project, coarse_first[row], coarse_first[row + 1] if row + 1 < len(orders) else None)
    model.add_module("stem", stem)
    return model


def _transition(layer: nn.Module, order: Order) -> Order:
    """Adapt a layer between stages to the order of what it reads; return the order of what it gives."""
    convs = _convs(layer)
    if not convs:
        return order
    _reorder(layer, order, None)
    return torch.arange(convs[-1].out_channels)


def _exchange(exchange: Exchange, orders: list[Order]) -> None:
    """Replace the units of every branch, and let the sums over branches follow; `orders` become those behind it."""
    for row, branch in enumerate(exchange.branches):
        assert isinstance(branch, nn.Sequential)
        for place, unit in enumerate(branch):
            assert isinstance(unit, ShuffleUnit)
            ordered = _OrderedUnit(unit, orders[row])
            branch[place], orders[row] = ordered, ordered.order
    for target, layers in enumerate(exchange.fuse):
        assert isinstance(layers, nn.ModuleList)
        for source, layer in enumerate(layers):
            _reorder(layer, orders[source], orders[target])


class _OrderedStem(nn.Module):
    """The stem, whose two halves stay beside each other."""

    def __init__(self, stem: Stem) -> None:
        super().__init__()
        self.conv, self.left, self.right = stem.conv, stem.left, stem.right
        half = _convs(stem.left)[-1].out_channels
        self.order: Order = torch.cat([torch.arange(half) * 2, torch.arange(half) * 2 + 1])

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.conv(x).chunk(2, 1)
        return torch.cat([self.left(left), self.right(right)], 1)


class _OrderedUnit(nn.Module):
    """A shuffle unit: what is kept is added where it lies, what is worked on takes its own old place.

    All its inputs are at least 0, as they come from ReLUs, so one ReLU over the sum leaves what is kept alone.

    Attributes:
        order: of its outputs.
    """

    def __init__(self, unit: ShuffleUnit, order: Order) -> None:
        super().__init__()
        width, place = len(order), torch.argsort(order)
        half = width // 2
        kept, worked = place[:half], place[half:]
        first, self.depthwise, last = _convs(unit.branch)
        self.first, self.last = nn.Conv2d(width, half, 1), nn.Conv2d(half, width, 1)
        with torch.no_grad():
            for conv in (self.first, self.last):
                for value in conv.parameters():
                    value.zero_()
            self.first.weight[:, worked] = first.weight
            _bias(self.first).copy_(_bias(first))
            self.last.weight[worked] = last.weight
            _bias(self.last)[worked] = _bias(last)
        is_kept = torch.zeros(1, width, 1, 1)
        is_kept[:, kept] = 1
        self.is_kept = nn.Buffer(is_kept)
        self.order = torch.empty_like(order)
        self.order[kept], self.order[worked] = torch.arange(half) * 2, torch.arange(half) * 2 + 1

    def forward(self, x: Tensor) -> Tensor:
        worked = self.last(self.depthwise(functional.relu(self.first(x))))
        return functional.relu(worked + x * self.is_kept)


def _reorder(layer: nn.Module, before: Order, after: Order | None) -> None:
    """Adapt a layer of separable or 1x1 convolutions to other orders of channels; one without stays."""
    convs = _convs(layer)
    if not convs:
        return
    with torch.no_grad():
        if convs[0].groups > 1:
            convs[0].weight.copy_(convs[0].weight[before])
            _bias(convs[0]).copy_(_bias(convs[0])[before])
        reader = convs[1] if convs[0].groups > 1 else convs[0]
        reader.weight.copy_(reader.weight[:, before])
        if after is not None:
            convs[-1].weight.copy_(convs[-1].weight[after])
            _bias(convs[-1]).copy_(_bias(convs[-1])[after])


def _convs(layer: nn.Module) -> list[nn.Conv2d]:
    return [module for module in layer.modules() if isinstance(module, nn.Conv2d)]


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None, "batch norms are folded into biases"
    return conv.bias
