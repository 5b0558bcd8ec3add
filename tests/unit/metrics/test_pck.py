import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import InputError, ShapeError
from videopose.metrics.pck import PckCounts, count_pck, distance_between, head_size, longer_side


def _people(seed, people=5, keypoints=4):
    rng = np.random.default_rng(seed)
    truth = np.dstack([rng.uniform(0, 50, (people, keypoints, 2)), rng.integers(0, 3, (people, keypoints))])
    return truth[..., :2] + rng.normal(0, 4, (people, keypoints, 2)), truth, rng.uniform(10, 30, people)


def test_a_keypoint_on_the_border_of_the_threshold_is_right():
    truth = [[[0, 0, 2], [0, 0, 1]]]

    counts = count_pck([[[3, 4], [3, 4.001]]], truth, [10], [0.5])

    assert counts.correct.tolist() == [[1, 0]]
    assert counts.labelled.tolist() == [1, 1]


def test_unlabelled_keypoints_and_people_without_a_length_do_not_count():
    truth = [[[0, 0, 0], [0, 0, 2]], [[0, 0, 2], [0, 0, 2]], [[0, 0, 2], [0, 0, 2]]]

    counts = count_pck(np.zeros((3, 2, 2)), truth, [10, np.nan, 0], [0.2])

    assert counts.labelled.tolist() == [0, 1]
    assert np.isnan(counts.per_keypoint()[0, 0])
    assert counts.mean().tolist() == [1.0]


def test_a_keypoint_that_was_not_predicted_is_wrong():
    counts = count_pck([[[np.nan, np.nan]]], [[[1, 1, 2]]], [10], [0.2])

    assert counts.mean().tolist() == [0.0]


def test_mean_weighs_keypoints_alike_and_pooled_weighs_labels_alike():
    counts = PckCounts((0.2,), np.array([[3, 1]]), np.array([3, 2]))

    assert counts.mean()[0] == pytest.approx(0.75)
    assert counts.pooled()[0] == pytest.approx(0.8)


def test_nothing_labelled_gives_nan():
    counts = count_pck(np.zeros((0, 2, 2)), np.zeros((0, 2, 3)), np.zeros(0), [0.2])

    assert np.isnan(counts.mean()[0])
    assert np.isnan(counts.pooled()[0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 5))
def test_merging_two_halves_gives_the_whole(seed, cut):
    predicted, truth, length = _people(seed)

    halves = [count_pck(predicted[part], truth[part], length[part], [0.1, 0.2]) for part in (slice(cut), slice(cut, 5))]

    whole = count_pck(predicted, truth, length, [0.1, 0.2])
    assert ((halves[0] + halves[1]).correct == whole.correct).all()
    assert ((halves[0] + halves[1]).labelled == whole.labelled).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_perfect_prediction_scores_one(seed):
    _, truth, length = _people(seed)

    share = count_pck(truth[..., :2], truth, length, [0.0, 0.2]).per_keypoint()

    assert (share[np.isfinite(share)] == 1).all()


def test_area_under_the_curve_of_a_step_is_its_right_part():
    alphas = np.linspace(0, 0.5, 51)
    counts = count_pck([[[2.45, 0]]], [[[0, 0, 2]]], [10], alphas)

    assert counts.auc() == pytest.approx(0.51, abs=1e-9)


def test_area_under_one_threshold_is_an_error():
    with pytest.raises(InputError, match="needs two thresholds"):
        count_pck([[[0, 0]]], [[[0, 0, 2]]], [1], [0.2]).auc()


def test_counts_at_other_thresholds_cannot_be_added():
    counts = [count_pck([[[0, 0]]], [[[0, 0, 2]]], [1], [alpha]) for alpha in (0.1, 0.2)]

    with pytest.raises(InputError, match=r"\(0.1,\) and \(0.2,\) cannot be added"):
        _ = counts[0] + counts[1]


def test_a_person_too_many_is_an_error():
    with pytest.raises(ShapeError, match=r"predicted has shape \(2, 1, 2\)"):
        count_pck(np.zeros((2, 1, 2)), np.zeros((1, 1, 3)), [1], [0.2])


def test_torso_falls_back_to_the_second_pair_then_to_nan():
    truth = [
        [[0, 0, 2], [3, 4, 2], [0, 1, 2]],
        [[0, 0, 2], [3, 4, 0], [0, 1, 1]],
        [[0, 0, 0], [3, 4, 2], [0, 1, 1]],
    ]

    lengths = distance_between(truth, [(0, 1), (0, 2)])

    np.testing.assert_allclose(lengths, [5, 1, np.nan])


def test_head_size_is_six_tenths_of_the_diagonal():
    assert head_size([[0, 0, 3, 4]])[0] == pytest.approx(3)


def test_longer_side_of_a_box():
    assert longer_side([[1, 1, 4, 9]]).tolist() == [8]
