"""What a network's file from elsewhere takes and gives, read without running any of it; and what of it is refused.

A graph is data, but a runtime would load custom operators and follow paths to files of numbers: neither is allowed.
"""

from __future__ import annotations

import importlib
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from videopose.errors import InputError, WeightsError
from videopose.runtime import onnx as onnx_files
from videopose.runtime import openvino

MOST_BYTES = 2 << 30
"""Of a network inside a zip: what an ONNX file may hold without files beside it."""
_KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
_LARGEST_RATIO = 200
"""Of a zip's content to its size; numbers hardly shrink."""

Message = Any
"""ONNX's and OpenVINO's objects, which carry no types we could rely on."""


@dataclass(frozen=True)
class Port:
    """One input or output.

    Attributes:
        name: in the file.
        shape: sizes; None = any. An empty shape may also mean that nothing is known.
        dtype: as numpy calls it.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    def __str__(self) -> str:
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        return f"{self.name} ({sizes}) {self.dtype}"


@dataclass(frozen=True)
class Graph:
    """What a file takes and gives.

    Attributes:
        inputs: without parameters.
        outputs: in the file's order.
        stem_channels: what its first convolution takes; None = unknown, or there is none.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    stem_channels: int | None = None

    def __str__(self) -> str:
        takes, gives = ("; ".join(map(str, ports)) or "nothing" for ports in (self.inputs, self.outputs))
        return f"takes {takes}; gives {gives}"

    @property
    def is_of_images(self) -> bool:
        """Whether it takes one batch of colour images and nothing else."""
        shape = self.inputs[0].shape if len(self.inputs) == 1 else ()
        return len(shape) == 4 and 3 in (shape[1], shape[3])

    @property
    def batch(self) -> int | None:
        """The only number of images it takes at once; None = any."""
        return self.inputs[0].shape[0]

    @property
    def input_hw(self) -> tuple[int, int] | None:
        """(height, width) of the images it takes, pixels; None = any."""
        shape = self.inputs[0].shape
        height, width = shape[2:] if shape[1] == 3 else shape[1:3]
        return None if height is None or width is None else (height, width)


def read_graph(path: Path) -> Graph:
    """Read what a `.onnx` or `.xml` file, or the network inside a zip, takes and gives.

    Raises:
        InputError: what reads such files is not installed.
        WeightsError: the file is missing, damaged or refused.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such exported network; check the path")
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int, size: int) -> Graph:
    del changed, size  # they are in the cache's key
    return _read_openvino(path) if path.suffix == ".xml" else _read_onnx(path)


def network_source(path: Path) -> Path | bytes:
    """Return what a runtime opens: the file itself, or the content of the one inside a zip.

    Raises:
        WeightsError: the zip holds no network or several, or one that is too large.
    """
    return _unzipped(path) if path.suffix == ".zip" else path


def _unzipped(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if each.filename.endswith(".onnx")]
            if len(members) > 1:
                members = [each for each in members if Path(each.filename).name == "end2end.onnx"]
            if len(members) != 1:
                raise WeightsError(f"{path}: holds no single .onnx file; unpack it and name one")
            (member,) = members
            too_large = f"{path}: {member.filename} is larger than a network may be; it is not read"
            if member.file_size > min(MOST_BYTES, _LARGEST_RATIO * max(member.compress_size, 1 << 10)):
                raise WeightsError(too_large)
            with archive.open(member) as file:
                content = file.read(member.file_size + 1)
            if len(content) > member.file_size:
                raise WeightsError(too_large)
            return content
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{path}: not a readable zip ({error}); it may be cut off") from error


def _read_onnx(path: Path) -> Graph:
    onnx = onnx_files.require("onnx")
    source = network_source(path)
    content = source if isinstance(source, bytes) else source.read_bytes()
    try:
        model = onnx.load_model_from_string(content)
    except (ValueError, TypeError, RuntimeError, _damaged_message()) as error:
        raise WeightsError(f"{path}: not a readable ONNX file; export it again") from error
    if not model.graph.output:
        raise WeightsError(f"{path}: not a readable ONNX file; export it again")
    _refuse_custom_operators(model, path)
    _refuse_files_elsewhere(model, path)
    shapes = {each.name: each for each in _inferred(onnx, model).output}
    parameters = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(_port(onnx, each) for each in model.graph.input if each.name not in parameters)
    outputs = tuple(_port(onnx, shapes.get(each.name, each)) for each in model.graph.output)
    return Graph(inputs, outputs, _stem_channels(model))


def _damaged_message() -> type[Exception]:
    damaged: type[Exception] = importlib.import_module("google.protobuf.message").DecodeError
    return damaged


def _inferred(onnx: Message, model: Message) -> Message:
    """Return the graph with the shapes of its outputs, worked out if the file leaves them open."""
    if all(each.type.tensor_type.HasField("shape") for each in model.graph.output):
        return model.graph
    try:
        return onnx.shape_inference.infer_shapes(model).graph
    except (RuntimeError, ValueError, onnx.shape_inference.InferenceError):
        return model.graph


def _refuse_custom_operators(model: Message, path: Path) -> None:
    own = {function.domain for function in model.functions}
    used = {(each.domain, each.op_type) for nodes in _all_nodes(model) for each in nodes}
    unknown = sorted(_short(f"{domain}.{kind}") for domain, kind in used if domain not in (*_KNOWN_DOMAINS, *own))
    if unknown:
        raise WeightsError(
            f"{path}: needs operators of its own ({', '.join(unknown[:3])}), which are programs and are not loaded; "
            "export it with ONNX's operators alone"
        )


def _refuse_files_elsewhere(model: Message, path: Path) -> None:
    folder = path.parent.resolve()
    for location in sorted(_files_of_numbers(model)):
        if path.suffix == ".zip":
            raise WeightsError(
                f"{path}: its network reads numbers from {_short(location)}; unpack it and name the .onnx"
            )
        try:
            beside = (folder / location).resolve()
            is_outside = not beside.is_relative_to(folder)
        except (OSError, ValueError):  # no path at all
            is_outside = True
        if is_outside:
            raise WeightsError(f"{path}: reads numbers from {_short(location)}, outside its folder; it is refused")
        if not beside.is_file():
            raise WeightsError(f"{path}: its numbers are in {_short(location)}, which is not beside it; put it there")


def _files_of_numbers(model: Message) -> set[str]:
    """Return the paths of files that tensors of a model are read from, relative to its own."""
    attributes = [each for nodes in _all_nodes(model) for node in nodes for each in node.attribute]
    tensors = [*model.graph.initializer, *(tensor for each in attributes for tensor in (each.t, *each.tensors))]
    inner = [graph for each in attributes for graph in (each.g, *each.graphs)]
    sparse = [part for graph in (model.graph, *inner) for each in graph.sparse_initializer for part in (each.values,)]
    tensors += [*sparse, *(tensor for graph in inner for tensor in graph.initializer)]
    return {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}


def _all_nodes(model: Message) -> list[Message]:
    """Return the nodes of the graph, of its functions and of all graphs inside nodes, a list each."""
    found, open_ones = [], [model.graph.node, *(function.node for function in model.functions)]
    while open_ones:
        nodes = open_ones.pop()
        found.append(nodes)
        open_ones += [graph.node for node in nodes for each in node.attribute for graph in (each.g, *each.graphs)]
        open_ones = [each for each in open_ones if len(each)]
    return found


def _short(text: str | bytes, limit: int = 80) -> str:
    """Return a text of the file's for a message: one line, not too long."""
    shown = text if isinstance(text, str) else text.decode("utf-8", "replace")  # damaged names are bytes
    line = shown.encode("unicode_escape").decode("ascii")
    return line if len(line) <= limit else f"{line[:limit]}…"


def _stem_channels(model: Message) -> int | None:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv":
            shape = shapes.get(node.input[1]) if len(node.input) > 1 else None
            return int(shape[1]) if shape is not None and len(shape) == 4 else None
    return None


def _port(onnx: Message, value: Message) -> Port:
    tensor = value.type.tensor_type
    shape = tuple(each.dim_value if each.dim_value > 0 else None for each in tensor.shape.dim)
    known = tensor.elem_type in onnx.TensorProto.DataType.values() and tensor.elem_type
    return Port(
        _short(value.name), shape, str(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)) if known else "unknown"
    )


def _read_openvino(path: Path) -> Graph:
    package = openvino.require()
    try:
        model = package.Core().read_model(str(path))
    except RuntimeError as error:
        raise WeightsError(f"{path}: not a readable OpenVINO file; export it again") from error
    return Graph(tuple(map(_openvino_port, model.inputs)), tuple(map(_openvino_port, model.outputs)))


_KINDS = {"f32": "float32", "f16": "float16", "u8": "uint8", "i64": "int64", "i32": "int32", "boolean": "bool"}


def _openvino_port(value: Message) -> Port:
    partial = value.get_partial_shape()
    sizes = partial if partial.rank.is_static else ()
    shape = tuple(each.get_length() if each.is_static else None for each in sizes)
    kind = value.get_element_type().get_type_name()
    name = _short(value.get_any_name()) if value.get_names() else "unnamed"
    return Port(name, shape, _KINDS.get(kind, kind))


def order_of_simcc(graph: Graph) -> tuple[int, int] | None:
    """Return which outputs are the bins of x and of y, two per pixel; None if the outputs are no such bins."""
    shapes = [each.shape for each in graph.outputs]
    if len(shapes) != 2 or any(len(shape) != 3 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        return None
    size = graph.input_hw
    bins = (shapes[0][2], shapes[1][2])
    if size is not None and None not in bins:
        height, width = size
        if height != width:
            return {(2 * width, 2 * height): (0, 1), (2 * height, 2 * width): (1, 0)}.get(bins)  # type: ignore[arg-type]
        if bins != (2 * width, 2 * height):
            return None
    return (1, 0) if graph.outputs[0].name.lower().endswith("y") else (0, 1)


def check_takes_images(graph: Graph, path: Path) -> None:
    """Check that a graph takes colour images.

    Raises:
        InputError: it does not; the message says what it takes.
    """
    if not graph.is_of_images:
        raise InputError(f"{path}: is not a network of images alone, (N, 3, H, W) or (N, H, W, 3): {graph}")
