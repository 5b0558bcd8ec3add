"""From a pipeline's name to its recipe and its checked options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from videopose import catalog
from videopose.config import merge, parse_overrides, read_yaml, validate
from videopose.errors import ConfigError
from videopose.workflows.recipe import Recipe


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
