"""Top-down: find people, estimate each one's pose, then track and smooth over the whole video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field

from videopose.estimators.base import Estimator
from videopose.estimators.build import (
    DetectorOptions,
    Needed,
    PoseOptions,
    create_detector,
    create_estimator,
    describe_detector,
    describe_pose,
)
from videopose.estimators.quantised import create_int8_estimator
from videopose.io.boxes_file import check_boxes, read_boxes
from videopose.io.result import JsonObject
from videopose.runtime.choice import RuntimeOptions
from videopose.runtime.network import EXPORTED
from videopose.skeletons import Skeleton, skeleton_named
from videopose.stages.detect import BoxesFromFile, DetectPeople, FullFrameBox
from videopose.stages.estimate import EstimatePoses
from videopose.stages.features import EstimateWithFlow, MeasureFeatures
from videopose.stages.pipeline import (
    DropImages,
    Pipeline,
    Prefetch,
    Stage,
    ToDevice,
)
from videopose.stages.shots import shot_stages
from videopose.tracking.options import SmoothingOptions, TrackerOptions
from videopose.types import VideoInfo

from ._tracked import split_values, track_stages, track_weights


class PipelineOptions(RuntimeOptions):
    """The values of a top-down pipeline: `configs/pipelines/*.yaml`."""

    recipe: str = "topdown"
    window: int = Field(default=16, ge=1)
    """Frames looked at together: people in them share batches, images in them are in memory."""
    detector: DetectorOptions = DetectorOptions()
    pose: PoseOptions = PoseOptions()
    tracker: TrackerOptions = TrackerOptions()
    smoothing: SmoothingOptions = SmoothingOptions()


@dataclass(frozen=True)
class TopDown:
    """People found, each one's pose estimated, then tracked and smoothed.

    Attributes:
        options: the values of the pipeline.
    """

    options: PipelineOptions

    @property
    def skeleton(self) -> Skeleton:
        """Names of the poses' keypoints."""
        return skeleton_named(describe_pose(self.options.pose).skeleton)

    def networks(self, device: torch.device) -> Pipeline:
        """Build the costly half: everything that needs pixels."""
        options = self.options
        if options.precision == "int8" and Path(options.pose.weights).suffix not in EXPORTED:
            estimator = create_int8_estimator(options.pose, device, options.calibration)
        else:
            estimator = create_estimator(options.pose, device, options)
        return self.networks_around(device, self._pose_stage(estimator))

    def networks_around(self, device: torch.device, *poses: Stage) -> Pipeline:
        """Add the stages that need images around those that estimate poses, which run beside those before them."""
        return Pipeline(
            (
                *shot_stages(self.options.tracker.shots),
                ToDevice(device),
                self.detection_stage(device),
                Prefetch(1),
                *poses,
                MeasureFeatures(self.options.tracker.features),
                DropImages(),
            )
        )

    def _pose_stage(self, estimator: Estimator) -> Stage:
        """Choose how poses are estimated: many frames at once, or one by one with flow bringing back missed people."""
        if self.options.tracker.features.recover:
            return EstimateWithFlow(estimator, self.options.tracker.features)
        # Beside a detector on every frame there is work enough; without, the next window fills what one leaves.
        is_beside = self.options.detector.source == "network" and self.options.detector.every == 1
        return EstimatePoses(estimator, self.options.window, at_once=1 if is_beside else 2)

    def detection_stage(self, device: torch.device) -> Stage:
        """Choose who says where people are: the network, a file, or nobody, because one person fills the frame."""
        if self.options.detector.source == "frame":
            return FullFrameBox()
        if self.options.detector.source == "file":
            return BoxesFromFile(read_boxes(Path(self.options.detector.boxes)))
        detector = create_detector(self.options.detector, device, self.options)
        return DetectPeople(detector, self.options.detector.every, self.options.window)

    def tracks(self) -> Pipeline:
        """Build the cheap half: everything after the journal."""
        return track_stages(self.options, self.skeleton)

    def needed(self) -> list[Needed]:
        """List the weights of both halves, which need not be here yet."""
        used = [Needed(describe_pose(self.options.pose), "pose.model", self.options.pose.weights)]
        if self.options.detector.source == "network":
            detector = describe_detector(self.options.detector)
            used.insert(0, Needed(detector, "detector.model", self.options.detector.weights))
        return [*used, *track_weights(self.options)]

    def weights(self) -> list[dict[str, str]]:
        """List the weights and their checksums, for the result's provenance."""
        return [each.facts() for each in self.needed()]

    def split(self) -> tuple[JsonObject, JsonObject]:
        """Return the values the costly half depends on, and those that only the cheap half reads."""
        return split_values(self.options)

    def check_inputs(self, video: VideoInfo) -> None:
        """Check that boxes from a file are of this video."""
        if self.options.detector.source == "file":
            check_boxes(Path(self.options.detector.boxes), video)


RECIPE = TopDown
