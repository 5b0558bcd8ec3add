"""Where networks compute: the one choice, of runs and of training."""

from __future__ import annotations

import torch

from videopose.errors import InputError


def choose_device(name: str) -> torch.device:
    """Convert `auto`, `cpu`, `cuda` or `cuda:1` to a device.

    Raises:
        InputError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and number.isdecimal())):
        raise InputError(f"device {name!r} is unknown. Give auto, cpu, cuda or cuda:1")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {name!r}: no CUDA GPU was found. Leave --device out to use the CPU")
    if number and int(number) >= torch.cuda.device_count():
        raise InputError(f"device {name!r}: the GPUs here are cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return torch.device(name)
