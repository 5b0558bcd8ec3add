"""From a pipeline's name to its recipe, its checked options and a device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch

from videopose import catalog
from videopose.config import merge, parse_overrides, read_yaml, validate
from videopose.errors import ConfigError, InputError
from videopose.workflows.running import Recipe


def load_pipeline(name: str, overrides: Iterable[str] = ()) -> Recipe:
    """Find a pipeline's config, lay overrides over it and check it against its recipe.

    Args:
        name: of a shipped config, or a path to a YAML file.
        overrides: `dotted.key=value` texts.

    Raises:
        ConfigError: a key or a value is wrong; the message names the nearest valid key.
        UnknownNameError: there is no such config or recipe.
    """
    path = catalog.config_file("pipelines", name)
    overrides = list(overrides)
    values = merge(read_yaml(path), parse_overrides(overrides))
    if not isinstance(values.get("recipe"), str):
        raise ConfigError(f"{path}: `recipe` must name a recipe in pipelines/, as in `recipe: topdown`")
    module = catalog.recipe(values["recipe"])
    source = f"{path}" + (" with --set" if overrides else "")
    return cast(Recipe, module.RECIPE(validate(module.PipelineOptions, values, source=source)))


def choose_device(name: str) -> torch.device:
    """Convert `auto`, `cpu`, `cuda` or `cuda:1` to a device.

    Raises:
        InputError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and number.isdecimal())):
        raise InputError(f"device {name!r} is unknown. Give auto, cpu, cuda or cuda:1")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {name!r}: no CUDA GPU was found. Leave --device out to use the CPU")
    if number and int(number) >= torch.cuda.device_count():
        raise InputError(f"device {name!r}: the GPUs here are cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return torch.device(name)
