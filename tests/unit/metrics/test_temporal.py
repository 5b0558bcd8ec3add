import numpy as np
import pytest

from videopose.metrics.temporal import TemporalSums, sum_track

FLIP = np.array([0, 2, 1])  # a nose and two eyes
LINE = np.array([[0.0, 0], [-10, 0], [10, 0]])


def a_walk(frames=10):
    return LINE + np.arange(frames)[:, None, None] * [3.0, 1.0]


def numbers(predicted, truth, index=None, size=10.0):
    frames = np.arange(len(truth)) if index is None else np.array(index)
    return sum_track(predicted, truth, np.full(len(truth), size), frames, FLIP).numbers()


def test_a_steady_walk_predicted_rightly_has_no_jitter():
    found = numbers(a_walk(), a_walk())

    assert found == {
        "acceleration_error": 0, "jitter": 0, "flip_rate": 0, "frames_kept": 1, "frames_kept_per_track": 1,
    }  # fmt: skip


def test_shaking_by_one_head_size_every_other_frame_is_an_acceleration_of_two_each_way():
    predicted = a_walk()
    predicted[::2, :, 1] += 10

    assert numbers(predicted, a_walk())["jitter"] == pytest.approx(2)


def test_a_shake_the_truth_has_too_is_jitter_but_no_error():
    shaken = a_walk()
    shaken[::2, :, 1] += 10

    found = numbers(shaken, shaken)

    assert found["acceleration_error"] == 0
    assert found["jitter"] == pytest.approx(2)


def test_exchanged_sides_are_counted_as_flips():
    predicted = a_walk()
    predicted[:3] = predicted[:3, FLIP]

    assert numbers(predicted, a_walk())["flip_rate"] == pytest.approx(0.3)


def test_gaps_are_not_accelerations():
    found = numbers(a_walk(4), a_walk(4), index=[0, 1, 5, 6])

    assert np.isnan(found["jitter"])


def test_frames_without_prediction_are_lost():
    predicted = a_walk()
    predicted[5:] = np.nan

    assert numbers(predicted, a_walk())["frames_kept"] == 0.5


def test_sums_of_two_tracks_are_means_over_both():
    good, lost = (
        sum_track(points, a_walk(), np.full(10, 10.0), np.arange(10), FLIP) for points in (a_walk(), a_walk() * np.nan)
    )

    total = (good + lost + TemporalSums.zero(3)).numbers()

    assert total["frames_kept"] == 0.5
    assert total["jitter"] == 0
