"""The camera's motion over a video: where it cannot be measured it is bridged, and people are put into its world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from filterpy.common import Q_continuous_white_noise
from filterpy.kalman import KalmanFilter

from videopose.geometry import affine
from videopose.tracking.track_table import TrackTable
from videopose.types import F64, Bool

_BRIDGED = 1.0
"""Seconds without a measured motion that are bridged; in longer ones the camera counts as still."""
_NOISE = 0.5
"""Standard deviation of a measured speed: pixels a frame, or for turning and zooming the same at an image's border."""
_PICKS_UP = 200.0
"""Spectral density of the change of a camera's speed, (pixels a frame) squared per second: pans begin within frames."""


def steadied(table: TrackTable) -> TrackTable:
    """Transform everybody to the frame of the first image, if the camera's motion is known.

    Args:
        table: poses with `camera`.

    Returns:
        The same rows with keypoints and boxes in pixels of the first frame; `table` itself without `camera`.
    """
    if table.camera is None or not len(table):
        return table
    first_from = np.empty_like(table.camera)
    now = np.eye(3)
    for number, step in enumerate(bridged(table.camera, table.time)):
        now = now @ np.linalg.inv(step) if number else now
        first_from[number] = now
    where = first_from[table.frame]
    keypoints = table.keypoints.copy()
    keypoints[..., :2] = affine.apply(where, keypoints[..., :2])
    middle = affine.apply(where, ((table.xyxy[:, :2] + table.xyxy[:, 2:]) / 2)[:, None])[:, 0]
    half = (table.xyxy[:, 2:] - table.xyxy[:, :2]) / 2 * np.sqrt(np.abs(np.linalg.det(where[:, :2, :2])))[:, None]
    return replace(table, keypoints=keypoints, xyxy=np.concatenate([middle - half, middle + half], 1, dtype=np.float32))


def bridged(camera: F64, time: F64) -> F64:
    """Fill in the motion of frames in which it could not be measured, from the frames around.

    Args:
        camera: (F, 3, 3) from the pixels of the frame before; NaN where it was not measured.
        time: (F,) seconds.

    Returns:
        (F, 3, 3); what was measured stays as it is. Longer than a second without measurement is a still camera.

    Source:
        Each of shift, turn and zoom a frame as a random walk, filtered and smoothed backward (Rauch, Tung, Striebel
        1965) by `filterpy`. That takes milliseconds a video; keypoints have filters of their own (`motion`).
    """
    known: Bool = np.asarray(np.all(np.isfinite(camera), axis=(1, 2)))
    out = np.where(known[:, None, None], camera, np.eye(3))
    missing: Bool = ~known & _is_near(known, time)
    if missing.any():
        smoothed = np.stack([_smoothed(values, known, time) for values in _parts(out).T], axis=1)
        out[missing] = _matrices(smoothed[missing])
    return out


def _is_near(known: Bool, time: F64) -> Bool:
    """Find which frames have a measured one both before and after, not too long apart."""
    places = np.arange(len(known))
    before = np.maximum.accumulate(np.where(known, places, -1))
    after = np.minimum.accumulate(np.where(known, places, len(known))[::-1])[::-1]
    inside = (before >= 0) & (after < len(known))
    apart = time[np.minimum(after, len(known) - 1)] - time[np.maximum(before, 0)]
    return np.asarray(inside & (apart <= _BRIDGED))


def _parts(camera: F64) -> F64:
    """Return (F, 4) shift x, y, turn and logarithm of the zoom; the last two as pixels at a border of 500 pixels."""
    turn = np.arctan2(camera[:, 1, 0], camera[:, 0, 0])
    zoom = np.log(np.maximum(np.hypot(camera[:, 0, 0], camera[:, 1, 0]), 1e-6))
    return np.stack([camera[:, 0, 2], camera[:, 1, 2], 500 * turn, 500 * zoom], axis=1)


def _matrices(parts: F64) -> F64:
    out = np.tile(np.eye(3), (len(parts), 1, 1))
    turn, zoom = parts[:, 2] / 500, np.exp(parts[:, 3] / 500)
    out[:, 0, 0] = out[:, 1, 1] = zoom * np.cos(turn)
    out[:, 1, 0], out[:, 0, 1] = zoom * np.sin(turn), -zoom * np.sin(turn)
    out[:, :2, 2] = parts[:, :2]
    return out


def _smoothed(values: F64, known: Bool, time: F64) -> F64:
    """Smooth one part over the whole video, (F,)."""
    filter_ = KalmanFilter(dim_x=1, dim_z=1)
    filter_.F, filter_.H, filter_.R = np.eye(1), np.eye(1), np.eye(1) * _NOISE**2
    filter_.x, filter_.P = np.zeros((1, 1)), np.eye(1) * 1e4
    steps = np.diff(time, prepend=time[0])
    noise = [Q_continuous_white_noise(2, dt=step, spectral_density=_PICKS_UP)[1:, 1:] for step in steps.tolist()]
    still = [np.eye(1)] * len(time)
    measured = [np.array([[value]]) if is_known else None for value, is_known in zip(values, known, strict=True)]
    means, covariances, _, _ = filter_.batch_filter(measured, Fs=still, Qs=noise)
    return np.asarray(filter_.rts_smoother(means, covariances, Fs=still, Qs=noise)[0][:, 0, 0], np.float64)
