"""Write networks for other runtimes, as files a user keeps. ONNX is an optional extra."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from videopose.errors import InputError
from videopose.runtime import onnx, openvino

FORMATS = {"onnx": ".onnx", "openvino": ".xml"}
"""Format -> suffix of the file."""


def export(model: nn.Module, path: Path, *, input_hw: tuple[int, int], form: str) -> None:
    """Write a network that takes crops and gives what the PyTorch one gives; the batch size stays free.

    Args:
        model: in evaluation mode.
        path: to write; ends in the format's suffix.
        input_hw: (height, width) of the crops, pixels.
        form: a key of `FORMATS`.

    Raises:
        InputError: there is no such format, the suffix is another, or what the format needs is not installed.
    """
    if form not in FORMATS:
        raise InputError(f"cannot export to {form!r}; choose one of {', '.join(FORMATS)}")
    if path.suffix != FORMATS[form]:
        raise InputError(f"{path}: a file for {form} ends in {FORMATS[form]}")
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        if form == "onnx":
            onnx.write(model, part, input_hw)
        else:
            openvino.write(model, part, input_hw)
            part.with_suffix(".bin").replace(path.with_suffix(".bin"))
        part.replace(path)
    finally:
        for leftover in (part, part.with_suffix(".bin")):
            leftover.unlink(missing_ok=True)
