"""Renaming of state dicts: what several architectures' converters share. Pure functions on names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Value = TypeVar("Value")
Rule = tuple[str, str]
"""A regular expression that must match from the start of a name, and what replaces the matched part."""

_WRAPPERS = ("module.", "model.module.", "_orig_mod.")
# mmpose before 1.0 called every head this way; the contrastive ones after it are plain `head.`
_OLD_HEAD = ("keypoint_head.", "head.")


def strip_wrapper(state: Mapping[str, Value]) -> dict[str, Value]:
    """Remove the prefix that data-parallel training or a trainer object put before every name."""
    names = dict(state)
    for prefix in _WRAPPERS:
        if names and all(name.startswith(prefix) for name in names):
            names = {name.removeprefix(prefix): value for name, value in names.items()}
    return names


def is_mmpose(names: Iterable[str]) -> bool:
    """Check whether these are MMPose's names: everything lies under a backbone, a neck or a head."""
    groups = {name.partition(".")[0] for name in names}
    return "backbone" in groups and groups <= {"backbone", "neck", "head", "keypoint_head", "data_preprocessor"}


def from_mmpose(state: Mapping[str, Value]) -> dict[str, Value]:
    """Return MMPose 0.x names as MMPose 1.x names and drop what is no parameter (normalisation constants)."""
    kept = {name: value for name, value in state.items() if not name.startswith("data_preprocessor.")}
    old, new = _OLD_HEAD
    return {new + name.removeprefix(old) if name.startswith(old) else name: value for name, value in kept.items()}


def rename(state: Mapping[str, Value], rules: Sequence[Rule]) -> dict[str, Value]:
    """Apply the first rule that matches each name; a name no rule matches stays as it is."""
    out = {}
    for name, value in state.items():
        for pattern, replacement in rules:
            if re.match(pattern, name):
                name = re.sub(f"^(?:{pattern})", replacement, name, count=1)
                break
        out[name] = value
    return out


def convert_flat(state: Mapping[str, Value]) -> dict[str, Value]:
    """Convert where MMPose only put `backbone.` and `head.` before the original release's names."""
    names = strip_wrapper(state)
    if is_mmpose(names):
        names = rename(from_mmpose(names), [(r"backbone\.", ""), (r"head\.", "")])
    return names


def keep_person(state: Mapping[str, Tensor], scores: str) -> dict[str, Tensor]:
    """Keep, of a detector of many classes, the layers' part that scores class 0, which is `person` in COCO's order.

    Args:
        state: names and values.
        scores: a regular expression that must match from the start of the names of the layers that score classes.
    """
    return {name: value[:1] if re.match(scores, name) else value for name, value in state.items()}
