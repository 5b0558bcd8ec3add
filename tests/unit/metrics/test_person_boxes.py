import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videopose.errors import InputError
from videopose.metrics.person_boxes import (
    calibration_error,
    detector_numbers,
    person_box_outcomes,
    quiet_threshold,
)


def _outcomes(boxes, scores, truth=(), ignore=(), **options):
    return person_box_outcomes(boxes, scores, truth, ignore, **options)


def test_small_people_are_regions_in_which_no_box_is_wrong():
    truth, ignore = [[0, 0, 100, 100], [200, 0, 210, 10]], [False, False]
    boxes = [[0, 0, 100, 100], [200, 0, 208, 8], [200, 0, 206, 6], [300, 0, 400, 100]]
    found = _outcomes(boxes, [0.9, 0.8, 0.7, 0.6], truth, ignore, min_area=400)

    assert found.truths == 1
    assert found.right[0].tolist() == [True, False, False, False]
    assert found.wrong[0].tolist() == [False, False, False, True]


def test_a_box_half_inside_a_region_is_wrong_at_every_threshold():
    truth, ignore = [[0, 0, 100, 100]], [True]
    mostly, half = (
        _outcomes([[40, 0, 140, 100]], [0.9], truth, ignore),
        _outcomes([[50, 0, 150, 100]], [0.9], truth, ignore),
    )

    assert not mostly.wrong.any()
    assert half.wrong.all()
    assert mostly.truths == half.truths == 0


def test_a_person_in_a_region_counts_first():
    found = _outcomes([[10, 10, 50, 50]], [0.9], [[0, 0, 100, 100], [10, 10, 50, 50]], [True, False])

    assert found.right.all()


def test_numbers_of_two_images():
    with_person = _outcomes(
        [[0, 0, 50, 50], [60, 60, 99, 99]], [0.8, 0.6], [[0, 0, 50, 50], [0, 60, 30, 99]], [False] * 2
    )
    without = _outcomes([[0, 0, 50, 50]], [0.35])
    numbers = detector_numbers([with_person, without], [False, True], threshold=0.3)

    assert (numbers.people, numbers.person_free, numbers.fired) == (2, 1, 1)
    assert numbers.recall == 0.5
    assert numbers.precision == pytest.approx(1 / 3)
    assert numbers.ap50 == pytest.approx(51 / 101)  # the first half of the recall values
    assert numbers.error == pytest.approx((0.2 + 0.6 + 0.35) / 3)
    assert detector_numbers([with_person, without], [False, True], threshold=0.5).fired == 0


def test_no_images_are_refused():
    with pytest.raises(InputError, match="no images to score"):
        detector_numbers([], [], threshold=0.3)


def test_the_quiet_threshold_lets_a_share_of_the_images_fire():
    images = [_outcomes([[0, 0, 9, 9]], [score]) for score in np.linspace(0.05, 1, 20)]
    threshold = quiet_threshold(images, [True] * 20)

    assert detector_numbers(images, [True] * 20, threshold=threshold).fired == 3
    assert quiet_threshold(images, [False] * 20) == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=50))
def test_the_calibration_error_is_a_distance_within_one(rows):
    score, right = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], bool)

    assert 0 <= calibration_error(score, right) <= 1
    assert calibration_error(right.astype(float), right) == 0


def test_scores_that_say_their_precision_have_no_error():
    score = np.repeat([0.25, 0.75], 4)
    right = np.array([1, 0, 0, 0, 1, 1, 1, 0], bool)

    assert calibration_error(score, right) == 0
    assert calibration_error(score, ~right) == 0.5
    assert calibration_error(score, ~right, floor=0.9) == 0
