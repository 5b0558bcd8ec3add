"""Networks that OpenVINO runs on the CPU. Nothing here imports it before a network is asked for.

A network is converted by OpenVINO's PyTorch frontend itself and not by `openvino.convert_model`, which reports its use
over the network; this package does not.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from videopose.errors import InputError, WeightsError
from videopose.models.tinypose import TinyPose
from videopose.models.unshuffled import unshuffled
from videopose.models.zoo import Weights
from videopose.runtime.cache import cached, network_key
from videopose.runtime.choice import instruction_set
from videopose.runtime.folding import fold_batch_norm
from videopose.runtime.workers import one_thread

_LEFT_BEHIND: list[object] = []
"""What a forked process brought with it: freeing it would wait for threads that are not there, and end the process."""

_TYPES = {"u8": torch.uint8, "f16": torch.float16}

Package = Any
"""OpenVINO's modules and objects, which carry no types we could rely on."""


def require() -> Package:
    """Import OpenVINO.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise InputError("openvino is not installed; run `pip install openvino`") from error


def convert(model: nn.Module, weights: Weights, input_hw: tuple[int, int] | None) -> bytes:
    """Return a network as OpenVINO's graph, which takes pixels and normalises them; from the cache if it is there.

    Args:
        model: in evaluation mode, on the CPU.
        weights: it was loaded from.
        input_hw: (height, width) of its input, pixels; None = any multiples of 32.

    Returns:
        What `OpenVinoNetwork` opens. The graph takes (N, h, w, 3) uint8 RGB.

    Raises:
        RuntimeError: the network has an operator that OpenVINO does not know.
    """
    openvino = require()

    def make() -> bytes:
        plain = unshuffled(model) if isinstance(model, TinyPose) else fold_batch_norm(model)
        whole = _FromPixels(plain.float(), weights.mean, weights.std)
        size = input_hw or (64, 96)
        graph = _traced(openvino, whole, torch.zeros(2, *size, 3, dtype=torch.uint8))
        graph.reshape({graph.inputs[0]: [-1, *(input_hw or (-1, -1)), 3]})
        return packed(graph)

    return cached(network_key(weights, "openvino", openvino.__version__, input_hw), make)


def write(model: nn.Module, path: Path, input_hw: tuple[int, int]) -> None:
    """Write a network as `.xml` and `.bin`: (N, 3, h, w) normalised floats in, its outputs out."""
    openvino = require()
    graph = _traced(openvino, model, torch.zeros(2, 3, *input_hw))
    graph.reshape({graph.inputs[0]: [-1, 3, *input_hw]})
    openvino.save_model(graph, str(path), compress_to_fp16=False)


class _FromPixels(nn.Module):
    """A network with normalisation in front: (N, h, w, 3) uint8 in."""

    def __init__(self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.model = model
        self.scale = nn.Buffer(torch.tensor([1 / (255 * value) for value in std]).view(1, 3, 1, 1))
        self.shift = nn.Buffer(torch.tensor([-a / b for a, b in zip(mean, std, strict=True)]).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, ...]:
        out = self.model(pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift)
        return out if isinstance(out, Tensor) else tuple(out)


def _traced(openvino: Package, model: nn.Module, example: Tensor) -> Package:
    frontend = importlib.import_module("openvino.frontend").FrontEndManager().load_by_framework("pytorch")
    ts_decoder = importlib.import_module("openvino.frontend.pytorch.ts_decoder")
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the frontend's own use of torch.jit; shapes it takes for constant are tested
        # The tracer's own check calls the network three times more and compares thousands of lines of text.
        unchecked = {"check_trace": False}
        with one_thread():
            decoder = ts_decoder.TorchScriptPythonDecoder(
                model.eval(), example_input=(example,), trace_kwargs=unchecked
            )
        return frontend.convert(frontend.load(decoder))  # which reads the decoder still


def packed(graph: Package) -> bytes:
    """Return a graph's two files as one: the length of the first, the first, the second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.xml"
        require().save_model(graph, str(path), compress_to_fp16=False)
        text = path.read_bytes()
        return len(text).to_bytes(8, "little") + text + path.with_suffix(".bin").read_bytes()


def unpacked(content: bytes) -> Package:
    """Return the graph `packed` was given."""
    openvino = require()
    end = 8 + int.from_bytes(content[:8], "little")
    return openvino.Core().read_model(content[8:end], openvino.Tensor(np.frombuffer(content, np.uint8, offset=end)))


class OpenVinoNetwork(nn.Module):
    """A `Network` in OpenVINO: each thread has an inference request of its own, and a request computes in one thread.

    Batches side by side are our workers' business (`videopose.runtime.workers`); a process that was forked compiles the
    network anew, since OpenVINO's threads did not come with it.

    Args:
        source: what `convert` gave, the path of a `.xml` or `.onnx` file, or the content of an ONNX file.
        precision: arithmetic, `float32` or `bfloat16`; parts that are int8 in the file stay so.
        key: what the compiled network is kept under in the cache, with what it depends on here; empty = not kept.

    Raises:
        InputError: OpenVINO is not installed.
        WeightsError: the file is missing or damaged.
    """

    device = torch.device("cpu")
    brings_threads = False

    def __init__(self, source: bytes | Path, precision: str, key: str = "") -> None:
        super().__init__()
        if isinstance(source, Path) and not source.is_file():
            raise WeightsError(f"{source}: no such exported network; check the path")
        self._source, self._precision, self._key = source, precision, key
        self._lock = threading.Lock()
        self._compiled_in = 0
        self._compile()
        first = self._network.inputs[0]
        self.dtype = _TYPES.get(first.get_element_type().get_type_name(), torch.float32)
        sizes = [each.get_length() if each.is_static else None for each in first.get_partial_shape()]
        self._is_channels_last = len(sizes) == 4 and sizes[3] == 3 != sizes[1]

    def _compile(self) -> None:
        # In a thread of its own: the CPU plugin gives the thread that loads it a stack for signals, and frees it later
        # in whatever thread drops the network. In the main thread the next Ctrl-C would then crash.
        with ThreadPoolExecutor(1) as aside:
            self._network = aside.submit(self._compiled).result()
        self._requests, self._compiled_in = threading.local(), os.getpid()

    def _compiled(self) -> Package:
        openvino = require()
        core = openvino.Core()
        workers = max(1, torch.get_num_threads())
        settings = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[self._precision],
            # a stream is one request's thread: as many as there may be workers, one thread each
            "NUM_STREAMS": workers,
            "INFERENCE_NUM_THREADS": workers,
            "ENABLE_CPU_PINNING": False,
        }
        try:
            return self._kept(core, settings) if self._key else self._made(core, settings)
        except RuntimeError as error:
            raise WeightsError(f"{self._name()}: not a readable OpenVINO or ONNX file; export it again") from error

    def _made(self, core: Package, settings: dict[str, object]) -> Package:
        return core.compile_model(self._read(core), "CPU", settings)

    def _kept(self, core: Package, settings: dict[str, object]) -> Package:
        """Return the compiled network from the cache; compiling takes a second, reading it back a fifth of one."""
        here = {name: core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")}
        facts = [self._key, settings, here, instruction_set()]
        key = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
        content = cached(key, lambda: self._made(core, settings).export_model().getvalue())
        try:
            return core.import_model(content, "CPU", settings)
        except RuntimeError:  # OpenVINO takes only what its very own build has written
            return self._made(core, settings)

    def _name(self) -> str:
        return str(self._source) if isinstance(self._source, Path) else "converted network"

    def _read(self, core: Package) -> Package:
        if isinstance(self._source, Path):
            return core.read_model(str(self._source))
        is_plain = not self._source[8:].startswith(b"<?xml")  # an ONNX file, the other thing that is given as bytes
        return core.read_model(self._source) if is_plain else unpacked(self._source)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for images (N, 3, H, W)."""
        request = self._request()
        if self._is_channels_last:
            tensors = tuple(each.permute(0, 2, 3, 1) for each in tensors)
        request.infer([each.contiguous().numpy() for each in tensors], share_inputs=True)
        count = len(self._network.outputs)
        return tuple(torch.from_numpy(request.get_output_tensor(place).data.copy()) for place in range(count))

    def _request(self) -> Package:
        """Return this thread's own request: one that is shared is busy when a second batch arrives."""
        if self._compiled_in != os.getpid():
            with self._lock:
                if self._compiled_in != os.getpid():
                    _LEFT_BEHIND.extend([self._network, self._requests, *vars(self._requests).values()])
                    self._compile()
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._network.create_infer_request()
        return request
