"""Bottom-up: everybody's pose from one look at each frame, then track and smooth over the whole video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field, model_validator

from videopose.errors import ConfigError
from videopose.estimators.build import Needed
from videopose.estimators.build_scene import SceneOptions, create_scene_estimator, describe_scene
from videopose.io.result import JsonObject
from videopose.runtime.choice import RuntimeOptions
from videopose.skeletons import Skeleton, skeleton_named
from videopose.stages.features import MeasureFeatures
from videopose.stages.pipeline import DropImages, Pipeline, Prefetch, ToDevice
from videopose.stages.scene import EstimateScenes
from videopose.stages.shots import shot_stages
from videopose.tracking.options import SmoothingOptions, TrackerOptions
from videopose.types import VideoInfo

from ._tracked import split_values, track_stages, track_weights


class PipelineOptions(RuntimeOptions):
    """The values of a bottom-up pipeline."""

    recipe: str = "bottomup"
    window: int = Field(default=8, ge=1)
    """Frames looked at together: images in them are in memory."""
    scene: SceneOptions = SceneOptions()
    tracker: TrackerOptions = TrackerOptions()
    smoothing: SmoothingOptions = SmoothingOptions()

    @model_validator(mode="before")
    @classmethod
    def _takes_no_boxes(cls, values: Any) -> Any:  # Any: whatever a file holds
        if isinstance(values, dict) and "detector" in values:
            raise ValueError(
                "bottom-up networks find people themselves: leave out detector, --boxes and --single-person"
            )
        return values


@dataclass(frozen=True)
class BottomUp:
    """Everybody's pose from one look at each frame, then tracked and smoothed.

    Attributes:
        options: the values of the pipeline.
    """

    options: PipelineOptions

    @property
    def skeleton(self) -> Skeleton:
        """Names of the poses' keypoints."""
        return skeleton_named(describe_scene(self.options.scene).skeleton)

    def networks(self, device: torch.device) -> Pipeline:
        """Build the costly half: everything that needs pixels.

        Raises:
            ConfigError: people are to be recovered by flow, which asks for poses in boxes.
            VideoPoseError: as `create_scene_estimator`.
        """
        if self.options.tracker.features.recover:
            raise ConfigError("tracker.features.recover: looks again at boxes, which bottom-up networks do not take")
        estimator = create_scene_estimator(self.options.scene, device, self.options)
        return Pipeline(
            (
                *shot_stages(self.options.tracker.shots),
                ToDevice(device),
                Prefetch(1),
                EstimateScenes(estimator, self.options.window),
                MeasureFeatures(self.options.tracker.features),
                DropImages(),
            )
        )

    def tracks(self) -> Pipeline:
        """Build the cheap half: everything after the journal."""
        return track_stages(self.options, self.skeleton)

    def needed(self) -> list[Needed]:
        """List the weights of both halves, which need not be here yet."""
        used = [Needed(describe_scene(self.options.scene), "scene.model", self.options.scene.weights)]
        return [*used, *track_weights(self.options)]

    def weights(self) -> list[dict[str, str]]:
        """List the weights and their checksums, for the result's provenance."""
        return [each.facts() for each in self.needed()]

    def split(self) -> tuple[JsonObject, JsonObject]:
        """Return the values the costly half depends on, and those that only the cheap half reads."""
        return split_values(self.options)

    def check_inputs(self, video: VideoInfo) -> None:
        """Check nothing: no option is a file of the video."""


RECIPE = BottomUp
