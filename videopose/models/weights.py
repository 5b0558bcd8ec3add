"""Find, verify and load weights: strictly, all or nothing, and without ever running code from a file."""

from __future__ import annotations

import codecs
import pickle
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from videopose.errors import WeightsError
from videopose.models import ARCHITECTURES, create_model, name_converter
from videopose.models.home import weights_folder
from videopose.models.store import expected_sha256, file_sha256, find
from videopose.models.zoo import Weights, from_card, to_card, weights_for_file, weights_named

_CARD = "videopose"
_BROKEN = (
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
    zipfile.BadZipFile,
)
"""What torch's own unpickler raises on damaged bytes."""


def locate(weights: Weights) -> Path:
    """Return the path of a file of weights.

    Raises:
        WeightsError: it is not there; the message says how to get it.
    """
    if weights.is_shipped:
        path = Path(__file__).parents[1] / "assets" / weights.file
        if path.is_file():
            return path
        raise WeightsError(f"{path}: the package's own weights are missing; install videopose again")
    if Path(weights.file).is_absolute():
        if Path(weights.file).is_file():
            return Path(weights.file)
        raise WeightsError(f"{weights.file}: no such checkpoint; check the path")
    found = find(weights)
    if found is not None:
        return found
    where = weights_folder() / weights.file
    if weights.origin:
        raise WeightsError(
            f"{where}: no weights there; run `videopose models fetch {weights.name}`, or put {weights.origin} there"
        )
    if weights.page:
        raise WeightsError(
            f"{where}: no weights there; their authors offer them at {weights.page}: download them, then "
            f"`videopose models add {weights.name} FILE`"
        )
    raise WeightsError(f"{where}: no such checkpoint; check the path")


def verify(path: Path, weights: Weights) -> None:
    """Check a file against what the table and the store say about it.

    A file the user brought has nothing to be checked.

    Raises:
        WeightsError: size or checksum differ.
    """
    known = expected_sha256(path)
    if not weights.member:
        size = path.stat().st_size
        if weights.bytes and size != weights.bytes:
            raise WeightsError(f"{path}: {size} bytes, but {weights.name} has {weights.bytes}; {_again(weights)}")
        if not known.startswith(weights.sha256):
            known = weights.sha256
    if not known:
        return
    actual = file_sha256(path)
    if not actual.startswith(known):
        more = "" if len(known) == len(actual) else "…"
        raise WeightsError(f"{path}: its sha256 is {actual}, but must be {known}{more}; {_again(weights)}")


def _again(weights: Weights) -> str:
    return "install videopose again" if weights.is_shipped else "delete the file and fetch it again"


def read_card(path: Path) -> Weights | None:
    """Read the description a file of ours carries; None if it carries none.

    Raises:
        WeightsError: the file is damaged or its card is.
    """
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error}); it may be cut off") from error
    return from_card(metadata[_CARD], path) if _CARD in metadata else None


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict: safetensors, or a pickle from which nothing but plain data is accepted.

    Raises:
        WeightsError: the file is missing, damaged, holds Python objects, or holds no state dict.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        with torch.serialization.safe_globals(_PLAIN_ARRAYS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: damaged, or it holds Python objects besides tensors; it was refused and nothing was executed. "
            "Save its state dict alone"
        ) from error
    except (SafetensorError, OSError, *_BROKEN) as error:
        first_line = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: not a readable checkpoint ({first_line}); it may be cut off") from error
    return _find_state(content, path)


_rebuild_array = np.zeros(0).__reduce__()[0]
_rebuild_number = np.float64(0).__reduce__()[0]
# OpenMMLab's files hold dataset constants as numpy arrays beside the parameters, HRNet's its score as a number of
# numpy's: data, no code
_PLAIN_ARRAYS: list[Any] = [
    np.ndarray,
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("float16", "float32", "float64", "int64", "int32", "uint8", "bool")),
    (_rebuild_array, "numpy.core.multiarray._reconstruct"),  # its name before NumPy 2 and since
    (_rebuild_array, "numpy._core.multiarray._reconstruct"),
    (_rebuild_number, "numpy.core.multiarray.scalar"),
    (_rebuild_number, "numpy._core.multiarray.scalar"),
    (codecs.encode, "_codecs.encode"),  # how pickle's protocol 2 spells bytes
]


def _find_state(content: Any, path: Path) -> dict[str, Tensor]:  # Any: whatever was in the file
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    is_state = isinstance(content, Mapping) and content and all(isinstance(value, Tensor) for value in content.values())
    if not is_state:
        raise WeightsError(f"{path}: holds no state dict (names and tensors); save `model.state_dict()` alone")
    return {str(name): value for name, value in content.items()}


def load_into(model: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Copy a state dict into a model whose tensors have exactly these names and shapes; all or nothing.

    The counters of batch norm layers may be missing: releases made before PyTorch 0.4.1 had none.

    Raises:
        WeightsError: names are missing, unexpected or of another shape, or values are not finite. The model is then
            as it was before.
    """
    own = model.state_dict()
    counters = {name: value for name, value in own.items() if name.endswith("num_batches_tracked")}
    state = {**counters, **state}
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    kinds = (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
    problems = [f"{len(names)} {kind} ({_few(names)})" for kind, names in kinds if names]
    if problems:
        what = f"{source}: does not fit {type(model).__name__}: {'; '.join(problems)}"
        raise WeightsError(f"{what}. Check the architecture and the number of keypoints")
    broken = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise WeightsError(f"{source}: {len(broken)} tensors hold NaN or infinity ({_few(broken)}); do not use it")
    model.load_state_dict(dict(state), strict=True)


def _few(names: list[str], limit: int = 4) -> str:
    more = [f"and {len(names) - limit} more"] if len(names) > limit else []
    return ", ".join(names[:limit] + more)


def describe(name: str, *, checkpoint: Path | None = None) -> Weights:
    """Find out which weights are meant.

    Args:
        name: a name from the table; an architecture's name if a checkpoint is given.
        checkpoint: a file to use instead. One of ours describes itself; any other counts as trained the usual way
            for the architecture.

    Raises:
        UnknownNameError: there is no such name.
        WeightsError: the checkpoint is missing, or says it belongs to another architecture.
    """
    if checkpoint is None:
        weights = weights_named(name)
        if not weights.is_shipped:
            return weights
        card = read_card(locate(weights))
        return (
            weights
            if card is None
            else replace(
                card, name=weights.name, file=weights.file, origin="package", sha256=weights.sha256, bytes=weights.bytes
            )
        )
    if not checkpoint.is_file():
        raise WeightsError(f"{checkpoint}: no such checkpoint; check the path")
    architecture = name.partition(".")[0]
    card = read_card(checkpoint.absolute())
    if card is None:
        return weights_for_file(architecture, checkpoint.absolute())
    if card.architecture != architecture:
        raise WeightsError(f"{checkpoint}: holds {card.architecture}, not {architecture}; choose that architecture")
    return card


def load_model(name: str, *, checkpoint: Path | None = None) -> tuple[nn.Module, Weights]:
    """Build a network and load its weights, verified and strictly.

    Args:
        name: as for `describe`.
        checkpoint: as for `describe`.

    Returns:
        The network in evaluation mode on the CPU, and the description of its weights.

    Raises:
        UnknownNameError: there is no such name.
        WeightsError: the weights are missing, damaged or do not fit.
    """
    weights = describe(name, checkpoint=checkpoint)
    return load_weights(weights), weights


def load_weights(weights: Weights) -> nn.Module:
    """Build the network of described weights and load them, verified and strictly; in evaluation mode on the CPU.

    Raises:
        WeightsError: the weights are missing, damaged or do not fit.
    """
    path = locate(weights)
    verify(path, weights)
    state = read_state(path)
    if weights.convert:
        state = name_converter(weights.architecture)(state)
    if not weights.is_shipped:
        _check_fit(weights, state, path)
    model = _built(weights)
    load_into(model, state, source=str(path))
    return model


def _built(weights: Weights) -> nn.Module:
    return create_model(
        weights.architecture, num_keypoints=weights.num_keypoints, input_hw=weights.input_hw, **weights.options
    )


def _check_fit(weights: Weights, state: Mapping[str, Tensor], path: Path) -> None:
    """Check that a card somebody brought describes a network, and the one whose parameters these are.

    It is built without memory for its parameters: a damaged card may ask for any amount.

    Raises:
        WeightsError: it does not.
    """
    if not weights.options:
        return
    try:
        with warnings.catch_warnings(action="ignore"), torch.device("meta"):  # torch warns of layers without elements
            own = _built(weights).state_dict()
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RuntimeError, AssertionError) as error:
        raise WeightsError(
            f"{path}: its card describes no {weights.architecture} (options {_short(weights.options)}: "
            f"{_short(error)}); train or import it again"
        ) from error
    empty = [name for name, value in own.items() if not value.numel()]
    if empty:
        raise WeightsError(
            f"{path}: its card describes no {weights.architecture} (options {_short(weights.options)}: {empty[0]} has "
            "no elements); train or import it again"
        )
    wrong = [name for name in own if name in state and state[name].shape != own[name].shape]
    if wrong:
        shapes = ", ".join(
            f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}" for name in wrong[:2]
        )
        raise WeightsError(f"{path}: its card describes another network than its parameters are of ({shapes})")


def _short(value: object, limit: int = 100) -> str:
    text = str(value).partition("\n")[0]
    return text if len(text) <= limit else f"{text[:limit]}…"


def save_weights(path: Path, state: Mapping[str, Tensor], weights: Weights) -> None:
    """Write a state dict as safetensors together with its description; same input, same bytes.

    The file appears only when whole.
    """
    assert weights.architecture in ARCHITECTURES, weights.architecture
    tensors = {name: state[name].detach().cpu().contiguous() for name in sorted(state)}
    seen: set[int] = set()
    for name, value in tensors.items():  # one tensor may have several names, each of which is written
        if value.data_ptr() in seen:
            tensors[name] = value.clone()
        seen.add(value.data_ptr())
    part = path.with_name(path.name + ".part")
    try:
        save_file(tensors, part, metadata={_CARD: to_card(replace(weights, file=path.name, sha256="", bytes=0))})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
