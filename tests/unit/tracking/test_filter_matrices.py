"""Our filters are filterpy's, number for number; filterpy itself is needed by the tests alone."""

import numpy as np
import pytest
from filterpy.common import Q_continuous_white_noise
from filterpy.kalman import KalmanFilter

from videopose.tracking import camera
from videopose.tracking.kalman import kalman_predict, kalman_start


@pytest.mark.parametrize("dt", [0.01, 0.04, 1.0, 2.5])
def test_process_noise_is_that_of_filterpy(dt):
    still = kalman_start(np.zeros((1, 2)), np.zeros(1), np.zeros(1))

    moved = kalman_predict(still, np.array([dt]), np.array([3.0]))

    expected = Q_continuous_white_noise(2, dt=dt, spectral_density=3.0)
    assert [moved.pp[0], moved.pv[0], moved.vv[0]] == pytest.approx(expected[[0, 0, 1], [0, 1, 1]].tolist(), rel=1e-12)


def test_coefficients_are_exact():
    """As the formula has them, so that results are the same to the last bit."""
    still = kalman_start(np.zeros((1, 2)), np.zeros(1), np.zeros(1))
    dt, noise = np.array([0.0333667]), np.array([7.7])

    moved = kalman_predict(still, dt, noise)

    assert moved.pp == dt * (2 * still.pv + dt * (still.vv + noise * dt / 3))
    assert moved.pv == still.pv + dt * (still.vv + noise * dt / 2)
    assert moved.vv == still.vv + noise * dt


def test_a_cameras_motion_is_smoothed_as_by_filterpy():
    """A random walk with holes and uneven steps, forward and backward."""
    rng = np.random.default_rng(0)
    time = np.cumsum(rng.uniform(0.02, 0.2, 60))
    values, known = np.cumsum(rng.normal(0, 2, 60)), rng.random(60) > 0.3
    filter_ = KalmanFilter(dim_x=1, dim_z=1)
    filter_.F, filter_.H, filter_.R = np.eye(1), np.eye(1), np.eye(1) * camera._NOISE**2
    filter_.x, filter_.P = np.zeros((1, 1)), np.eye(1) * camera._UNKNOWN
    steps = np.diff(time, prepend=time[0])
    noise = [Q_continuous_white_noise(2, dt=dt, spectral_density=camera._PICKS_UP)[1:, 1:] for dt in steps.tolist()]
    still = [np.eye(1)] * 60
    measured = [np.array([[value]]) if is_known else None for value, is_known in zip(values, known, strict=True)]
    means, covariances, _, _ = filter_.batch_filter(measured, Fs=still, Qs=noise)
    expected = filter_.rts_smoother(means, covariances, Fs=still, Qs=noise)[0][:, 0, 0]

    assert camera._smoothed(values, known, time) == pytest.approx(expected, abs=1e-9)
