"""Motion read from the images: each track's pose as optical flow has carried it to the present frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from videopose.types import F32, F64, I64, Bool, Poses, TrackingFeatures


class FlowMotion:
    """Predict everybody where optical flow moves them.

    A track seen i + 1 frames ago takes its row of `TrackingFeatures.propagated[i]`, so the depth of that queue is how
    long a missed person is followed; one missed for longer, or without features, is expected where it was seen last.

    Source:
        Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018, section 3.3: flow-warped poses
        of a queue of past frames.
    """

    def __init__(self) -> None:
        self._frame = 0
        self._seen_frame = np.zeros(0, np.int64)
        self._seen_row = np.zeros(0, np.int64)

    def add(self, poses: Poses, time: float, source: I64, /) -> None:
        """Store which rows of the present frame start tracks."""
        self._seen_frame = np.concatenate([self._seen_frame, np.full(len(source), self._frame)])
        self._seen_row = np.concatenate([self._seen_row, source])

    def keep(self, rows: Bool, /) -> None:
        """Drop the tracks that are not kept."""
        self._seen_frame, self._seen_row = self._seen_frame[rows], self._seen_row[rows]

    def update(self, rows: I64, poses: Poses, time: float, source: I64, /) -> None:
        """Store which rows of the present frame continue tracks."""
        self._seen_frame[rows], self._seen_row[rows] = self._frame, source

    def move_camera(self, camera: F64, /) -> None:
        """Do nothing: flow contains the camera's motion."""

    def predict(self, last: Poses, time: float, features: TrackingFeatures | None, /) -> Poses:
        """Return the tracks' poses as carried by flow."""
        if features is None:
            return last
        keypoints, xyxy = last.keypoints.copy(), last.xyxy.copy()
        for age, warped in enumerate(features.propagated):
            rows = np.flatnonzero(self._seen_frame == self._frame - 1 - age)
            keypoints[rows, :, :2] = warped[self._seen_row[rows]]
            xyxy[rows] += np.tile(_drift(last.keypoints[rows], keypoints[rows]), 2)
        return replace(last, keypoints=keypoints, xyxy=xyxy)

    def next_frame(self) -> None:
        """Count a frame; called before anything else of it, also when it has no people."""
        self._frame += 1


def _drift(before: F32, after: F32) -> F32:
    """Return (N, 2) the median shift of each person's keypoints."""
    if not len(before):
        return np.zeros((0, 2), np.float32)
    return np.asarray(np.median(after[..., :2] - before[..., :2], axis=1), np.float32)
