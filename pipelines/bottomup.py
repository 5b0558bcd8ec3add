"""Bottom-up: everybody's pose from one look at each frame, then track and smooth over the whole video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field, model_validator

from videopose.errors import ConfigError
from videopose.estimators.build import Needed, used_weights
from videopose.estimators.build_scene import SceneOptions, create_scene_estimator, describe_scene
from videopose.io.result import JsonObject
from videopose.learned_tracking.entailment import describe_entailment
from videopose.learned_tracking.refiner import describe_refiner
from videopose.runtime.choice import RuntimeOptions
from videopose.skeletons import Skeleton, skeleton_named
from videopose.stages.features import MeasureFeatures
from videopose.stages.pipeline import DropImages, Pipeline, Prefetch, ToDevice
from videopose.stages.scene import EstimateScenes
from videopose.stages.shots import shot_stages
from videopose.stages.smooth import TrackAndSmooth
from videopose.tracking.options import SmoothingOptions, TrackerOptions
from videopose.types import VideoInfo


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
        return Pipeline((TrackAndSmooth(self.options.tracker, self.options.smoothing, self.skeleton),))

    def needed(self) -> list[Needed]:
        """List the weights of both halves, which need not be here yet."""
        used = [Needed(describe_scene(self.options.scene), "scene.model", self.options.scene.weights)]
        if self.options.tracker.similarity == "entailment":
            used.append(Needed(describe_entailment(), "tracker.similarity"))
        if self.options.smoothing.method == "learned":
            refiner = describe_refiner(self.options.smoothing.weights)
            used.append(Needed(refiner, "smoothing.method", self.options.smoothing.weights))
        return used

    def weights(self) -> list[dict[str, str]]:
        """List the weights and their checksums, for the result's provenance."""
        used = [used_weights(describe_scene(self.options.scene), "scene.model", self.options.scene.weights)]
        if self.options.tracker.similarity == "entailment":
            used.append(used_weights(describe_entailment(), "tracker.similarity"))
        if self.options.smoothing.method == "learned":
            refiner = describe_refiner(self.options.smoothing.weights)
            used.append(used_weights(refiner, "smoothing.method", self.options.smoothing.weights))
        return used

    def split(self) -> tuple[JsonObject, JsonObject]:
        """Return the values the costly half depends on, and those that only the cheap half reads."""
        networks = self.options.model_dump(mode="json")
        tracks = {section: networks.pop(section) for section in ("tracker", "smoothing")}
        networks["tracker"] = {key: tracks["tracker"].pop(key) for key in ("features", "shots")}
        return networks, tracks

    def check_inputs(self, video: VideoInfo) -> None:
        """Check nothing: no option is a file of the video."""


RECIPE = BottomUp
