"""Top-down: find people, estimate each one's pose, then track and smooth over the whole video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from pydantic import Field

from videopose.config import Options
from videopose.estimators.base import Estimator
from videopose.estimators.build import (
    DetectorOptions,
    PoseOptions,
    create_detector,
    create_estimator,
    describe_detector,
    describe_pose,
    used_weights,
)
from videopose.io.boxes_file import check_boxes, read_boxes
from videopose.io.result import JsonObject
from videopose.learned_tracking.entailment import describe_entailment
from videopose.learned_tracking.refiner import describe_refiner
from videopose.skeletons import Skeleton, skeleton_named
from videopose.stages.detect import BoxesFromFile, DetectPeople, FullFrameBox
from videopose.stages.estimate import EstimatePoses
from videopose.stages.features import EstimateWithFlow, MeasureFeatures
from videopose.stages.journal import TemporalContext
from videopose.stages.pipeline import (
    DropImages,
    Pipeline,
    Prefetch,
    Stage,
    ToDevice,
)
from videopose.stages.shots import shot_stages
from videopose.stages.smooth import TrackAndSmooth
from videopose.tracking.options import SmoothingOptions, TrackerOptions
from videopose.types import VideoInfo


class PipelineOptions(Options):
    """The values of a top-down pipeline: `configs/pipelines/*.yaml`."""

    recipe: str = "topdown"
    window: int = Field(default=16, ge=1)
    """Frames looked at together: people in them share batches, images in them are in memory."""
    detector: DetectorOptions = DetectorOptions()
    pose: PoseOptions = PoseOptions()
    tracker: TrackerOptions = TrackerOptions()
    smoothing: SmoothingOptions = SmoothingOptions()


def skeleton_of(options: PipelineOptions) -> Skeleton:
    """Return the skeleton of the poses."""
    return skeleton_named(describe_pose(options.pose).skeleton)


def build_networks(options: PipelineOptions, device: torch.device) -> Pipeline:
    """Put together the costly half: everything that needs pixels."""
    return networks_around(options, device, pose_stage(options, create_estimator(options.pose, device)))


def networks_around(options: PipelineOptions, device: torch.device, *poses: Stage) -> Pipeline:
    """Put everything that needs pixels around the stages that estimate poses, which run beside those before them."""
    return Pipeline(
        (
            *shot_stages(options.tracker.shots),
            ToDevice(device),
            detection_stage(options, device),
            Prefetch(1),
            *poses,
            MeasureFeatures(options.tracker.features),
            DropImages(),
        )
    )


def pose_stage(options: PipelineOptions, estimator: Estimator) -> Stage:
    """Choose how poses are estimated: many frames at once, or one by one with flow bringing back missed people."""
    if options.tracker.features.recover:
        return EstimateWithFlow(estimator, options.tracker.features)
    # Beside a detector on every frame there is work enough; without, the next window fills what one leaves.
    is_beside = options.detector.source == "network" and options.detector.every == 1
    return EstimatePoses(estimator, options.window, at_once=1 if is_beside else 2)


def detection_stage(options: PipelineOptions, device: torch.device) -> Stage:
    """Choose who says where people are: the network, a file, or nobody, because one person fills the frame."""
    if options.detector.source == "frame":
        return FullFrameBox()
    if options.detector.source == "file":
        return BoxesFromFile(read_boxes(Path(options.detector.boxes)))
    return DetectPeople(create_detector(options.detector, device), options.detector.every, options.window)


def build_tracks(options: PipelineOptions, skeleton: Skeleton) -> Pipeline:
    """Put together the cheap half: everything after the journal."""
    return Pipeline((TrackAndSmooth(options.tracker, options.smoothing, skeleton),))


def describe_weights(options: PipelineOptions) -> list[dict[str, str]]:
    """Name the weights and their checksums, for the result's provenance."""
    pose = describe_pose(options.pose)
    if options.pose.backend != "torch":
        pose = replace(pose, file=str(Path(options.pose.weights).absolute()), origin="")
    used = [used_weights(pose, "pose.model", options.pose.weights)]
    if options.detector.source == "network":
        detector = describe_detector(options.detector)
        used.insert(0, used_weights(detector, "detector.model", options.detector.weights))
    if options.tracker.similarity == "entailment":
        used.append(used_weights(describe_entailment(), "tracker.similarity"))
    if options.smoothing.method == "learned":
        refiner = describe_refiner(options.smoothing.weights)
        used.append(used_weights(refiner, "smoothing.method", options.smoothing.weights))
    return used


def split(options: PipelineOptions) -> tuple[JsonObject, JsonObject]:
    """Return the values the costly half depends on, and those that only the cheap half reads and may change freely."""
    networks = options.model_dump(mode="json")
    tracks = {section: networks.pop(section) for section in ("tracker", "smoothing")}
    networks["tracker"] = {key: tracks["tracker"].pop(key) for key in ("features", "shots")}
    return networks, tracks


def reach(options: PipelineOptions) -> TemporalContext:
    """Return how far the networks look from a frame."""
    features = options.tracker.features
    if features.flow != "none":
        return TemporalContext(before=features.queue)
    if features.camera or features.recover:
        return TemporalContext(before=1)
    return TemporalContext(window=options.window, is_closed=True)


def check_inputs(options: PipelineOptions, video: VideoInfo) -> None:
    """Make sure that boxes from a file are of this video."""
    if options.detector.source == "file":
        check_boxes(Path(options.detector.boxes), video)
