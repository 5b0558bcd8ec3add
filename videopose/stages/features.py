"""The stages that take what trackers need from the images, before these are dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from videopose.errors import InputError
from videopose.estimators.base import Estimator
from videopose.geometry import boxes
from videopose.geometry.keypoints import boxes_around
from videopose.image_motion.appearance import AppearanceModel, HistogramAppearance
from videopose.image_motion.camera_motion import camera_motion
from videopose.image_motion.optical_flow import (
    OpticalFlow,
    create_flow,
    shrink_image,
    warp_points,
)
from videopose.stages.pipeline import ONE_RECORD, TemporalContext
from videopose.stages.shots import is_new_shot
from videopose.tracking.options import FeatureOptions
from videopose.types import F32, F64, U8, Detections, Poses, Record, TrackingFeatures


def shrunk_image(record: Record, max_side: int) -> tuple[U8, float]:
    """Return a record's image for measuring motion.

    Returns:
        (H, W, 3) RGB with no side longer than `max_side`, and its scale: small pixels per image pixel.

    Raises:
        InputError: the image was dropped already.
    """
    if record.frame.image is None:
        raise InputError(f"frame {record.frame.index} has no image; features are measured before DropImages")
    return shrink_image(record.frame.image, max_side)


@dataclass(frozen=True)
class MeasureFeatures:
    """Measure optical flow at people, camera motion and appearance, and leave them in the record as small arrays.

    Does nothing unless the options ask for something. It stands after poses are known and before images are dropped.

    Attributes:
        options: what is measured.
        appearance: the model used when the options ask for appearance.
    """

    options: FeatureOptions
    appearance: AppearanceModel = field(default_factory=HistogramAppearance)

    @property
    def context(self) -> TemporalContext:
        """Return how far back the stage looks: the queue of flow, or one frame for the camera's motion."""
        if self.options.flow != "none":
            return TemporalContext(before=self.options.queue)
        return TemporalContext(before=1) if self.options.camera else ONE_RECORD

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Measure a stream of records with images and poses."""
        options = self.options
        if options.flow == "none" and not options.camera and not options.appearance:
            yield from records
            return
        flow = None if options.flow == "none" else create_flow(options.flow, _path(options.flow_path))
        before: U8 | None = None
        warped: list[F32] = []
        people = np.zeros((0, 4), np.float32)
        for record in records:
            image, scale = shrunk_image(record, options.max_side)
            poses = record.poses
            fits = before is not None and before.shape == image.shape
            camera: F64 | None = np.eye(3) if options.camera else None
            if fits and before is not None:
                camera = _camera(before, image, people * scale, scale) if options.camera else None
                warped = carry_all(flow, before, image, warped, scale)
            else:
                warped = []
            seen = self.appearance(image, poses.xyxy * scale) if options.appearance and poses is not None else None
            signature = None if record.features is None else record.features.signature
            yield replace(record, features=TrackingFeatures(camera, tuple(warped), seen, signature))
            before = image
            if poses is not None:
                warped = [poses.keypoints[..., :2], *warped][: options.queue if flow is not None else 0]
                people = poses.xyxy


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def carry_all(flow: OpticalFlow | None, before: U8, after: U8, points: list[F32], scale: float) -> list[F32]:
    """Move several sets of points, image pixels, by one flow between two small images."""
    if flow is None or not any(part.size for part in points):
        return points
    field_ = flow(before, after)
    return [warp_points(field_, part * scale) / np.float32(scale) for part in points]


def _camera(before: U8, after: U8, people: F32, scale: float) -> F64 | None:
    first, second = (np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) for image in (before, after))
    motion = camera_motion(first, second, people)
    if motion is not None:
        motion[:2, 2] /= scale  # the linear part has no unit
    return motion


@dataclass(frozen=True)
class EstimateWithFlow:
    """Estimate poses in detected boxes and in boxes that flow has carried from the frame before, to recover misses.

    Frames depend on one another here, so people are batched within a frame only.

    Attributes:
        estimator: what finds keypoints.
        options: which flow; dis if it says none.
        max_overlap: share of the smaller box within another above which a carried box is of nobody new.
        min_pose_score: people below it are not carried on.
        min_keypoint_score: keypoints below it do not shape the carried box.
        padding: from a carried pose's extent to the person's box (the paper's 15 %).

    Source:
        Joint propagation of Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018,
        section 3.1. There, NMS by IoU chooses among detected and carried boxes; here, detected ones always stay: a
        carried box around half a person, well inside the detected one, passes NMS and doubles the person.
    """

    estimator: Estimator
    options: FeatureOptions
    max_overlap: float = 0.7
    min_pose_score: float = 0.15
    min_keypoint_score: float = 0.3
    padding: float = 1.15

    @property
    def context(self) -> TemporalContext:
        """The frame before, from which people are carried."""
        return TemporalContext(before=1)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Estimate poses in a stream of records with images and detections."""
        name = "dis" if self.options.flow == "none" else self.options.flow
        flow = create_flow(name, _path(self.options.flow_path))
        before: U8 | None = None
        last: Poses | None = None
        asked = Detections.empty()
        earlier: Record | None = None
        for record in records:
            image, scale = shrunk_image(record, self.options.max_side)
            found = record.detections if record.detections is not None else Detections.empty()
            is_other_scene = earlier is not None and is_new_shot(earlier, record)
            if last is not None and before is not None and before.shape == image.shape and not is_other_scene:
                (moved,) = carry_all(flow, before, image, [last.keypoints[..., :2]], scale)
                found = self._joined(found, last, moved, asked)
            assert record.frame.image is not None  # `image` has seen it
            last = self.estimator.estimate([record.frame.image], [found])[0]
            before, asked, earlier = image, found, replace(record, frame=replace(record.frame, image=None))
            yield replace(record, detections=found, poses=last)

    def _joined(self, found: Detections, last: Poses, moved: F32, asked: Detections) -> Detections:
        points = np.concatenate([moved, last.keypoints[..., 2:]], axis=2)
        xyxy = boxes_around(points, min_score=self.min_keypoint_score, padding=self.padding)
        usable = (last.score >= self.min_pose_score) & np.isfinite(xyxy).all(axis=1)
        # As in `EstimatePoses`: a pose's own score holds its box's as a factor and would shrink from frame to frame.
        origin = (last.xyxy[:, None] == asked.xyxy[None]).all(2).argmax(1) if len(last) else np.zeros(0, np.int64)
        score = asked.score[origin][usable]
        both = Detections.concatenate([found, Detections(xyxy[usable], score)])
        area = np.maximum(boxes.area(both.xyxy), 1e-6)
        shared = boxes.intersection(both.xyxy, both.xyxy) / np.minimum.outer(area, area)
        is_new = (shared[: len(found), len(found) :] <= self.max_overlap).all(axis=0)
        warped = len(found) + np.flatnonzero(is_new)
        kept = boxes.nms(shared[np.ix_(warped, warped)], both.score[warped], self.max_overlap)
        return both[np.concatenate([np.arange(len(found)), warped[kept]])]
