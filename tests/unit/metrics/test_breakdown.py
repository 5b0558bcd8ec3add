import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import InputError
from videopose.metrics.breakdown import KINDS, ErrorCounts, classify, count_errors, match_people
from videopose.skeletons import skeleton_named

SKELETON = skeleton_named("coco17")
SIGMAS = np.array(SKELETON.oks_sigmas)
AREA = np.array([10_000.0, 10_000.0])


def two_people():
    """Two people 500 pixels apart, keypoints 40 pixels apart from each other."""
    x = 40 * np.arange(17.0)
    one = np.column_stack([x, 100 + 0 * x, 2 + 0 * x])
    return np.stack([one, one + np.array([0, 500, 0])])


def kinds_of(predicted, truth=None):
    return classify(predicted, two_people() if truth is None else truth, AREA, SIGMAS, SKELETON.flip_index)


def test_the_truth_itself_is_good_everywhere():
    assert (kinds_of(two_people()[..., :2]) == KINDS.index("good")).all()


@pytest.mark.parametrize(
    ("kind", "target"),
    [("inversion", (0, "right_wrist")), ("swap", (1, "left_wrist")), ("swap", (1, "right_wrist"))],
)
def test_a_keypoint_on_another_one_is_named_by_whose_it_is(kind, target):
    predicted = two_people()[..., :2]
    person, name = target
    predicted[0, SKELETON.index_of("left_wrist")] = two_people()[person, SKELETON.index_of(name), :2]

    kinds = kinds_of(predicted)

    assert KINDS[kinds[0, SKELETON.index_of("left_wrist")]] == kind
    assert (kinds == 0).sum() == 33


def test_near_is_jitter_and_nowhere_is_a_miss():
    predicted = two_people()[..., :2]
    hip = SKELETON.index_of("left_hip")
    predicted[0, hip] += [0, 2 * 0.107 * 100 * np.sqrt(-2 * np.log(0.7))]  # a similarity of 0.7
    predicted[1, hip] += [0, 200]

    kinds = kinds_of(predicted)

    assert [KINDS[kind] for kind in kinds[:, hip]] == ["jitter", "miss"]


def test_a_person_without_prediction_is_undetected_and_unlabelled_keypoints_do_not_count():
    truth, predicted = two_people(), two_people()[..., :2]
    truth[0, 3, 2] = 0
    predicted[1] = np.nan

    kinds = kinds_of(predicted, truth)

    assert kinds[0, 3] == -1
    assert (kinds[1] == KINDS.index("undetected")).all()


def test_people_are_matched_to_the_predictions_most_like_them():
    truth = two_people()

    rows = match_people(truth[::-1, :, :2] + 1, truth, AREA, SIGMAS)

    assert rows.tolist() == [1, 0]


def test_nobody_is_matched_from_afar():
    truth = two_people()

    assert match_people(truth[..., :2] + 5000, truth, AREA, SIGMAS).tolist() == [-1, -1]
    assert match_people(np.zeros((0, 17, 2)), truth, AREA, SIGMAS).tolist() == [-1, -1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_every_labelled_keypoint_is_of_exactly_one_kind(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = two_people(), two_people()[..., :2] + rng.normal(0, 60, (2, 17, 2))
    truth[..., 2] = rng.integers(0, 3, (2, 17))

    counts = count_errors(kinds_of(predicted, truth), {"all": np.ones(2, bool)}, ("all", "nobody"), 0)

    assert counts.counts[0].sum() == (truth[..., 2] > 0).sum()
    assert counts.counts[1].sum() == 0
    assert np.nansum(counts.shares("all")[-1]) == pytest.approx(1)


def test_counts_of_other_groups_cannot_be_added():
    with pytest.raises(InputError, match="cannot be added"):
        _ = ErrorCounts.zero(("a",), 3) + ErrorCounts.zero(("b",), 3)
