"""Inspect an ONNX file before any library opens it: what is outside of it, and what would run code of its own.

An ONNX file is a protocol buffer: a sequence of numbered fields, some of which hold further sequences. Only the few
fields that matter are read (onnx.proto of the ONNX project); tensors are passed over without being loaded.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from videopose.errors import WeightsError

Buffer = mmap.mmap | bytes

_PLAIN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Operators that runtimes bring; all others need a library of somebody's own."""

_MODEL_GRAPH, _MODEL_OPSET, _OPSET_DOMAIN = 7, 8, 1
_GRAPH_NODE, _GRAPH_INITIALIZER, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 5, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_EXTERNAL, _ENTRY_KEY, _ENTRY_VALUE = 13, 1, 2
_DEEPEST = 20


def check_graph(path: Path, *, shown: str = "") -> None:
    """Check that a graph has no custom operators and names no other file.

    Args:
        path: of the file.
        shown: what messages call it; empty = its path.

    Raises:
        WeightsError: it does, or is no ONNX file.
    """
    name = shown or str(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            domains, places = _facts(content)
    except (ValueError, OSError) as error:
        raise WeightsError(f"{name}: not a readable ONNX file ({error}); export it again") from error
    custom = sorted(domains - set(_PLAIN_DOMAINS))
    if custom:
        raise WeightsError(
            f"{name}: has operators of {', '.join(custom)}, which would need code of their own; export it without"
        )
    if places:
        raise WeightsError(
            f"{name}: keeps numbers in other files ({', '.join(sorted(places)[:3])}); export it as one file"
        )


def _facts(content: Buffer) -> tuple[set[str], set[str]]:
    """Return the domains of a model's operators and the files its tensors lie in."""
    domains: set[str] = set()
    places: set[str] = set()
    graphs = 0
    for number, low, high in _fields(content, 0, len(content)):
        if number == _MODEL_OPSET:
            domains |= {_text(content, *span) for span in _under(content, low, high, _OPSET_DOMAIN)}
        elif number == _MODEL_GRAPH:
            graphs += 1
            _read_graph(content, low, high, domains, places, 0)
    if graphs != 1:
        raise ValueError(f"it holds {graphs} graphs")
    return domains, places


def _read_graph(content: Buffer, low: int, high: int, domains: set[str], places: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"graphs inside graphs deeper than {_DEEPEST}")
    for number, start, end in _fields(content, low, high):
        if number == _GRAPH_INITIALIZER:
            places |= _places(content, start, end)
        elif number == _GRAPH_NODE:
            domains |= {_text(content, *span) for span in _under(content, start, end, _NODE_DOMAIN)}
            for first, last in _under(content, start, end, _NODE_ATTRIBUTE):
                _read_attribute(content, first, last, domains, places, depth)


def _read_attribute(content: Buffer, low: int, high: int, domains: set[str], places: set[str], depth: int) -> None:
    for number, start, end in _fields(content, low, high):
        if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            places |= _places(content, start, end)
        elif number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
            _read_graph(content, start, end, domains, places, depth + 1)


def _places(content: Buffer, low: int, high: int) -> set[str]:
    """Return the files a tensor names."""
    found = set()
    for start, end in _under(content, low, high, _TENSOR_EXTERNAL):
        keys = [_text(content, *span) for span in _under(content, start, end, _ENTRY_KEY)]
        values = [_text(content, *span) for span in _under(content, start, end, _ENTRY_VALUE)]
        found |= {value for key, value in zip(keys, values, strict=False) if key == "location"}
    return found


def _under(content: Buffer, low: int, high: int, wanted: int) -> list[tuple[int, int]]:
    return [(start, end) for number, start, end in _fields(content, low, high) if number == wanted]


def _text(content: Buffer, low: int, high: int) -> str:
    return content[low:high].decode("utf-8")


def _fields(content: Buffer, low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """Yield number and span of each field of a message; numbers that are no messages have an empty span.

    Raises:
        ValueError: the bytes are no message.
    """
    while low < high:
        key, low = _varint(content, low, high)
        kind, end = key & 7, low
        if kind == 0:
            _, end = _varint(content, low, high)
            low = end
        elif kind == 2:
            length, low = _varint(content, low, high)
            end = low + length
        elif kind in (1, 5):
            end = low + (8 if kind == 1 else 4)
            low = end
        else:
            raise ValueError(f"a field of kind {kind}")
        if end > high:
            raise ValueError("a field goes on behind the end")
        yield key >> 3, low, end
        low = end


def _varint(content: Buffer, low: int, high: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if low >= high:
            raise ValueError("it is cut off")
        byte = content[low]
        low += 1
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, low
    raise ValueError("a number without an end")
