"""Similarities and assignment, by hand and by property."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.geometry.keypoints import oks
from videopose.skeletons import skeleton_named
from videopose.tracking.assign import assign, is_clear
from videopose.tracking.similarity import (
    BoxIou,
    KeypointDistance,
    PoseOks,
    WeightedSimilarity,
)
from videopose.types import Poses

SKELETON = skeleton_named("coco17")


def random_people(seed, count, spread=100.0):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-40, 40, (count, len(SKELETON), 2)) + rng.uniform(0, spread, (count, 1, 2))
    keypoints = np.concatenate([xy, rng.uniform(0, 1, (count, len(SKELETON), 1))], axis=2).astype(np.float32)
    xyxy = np.concatenate([xy.min(1), xy.max(1)], axis=1).astype(np.float32)
    return Poses(keypoints, np.full(count, 0.9, np.float32), xyxy, np.full(count, -1, np.int64))


def test_oks_equals_cocos_formula_where_everything_is_seen():
    people = random_people(0, 4)
    people.keypoints[..., 2] = 1.0
    sides = people.xyxy[:, 2:] - people.xyxy[:, :2]
    people.xyxy[:, 2:] = people.xyxy[:, :2] + sides[:1]  # one area for all: ours is the mean of both sides'
    area = np.full(4, sides[0].prod(), np.float32)

    ours = PoseOks(SKELETON.sigmas)(people, people)

    truth = people.keypoints.copy()
    truth[..., 2] = 2
    assert np.allclose(ours, oks(people.keypoints[..., :2], truth, area, SKELETON.sigmas), atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
@pytest.mark.parametrize(
    "similarity",
    [
        PoseOks(SKELETON.sigmas, tolerance=2.0, min_score=0.2, min_keypoints=4),
        BoxIou(),
        KeypointDistance(0.2),
        WeightedSimilarity(PoseOks(SKELETON.sigmas), BoxIou(), 0.3),
    ],
    ids=["oks", "iou", "distance", "mixture"],
)
def test_similarity_lies_in_0_1_is_symmetric_and_1_with_itself(similarity, seed):
    people = random_people(seed, 5)
    people.keypoints[..., 2] = np.maximum(people.keypoints[..., 2], 0.25)

    values = similarity(people, people)

    assert values.min() >= 0
    assert values.max() <= 1 + 1e-6
    assert np.allclose(values, values.T, atol=1e-5)
    assert np.allclose(np.diag(values), 1, atol=1e-5)


def test_people_far_apart_are_not_alike():
    near, far = random_people(0, 2, 10.0), random_people(1, 2, 10.0)
    far.keypoints[..., :2] += 5000
    far.xyxy[:] += 5000

    assert (PoseOks(SKELETON.sigmas, tolerance=2.0)(near, far) == 0).all()


def test_people_who_share_no_keypoint_have_distance_similarity_0():
    people = random_people(0, 1)
    people.keypoints[..., 2] = 0.0

    assert KeypointDistance(0.1)(people, people).tolist() == [[0.0]]


def test_hungarian_takes_the_greatest_total_and_greedy_the_best_pair_first():
    similarity = np.array([[0.9, 0.8], [0.8, 0.1]], np.float32)

    assert assign(similarity, 0.0)[1].tolist() == [1, 0]
    assert assign(similarity, 0.0, "greedy")[1].tolist() == [0, 1]


@pytest.mark.parametrize("method", ["hungarian", "greedy"])
def test_pairs_at_or_below_the_gate_are_never_made(method):
    similarity = np.array([[0.5, 0.3], [0.2, 0.3]], np.float32)

    rows, columns = assign(similarity, 0.3, method)

    assert (rows.tolist(), columns.tolist()) == ([0], [0])


def test_forbidden_pair_never_displaces_an_allowed_one():
    """Taking 0-1 and 1-0 would sum to more, but 1-0 is not allowed, so 0-0 must not be lost."""
    similarity = np.array([[0.6, 0.5], [0.29, 0.0]], np.float32)

    rows, columns = assign(similarity, 0.3)

    assert (rows.tolist(), columns.tolist()) == ([0], [0])


def test_pair_with_a_close_rival_is_not_clear():
    similarity = np.array([[0.9, 0.85, 0.0], [0.0, 0.9, 0.1]], np.float32)

    assert is_clear(similarity, np.array([0, 1]), np.array([0, 1]), 0.1).tolist() == [False, False]
    assert is_clear(similarity, np.array([0, 1]), np.array([0, 1]), 0.04).tolist() == [True, True]


def test_nobody_pairs_with_nobody():
    assert [len(each) for each in assign(np.zeros((0, 3), np.float32), 0.1)] == [0, 0]
