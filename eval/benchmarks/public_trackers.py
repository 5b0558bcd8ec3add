"""Trackers of public packages on boxes, for comparison in the benchmark only; none is a dependency of videopose.

Each sees the boxes and scores that videopose's trackers see, frame by frame, and its ids go to the poses behind the
boxes. Norfair's and ByteTrack's settings are the best of a few tried on the held-out videos; the others' are set by
hand from their documentation.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.errors import VideoPoseError
from videopose.geometry import boxes
from videopose.types import I64, UNTRACKED, Poses

BoxTracker = Callable[[Poses], I64]
"""Gives the ids of the people of the next frame. The packages carry no types, hence `Any` below."""


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise VideoPoseError(f"{name} is not installed; run `pip install {name}` to measure it beside ours") from error


def norfair() -> BoxTracker:
    """Norfair's tracker with IoU distance on boxes."""
    package = _package("norfair")
    tracker = package.Tracker(
        distance_function="iou", distance_threshold=0.8, hit_counter_max=25, initialization_delay=2
    )
    frame = 0

    def step(poses: Poses) -> I64:
        nonlocal frame
        frame += 1
        seen = [
            package.Detection(points=xyxy.reshape(2, 2), scores=np.repeat(score, 2), data=(frame, row))
            for row, (xyxy, score) in enumerate(zip(poses.xyxy, poses.score, strict=True))
        ]
        ids = np.full(len(poses), UNTRACKED, np.int64)
        for person in tracker.update(detections=seen):
            when, row = person.last_detection.data
            if when == frame:
                ids[row] = person.id
        return ids

    return step


def motpy() -> BoxTracker:
    """Motpy's tracker; its boxes go back to detections by IoU, because it does not say which is which."""
    package = _package("motpy")
    tracker = package.MultiObjectTracker(dt=1 / 25, tracker_kwargs={"max_staleness": 25})
    known: dict[str, int] = {}

    def step(poses: Poses) -> I64:
        seen = [
            package.Detection(box=xyxy, score=float(score)) for xyxy, score in zip(poses.xyxy, poses.score, strict=True)
        ]
        tracks = [track for track in tracker.step(detections=seen) if not np.isnan(track.box).any()]
        ids = np.full(len(poses), UNTRACKED, np.int64)
        if not tracks or not len(poses):
            return ids
        overlap = boxes.iou(np.array([track.box for track in tracks], np.float32), poses.xyxy)
        for row, column in zip(*linear_sum_assignment(overlap, maximize=True), strict=True):
            if overlap[row, column] > 0.5:
                ids[column] = known.setdefault(tracks[row].id, len(known) + 1)
        return ids

    return step


def byte_track() -> BoxTracker:
    """ByteTrack as in roboflow's trackers (formerly supervision's)."""
    tracker = _package("trackers").ByteTrackTracker(
        lost_track_buffer=25,
        frame_rate=25,
        track_activation_threshold=0.4,
        minimum_consecutive_frames=2,
        minimum_iou_threshold=0.2,
        high_conf_det_threshold=0.5,
    )
    return _roboflow(_package("supervision"), tracker.update)


def sort() -> BoxTracker:
    """SORT as in roboflow's trackers."""
    tracker = _package("trackers").SORTTracker(
        lost_track_buffer=25,
        frame_rate=25,
        track_activation_threshold=0.25,
        minimum_consecutive_frames=2,
        minimum_iou_threshold=0.2,
    )
    return _roboflow(_package("supervision"), tracker.update)


def _roboflow(package: Any, update: Callable[[Any], Any]) -> BoxTracker:
    def step(poses: Poses) -> I64:
        seen = package.Detections(
            xyxy=poses.xyxy.astype(np.float32),
            confidence=poses.score.astype(np.float32),
            class_id=np.zeros(len(poses), int),
            data={"row": np.arange(len(poses))},
        )
        tracked = update(seen)
        ids = np.full(len(poses), UNTRACKED, np.int64)
        if len(tracked):
            ids[np.asarray(tracked.data["row"], np.int64)] = tracked.tracker_id
        return ids

    return step


PUBLIC: dict[str, tuple[Callable[[], BoxTracker], str]] = {
    "norfair": (norfair, "norfair"),
    "motpy": (motpy, "motpy"),
    "trackers ByteTrack": (byte_track, "trackers"),
    "trackers SORT": (sort, "trackers"),
}
"""Name in the table → builder of a fresh tracker, package."""
