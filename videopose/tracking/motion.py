"""Where tracked people are expected to be: constant-velocity Kalman filters, run for all people at once.

A filter keeps its state as of the last observation and extrapolates from there, so a prediction never depends on how
many frames lay between, only on the time: variable frame rates and dropped frames need no special case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from videopose.geometry import affine, boxes
from videopose.tracking.kalman import KalmanState, kalman_predict, kalman_start, kalman_update
from videopose.tracking.similarity import person_size
from videopose.types import F64, I64, Bool, Poses, TrackingFeatures

_UNSEEN_VARIANCE = 1e12
"""Measurement variance that leaves a state as it is, square pixels."""

_START_SPEED = 1.0
"""Standard deviation of a new filter's velocity, person sizes per second: people start still or walking."""


def damped_time(dt: F64, horizon: float) -> F64:
    """Return the seconds of travel left of `dt` when a velocity fades with time constant `horizon`."""
    return np.asarray(horizon * -np.expm1(-dt / horizon))


class Motion(Protocol):
    """Predicts tracks; row i of everything is track i of the tracker that owns it."""

    def next_frame(self) -> None:
        """Start a new frame; called before anything else of it, also when it has no people."""
        ...

    def add(self, poses: Poses, time: float, source: I64, /) -> None:
        """Start tracks at poses; `source` are their rows in the frame as the estimator gave it."""
        ...

    def keep(self, rows: Bool, /) -> None:
        """Drop the tracks that are not kept."""
        ...

    def update(self, rows: I64, poses: Poses, time: float, source: I64, /) -> None:
        """Update where tracks `rows` were seen."""
        ...

    def move_camera(self, camera: F64, /) -> None:
        """Transform the state of all tracks to the frame of a camera that has moved."""
        ...

    def predict(self, last: Poses, time: float, features: TrackingFeatures | None, /) -> Poses:
        """Return the tracks' poses at a time, from where they were seen last; called at most once per frame."""
        ...


class ConstantPosition:
    """Expect everybody where they were seen last."""

    def next_frame(self) -> None:
        """Do nothing."""

    def add(self, poses: Poses, time: float, source: I64, /) -> None:
        """Do nothing."""

    def keep(self, rows: Bool, /) -> None:
        """Do nothing."""

    def update(self, rows: I64, poses: Poses, time: float, source: I64, /) -> None:
        """Do nothing."""

    def move_camera(self, camera: F64, /) -> None:
        """Do nothing: the tracker moves the last poses."""

    def predict(self, last: Poses, time: float, features: TrackingFeatures | None, /) -> Poses:
        """Return the last poses, carried along with a moving camera where that is known."""
        return last


@dataclass
class ConstantVelocityKalman:
    """Constant-velocity filters on each person's keypoints, or on the centre and size of the box.

    Noise follows scores (a keypoint of low score is believed less) and real frame times. Velocities fade over
    `horizon` seconds without support, a keypoint's own motion relative to the body over `limb_horizon`.

    Attributes:
        on: what is filtered.
        measurement_noise: standard deviation of a keypoint of score 1, in parts of the person's size.
        acceleration: square root of the acceleration's spectral density, person sizes per second ** 1.5.
        horizon: seconds.
        limb_horizon: seconds.
        observation_centric: re-run the filter along a straight line over each gap once the person is seen again.
        min_score: keypoints below it are not taken into the filter.
    """

    on: str
    measurement_noise: float = 0.02
    acceleration: float = 2.0
    horizon: float = 0.5
    limb_horizon: float = 0.12
    observation_centric: bool = False
    min_score: float = 0.2

    def __post_init__(self) -> None:
        self._state: KalmanState | None = None
        self._size = np.zeros(0)
        self._time = np.zeros(0)

    def next_frame(self) -> None:
        """Do nothing: time alone moves the filters."""

    def add(self, poses: Poses, time: float, source: I64, /) -> None:
        """Start filters at poses."""
        size = person_size(poses.xyxy).astype(np.float64)
        measured, variance = self._measure(poses, size)
        speed = np.broadcast_to((_START_SPEED * size[:, None]) ** 2, variance.shape)
        fresh = kalman_start(measured, variance, speed)
        self._state = fresh if self._state is None else KalmanState.joined(self._state, fresh)
        self._size = np.concatenate([self._size, size])
        self._time = np.concatenate([self._time, np.full(len(poses), time)])

    def keep(self, rows: Bool, /) -> None:
        """Drop the filters that are not kept."""
        if self._state is not None:
            self._state, self._size, self._time = self._state[rows], self._size[rows], self._time[rows]

    def update(self, rows: I64, poses: Poses, time: float, source: I64, /) -> None:
        """Update the filters of tracks with their observed poses."""
        if self._state is None or not len(rows):
            return
        size = 0.8 * self._size[rows] + 0.2 * person_size(poses.xyxy)
        measured, variance = self._measure(poses, size)
        state, dt = self._state[rows], (time - self._time[rows])[:, None]
        noise = (self.acceleration * size[:, None]) ** 2
        if self.observation_centric:
            state = _straight_start(state, measured, dt, variance < _UNSEEN_VARIANCE)
        self._state.put(rows, kalman_update(kalman_predict(state, dt, noise), measured, variance))
        self._size[rows], self._time[rows] = size, time

    def move_camera(self, camera: F64, /) -> None:
        """Transform all filters to the frame of a camera that has moved."""
        if self._state is not None:
            self._state = _carried(self._state, camera)

    def predict(self, last: Poses, time: float, features: TrackingFeatures | None, /) -> Poses:
        """Extrapolate every track to a time."""
        if self._state is None or not len(last):
            return last
        dt = time - self._time
        if self.on == "box":
            return self._moved_boxes(last, dt)
        shift = self._keypoint_shift(dt)
        keypoints = last.keypoints.copy()
        keypoints[..., :2] = self._state.position + shift
        seen = last.keypoints[..., 2:] >= self.min_score
        drift = (shift * seen).sum(1) / np.maximum(seen.sum(1), 1)
        return replace(last, keypoints=keypoints, xyxy=last.xyxy + np.tile(drift, 2).astype(np.float32))

    def _keypoint_shift(self, dt: F64) -> F64:
        assert self._state is not None
        confidence = 1 / self._state.vv[..., None]
        body = (self._state.velocity * confidence).sum(1, keepdims=True) / confidence.sum(1, keepdims=True)
        own = self._state.velocity - body
        far, near = damped_time(dt, self.horizon), damped_time(dt, self.limb_horizon)
        return np.asarray(body * far[:, None, None] + own * near[:, None, None])

    def _moved_boxes(self, last: Poses, dt: F64) -> Poses:
        assert self._state is not None
        moved = self._state.position + self._state.velocity * damped_time(dt, self.horizon)[:, None, None]
        center, half = moved[:, 0], np.maximum(moved[:, 1], 1.0) / 2
        xyxy = np.concatenate([center - half, center + half], axis=1).astype(np.float32)
        keypoints = last.keypoints.copy()
        keypoints[..., :2] += (center - (last.xyxy[:, :2] + last.xyxy[:, 2:]) / 2)[:, None]
        return replace(last, keypoints=keypoints, xyxy=xyxy)

    def _measure(self, poses: Poses, size: F64) -> tuple[F64, F64]:
        """Return (N, C, 2) measured points and (N, C) their variances."""
        base = (self.measurement_noise * size) ** 2
        if self.on == "box":
            xywh = boxes.xywh_from_xyxy(poses.xyxy).astype(np.float64)
            measured = np.stack([xywh[:, :2] + xywh[:, 2:] / 2, xywh[:, 2:]], axis=1)
            variance = np.repeat((base / np.maximum(poses.score, 0.1) ** 2)[:, None], 2, axis=1)
            return measured, variance
        score = poses.keypoints[..., 2].astype(np.float64)
        variance = base[:, None] / np.maximum(score, 0.1) ** 2
        return poses.keypoints[..., :2].astype(np.float64), np.where(score < self.min_score, _UNSEEN_VARIANCE, variance)


def _carried(state: KalmanState, camera: F64) -> KalmanState:
    """Transform filters to the frame of a camera that has moved."""
    return replace(state, position=affine.apply(camera, state.position), velocity=state.velocity @ camera[:2, :2].T)


def _straight_start(state: KalmanState, measured: F64, dt: F64, seen: Bool) -> KalmanState:
    """Point filters at the observation that ended their gap.

    Source:
        Observation-centric re-update of Cao et al., Observation-Centric SORT, CVPR 2023, section 4.1: a virtual
        straight trajectory replaces what the filter dreamt up in the gap. The limit of many virtual observations on a
        line is the line's own velocity, which is what is set here.
    """
    straight = (measured - state.position) / np.maximum(dt, 1e-6)[..., None]
    gap = (seen & (dt > _LONG_GAP))[..., None]
    return replace(state, velocity=np.where(gap, straight, state.velocity))


_LONG_GAP = 0.15
"""Seconds without observation from which the filter's own extrapolation is replaced."""
