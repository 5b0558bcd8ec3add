"""Top-down with neighbouring frames: each pose from a window of frames, then tracked and smoothed as always."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import model_validator

from videopose.estimators.build import used_weights
from videopose.estimators.build_fused import (
    PARAMETER_FREE_HEADS,
    TemporalOptions,
    create_temporal,
    describe_head,
    is_whole,
    window_of,
)
from videopose.estimators.recurrent import RecurrentEstimator
from videopose.io.result import JsonObject
from videopose.skeletons import Skeleton
from videopose.stages.estimate import EstimatePoses
from videopose.stages.journal import TemporalContext
from videopose.stages.pipeline import Pipeline
from videopose.stages.temporal import FuseNeighbors, PropagateStates
from videopose.types import VideoInfo

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


def skeleton_of(options: PipelineOptions) -> Skeleton:
    """Return the skeleton of the poses."""
    return topdown.skeleton_of(options)


def build_networks(options: PipelineOptions, device: torch.device) -> Pipeline:
    """Put together the costly half: single frames first, then what was seen in those around them."""
    estimator = create_temporal(options.pose, options.temporal, device)
    single = EstimatePoses(estimator.single, options.window, at_once=2)
    if isinstance(estimator, RecurrentEstimator):
        return topdown.networks_around(options, device, single, PropagateStates(estimator))
    return topdown.networks_around(options, device, single, FuseNeighbors(estimator, options.window))


def build_tracks(options: PipelineOptions, skeleton: Skeleton) -> Pipeline:
    """Put together the cheap half: everything after the journal."""
    return topdown.build_tracks(options, skeleton)


def describe_weights(options: PipelineOptions) -> list[dict[str, str]]:
    """Name the weights and their checksums, for the result's provenance."""
    used = topdown.describe_weights(options)
    if is_whole(options.pose) or (options.temporal.head in PARAMETER_FREE_HEADS and not options.temporal.weights):
        return used
    head = describe_head(options.temporal)
    return [*used, used_weights(head, "temporal.head", options.temporal.weights)]


def reach(options: PipelineOptions) -> TemporalContext:
    """Return how far the networks look from a frame."""
    before, after = window_of(options.pose, options.temporal)
    around = topdown.reach(options)
    return TemporalContext(around.before + before, around.after + after)


def split(options: PipelineOptions) -> tuple[JsonObject, JsonObject]:
    """Return the values the costly half depends on, and those that only the cheap half reads and may change freely."""
    return topdown.split(options)


def check_inputs(options: PipelineOptions, video: VideoInfo) -> None:
    """Make sure that boxes from a file are of this video."""
    topdown.check_inputs(options, video)
