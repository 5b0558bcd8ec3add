import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import InputError
from videopose.metrics.keypoint_ap import (
    assign_by_pck,
    average_precision,
    count_keypoints,
    distances,
    join,
    precision_recall,
)

SEEDS = st.integers(0, 10_000)


def test_distance_is_in_head_sizes_and_nan_where_absent():
    predicted = np.array([[[[3.0, 4], [np.nan, np.nan]]]])
    truth = np.zeros((1, 1, 2, 2))

    apart = distances(predicted, truth, np.array([[10.0]]))

    np.testing.assert_allclose(apart, [[[[0.5, np.nan]]]])


def test_a_head_without_size_is_out_of_reach():
    predicted = np.array([[[[3.0, 4], [0, 0]]]])

    apart = distances(predicted, np.zeros((1, 1, 2, 2)), np.array([[0.0]]))

    assert not (apart <= 0.5).any()


def test_each_person_takes_the_best_of_the_predictions_that_turned_to_it():
    close = np.array([[[[1, 1, 1], [1, 0, 0]], [[1, 1, 0], [1, 1, 0]], [[0, 0, 0], [0, 0, 0]]]], bool)
    labelled = np.ones((1, 2, 3), bool)

    assigned = assign_by_pck(close, labelled, is_person=np.ones((1, 2), bool))

    assert assigned.tolist() == [[0, -1]]  # the second prediction turned to the first person too, its first best


def test_padding_is_never_assigned():
    assigned = assign_by_pck(np.ones((1, 1, 2, 1), bool), np.ones((1, 2, 1), bool), is_person=np.array([[False, True]]))

    assert assigned.tolist() == [[-1, 0]]


def test_an_unassigned_prediction_is_wrong_and_an_unlabelled_keypoint_too():
    close = np.array([[[[True, False]]], [[[True, True]]]])
    outcome = count_keypoints(
        close, np.array([[0], [-1]]), np.ones((2, 1, 2)), np.ones((2, 1, 2), bool), np.array([[[1, 0]], [[1, 1]]], bool)
    )

    assert [right.tolist() for right in outcome.right] == [[True, False], [False, False]]
    assert outcome.labelled.tolist() == [2, 1]


def test_average_precision_of_a_hand_computed_ranking():
    precision, recall = precision_recall(
        np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 2, ties_together=False
    )

    assert average_precision(precision, recall) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_ties_together_make_the_order_irrelevant(seed):
    rng = np.random.default_rng(seed)
    score, right = rng.integers(0, 5, 30) / 5, rng.random(30) < 0.5
    order = rng.permutation(30)

    values = [
        average_precision(*precision_recall(score[rows], right[rows], 20, ties_together=True))
        for rows in (slice(None), order)
    ]

    assert values[0] == pytest.approx(values[1], abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.booleans())
def test_weights_equal_repeating_predictions(seed, ties_together):
    rng = np.random.default_rng(seed)
    score, right, weight = rng.random(20), rng.random(20) < 0.5, rng.integers(0, 3, 20)

    weighted = precision_recall(score, right, 20, ties_together=ties_together, weight=weight.astype(float))
    repeated = precision_recall(np.repeat(score, weight), np.repeat(right, weight), 20, ties_together=True)

    assert average_precision(*weighted) == pytest.approx(average_precision(*repeated), abs=1e-12)


def test_joining_nothing_is_an_error():
    with pytest.raises(InputError, match="no sequences to score"):
        join([])
