"""Tubes: people of every few frames, their poses along the frames around, then merged, tracked and smoothed."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from pydantic import model_validator

from videopose.estimators.build import weights_facts
from videopose.estimators.build_tubes import create_tubes, describe_tube_head
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
    return topdown.describe_weights(options) + ([] if head is None else [weights_facts(head)])


def reach(options: PipelineOptions) -> TemporalContext:
    """Return how far the networks look from a frame.

    A frame's tubes reach a tube's length to both sides. Middle frames are counted from the first record on, so the
    number before is a multiple of their distance: chunks then agree on which they are, if the distance divides them.
    """
    length, step = options.tubes.length, options.tubes.step
    before = max(length - 1 + step, topdown.reach(options).before)
    return TemporalContext(-(-before // step) * step, length - 1 + step)


def input_files(options: PipelineOptions) -> list[Path]:
    """List the files besides the video that the poses depend on."""
    return topdown.input_files(options)


def check_inputs(options: PipelineOptions, video: VideoInfo) -> None:
    """Make sure that boxes from a file are of this video."""
    topdown.check_inputs(options, video)
