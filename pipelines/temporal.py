"""Top-down with neighbouring frames: each pose from a window of frames, then tracked and smoothed as always."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from pydantic import model_validator

from videopose.estimators.build import Needed
from videopose.estimators.build_fused import (
    PARAMETER_FREE_HEADS,
    TemporalOptions,
    create_temporal,
    describe_head,
    is_whole,
)
from videopose.estimators.recurrent import RecurrentEstimator
from videopose.stages.estimate import EstimateWithHeatmaps
from videopose.stages.pipeline import Pipeline
from videopose.stages.temporal import FuseNeighbors, PropagateStates

from . import topdown


class PipelineOptions(topdown.PipelineOptions):
    """The values of a pipeline over windows of frames: `configs/pipelines/*.yaml`."""

    recipe: str = "temporal"
    temporal: TemporalOptions = TemporalOptions()

    @model_validator(mode="after")
    def _recovers_nobody(self) -> Self:
        if self.tracker.features.recover:
            raise ValueError(
                "tracker.features.recover goes frame by frame and does not work with windows; leave it out"
            )
        return self


@dataclass(frozen=True)
class Temporal(topdown.TopDown):
    """Top-down, each pose from a window of frames around it."""

    options: PipelineOptions

    def networks(self, device: torch.device) -> Pipeline:
        """Build the costly half: single frames first, then what was seen in those around them."""
        estimator = create_temporal(self.options.pose, self.options.temporal, device, self.options)
        single = EstimateWithHeatmaps(estimator.single, self.options.window, at_once=2)
        if isinstance(estimator, RecurrentEstimator):
            return self.networks_around(device, single, PropagateStates(estimator))
        return self.networks_around(device, single, FuseNeighbors(estimator, self.options.window))

    def needed(self) -> list[Needed]:
        """Return what `TopDown.needed` returns, and the temporal head if it has parameters."""
        used, temporal = super().needed(), self.options.temporal
        if is_whole(self.options.pose) or (temporal.head in PARAMETER_FREE_HEADS and not temporal.weights):
            return used
        return [*used, Needed(describe_head(temporal), "temporal.head", temporal.weights)]


RECIPE = Temporal
