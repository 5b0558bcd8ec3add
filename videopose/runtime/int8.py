"""Networks in int8, by NNCF's post-training quantisation. Nothing here imports it before it is asked for."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from videopose.errors import InputError
from videopose.io.result import atomic_write
from videopose.runtime.openvino import packed, unpacked
from videopose.types import U8

SUFFIX = ".xml"
"""Of a quantised network: OpenVINO's graph; its numbers lie beside it in a `.bin`."""


def quantise(graph: bytes, samples: Sequence[U8]) -> bytes:
    """Quantise a network's weights and activations, ranges taken from what it sees.

    Args:
        graph: as `videopose.runtime.openvino.convert` gives it.
        samples: (1, h, w, 3) uint8 RGB each, what the network will look at; some hundreds are enough.

    Returns:
        The quantised graph, of the same kind.

    Raises:
        InputError: NNCF is not installed, or there is nothing to go by.

    Source:
        Nagel et al., A White Paper on Neural Network Quantization, 2021, section 3 (post-training quantisation).
    """
    if not samples:
        raise InputError("there is nobody to take the ranges of int8 from. Choose a clip that shows people")
    nncf = _require()
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
        made = nncf.quantize(
            unpacked(graph), nncf.Dataset(samples), preset=nncf.QuantizationPreset.MIXED, subset_size=len(samples)
        )
    return packed(made)


def quantiser_version() -> str:
    """Return NNCF's version.

    Raises:
        InputError: it is not installed.
    """
    return str(_require().__version__)


def write(graph: bytes, path: Path) -> None:
    """Write a graph's two files, each whole or not at all, the one that is opened last."""
    end = 8 + int.from_bytes(graph[:8], "little")
    for place, content in ((path.with_suffix(".bin"), graph[end:]), (path, graph[8:end])):
        with atomic_write(place) as file:
            file.write(content)


def _require() -> Any:  # Any: NNCF's objects carry no types we could rely on
    os.environ.setdefault("NNCF_CI", "1")  # else it reports its use over the network; this package does not
    try:
        nncf = importlib.import_module("nncf")
    except ImportError as error:
        raise InputError("nncf is not installed; run `pip install 'videopose[quantise]'`") from error
    nncf.set_log_level(40)  # errors alone
    return nncf
