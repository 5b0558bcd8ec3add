"""Online trackers: ids, gates and invariances."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracking_builders import people, tracker

from videopose.tracking.association import ScoreScale
from videopose.tracking.options import TrackerName, TrackerOptions
from videopose.types import UNTRACKED

NAMES = get_args(TrackerName)


@pytest.mark.parametrize("name", NAMES)
def test_people_who_walk_past_nobody_keep_their_ids(name):
    one = tracker(name)

    ids = [one.step(people([[100 + 5 * t, 200], [600 - 5 * t, 500]]), t / 25).tolist() for t in range(20)]

    assert all(row == ids[0] for row in ids)
    assert sorted(ids[0]) == [1, 2]


@pytest.mark.parametrize("name", NAMES)
def test_nobody_gives_no_ids(name):
    assert tracker(name).step(people([]), 0.0).shape == (0,)


def test_track_is_reported_after_min_hits():
    one = tracker(min_hits=3)
    one.step(people([]), 0.0)

    ids = [one.step(people([[100, 100]]), t / 25).tolist() for t in range(1, 5)]

    assert ids == [[-1], [-1], [1], [1]]


def test_track_survives_a_gap_of_max_age():
    one = tracker(max_age=1.0)
    one.step(people([[100, 100]]), 0.0)

    assert one.step(people([[100, 100]]), 1.0).tolist() == [1]


def test_person_who_returns_after_max_age_is_somebody_new_online():
    one = tracker(max_age=1.0, min_hits=1)
    one.step(people([[100, 100]]), 0.0)

    assert one.step(people([[100, 100]]), 2.0).tolist() == [2]


def test_pose_below_new_score_starts_no_track_but_continues_one():
    one = tracker(new_score=0.5, min_score=0.1)

    assert one.step(people([[100, 100]], score=0.4), 0.0).tolist() == [-1]
    one.step(people([[100, 100]], score=0.9), 0.04)
    one.step(people([[100, 100]], score=0.9), 0.08)
    assert one.step(people([[100, 100]], score=0.4), 0.12).tolist() == [1]


def test_second_pose_of_one_person_is_left_untracked():
    one = tracker()

    assert sorted(one.step(people([[100, 100], [101, 100]]), 0.0).tolist()) == [-1, 1]


def test_box_iou_stands_in_when_few_keypoints_are_seen():
    one = tracker(min_keypoints=4)
    hidden = people([[102, 100]])
    hidden.keypoints[:, 3:, 2] = 0.0
    hidden.keypoints[:, :3, :2] += 500  # the three that are left would argue against the match
    one.step(people([[100, 100]]), 0.0)

    assert one.step(hidden, 0.04).tolist() == [1]


@settings(max_examples=40, deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", NAMES)
def test_ids_do_not_depend_on_the_order_of_people(name, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    centers = rng.uniform(0, 300, (6, 2))
    straight, shuffled = tracker(name), tracker(name)

    for t in range(5):
        centers = centers + rng.normal(0, 15, centers.shape)
        frame = people(centers[: rng.integers(1, 7)])
        frame = replace(frame, score=rng.uniform(0.1, 1, len(frame)).astype(np.float32))
        order = rng.permutation(len(frame))
        expected = straight.step(frame, t / 25)

        assert np.array_equal(shuffled.step(frame[order], t / 25), expected[order])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(NAMES))
def test_ids_are_unique_within_a_frame(seed, name):
    rng = np.random.default_rng(seed)
    one = tracker(name)

    for t in range(6):
        ids = one.step(people(rng.uniform(0, 200, (rng.integers(0, 9), 2)), score=rng.uniform(0.2, 1)), t / 10)
        reported = ids[ids != UNTRACKED]

        assert len(set(reported.tolist())) == len(reported)


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_what_is_a_high_score_depends_on_the_scores_seen(scale):
    scores = np.random.default_rng(0).uniform(0, scale, 2000).astype(np.float32)
    seen = ScoreScale()

    for part in np.split(scores, 100):
        seen.update(part)

    assert seen.p90 == pytest.approx(0.9 * scale, abs=0.02)


def test_the_order_of_scores_does_not_change_their_scale():
    forward, backward = ScoreScale(), ScoreScale()

    forward.update(np.array([0.1, 0.5, 0.9], np.float32))
    backward.update(np.array([0.9, 0.5, 0.1], np.float32))

    assert forward.p90 == backward.p90 == pytest.approx(0.9, abs=0.001)


def test_user_values_win_over_the_preset():
    assert TrackerOptions.model_validate({"name": "kalman", "motion": "box"}).motion == "box"
    assert TrackerOptions(name="two-stage").two_stage
