"""What runs are made of: a recipe's two halves, and the costly one once it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from videopose.config import Options
from videopose.errors import InputError
from videopose.estimators.build import Needed
from videopose.io.identity import difference
from videopose.io.provenance import describe_run, networks_identity
from videopose.io.result import JsonObject
from videopose.runtime.choice import AUTOMATIC, RuntimeOptions, choose
from videopose.skeletons import Skeleton
from videopose.stages.pipeline import Pipeline
from videopose.types import VideoInfo


class Recipe(Protocol):
    """How stages are put together for one set of options: what `pipelines/` offers."""

    @property
    def options(self) -> Options:
        """The values of the pipeline."""
        ...

    @property
    def skeleton(self) -> Skeleton:
        """Names of the poses' keypoints."""
        ...

    def networks(self, device: torch.device) -> Pipeline:
        """Build the costly half; its `context` says how far it looks from a frame."""
        ...

    def tracks(self) -> Pipeline:
        """Build the cheap half, behind the journal."""
        ...

    def needed(self) -> list[Needed]:
        """Return the weights of both halves, which need not be here yet."""
        ...

    def weights(self) -> list[dict[str, str]]:
        """Return the weights of both halves: `option`, `name` and `sha256` of each."""
        ...

    def split(self) -> tuple[JsonObject, JsonObject]:
        """Return the values the costly half depends on, and those that only the cheap half reads."""
        ...

    def check_inputs(self, video: VideoInfo) -> None:
        """Check that the files in the options belong to the video; raise a `VideoPoseError` if one does not."""
        ...


@dataclass(frozen=True)
class LoadedNetworks:
    """The costly half of a recipe, for many runs, and what it was made from.

    Attributes:
        stages: the half.
        identity: of the weights, files and values it was loaded from, as `networks_identity` has it, of no video.
    """

    stages: Pipeline
    identity: JsonObject

    def check(self, used: JsonObject) -> None:
        """Check that what a run says of its networks is true of these.

        Raises:
            InputError: a weights file, another file or a value was changed after they were loaded.
        """
        changes = difference(self.identity, {**used, "asked": {}})
        if changes:
            raise InputError(
                f"since the networks were loaded, {changes[0]}; the result would be said to be of what was not used. "
                "Make a new Predictor, which loads it"
            )


def load_networks(recipe: Recipe, device: torch.device) -> LoadedNetworks:
    """Build the costly half of a recipe.

    Raises:
        InputError: a file was changed while it was loaded.
        VideoPoseError: as the recipe's networks.
    """
    before = _identity(recipe, device)
    loaded = LoadedNetworks(recipe.networks(device), before)
    loaded.check(_identity(recipe, device))
    return loaded


def _identity(recipe: Recipe, device: torch.device) -> JsonObject:
    return networks_identity(describe_recipe(recipe, device, {}), *recipe.split())


def describe_recipe(recipe: Recipe, device: torch.device, asked: JsonObject) -> JsonObject:
    """Return why a run's numbers are what they are; `asked` is the clip's identity and which of its frames."""
    options = recipe.options
    computing = choose(options if isinstance(options, RuntimeOptions) else AUTOMATIC, device).facts()
    return describe_run(recipe.weights(), options, device, computing, asked)
