"""The bars of the default detector and pose network: four held-out sets, each with its own protocol.

`videopose eval networks --data DIR` prints them. Ground-truth boxes and the flip test where the bar says so; no number
here is measured against machine labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from videopose.config import Options
from videopose.data.coco import read_coco
from videopose.data.jhmdb import LabelledClip, read_jhmdb
from videopose.data.samples import read_clip, read_image
from videopose.estimators.base import Detector
from videopose.estimators.build import DetectorOptions, PoseOptions, create_detector, create_estimator
from videopose.estimators.topdown import TopDownEstimator
from videopose.geometry.boxes import iou
from videopose.geometry.keypoints import boxes_around
from videopose.metrics.ap import (
    average_precision,
    box_outcomes,
    join,
)
from videopose.metrics.pck import PckCounts, count_pck, longer_side
from videopose.skeletons import Skeleton, shared_keypoints, skeleton_named
from videopose.stages.detect import DetectPeople
from videopose.stages.estimate import EstimatePoses
from videopose.types import F32, U8, Detections, Frame, Record

from .bars import Bar
from .detector_bars import detector_bars
from .person_bars import person_bars
from .pose_bars import (
    estimate_people,
    hard_bars,
    held_out_people,
    lspet_people,
    pck_bar,
    pose_bars,
    score_bar,
    similarity_bars,
)

CLIP_RATE = 30
"""Frames per second given to JHMDB's frames; nothing measured here depends on it."""


class NetworkBarsOptions(Options):
    """Which networks are measured, and where the sets lie below the data folder."""

    detector: DetectorOptions = DetectorOptions(min_score=0.02, max_people=100)
    pose: PoseOptions = PoseOptions(model="tinypose.default", flip_test=True, nms_oks=1.0)
    jhmdb_min_score: float = 0.1
    """Boxes below it do not count as found on JHMDB."""
    jhmdb_every: int = 1
    """On JHMDB, run the detector on every so many frames; between them boxes come from the last poses."""
    every: int = Field(default=1, ge=1)
    """Measure every so many people of the pose sets, images of the detector's, clips of JHMDB: a look, not the numbers
    that are published."""
    only: str = ""
    """Measure one thing alone: people, detval, persons or jhmdb; pipelines (the shipped pipelines' pose networks);
    lspet or coco (`pose` on one set)."""


def measure(data_dir: Path, options: NetworkBarsOptions, device: torch.device) -> Iterator[Bar]:
    """Measure every bar whose data is there, one after the other.

    Raises:
        DatasetError: none of the sets is there, or one cannot be read.
    """
    estimator = create_estimator(options.pose, device)
    detector = create_detector(options.detector, device)
    if options.only in ("", "pipelines"):
        yield from pose_bars(data_dir, device, every=options.every)
    if options.only == "lspet":
        yield from lspet_pck(data_dir, estimator, options.every)
    if options.only == "coco":
        yield from coco_oks(data_dir, estimator, options.every)
    if options.only in ("", "people"):
        yield from people_ap(data_dir, detector, options.every)
    if options.only in ("", "detval"):
        threshold = DetectorOptions().min_score
        yield from detector_bars(data_dir, detector, threshold=threshold, every=options.every)
    if options.only in ("", "persons"):
        usual = options.pose.model_copy(update={"nms_oks": PoseOptions().nms_oks})
        yield from person_bars(data_dir, detector, create_estimator(usual, device), options.every)
    if options.only in ("", "jhmdb"):
        yield from jhmdb_pck(
            data_dir, detector, estimator, options.jhmdb_min_score, options.jhmdb_every, clips=options.every
        )


def _tensor(image: U8) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)


def lspet_pck(data_dir: Path, estimator: TopDownEstimator, every: int = 1) -> Iterator[Bar]:
    """PCK@0.2 of the torso, mean over LSP's 14 keypoints, true boxes.

    The torso is left shoulder to right hip, else right shoulder to left hip, else the person is skipped.
    """
    found = estimate_people(estimator, lspet_people(data_dir)[::every], skeleton_named("lsp14"))
    yield pck_bar(found, "chosen")


def coco_oks(data_dir: Path, estimator: TopDownEstimator, every: int = 1) -> Iterator[Bar]:
    """OKS AP, mean OKS, people hard to see and scores with true boxes: people of six keypoints, larger than 32 x 32."""
    found = estimate_people(estimator, held_out_people(data_dir)[::every], skeleton_named("coco17"))
    yield from (*similarity_bars(found, "chosen"), *hard_bars(found, "chosen"), score_bar(found, "chosen"))


def people_ap(data_dir: Path, detector: Detector, every: int = 1) -> Iterator[Bar]:
    """Person AP50 and AP75: boxes of 20 x 20 pixels and more, ignore regions respected."""
    images = read_coco(data_dir / "people/val.json", data_dir / "people/images", skeleton_named("coco17"))[::every]
    outcomes = []
    for image in images:
        found = detector.detect([_tensor(read_image(image.path))])[0]
        boxes = np.array([person.xyxy for person in image.people], np.float32).reshape(-1, 4)
        crowd = np.array([person.ignore for person in image.people], bool)
        outcomes.append(box_outcomes(found.xyxy, found.score, boxes, crowd=crowd, min_side=20)["all"])
    precision = average_precision(join(outcomes))
    yield Bar("person AP50", "people/val, boxes >= 20 x 20", float(precision[0]), 0.55, 0.72, len(images))
    yield Bar("person AP75", "people/val, boxes >= 20 x 20", float(precision[5]), 0.25, 0.42, len(images))


def jhmdb_pck(
    data_dir: Path, detector: Detector, estimator: TopDownEstimator, min_score: float, every: int = 1, *, clips: int = 1
) -> Iterator[Bar]:
    """PCK@0.2 of the person box's longer side, every labelled keypoint inside the frame, box from the detector.

    Of several detections the one that overlaps the annotated person most is scored; if none does, all is wrong.
    JHMDB's face and belly, which the network does not give, are derived (`jhmdb_from`).
    """
    skeleton = skeleton_named("jhmdb15")
    listed = read_jhmdb(data_dir / "jhmdb/annotations.json", data_dir / "jhmdb/clips", skeleton)
    counts: PckCounts | None = None
    frames = 0
    for clip in [clip for clip in listed if clip.split == "val"][::clips]:
        part = _clip_counts(clip, detector, estimator, min_score, every)
        counts = part if counts is None else counts + part
        frames += len(clip.keypoints)
    if counts is not None:
        protocol = "jhmdb val clips, boxes from the detector, longer side of the box"
        yield Bar("PCK@0.2 of the box", protocol, 100 * float(counts.pooled()[0]), 92, 95, frames)


def _clip_counts(
    clip: LabelledClip, detector: Detector, estimator: TopDownEstimator, min_score: float, every: int
) -> PckCounts:
    images = [_tensor(frame) for frame in read_clip(clip.path)][: len(clip.keypoints)]
    truth = clip.keypoints[: len(images)]
    boxes = boxes_around(truth)
    window = 16 // every * every
    records = [Record(Frame(index, index / CLIP_RATE, image)) for index, image in enumerate(images)]
    detected = DetectPeople(detector, every, window)(records)
    chosen = (_of_person(record, boxes[record.frame.index], min_score) for record in detected)
    predicted = np.full((*truth.shape[:2], 3), np.nan, np.float32)
    for record in EstimatePoses(estimator, window)(chosen):
        if record.poses is not None and len(record.poses):
            predicted[record.frame.index] = jhmdb_from(record.poses.keypoints[0], estimator.skeleton)
    return count_pck(predicted, truth, longer_side(boxes), [0.2])


def _of_person(record: Record, box: F32, min_score: float) -> Record:
    """Keep the one detection that overlaps a box most, none if none does; a record not looked at stays so."""
    if record.detections is None:
        return record
    found = record.detections[record.detections.score >= min_score]
    overlap = iou(found.xyxy, box[None])[:, 0]
    kept = found[np.argsort(-overlap, kind="stable")[:1]] if (overlap > 0).any() else Detections.empty()
    return replace(record, detections=kept)


def jhmdb_from(keypoints: F32, skeleton: Skeleton) -> F32:
    """Return JHMDB's 15 keypoints: neck and limbs as they are, face and belly derived.

    The face is the middle of the head, the belly lies 0.77 of the way from the shoulders' middle to the hips'. Both
    were read off the medians of JHMDB's training clips.

    Args:
        keypoints: (K, 3) of one person.
        skeleton: of those keypoints; it must have a neck (`head_bottom`).
    """
    target = skeleton_named("jhmdb15")
    source_rows, target_rows = shared_keypoints(skeleton, target)
    out = np.full((len(target), 3), np.nan, np.float32)
    out[target_rows] = keypoints[source_rows]

    def middle(*names: str) -> F32:
        return np.asarray(keypoints[[skeleton.index_of(name) for name in names]].mean(0), np.float32)

    shoulders, hips = middle("left_shoulder", "right_shoulder"), middle("left_hip", "right_hip")
    out[target.index_of("face")] = middle("head_top", "head_bottom")
    out[target.index_of("belly")] = shoulders + 0.77 * (hips - shoulders)
    return out
