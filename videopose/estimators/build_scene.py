"""From a config's section to an estimator of whole images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import Field, field_validator

from videopose.codecs.dekr import dekr_codec
from videopose.codecs.scene import SceneCodec
from videopose.config import InputPath, Options
from videopose.errors import ConfigError
from videopose.estimators.scene import SceneEstimator, SceneNetwork
from videopose.models import ARCHITECTURES
from videopose.models.weights import describe
from videopose.models.zoo import Weights
from videopose.runtime.choice import AUTOMATIC, RuntimeOptions
from videopose.runtime.network import load_network
from videopose.skeletons import skeleton_named

CODECS: dict[str, Callable[[int], SceneCodec]] = {"dekr": dekr_codec}
"""Name -> builder from the number of keypoints."""


class SceneOptions(Options):
    """Everybody in an image, from one look."""

    model: str = "dekr_w32"
    weights: InputPath = ""
    """A checkpoint to use instead of the model's own; then `model` may be a bare architecture."""
    short_side: int | None = Field(default=None, ge=64)
    """Of an image in the network's input, pixels; None = what the network was made for."""
    flip_test: bool = True
    """Average with the mirrored image, as published scores do: twice the work."""
    scales: tuple[float, ...] = (1.0,)
    """The network looks at each image at these sizes, relative to `short_side`; published: 1 0.5 2."""
    min_score: float = Field(default=0.05, ge=0, le=1)
    """People below it are not reported."""
    batch_size: int = Field(default=2, ge=1)

    @field_validator("scales")
    @classmethod
    def _begin_with_one(cls, scales: tuple[float, ...]) -> tuple[float, ...]:
        if not scales or scales[0] != 1 or not all(0.1 <= scale <= 4 for scale in scales):
            raise ValueError("the first is 1, the others lie between 0.1 and 4")
        return scales


def create_scene_estimator(
    options: SceneOptions, device: torch.device, runtime: RuntimeOptions = AUTOMATIC
) -> SceneEstimator:
    """Load a bottom-up estimator.

    Args:
        options: which, and how images are shown to it.
        device: where it runs.
        runtime: what runs it, and in which arithmetic.

    Raises:
        ConfigError: the model looks at crops, or the runtime is not to be had.
        UnknownNameError: there is no such model.
        WeightsError: its weights are missing, damaged or do not fit.
    """
    weights = describe_scene(options)
    skeleton = skeleton_named(weights.skeleton)
    network = SceneNetwork(
        load_network(weights, device, precision=runtime.precision, runtime=runtime.runtime),
        CODECS[ARCHITECTURES[weights.architecture].codec](len(skeleton)),
        skeleton,
        mean=weights.mean,
        std=weights.std,
        flip_test=options.flip_test,
    )
    return SceneEstimator(
        network,
        device=device,
        short_side=options.short_side or min(weights.input_hw),
        scales=options.scales,
        batch_size=options.batch_size,
        min_score=options.min_score,
    )


def describe_scene(options: SceneOptions) -> Weights:
    """Describe what is known of the weights a config asks for.

    Raises:
        ConfigError: they are not of a network for whole images.
        UnknownNameError: there is no such model.
        WeightsError: the checkpoint is missing or of another architecture.
    """
    weights = describe(options.model, checkpoint=Path(options.weights) if options.weights else None)
    if weights.task != "scene":
        whole = ", ".join(name for name, entry in ARCHITECTURES.items() if entry.task == "scene")
        raise ConfigError(f"scene.model = {options.model}: does not look at whole images; those that do are {whole}")
    return weights
