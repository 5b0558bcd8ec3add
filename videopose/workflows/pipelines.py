"""From a pipeline's name to its recipe and its checked options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from videopose import catalog
from videopose.config import beside, merge, parse_overrides, read_yaml, validate
from videopose.errors import ConfigError
from videopose.models.zoo import own_weights
from videopose.workflows.recipe import Recipe


def load_pipeline(name: str, overrides: Iterable[str] = ()) -> Recipe:
    """Find a pipeline's config, lay overrides over it and check it against its recipe.

    Args:
        name: of a shipped config or of a network added to the store, or a path to a YAML file or to a folder with one.
            Files it names are looked for beside it first.
        overrides: `dotted.key=value` texts.

    Raises:
        ConfigError: a key or a value is wrong; the message names the nearest valid key.
        UnknownNameError: there is no such config or recipe.
    """
    own = None if catalog.is_config("pipelines", name) else own_weights().get(name)
    path = catalog.config_file("pipelines", "default" if own is not None else name)
    overrides = list(overrides)
    values = read_yaml(path, shipped=catalog.config_folder("pipelines"))
    if own is not None:
        section = "pose" if own.skeleton else "detector"
        values = merge(values, {section: {"model": name}})
    asked = parse_overrides(overrides)
    recipe = merge(values, asked).get("recipe")
    if isinstance(recipe, str):
        values = beside(path.parent, catalog.recipe(recipe).PipelineOptions, values)
    values = merge(values, asked)
    if not isinstance(values.get("recipe"), str):
        raise ConfigError(f"{path}: `recipe` must name a recipe in pipelines/, as in `recipe: topdown`")
    module = catalog.recipe(values["recipe"])
    source = f"{path}" + (" with --set" if overrides else "")
    return cast(Recipe, module.RECIPE(validate(module.PipelineOptions, values, source=source)))
