"""Smoothers: noisy keypoints of whole tracks in, calmer ones out. They know scores and real times, and no bounds.

All take a `TrackBatch` and give positions (T, B, K, 2); the bound on how far a keypoint may move is put on afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from videopose.tracking.cleaning.track_batches import TrackBatch
from videopose.tracking.kalman import kalman_predict, kalman_start, kalman_update
from videopose.types import F64

Smoother = Callable[[TrackBatch], F64]

_MEASUREMENT_NOISE = 0.02
"""Standard deviation of a keypoint of score 1, in parts of the person's size: what networks give on still people."""

_ACCELERATION = 6.0
"""Square root of the acceleration's spectral density, sizes per second ** 1.5. With the noise above the smoother lets
motion up to about 6 Hz through at 25 frames per second, which a kick or a jump needs."""

_STILL = 0.1
"""Share of that acceleration that a keypoint at rest keeps: about 2 Hz, which takes jitter away."""

_WILD = 5.0
"""Times that acceleration a keypoint in a kick or a jump is allowed."""

_LIVELY_SPEED = 1.0
"""Speed in sizes per second from which a keypoint counts as moving freely."""

_NO_WEIGHT_VARIANCE = 1e12


def rts(series: TrackBatch) -> F64:
    """Smooth with a constant-velocity Kalman filter and the Rauch-Tung-Striebel backward pass, in two rounds.

    The first round finds how fast each keypoint moves; the second one allows still keypoints less acceleration.

    Source:
        Rauch, Tung, Striebel, Maximum Likelihood Estimates of Linear Dynamic Systems, AIAA Journal 1965.
    """
    free = np.full(series.weight.shape, _ACCELERATION)
    _, velocity = rts_round(series, free)
    speed = np.sqrt((velocity**2).sum(-1)) / series.size[:, None]
    for reach in (1, 2):  # a keypoint is free from shortly before it starts to move until shortly after
        speed[:-reach] = np.maximum(speed[:-reach], speed[reach:])
        speed[reach:] = np.maximum(speed[reach:], speed[:-reach])
    liveliness = np.clip(speed / _LIVELY_SPEED, _STILL, _WILD)
    return rts_round(series, _ACCELERATION * liveliness)[0]


def rts_round(series: TrackBatch, acceleration: F64) -> tuple[F64, F64]:
    """Run filter and backward pass once.

    Args:
        series: pieces of tracks.
        acceleration: (T, B, K) square root of the spectral density over the step that ends there, sizes per s ** 1.5.

    Returns:
        Positions and velocities, (T, B, K, 2) each, pixels and pixels per second.
    """
    length = len(series.time)
    size = series.size[:, None]
    variance = np.where(
        series.weight > 0,
        (_MEASUREMENT_NOISE * size) ** 2 / np.maximum(series.weight, 0.1) ** 2,
        _NO_WEIGHT_VARIANCE,
    )
    dt = np.diff(series.time, axis=0)[..., None]
    noise = (acceleration * size) ** 2
    position, velocity = np.empty_like(series.xy), np.empty_like(series.xy)
    pp, pv, vv = (np.empty_like(variance) for _ in range(3))
    state = kalman_start(series.xy[0], variance[0], np.broadcast_to((5.0 * size) ** 2, variance[0].shape))
    for t in range(length):
        if t:
            state = kalman_update(kalman_predict(state, dt[t - 1], noise[t]), series.xy[t], variance[t])
        position[t], velocity[t], pp[t], pv[t], vv[t] = (
            state.position, state.velocity, state.pp, state.pv, state.vv
        )  # fmt: skip
    for t in range(length - 2, -1, -1):
        _step_back(t, dt[t], noise[t + 1], position, velocity, pp[t], pv[t], vv[t])
    return position, velocity


def _step_back(t: int, dt: F64, noise: F64, position: F64, velocity: F64, pp: F64, pv: F64, vv: F64) -> None:
    """Correct the filtered state at t by the smoothed one at t + 1, in place."""
    a = pp + dt * (2 * pv + dt * (vv + noise * dt / 3))
    b = pv + dt * (vv + noise * dt / 2)
    c = vv + noise * dt
    scale = 1 / np.maximum(a * c - b * b, 1e-12)
    near, far = pp + dt * pv, pv + dt * vv  # covariance of the state now with the position at t + 1
    surprise_p = position[t + 1] - position[t] - velocity[t] * dt[..., None]
    surprise_v = velocity[t + 1] - velocity[t]
    position[t] += (scale * (near * c - pv * b))[..., None] * surprise_p
    position[t] += (scale * (pv * a - near * b))[..., None] * surprise_v
    velocity[t] += (scale * (far * c - vv * b))[..., None] * surprise_p
    velocity[t] += (scale * (vv * a - far * b))[..., None] * surprise_v


def one_euro(series: TrackBatch, min_cutoff: float = 1.5, beta: float = 3.0) -> F64:
    """Run the one-euro filter forward and backward and average, which cancels its lag.

    Args:
        series: pieces of tracks.
        min_cutoff: hertz, of a keypoint at rest.
        beta: hertz added per size per second of speed.

    Source:
        Casiez, Roussel, Vogel, 1€ Filter, CHI 2012; forward only there. A keypoint of weight w moves the filter by w.
    """
    forward = _one_euro(series, series.time, series.xy, series.weight, min_cutoff, beta)
    mirrored = -series.time[::-1]
    backward = _one_euro(series, mirrored, series.xy[::-1], series.weight[::-1], min_cutoff, beta)
    return (forward + backward[::-1]) / 2


def _one_euro(series: TrackBatch, time: F64, xy: F64, weight: F64, min_cutoff: float, beta: float) -> F64:
    out = xy.copy()
    speed = np.zeros_like(xy[0])
    size = series.size[:, None]
    for t in range(1, len(time)):
        dt = np.maximum(time[t] - time[t - 1], 1e-6)[:, None]
        slow = 1 / (1 + 1 / (2 * np.pi * 1.0 * dt))  # 1 Hz on the derivative, as published
        counted = weight[t] > 0
        speed += (slow * counted)[..., None] * ((xy[t] - out[t - 1]) / dt[..., None] - speed)
        cutoff = min_cutoff + beta * np.sqrt((speed**2).sum(-1)) / size
        gain = np.minimum(weight[t] * 1.2, 1.0) / (1 + 1 / (2 * np.pi * cutoff * dt))
        out[t] = out[t - 1] + gain[..., None] * (xy[t] - out[t - 1])
    return out


def savitzky_golay(series: TrackBatch, window: float = 0.28) -> F64:
    """Fit a parabola to each keypoint's neighbourhood, by real times and weights, and read it off at the centre.

    Args:
        series: pieces of tracks.
        window: seconds, the whole neighbourhood; at least five poses.

    Source:
        Savitzky & Golay, Analytical Chemistry 1964; as weighted local least squares, which allows uneven times.
    """
    return _local_fit(series, window / 2, 2, _box_kernel)


def gaussian(series: TrackBatch, deviation: float = 0.05) -> F64:
    """Fit a line to each keypoint's neighbourhood with Gaussian weights, so that even motion is not bent.

    Args:
        series: pieces of tracks.
        deviation: standard deviation of the kernel, seconds.
    """
    return _local_fit(series, 3 * deviation, 1, _bell_kernel)


def _box_kernel(away: F64) -> F64:
    return np.ones_like(away)


def _bell_kernel(away: F64) -> F64:
    return np.asarray(np.exp(-0.5 * (3 * away) ** 2), np.float64)


def _local_fit(series: TrackBatch, reach: float, degree: int, kernel: Callable[[F64], F64]) -> F64:
    """Fit polynomials of time around every pose by weighted least squares.

    Args:
        series: pieces of tracks.
        reach: seconds to either side.
        degree: 1 or 2.
        kernel: of the distance in time in parts of `reach`.
    """
    shape = series.weight.shape
    moments = np.zeros((2 * degree + 1, *shape))
    loads = np.zeros((degree + 1, *shape, 2))
    half = _half_frames(series, reach)
    for offset in range(-half, half + 1):
        here, there = _shifted(len(series.time), offset)
        away = (series.time[there] - series.time[here]) / reach
        weight = series.weight[there] * kernel(away)[..., None] * (np.abs(away) <= 1)[..., None]
        for power in range(2 * degree + 1):
            moments[power][here] += weight * away[..., None] ** power
        for power in range(degree + 1):
            loads[power][here] += (weight * away[..., None] ** power)[..., None] * series.xy[there]
    system = np.stack([np.stack(list(moments[row : row + degree + 1]), -1) for row in range(degree + 1)], -2)
    ridge = 1e-6 * np.eye(degree + 1) * np.maximum(moments[0], 1e-9)[..., None, None]
    ridge[..., 0, 0] = 0  # slopes shrink where the neighbourhood cannot tell them, the level does not
    enough = moments[0] > 1e-6
    system = np.where(enough[..., None, None], system + ridge, np.eye(degree + 1))
    fitted = np.linalg.solve(system, np.stack(list(loads), -2))[..., 0, :]
    return np.asarray(np.where(enough[..., None], fitted, series.xy), np.float64)


def median(series: TrackBatch, window: float = 0.2) -> F64:
    """Compute the median of each coordinate over a neighbourhood of at least three poses that count.

    Args:
        series: pieces of tracks.
        window: seconds, the whole neighbourhood.
    """
    half = _half_frames(series, window / 2, least=1)
    stack = np.full((2 * half + 1, *series.xy.shape), np.nan)
    for layer, offset in enumerate(range(-half, half + 1)):
        here, there = _shifted(len(series.time), offset)
        stack[layer][here] = np.where((series.weight[there] > 0)[..., None], series.xy[there], np.nan)
    enough = np.isfinite(stack[..., 0]).sum(axis=0) > 0
    stack[half] = np.where(enough[..., None], stack[half], series.xy)
    return np.asarray(np.nanmedian(stack, axis=0))


def none(series: TrackBatch) -> F64:
    """Return everything as it is."""
    return series.xy.copy()


def _half_frames(series: TrackBatch, reach: float, *, least: int = 2) -> int:
    """Return how many poses to either side lie within `reach` seconds, by the typical frame time."""
    steps = np.diff(series.time, axis=0)
    steps = steps[steps > 0]
    typical = float(np.median(steps)) if len(steps) else reach
    return int(np.clip(round(reach / typical), least, 15))


def _shifted(length: int, offset: int) -> tuple[slice, slice]:
    """Return slices that line position t up with t + offset."""
    here = slice(max(0, -offset), length - max(0, offset))
    return here, slice(here.start + offset, max(here.stop + offset, 0))


SMOOTHERS: dict[str, Smoother] = {
    "rts": rts,
    "one-euro": one_euro,
    "savitzky-golay": savitzky_golay,
    "median": median,
    "gaussian": gaussian,
    "none": none,
}
