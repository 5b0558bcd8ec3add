"""What every recipe keeps to: it offers what `running.Recipe` says, callable the way a run calls it."""

import inspect
from importlib import resources

import pytest

from videopose import catalog
from videopose.config import Options
from videopose.workflows.running import Recipe

RECIPES = sorted(
    path.name.removesuffix(".py")
    for path in resources.files("videopose.pipelines").iterdir()
    if path.name.endswith(".py") and not path.name.startswith("_")
)
OFFERED = {name for name in vars(Recipe) if not name.startswith("_")}


def test_there_are_recipes_and_functions_to_ask_for():
    assert "topdown" in RECIPES
    assert {"networks", "tracks", "weights", "split"} <= OFFERED


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_offers_what_runs_ask_for(name):
    recipe = catalog.recipe(name).RECIPE

    for member in OFFERED - {"options"}:
        offered, asked = getattr(recipe, member, None), getattr(Recipe, member)
        assert offered is not None, f"{name}.{member} is missing"
        assert isinstance(offered, property) == isinstance(asked, property)
        if not isinstance(asked, property):
            assert list(inspect.signature(offered).parameters) == list(inspect.signature(asked).parameters)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_options_name_the_recipe(name):
    options = catalog.recipe(name).PipelineOptions

    assert issubclass(options, Options)
    assert options.model_fields["recipe"].default == name
