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
FUNCTIONS = {name: member for name, member in vars(Recipe).items() if inspect.isfunction(member) and name[0] != "_"}


def test_there_are_recipes_and_functions_to_ask_for():
    assert "topdown" in RECIPES
    assert {"build_networks", "build_tracks", "describe_weights"} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_offers_the_functions_of_a_recipe(name):
    module = catalog.recipe(name)

    for function, member in FUNCTIONS.items():
        offered = getattr(module, function, None)
        assert callable(offered), f"{name}.{function} is missing"
        given = [None] * (len(inspect.signature(member).parameters) - 1)  # without self: a recipe is a module
        inspect.signature(offered).bind(*given)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_options_name_the_recipe(name):
    options = catalog.recipe(name).PipelineOptions

    assert issubclass(options, Options)
    assert options.model_fields["recipe"].default == name
