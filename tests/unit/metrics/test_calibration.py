"""Scores brought to the share that is right: exact where the truth is known, and never worse by much than they were."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.metrics.calibration import calibration_error, fit_calibration, logit, sigmoid


def _drawn(a, b, num=20_000, seed=0):
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.05, 0.95, num)
    return score, rng.random(num) < sigmoid(a * logit(score) + b)


@settings(max_examples=20, deadline=None)
@given(a=st.floats(0.4, 2.5), b=st.floats(-1.5, 1.5))
def test_the_numbers_that_made_the_outcomes_are_found(a, b):
    found = fit_calibration(*_drawn(a, b))

    assert found == pytest.approx((a, b), abs=0.15)


def test_calibrated_scores_mean_what_they_say():
    score, right = _drawn(0.5, 1.0)
    a, b = fit_calibration(score, right)

    assert calibration_error(score, right) > 0.15
    assert calibration_error(sigmoid(a * logit(score) + b), right) < 0.015


@pytest.mark.parametrize("right", [True, False])
def test_a_keypoint_that_is_always_right_or_wrong_stays_finite(right):
    found = fit_calibration(np.linspace(0, 1, 30), np.full(30, right))

    assert np.isfinite(found).all()
    assert (sigmoid(found[0] * logit([0.5]) + found[1]) > 0.5) == right


def test_without_samples_scores_stay_as_they_are():
    assert fit_calibration([], []) == (1.0, 0.0)
    assert np.isnan(calibration_error([], []))


def test_the_error_by_hand():
    # bin .2: mean score .25, half right; bin .9: mean score .95, all right
    error = calibration_error([0.22, 0.28, 0.94, 0.96], [True, False, True, True])

    assert error == pytest.approx(0.5 * 0.25 + 0.5 * 0.05)
