"""Count a network's parameters and multiply-adds, as the published tables of its family do.

"GFLOPs" in the papers are multiply-adds, but tables differ in what they count; `CONVENTIONS` names the ways, and an
architecture says which one its paper used. Nothing is computed: the network runs on the meta device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from videopose.models import architecture_named, create_model


@dataclass(frozen=True)
class Counts:
    """What one pass over one crop takes.

    Attributes:
        parameters: number of learned values.
        macs: multiply-adds of convolutions, linear layers and attention.
        layer_macs: of these, the ones in convolution and linear layers.
        output_macs: the same with transposed convolutions counted at their output, as the HRNet authors' tool does.
        normalised: values that pass through batch norm layers.
    """

    parameters: int
    macs: int
    layer_macs: int
    output_macs: int
    normalised: int


CONVENTIONS: dict[str, Callable[[Counts], float]] = {
    "macs": lambda counts: counts.macs / 1e9,
    "layers": lambda counts: counts.layer_macs / 1e9,
    # "giga" is 2^30 there
    "hrnet": lambda counts: counts.output_macs / 2**30,
    # every normalised value counts as two
    "mmengine": lambda counts: (counts.macs + 2 * counts.normalised) / 1e9,
}
"""How a table gets from counts to GFLOPs."""


def count(name: str, *, input_hw: tuple[int, int] | None = None, num_keypoints: int | None = None) -> Counts:
    """Count one pass of an architecture over one crop.

    Args:
        name: of the architecture.
        input_hw: (height, width) of the crop, pixels; None = the architecture's own.
        num_keypoints: None = the architecture's own.

    Raises:
        UnknownNameError: there is no such architecture.
    """
    entry = architecture_named(name)
    size = input_hw or entry.input_hw
    with torch.device("meta"):
        model = create_model(name, input_hw=size, num_keypoints=num_keypoints)
        # networks that see several frames say what they take
        inputs = [torch.empty(*shape) for shape in getattr(model, "example_shapes", _one_crop)(size)]
    return count_model(model, *inputs)


def _one_crop(input_hw: tuple[int, int]) -> list[tuple[int, ...]]:
    return [(1, 3, *input_hw)]


def count_model(model: nn.Module, *inputs: Tensor) -> Counts:
    """Count one pass of a network over given inputs."""
    tally = {"layers": 0, "outputs": 0, "normalised": 0}

    def see(layer: nn.Module, given: tuple[Any, ...], out: Tensor) -> None:  # Any: hooks get whatever a layer gets
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            tally["normalised"] += out.numel()
        elif isinstance(layer, nn.Linear):
            tally["layers"] += layer.weight.numel() * (out.numel() // out.shape[-1])
            tally["outputs"] += layer.weight.numel() * (out.numel() // out.shape[-1])
        elif isinstance(layer, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d):
            crops, size = len(out), out.shape[2:].numel()
            where = given[0].shape[2:].numel() if isinstance(layer, nn.ConvTranspose2d) else size
            tally["layers"] += layer.weight.numel() * where * crops
            tally["outputs"] += layer.weight.numel() * size * crops

    counted = (nn.BatchNorm2d, nn.BatchNorm3d, nn.Linear, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)
    hooks = [layer.register_forward_hook(see) for layer in model.modules() if isinstance(layer, counted)]
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    macs = int(counter.get_total_flops()) // 2
    return Counts(parameters, macs, tally["layers"], tally["outputs"], tally["normalised"])


def gflops(name: str, counts: Counts) -> float:
    """Return the GFLOPs of an architecture as its family's tables count them."""
    return CONVENTIONS[architecture_named(name).flops](counts)
