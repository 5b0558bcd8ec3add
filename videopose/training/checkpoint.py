"""Training states on disk: written whole or not at all, read without executing anything."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from videopose.errors import WeightsError

State = dict[str, Any]
"""Nested dicts of tensors and numbers, which is all `weights_only` admits."""


def save_state(path: Path, state: State) -> None:
    """Write a state atomically: a reader sees the old file or the new one, never half of one."""
    part = path.with_suffix(path.suffix + ".part")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_state(path: Path) -> State:
    """Read a state onto the CPU.

    Raises:
        WeightsError: the file is missing, cut off, or holds anything but tensors and plain values.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: there is no checkpoint; train without --resume first") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{path}: not a readable checkpoint; use an earlier one of the run") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path}: a checkpoint is a mapping, not {type(state).__name__}")
    return state
