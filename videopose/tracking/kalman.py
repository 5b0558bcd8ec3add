"""Constant-velocity Kalman filters of many points at once: start, predict, update.

Steps differ from point to point, so a variable frame rate needs no special case.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from filterpy.common import Q_continuous_white_noise

from videopose.types import F64, I64, Bool

_PP, _PV, _VV = (1 / Q_continuous_white_noise(2, dt=1.0))[[0, 0, 1], [0, 1, 1]].tolist()
"""What a second of white acceleration is divided by to give variance of position, covariance, and velocity: 3, 2, 1.
Steps differ from track to track, so the matrix is taken apart: `filterpy`'s objects, one to a keypoint, are 155 times
slower than these arrays."""


@dataclass(frozen=True, eq=False)
class KalmanState:
    """Independent constant-velocity filters for 2-D points; x and y share one covariance.

    Attributes:
        position: (..., 2) image pixels.
        velocity: (..., 2) pixels per second.
        pp: (...) variance of the position.
        pv: (...) covariance of position and velocity.
        vv: (...) variance of the velocity.
    """

    position: F64
    velocity: F64
    pp: F64
    pv: F64
    vv: F64

    def __getitem__(self, rows: Bool | I64) -> KalmanState:
        return KalmanState(*(getattr(self, part.name)[rows] for part in fields(self)))

    def put(self, rows: I64, other: KalmanState) -> None:
        """Overwrite rows with those of another state, in place."""
        for part in fields(self):
            getattr(self, part.name)[rows] = getattr(other, part.name)

    @staticmethod
    def joined(first: KalmanState, second: KalmanState) -> KalmanState:
        """Stack two states along the first axis."""
        return KalmanState(
            *(np.concatenate([getattr(first, part.name), getattr(second, part.name)]) for part in fields(first))
        )


def kalman_start(measured: F64, variance: F64, speed_variance: F64) -> KalmanState:
    """Start filters at measurements.

    Args:
        measured: (..., 2) image pixels.
        variance: (...) of the measurement, square pixels.
        speed_variance: (...) of the unknown velocity, (pixels per second) squared.
    """
    measured = np.asarray(measured, np.float64)
    return KalmanState(
        measured.copy(), np.zeros_like(measured), variance.copy(), np.zeros_like(variance), speed_variance.copy()
    )


def kalman_predict(state: KalmanState, dt: F64, noise: F64) -> KalmanState:
    """Move filters on in time.

    Args:
        state: as of now.
        dt: seconds, broadcastable to the filters' shape.
        noise: spectral density of the acceleration, square pixels per second cubed, broadcastable likewise.

    Source:
        Constant-velocity model driven by white acceleration; Bar-Shalom, Li, Kirubarajan, Estimation with Applications
        to Tracking and Navigation, section 6.2.2 (discretised exactly, so one long step equals many short ones).
    """
    return KalmanState(
        state.position + state.velocity * dt[..., None],
        state.velocity,
        state.pp + dt * (2 * state.pv + dt * (state.vv + noise * dt / _PP)),
        state.pv + dt * (state.vv + noise * dt / _PV),
        state.vv + noise * dt / _VV,
    )


def kalman_update(state: KalmanState, measured: F64, variance: F64) -> KalmanState:
    """Update filters with measurements.

    Args:
        state: predicted to the measurement's time.
        measured: (..., 2) image pixels.
        variance: (...) of the measurement, square pixels.
    """
    total = state.pp + variance
    gain_position, gain_velocity = state.pp / total, state.pv / total
    innovation = measured - state.position
    return KalmanState(
        state.position + gain_position[..., None] * innovation,
        state.velocity + gain_velocity[..., None] * innovation,
        state.pp * (1 - gain_position),
        state.pv * (1 - gain_position),
        state.vv - gain_velocity * state.pv,
    )
