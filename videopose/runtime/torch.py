"""Networks that torch runs: what cannot be converted, what is trained, and everything on a GPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from videopose.runtime.folding import fold_batch_norm


def fold_and_place(model: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a copy that is fast: norms folded, channels last, in its type on its device."""
    folded = fold_batch_norm(model)
    return folded.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class TorchNetwork(nn.Module):
    """A `Network` around a module.

    Args:
        model: in evaluation mode, on its device, parameters in the type it computes in.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        first = next((each for each in model.parameters() if each.is_floating_point()), torch.empty(0))
        self.dtype, self.device = first.dtype, first.device
        self.brings_threads = first.device.type != "cpu"

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the module's outputs; a named tuple keeps its names."""
        out: Tensor | tuple[Tensor, ...] = self.model(*tensors)
        return (out,) if isinstance(out, Tensor) else out
