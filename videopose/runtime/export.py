"""Write networks for other runtimes, and run what was written. ONNX and OpenVINO are optional extras."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from videopose.errors import InputError, WeightsError

FORMATS = {"onnx": ".onnx", "openvino": ".xml"}
"""Format -> suffix of the file."""

_NEEDED = {
    "onnx": "onnx and onnxscript",
    "onnxscript": "onnx and onnxscript",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
}


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
    example = torch.zeros(2, 3, *input_hw)
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        if form == "onnx":
            _require("onnx")
            _require("onnxscript")
            batch = {0: torch.export.Dim("batch")}
            torch.onnx.export(
                model,
                (example,),
                str(part),
                input_names=["crops"],
                output_names=["output"],
                dynamic_shapes=(batch,),
                external_data=False,
                dynamo=True,
                verbose=False,
            )
        else:
            openvino = _require("openvino")
            shape = [-1, 3, *input_hw]
            converted = openvino.convert_model(model, example_input=example, input=shape)
            openvino.save_model(converted, str(part), compress_to_fp16=False)
            part.with_suffix(".bin").replace(path.with_suffix(".bin"))
        part.replace(path)
    finally:
        for leftover in (part, part.with_suffix(".bin")):
            leftover.unlink(missing_ok=True)


class RuntimeNetwork(nn.Module):
    """A network another runtime runs, used like any other: CPU tensors in, CPU tensors out.

    Args:
        path: a file `export` wrote; the suffix chooses the runtime.

    Raises:
        WeightsError: the file is missing or damaged.
        InputError: the suffix is not one of ours, or the runtime is not installed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        if path.suffix not in FORMATS.values():
            raise InputError(f"{path}: no runtime is known for {path.suffix}; export to .onnx or .xml")
        if not path.is_file():
            raise WeightsError(f"{path}: no such exported network; check the path")
        self._call = _open_onnx(path) if path.suffix == ".onnx" else _open_openvino(path)

    def forward(self, crops: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to what the exported network gives."""
        return torch.from_numpy(self._call(crops.contiguous().numpy()).copy())


def _open_onnx(path: Path) -> Any:  # Any: a callable of numpy arrays, whatever the runtime
    runtime = _require("onnxruntime")
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except (RuntimeError, ValueError, runtime.capi.onnxruntime_pybind11_state.InvalidProtobuf) as error:
        raise WeightsError(f"{path}: not a readable ONNX file; export it again") from error
    return lambda crops: session.run(None, {session.get_inputs()[0].name: crops})[0]


def _open_openvino(path: Path) -> Any:  # Any: as above
    openvino = _require("openvino")
    try:
        # its own choice may be bfloat16, which is a thousandth off
        network = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError as error:
        raise WeightsError(f"{path}: not a readable OpenVINO file; export it again") from error
    return lambda crops: network(crops)[0]


def _require(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(f"{package} is not installed; run `pip install {_NEEDED[package]}`") from error
