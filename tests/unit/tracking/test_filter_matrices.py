"""The matrices of our filters are filterpy's, number for number."""

import numpy as np
import pytest
from filterpy.common import Q_continuous_white_noise

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
