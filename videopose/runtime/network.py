"""The one face of a network that is ready to run, whatever runs it, and the one way to get one."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from videopose.errors import ConfigError
from videopose.models.store import network_file
from videopose.models.weights import load_weights, locate, verify
from videopose.models.zoo import Weights
from videopose.runtime.adapted import Adapted, BlueFirst
from videopose.runtime.choice import Choice, Precision, RuntimeName, RuntimeOptions, choose
from videopose.runtime.graph import network_source, order_of_simcc, read_graph
from videopose.runtime.onnx import OnnxNetwork
from videopose.runtime.onnx import convert as convert_to_onnx
from videopose.runtime.openvino import OpenVinoNetwork
from videopose.runtime.openvino import convert as convert_to_openvino
from videopose.runtime.torch import TorchNetwork, fold_and_place

EXPORTED = {
    ".onnx": ("openvino", "onnxruntime"),
    ".zip": ("openvino", "onnxruntime"),
    ".xml": ("openvino",),
}
"""Suffix of a network written for other runtimes -> what runs it, the faster one first."""

CONVERTED = ("pose", "detector")
"""Tasks whose networks other runtimes take; heads and networks over tracks are small, recurrent or deformable."""

_log = logging.getLogger(__name__)


class Network(Protocol):
    """A network that is ready to run; any number of threads may call it at once."""

    @property
    def dtype(self) -> torch.dtype:
        """Type of the images it takes: floats are normalised before; uint8 are pixels, which it normalises itself."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it takes its inputs and leaves its outputs."""
        ...

    @property
    def brings_threads(self) -> bool:
        """Whether one call is parallel by itself, so that calls side by side gain nothing."""
        ...

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the network's outputs, which nothing overwrites; a row does not depend on the other rows."""
        ...


def load_network(
    weights: Weights,
    device: torch.device,
    *,
    precision: Precision = "auto",
    runtime: RuntimeName = "auto",
    input_hw: tuple[int, int] | None = None,
) -> Network:
    """Load the network of some weights, ready to run.

    Args:
        weights: what is to be loaded; a file of another runtime (`EXPORTED`) is run as it is.
        device: where it is to run.
        precision: arithmetic; see `RuntimeOptions`.
        runtime: see `RuntimeOptions`.
        input_hw: (height, width) of the crops, pixels, if not the weights' own. Detectors take any size.

    Raises:
        ConfigError: the runtime is not installed, or not for this device or this file.
        WeightsError: the weights are missing, damaged or do not fit.
    """
    options = RuntimeOptions(runtime=runtime, precision=precision)
    if Path(network_file(weights)).suffix in EXPORTED:
        found = replace(weights, file=str(_verified(weights)), member="")
        network: Network = _open_exported(found, options, device)
    else:
        network = _load(weights, options, device, input_hw)
    return BlueFirst(network) if weights.channels == "bgr" else network


def _load(weights: Weights, options: RuntimeOptions, device: torch.device, input_hw: tuple[int, int] | None) -> Network:
    if options.precision == "int8" and weights.task != "detector":
        raise ConfigError("precision = int8: is for pipelines that look at single frames, such as default")
    choice = choose(options, device)
    chosen = choice.precision if weights.bfloat16 else choice.published_precision
    model = load_weights(weights)
    if choice.runtime != "torch" and weights.task not in CONVERTED:
        _log.info("%s stays in torch: %s takes pose networks and detectors", weights.name, choice.runtime)
    elif choice.runtime != "torch":
        found = _converted(model, weights, choice, chosen, input_hw)
        if found is not None:
            return found
    return TorchNetwork(fold_and_place(model, device, getattr(torch, chosen)))


def _verified(weights: Weights) -> Path:
    """Return the path of an exported network; one of the store is checked against its checksum."""
    path = Path(weights.file)
    if not path.is_absolute():
        path = locate(weights)
        verify(path, weights)
    return path


def _converted(
    model: nn.Module, weights: Weights, choice: Choice, precision: str, input_hw: tuple[int, int] | None
) -> Network | None:
    """Return the network in another runtime; None if that cannot take it."""
    is_detector = weights.task == "detector"
    size_hw = None if is_detector else input_hw or weights.input_hw
    convert = convert_to_openvino if choice.runtime == "openvino" else convert_to_onnx
    try:
        content = convert(model, weights, size_hw)
    except RuntimeError as error:  # what both raise for an operator they do not know
        first_line = str(error).strip().partition("\n")[0]
        _log.warning("%s stays in torch: %s does not take it (%s)", weights.name, choice.runtime, first_line)
        return None
    if choice.runtime == "onnxruntime":
        return OnnxNetwork(content)
    return OpenVinoNetwork(content, precision, hashlib.sha256(content).hexdigest())


def _open_exported(weights: Weights, options: RuntimeOptions, device: torch.device) -> Network:
    """Open a file that was written for other runtimes; it takes normalised images, unless it takes bytes."""
    path = Path(weights.file)
    able = EXPORTED[path.suffix]
    if options.runtime not in ("auto", *able):
        raise ConfigError(f"runtime = {options.runtime}: {path} runs on {' or '.join(able)}. Leave the option out")
    choice = choose(options, device)
    if choice.runtime not in able:
        names = able if options.runtime == "auto" else (options.runtime,)
        choice = _first_installed(path, names, options, device)
    graph, source = read_graph(path), network_source(path)
    opened: Network
    if choice.runtime == "openvino":
        opened = OpenVinoNetwork(source, choice.published_precision)
    else:
        opened = OnnxNetwork(source)
    joined = order_of_simcc(graph) if weights.codec == "simcc" else None
    return Adapted(opened, batch=graph.batch, joined=joined) if graph.batch or joined else opened


def _first_installed(path: Path, names: tuple[str, ...], options: RuntimeOptions, device: torch.device) -> Choice:
    for name in names:
        try:
            return choose(options.model_copy(update={"runtime": name}), device)
        except ConfigError as error:
            missing = error
    raise ConfigError(f"{path}: runs on {' or '.join(names)}. {missing}")
