"""What a packed training leaves behind, in files small enough to be carried: weights, states to go on from, a log."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from videopose.errors import WeightsError
from videopose.training.optim import MovingAverage

PIECE = 15 * 2**20
"""Bytes of a piece of a state, at most."""
CARD = "videopose"
"""Where a file of weights keeps its card, as `models.weights` reads it."""


def save_weights(path: Path, model: nn.Module, card: Mapping[str, Any]) -> None:
    """Write weights at half precision with their card, whole or not at all."""
    state = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    tensors = {name: state[name].detach().cpu().contiguous() for name in sorted(state)}
    _write(path, tensors, {CARD: json.dumps({**card, "file": path.name}, sort_keys=True)})


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file, float32 where they are floats.

    Raises:
        WeightsError: it is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error}); copy it again") from error
    return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}


def begin_with(model: nn.Module, given: Mapping[str, Tensor], path: Path) -> int:
    """Load the tensors whose names and shapes fit; return how many.

    Raises:
        WeightsError: none does.
    """
    own = model.state_dict()
    fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise WeightsError(f"{path}: none of its {len(given)} tensors fits; check --architecture and --model")
    model.load_state_dict(fitting, strict=False)
    return len(fitting)


def save_state(
    folder: Path, step: int, done: float, model: nn.Module, average: MovingAverage, optimiser: torch.optim.Optimizer
) -> None:
    """Write all that a training needs to go on exactly, in pieces; those of earlier steps go when these are whole.

    Args:
        folder: for the pieces.
        step: steps taken.
        done: share of the whole training that is done.
        model: the network.
        average: of its weights.
        optimiser: AdamW.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = torch.cat([tensor.detach().float().flatten().cpu() for tensor in _tensors(model, average, optimiser)])
    pieces = torch.split(values, PIECE // 4)
    names = [f"{step:08d}-{number}-of-{len(pieces)}.safetensors" for number in range(1, len(pieces) + 1)]
    for name, piece in zip(names, pieces, strict=True):
        facts = {"step": str(step), "done": repr(done), "layout": _layout(model)}
        _write(folder / name, {"values": piece.clone()}, facts)
    for old in folder.glob("*.safetensors"):
        if old.name not in names:
            old.unlink()


def load_state(
    folder: Path, model: nn.Module, average: MovingAverage, optimiser: torch.optim.Optimizer
) -> tuple[int, float]:
    """Load the newest whole state, as `save_state` wrote it; return its step and the share that was done.

    Raises:
        WeightsError: there is none, it is damaged, or it is another network's.
    """
    found = sorted(folder.glob("*-1-of-*.safetensors"), reverse=True)
    whole = [paths for paths in map(_pieces, found) if all(path.is_file() for path in paths)]
    if not whole:
        raise WeightsError(f"{folder}: there is no whole state to go on from; train without --resume first")
    try:
        with safe_open(whole[0][0], framework="pt") as file:
            facts = file.metadata() or {}
        values = torch.cat([read_weights(path)["values"] for path in whole[0]])
        step, done, layout = int(facts["step"]), float(facts["done"]), facts["layout"]
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(f"{whole[0][0]}: not a readable state ({error}); train without --resume") from error
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            optimiser.state[parameter] = {
                "step": torch.tensor(float(step)),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
    tensors = _tensors(model, average, optimiser)
    if layout != _layout(model) or sum(tensor.numel() for tensor in tensors) != len(values):
        raise WeightsError(f"{folder}: holds the state of another network; check --architecture and --model")
    for tensor, part in zip(tensors, torch.split(values, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))
    return step, done


def _pieces(first: Path) -> list[Path]:
    stem, _, count = first.stem.partition("-1-of-")
    return [first.with_name(f"{stem}-{number}-of-{count}.safetensors") for number in range(1, int(count) + 1)]


def _tensors(model: nn.Module, average: MovingAverage, optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """List everything that changes, in a fixed order; whole numbers below 2^24 survive as float32."""
    moments = [
        optimiser.state[parameter][name]
        for group in optimiser.param_groups
        for parameter in group["params"]
        for name in ("exp_avg", "exp_avg_sq")
    ]
    weights = (*model.state_dict().values(), *average.model.state_dict().values())
    return [tensor.detach() for tensor in (*weights, *moments)]


def _layout(model: nn.Module) -> str:
    shapes = "\n".join(f"{name} {tuple(value.shape)}" for name, value in model.state_dict().items())
    return hashlib.sha256(shapes.encode()).hexdigest()


def _write(path: Path, tensors: Mapping[str, Tensor], facts: dict[str, str]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        save_file(dict(tensors), part, metadata=facts)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_log(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write the log anew, whole or not at all: it is small."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


def read_log(path: Path, step: int) -> list[dict[str, str]]:
    """Read a log's rows up to a step, so that a run that goes on tells one story; none if there is no log."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if int(row["step"]) <= step]
