"""Merging several poses of a person: modes, shortest paths, and what every method promises."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from videopose.errors import ShapeError
from videopose.tracking.tubes.hypotheses import mean_shift, merge, shortest_path
from videopose.tracking.tubes.options import MergeOptions, TubeOptions

METHODS = ["both", "mean-shift", "shortest-path", "best"]
PIXEL_ROUNDING = 0.02  # float32 at image coordinates, and what is left of the mean shift after its last step
few = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 10**6)


def some_hypotheses(seed, frames=4, hypotheses=3, keypoints=2, *, spread=40.0):
    random = np.random.default_rng(seed)
    places = random.uniform(100, 100 + spread, (frames, hypotheses, keypoints, 2))
    score = random.uniform(0.05, 1, (frames, hypotheses, keypoints, 1))
    return np.concatenate([places, score], -1).astype(np.float32)


def merged(keypoints, method="both", **options):
    frames = len(keypoints)
    chosen = MergeOptions(method=method, **options)
    return merge(keypoints, np.full(frames, 100, np.float32), np.ones(frames, bool), chosen)


def cost_of(path, points, cost, size, options):
    jumps = np.linalg.norm(np.diff(points[np.arange(len(path)), path], axis=0), axis=-1) / size
    return cost[np.arange(len(path)), path].sum() + options.motion_weight * np.minimum(jumps, options.max_jump).sum()


@few
@given(seeds, st.integers(1, 5), st.integers(1, 3))
def test_no_path_is_shorter_than_the_shortest(seed, frames, hypotheses):
    random = np.random.default_rng(seed)
    points = random.uniform(0, 100, (frames, hypotheses, 1, 2)).astype(np.float32)
    cost = random.uniform(0, 3, (frames, hypotheses, 1)).astype(np.float32)
    options = MergeOptions(motion_weight=5)

    found = shortest_path(points, cost, np.full(frames, 50, np.float32), np.ones(frames, bool), options)[:, 0]

    every = [
        cost_of(list(path), points[:, :, 0], cost[:, :, 0], 50, options)
        for path in product(range(hypotheses), repeat=frames)
    ]
    assert cost_of(found, points[:, :, 0], cost[:, :, 0], 50, options) == pytest.approx(min(every), abs=1e-4)


def test_a_path_never_takes_what_is_not_there():
    points = np.zeros((3, 2, 1, 2), np.float32)
    cost = np.zeros((3, 2, 1), np.float32)
    cost[1, 0] = np.inf

    assert shortest_path(points, cost, np.ones(3), np.ones(3, bool), MergeOptions())[1, 0] == 1


def test_no_frames_have_no_path():
    empty = shortest_path(np.zeros((0, 2, 5, 2)), np.zeros((0, 2, 5)), np.zeros(0), np.zeros(0, bool), MergeOptions())

    assert empty.shape == (0, 5)


def test_a_path_prefers_the_near_hypothesis_to_a_slightly_better_one_far_away():
    keypoints = np.array(
        [[[[0, 0, 0.6]], [[90, 0, 0.65]]], [[[1, 0, 0.6]], [[90, 0, 0.5]]], [[[2, 0, 0.6]], [[0, 90, 0.65]]]]
    )

    found = merged(keypoints.astype(np.float32), "shortest-path", position_weight=0)

    assert found[:, 0, :2].tolist() == [[0, 0], [1, 0], [2, 0]]


def test_a_break_in_time_frees_the_path():
    keypoints = np.array([[[[0, 0, 0.9]], [[40, 0, 0.1]]], [[[0, 0, 0.3]], [[40, 0, 0.9]]]], np.float32)
    size, options = (
        np.full(2, 100, np.float32),
        MergeOptions(method="shortest-path", motion_weight=100, position_weight=0),
    )

    held = merge(keypoints, size, np.array([True, True]), options)
    free = merge(keypoints, size, np.array([True, False]), options)

    assert held[0, 0, 0] == held[1, 0, 0]
    assert (free[0, 0, 0], free[1, 0, 0]) == (0, 40)


def test_a_path_begins_where_the_one_before_ended():
    keypoints = np.array([[[[0, 0, 0.6]], [[60, 0, 0.5]]]], np.float32)
    options = MergeOptions(method="shortest-path", position_weight=0)
    size, joined = np.full(1, 100, np.float32), np.ones(1, bool)

    found = merge(keypoints, size, joined, options, start=np.array([[60, 0, 0.9]], np.float32))

    assert found[0, 0].tolist() == [60, 0, 0.5]


@few
@given(seeds)
def test_modes_lie_within_the_box_of_their_hypotheses(seed):
    keypoints = some_hypotheses(seed)
    points = keypoints[..., :2]

    modes, density = mean_shift(points, keypoints[..., 2], np.full(4, 5.0))

    assert (modes >= points.min(1, keepdims=True) - PIXEL_ROUNDING).all()
    assert (modes <= points.max(1, keepdims=True) + PIXEL_ROUNDING).all()
    assert (density > 0).all()


@few
@given(seeds)
def test_a_mode_is_at_least_as_dense_as_where_the_climb_began(seed):
    keypoints = some_hypotheses(seed)
    points, weight, width = keypoints[..., :2], keypoints[..., 2], 8.0

    _, density = mean_shift(points, weight, np.full(4, width))

    apart = ((points[:, :, None] - points[:, None]) ** 2).sum(-1)
    begun = (weight[:, None] * np.exp(-0.5 * apart / width**2)).sum(2)
    assert (density >= begun - 1e-4).all()


def test_the_mode_is_with_the_many_and_not_between():
    keypoints = np.array([[[[10, 10, 0.5]], [[10.4, 10, 0.5]], [[90, 90, 0.6]]]], np.float32)

    assert np.allclose(merged(keypoints, "mean-shift")[0, 0, :2], [10.2, 10], atol=PIXEL_ROUNDING)


@pytest.mark.parametrize("method", METHODS)
@few
@given(seeds)
def test_one_hypothesis_is_the_answer(method, seed):
    keypoints = some_hypotheses(seed, hypotheses=1)

    assert np.allclose(merged(keypoints, method), keypoints[:, 0], atol=PIXEL_ROUNDING)


@pytest.mark.parametrize("method", METHODS)
@few
@given(seeds)
def test_the_order_of_hypotheses_does_not_matter(method, seed):
    keypoints = some_hypotheses(seed)
    turned = keypoints[:, np.random.default_rng(seed).permutation(3)]

    assert np.allclose(merged(keypoints, method), merged(turned, method), atol=PIXEL_ROUNDING)


@pytest.mark.parametrize("method", METHODS)
@few
@given(seeds, st.floats(-300, 300), st.floats(0.25, 4))
def test_merging_follows_the_image_when_it_moves_and_grows(method, seed, shift, scale):
    keypoints = some_hypotheses(seed)
    moved = keypoints.copy()
    moved[..., :2] = moved[..., :2] * scale + shift
    options, joined = MergeOptions(method=method), np.ones(4, bool)

    found = merge(keypoints, np.full(4, 100, np.float32), joined, options)
    there = merge(moved, np.full(4, 100 * scale, np.float32), joined, options)

    assert np.allclose(there[..., :2], found[..., :2] * scale + shift, atol=0.1)


@pytest.mark.parametrize("method", METHODS)
@few
@given(seeds)
def test_what_is_not_there_does_not_count(method, seed):
    keypoints = some_hypotheses(seed)
    absent = np.full((4, 1, 2, 3), np.nan, np.float32)
    absent[:, :, 0] = [1e4, -1e4, 0]

    more = np.concatenate([keypoints, absent], 1)

    assert np.allclose(merged(more, method), merged(keypoints, method), atol=PIXEL_ROUNDING)


@pytest.mark.parametrize("method", METHODS)
@few
@given(seeds)
def test_scores_stay_between_those_of_the_hypotheses(method, seed):
    keypoints = some_hypotheses(seed)

    score = merged(keypoints, method)[..., 2]

    assert (score >= keypoints[..., 2].min(1) - 1e-5).all()
    assert (score <= keypoints[..., 2].max(1) + 1e-5).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_keypoint_nobody_saw_gets_the_mean_place_and_no_score(method):
    keypoints = np.array([[[[10, 0, 0.0]], [[20, 0, 0.0]]], [[[10, 0, 0.5]], [[10, 0, 0.5]]]], np.float32)

    assert merged(keypoints, method)[0, 0].tolist() == [15, 0, 0]


@pytest.mark.parametrize("method", METHODS)
def test_a_keypoint_without_any_place_stays_without(method):
    found = merged(np.full((2, 2, 1, 3), np.nan, np.float32), method)

    assert np.isnan(found[..., :2]).all()
    assert (found[..., 2] == 0).all()


def test_hypotheses_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match="keypoints"):
        merge(np.zeros((3, 2, 5, 2), np.float32), np.ones(3), np.ones(3, bool), MergeOptions())


def test_a_tube_without_a_middle_is_refused():
    with pytest.raises(ValidationError, match="length 4 has no middle frame; give an odd number"):
        TubeOptions(length=4)


def test_an_overlap_as_long_as_the_tube_is_refused():
    with pytest.raises(ValidationError, match="overlap 5 must be less than the length 5"):
        TubeOptions(length=5, overlap=5)
