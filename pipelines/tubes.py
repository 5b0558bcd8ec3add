"""Tubes: people of every few frames, their poses along the frames around, then merged, tracked and smoothed."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import model_validator

from videopose.estimators.build import used_weights
from videopose.estimators.build_tubes import create_tubes, describe_tube_head
from videopose.io.result import JsonObject
from videopose.skeletons import Skeleton
from videopose.stages.features import MeasureFeatures
from videopose.stages.journal import TemporalContext
from videopose.stages.pipeline import (
    DropImages,
    Pipeline,
    Prefetch,
    ToDevice,
)
from videopose.stages.shots import shot_stages
from videopose.stages.smooth import TrackAndSmooth
from videopose.stages.tubes import DetectTubeCenters, EstimateTubes, MergeTubes
from videopose.tracking.tubes.options import TubeOptions
from videopose.types import VideoInfo

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


def skeleton_of(options: PipelineOptions) -> Skeleton:
    """Return the skeleton of the poses."""
    return topdown.skeleton_of(options)


def build_networks(options: PipelineOptions, device: torch.device) -> Pipeline:
    """Put together the costly half: everything that needs pixels."""
    return Pipeline(
        (
            *shot_stages(options.tracker.shots),
            ToDevice(device),
            DetectTubeCenters(topdown.detection_stage(options, device), options.tubes, options.window),
            Prefetch(options.window),
            EstimateTubes(create_tubes(options.pose, options.tubes, device), options.tubes, options.window),
            MeasureFeatures(options.tracker.features),
            DropImages(),
        )
    )


def build_tracks(options: PipelineOptions, skeleton: Skeleton) -> Pipeline:
    """Put together the cheap half: everything after the journal."""
    merging = MergeTubes(options.tubes, skeleton)
    return Pipeline((merging, TrackAndSmooth(options.tracker, options.smoothing, skeleton)))


def describe_weights(options: PipelineOptions) -> list[dict[str, str]]:
    """Name the weights and their checksums, for the result's provenance."""
    head = describe_tube_head(options.tubes)
    return topdown.describe_weights(options) + (
        [] if head is None else [used_weights(head, "tubes.head", options.tubes.weights)]
    )


def reach(options: PipelineOptions) -> TemporalContext:
    """Return how far the networks look from a frame.

    A frame's tubes reach a tube's length to both sides. Middle frames are counted from the first record on, so the
    number before is a multiple of their distance: chunks then agree on which they are, if the distance divides them.
    """
    length, step = options.tubes.length, options.tubes.step
    before = max(length - 1 + step, topdown.reach(options).before)
    return TemporalContext(-(-before // step) * step, length - 1 + step)


def split(options: PipelineOptions) -> tuple[JsonObject, JsonObject]:
    """Return the values the costly half depends on, and those that only the cheap half reads and may change freely."""
    networks, tracks = topdown.split(options)
    tracks["tubes"] = {key: networks["tubes"].pop(key) for key in MERGING}
    return networks, tracks


def check_inputs(options: PipelineOptions, video: VideoInfo) -> None:
    """Make sure that boxes from a file are of this video."""
    topdown.check_inputs(options, video)
