"""ONNX files, and networks that ONNX Runtime runs. Nothing here imports it before a network is asked for."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from videopose.errors import InputError, WeightsError
from videopose.models.zoo import Weights
from videopose.runtime.cache import cached, network_key
from videopose.runtime.folding import fold_batch_norm

_TYPES = {"tensor(uint8)": torch.uint8, "tensor(float16)": torch.float16}
_NEEDED = {"onnx": "onnx onnxscript", "onnxscript": "onnx onnxscript", "onnxruntime": "onnxruntime"}


def require(package: str) -> ModuleType:
    """Import a package of ONNX's.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(f"{package} is not installed; run `pip install {_NEEDED[package]}`") from error


def convert(model: nn.Module, weights: Weights, input_hw: tuple[int, int] | None) -> bytes:
    """Return a network as an ONNX file, which takes normalised images; from the cache if it is there.

    Args:
        model: in evaluation mode, on the CPU.
        weights: it was loaded from.
        input_hw: (height, width) of its input, pixels; None = any multiples of 32.

    Raises:
        RuntimeError: the network has an operator that ONNX does not know.
    """

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            write(fold_batch_norm(model).float(), path, input_hw)
            return path.read_bytes()

    return cached(network_key(weights, "onnxruntime", require("onnxruntime").__version__, input_hw), make)


def write(model: nn.Module, path: Path, input_hw: tuple[int, int] | None) -> None:
    """Write a network: (N, 3, h, w) normalised floats in, its outputs out."""
    require("onnx")
    require("onnxscript")
    shape = {0: torch.export.Dim("batch")}
    if input_hw is None:
        shape |= {2: 32 * torch.export.Dim("rows"), 3: 32 * torch.export.Dim("columns")}
    torch.onnx.export(
        model,
        (torch.zeros(2, 3, *(input_hw or (64, 96))),),
        str(path),
        input_names=["crops"],
        dynamic_shapes=(shape,),
        external_data=False,
        dynamo=True,
        verbose=False,
    )


def _refusals(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises for a file it cannot run, each its own kind of `Exception`."""
    kinds = runtime.capi.onnxruntime_pybind11_state
    names = ("InvalidProtobuf", "InvalidGraph", "InvalidArgument", "NotImplemented", "Fail")
    return (RuntimeError, ValueError, *(getattr(kinds, name) for name in names))


class OnnxNetwork(nn.Module):
    """A `Network` in ONNX Runtime: calls in several threads at once are its own business; each computes in one.

    Args:
        source: the content of a file, or its path.

    Raises:
        InputError: ONNX Runtime is not installed.
        WeightsError: the file is missing or damaged.
    """

    device = torch.device("cpu")
    brings_threads = False

    def __init__(self, source: bytes | Path) -> None:
        super().__init__()
        runtime = require("onnxruntime")
        if isinstance(source, Path) and not source.is_file():
            raise WeightsError(f"{source}: no such exported network; check the path")
        settings = runtime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        where = str(source) if isinstance(source, Path) else source
        try:
            self._session = runtime.InferenceSession(where, settings, providers=["CPUExecutionProvider"])
        except _refusals(runtime) as error:
            name = str(source) if isinstance(source, Path) else "converted network"
            raise WeightsError(f"{name}: not a readable ONNX file; export it again") from error
        first = self._session.get_inputs()[0]
        self._names = [each.name for each in self._session.get_inputs()]
        self.dtype = _TYPES.get(first.type, torch.float32)
        self._is_channels_last = len(first.shape) == 4 and first.shape[3] == 3 != first.shape[1]

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for images (N, 3, H, W): normalised, or bytes if it takes those."""
        if self._is_channels_last:
            tensors = tuple(each.permute(0, 2, 3, 1) for each in tensors)
        arrays = (each.contiguous().numpy() for each in tensors)
        outputs = self._session.run(None, dict(zip(self._names, arrays, strict=True)))
        return tuple(torch.from_numpy(each) for each in outputs)
