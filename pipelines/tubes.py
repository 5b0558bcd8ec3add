"""Tubes: people of every few frames, their poses along the frames around, then merged, tracked and smoothed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from pydantic import model_validator

from videopose.estimators.build import Needed
from videopose.estimators.build_tubes import create_tubes, describe_tube_head
from videopose.io.result import JsonObject
from videopose.stages.features import MeasureFeatures
from videopose.stages.pipeline import (
    DropImages,
    Pipeline,
    Prefetch,
    ToDevice,
)
from videopose.stages.shots import shot_stages
from videopose.stages.tubes import DetectTubeCenters, EstimateTubes, MergeTubes
from videopose.tracking.tubes.options import TubeOptions

from . import topdown

MERGING = ("tolerance", "min_similarity", "min_keypoint_score", "look_ahead", "merge")
"""Options of tubes that concern how tubes become poses, behind the journal."""


class PipelineOptions(topdown.PipelineOptions):
    """The values of a pipeline over tubes: `configs/pipelines/tubes.yaml`."""

    recipe: str = "tubes"
    tubes: TubeOptions = TubeOptions()

    @model_validator(mode="after")
    def _measures_what_it_can(self) -> Self:
        features = self.tracker.features
        if features.recover or features.appearance or features.flow != "none":
            raise ValueError(
                "tracker.features follows single poses, of which tubes have several; only camera works here"
            )
        if self.detector.every != 1:
            raise ValueError("detector.every is what tubes.length - tubes.overlap says here; leave it out")
        return self


@dataclass(frozen=True)
class Tubes(topdown.TopDown):
    """People of every few frames, their poses along the frames around, merged before they are tracked."""

    options: PipelineOptions

    def networks(self, device: torch.device) -> Pipeline:
        """Build the costly half: everything that needs pixels."""
        options = self.options
        estimator = create_tubes(options.pose, options.tubes, device, options)
        return Pipeline(
            (
                *shot_stages(options.tracker.shots),
                ToDevice(device),
                DetectTubeCenters(self.detection_stage(device), options.tubes, options.window),
                Prefetch(options.window),
                EstimateTubes(estimator, options.tubes, options.window),
                MeasureFeatures(options.tracker.features),
                DropImages(),
            )
        )

    def tracks(self) -> Pipeline:
        """Build the cheap half: tubes merged into poses first."""
        return Pipeline((MergeTubes(self.options.tubes, self.skeleton), *super().tracks().stages))

    def needed(self) -> list[Needed]:
        """Return what `TopDown.needed` returns, and the tubes' head if there is one."""
        head = describe_tube_head(self.options.tubes)
        used = super().needed()
        return used if head is None else [*used, Needed(head, "tubes.head", self.options.tubes.weights)]

    def split(self) -> tuple[JsonObject, JsonObject]:
        """Return the values of the costly and of the cheap half; how tubes are merged belongs to the latter."""
        networks, tracks = super().split()
        tracks["tubes"] = {key: networks["tubes"].pop(key) for key in MERGING}
        return networks, tracks


RECIPE = Tubes
