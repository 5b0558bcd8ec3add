"""Add a file of one's own to the store by name: an ONNX graph, a checkpoint, or a published file fetched by hand."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from videopose.errors import InputError, WeightsError
from videopose.estimators.recognition import kind_of_detector, recognise_detector, recognise_pose, size_of_input
from videopose.models import ARCHITECTURES, GRAPHS, architecture_named
from videopose.models.fetch import take_in
from videopose.models.graph_check import check_graph
from videopose.models.home import weights_folder
from videopose.models.store import file_sha256, keep, writing
from videopose.models.weights import load_weights, read_card
from videopose.models.zoo import NAMES, Weights, own_weights, to_card, weights_for_file, weights_table
from videopose.runtime.graph import read_graph
from videopose.skeletons import skeleton_named

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def add_network(
    name: str,
    file: Path,
    *,
    architecture: str | None = None,
    skeleton: str | None = None,
    input_hw: tuple[int, int] | None = None,
    codec: str | None = None,
    licence: str = "unknown",
    replaces: bool = False,
) -> Path:
    """Copy a network into the store under a name; nothing is written unless it fits.

    Args:
        name: a word; or a name of the table whose file has to be fetched by hand, then the rest is known.
        file: `.onnx`, or a checkpoint: nothing in it is executed.
        architecture: what a checkpoint is of; one of ours says so itself.
        skeleton: what it predicts; None = as its architecture usually does, for ONNX a detector.
        input_hw: (height, width) of its input, pixels; None = what the file says, or the usual one.
        codec: what its output means; None = the usual one.
        licence: of the weights.
        replaces: take the name away from another network.

    Returns:
        The file in the store.

    Raises:
        ConfigError: it cannot be recognised what an ONNX file gives; the message says what was seen.
        InputError: the name cannot be one or is taken, or it cannot be told what a checkpoint is of.
        UnknownNameError: there is no such architecture or skeleton.
        WeightsError: the file is missing, damaged, does not fit, or cannot be copied.
    """
    published = weights_table().get(name)
    if published is not None and not published.is_shipped:
        return take_in(file, published)
    _check_name(name, replaces=replaces)
    if not file.is_file():
        raise WeightsError(f"{file}: no such file; check the path")
    described = _described(name, file, architecture, skeleton, input_hw, codec)
    described = replace(described, licence=licence if licence != "unknown" else described.licence)
    if file.suffix == ".onnx":
        check_graph(file)
    else:
        load_weights(described)
    sha256 = file_sha256(file)
    card = replace(described, file=file.name, sha256=sha256, bytes=file.stat().st_size, origin="")
    kept = keep(file, card, sha256, str(file.absolute()), move=False)
    _write_card(name, card)
    return kept


def _check_name(name: str, *, replaces: bool) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(f"{name}: is no name for a network; take letters, digits, - and _")
    if name in ARCHITECTURES or name in GRAPHS or name in weights_table():
        raise InputError(f"{name}: is the name of a known network; choose another")
    if name in own_weights() and not replaces:
        raise InputError(f"{name}: is the name of a network you added; choose another, or add --replace")


def _described(
    name: str,
    file: Path,
    architecture: str | None,
    skeleton: str | None,
    input_hw: tuple[int, int] | None,
    codec: str | None,
) -> Weights:
    if skeleton:
        skeleton_named(skeleton)  # an unknown name is an error of its own
    if file.suffix == ".onnx" and architecture is None:
        return _recognised(name, file, skeleton, input_hw, codec)
    card = None if file.suffix == ".onnx" else read_card(file.absolute())
    kind = architecture or (card.architecture if card is not None else "")
    if not kind:
        raise InputError(f"{file}: does not say what it is a checkpoint of; add --arch NAME")
    same = card is not None and card.architecture == kind
    usual = card if card is not None and same else weights_for_file(kind, file.absolute())
    return replace(
        usual,
        name=f"{kind}.{name}",
        file=str(file.absolute()),
        skeleton=usual.skeleton if skeleton is None else skeleton,
        input_hw=input_hw or usual.input_hw,
        codec=usual.codec if codec is None else codec,
        convert=usual.convert and file.suffix != ".onnx",
    )


def _recognised(
    name: str, file: Path, skeleton: str | None, input_hw: tuple[int, int] | None, codec: str | None
) -> Weights:
    """Describe a graph from elsewhere by what it takes and gives."""
    graph = read_graph(file.absolute())
    if skeleton:
        found = recognise_pose(graph, file, codec=codec or "", skeleton=skeleton, input_hw=input_hw)
        return replace(found, name=f"onnx_pose.{name}")
    usual = architecture_named("onnx_detector").input_hw
    if graph.is_of_images and not kind_of_detector(graph, size_of_input(graph, file, input_hw, "detector", usual)):
        raise InputError(
            f"{file}: gives nothing a detector that is known gives ({graph}); if it gives poses, add --skeleton NAME"
        )
    return replace(recognise_detector(graph, file, "", input_hw), name=f"onnx_detector.{name}")


def _write_card(name: str, card: Weights) -> None:
    folder = weights_folder() / NAMES
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{name}-", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(to_card(card) + "\n")
                file.flush()
                os.fsync(file.fileno())
            Path(part).chmod(0o644)  # a store may be shared
            Path(part).replace(folder / f"{name}.json")
        finally:
            with suppress(FileNotFoundError):
                Path(part).unlink()
