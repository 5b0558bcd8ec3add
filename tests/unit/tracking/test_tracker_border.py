"""What an online tracker makes of input it did not ask for: time, missing numbers, embeddings that come and go."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracking_builders import people, tracker

from videopose.errors import InputError
from videopose.tracking.options import PRESETS, TrackerName, TrackerOptions
from videopose.types import UNTRACKED, TrackingFeatures

HERE = [[100, 100], [400, 300]]
CHANGED = {"features": {"queue": 3}, "pose_flow": {"skip": 4}, "linking": {"max_gap": 2.0}}


@pytest.mark.parametrize("section", CHANGED)
@pytest.mark.parametrize("name", get_args(TrackerName))
def test_preset_survives_an_override_in_each_of_its_sections(name, section):
    plain = TrackerOptions(name=name)

    changed = TrackerOptions.model_validate({"name": name, section: CHANGED[section]})

    assert changed.model_dump() == {
        **plain.model_dump(), section: {**plain.model_dump()[section], **CHANGED[section]}
    }  # fmt: skip
    assert getattr(changed, section) != getattr(plain, section)


def test_every_tracker_has_a_preset():
    assert set(PRESETS) == set(get_args(TrackerName))


@pytest.mark.parametrize("time", [0.4, 0.2, float("nan")])
def test_time_that_does_not_go_on_is_refused(time):
    one = tracker()
    one.step(people(HERE), 0.4)

    with pytest.raises(InputError, match=rf"a frame at {time} s comes after one at 0\.4 s"):
        one.step(people(HERE), time)


@pytest.mark.parametrize("name", get_args(TrackerName))
def test_keypoints_without_a_place_change_no_id(name):
    one = tracker(name)
    rows = []
    for t in range(12):
        frame = people([[100 + 3 * t, 100], [400, 300]])
        frame.keypoints[:, 3, :2] = np.nan
        frame.keypoints[0, t % 17] = np.nan
        rows.append(one.step(frame, t / 25).tolist())

    assert rows == [rows[0]] * 12
    assert sorted(rows[0]) == [1, 2]


def test_keypoints_without_a_place_stay_as_they_were_given():
    frame = people(HERE)
    frame.keypoints[0, 3] = np.nan

    tracker().step(frame, 0.0)

    assert np.isnan(frame.keypoints[0, 3]).all()


def test_person_without_a_box_is_left_untracked():
    frame = people(HERE)
    frame.xyxy[1] = np.nan

    assert tracker("iou").step(frame, 0.0).tolist() == [1, UNTRACKED]


@pytest.mark.parametrize("measured", [{2, 3, 4, 5}, {0, 1, 4, 5}, {3}, set()])
def test_appearance_may_begin_late_and_pause(measured):
    one = tracker("oks", appearance_weight=0.5, features={"appearance": True})
    looks = np.eye(2, 4, dtype=np.float32)
    rows = []
    for t in range(6):
        more = [[700, 100]] if t >= 3 else []
        frame = people(HERE + more)
        seen = np.concatenate([looks, looks[:1]])[: len(frame)]
        rows.append(one.step(frame, t / 25, TrackingFeatures(appearance=seen) if t in measured else None).tolist())

    assert all(row[:2] == [1, 2] for row in rows)
    assert rows[-1] == [1, 2, 3]


def test_unknown_appearance_speaks_neither_for_nor_against():
    far = people(np.array(HERE) + 8)
    plain, told = tracker("oks"), tracker("oks", appearance_weight=0.9, features={"appearance": True})
    for one in (plain, told):
        one.step(people(HERE), 0.0)
    unknown = TrackingFeatures(appearance=np.zeros((2, 4), np.float32))

    assert told.step(far, 0.04, unknown).tolist() == plain.step(far, 0.04).tolist() == [1, 2]


def test_one_look_does_not_outweigh_ten_others():
    one = tracker("oks", appearance_weight=0.8, min_similarity=0.5, features={"appearance": True})
    red, blue = np.eye(2, dtype=np.float32)[[0]], np.eye(2, dtype=np.float32)[[1]]
    for t in range(10):
        one.step(people([[100, 100]]), t / 25, TrackingFeatures(appearance=red))
    mixed = np.array([[0.75, 0.6614]], np.float32)  # alike enough to be joined, and half blue
    assert one.step(people([[100, 100]]), 0.4, TrackingFeatures(appearance=mixed)).tolist() == [1]

    assert one.step(people([[100, 100]]), 0.44, TrackingFeatures(appearance=blue)).tolist() == [UNTRACKED]
    assert one.step(people([[100, 100]]), 0.48, TrackingFeatures(appearance=red)).tolist() == [1]


def test_weak_pose_goes_on_in_the_second_stage_only():
    """A person who has moved so far that the similarity lies between `low_similarity` and `min_similarity`."""
    values = {"motion": "none", "min_similarity": 0.5, "low_similarity": 0.2, "tolerance": 1.0}

    def second_id(score):
        one = tracker("two-stage", **values)
        one.step(people([[100, 100], [500, 100]]), 0.0)
        moved = replace(people([[100, 100], [511, 100]]), score=np.array([0.9, score], np.float32))
        return one.step(moved, 0.04)[1]

    similarity = tracker("two-stage", **values)._similarity(people([[500, 100]]), people([[511, 100]]))[0, 0]
    assert 0.2 < similarity < 0.5
    assert second_id(0.3) == 2
    assert second_id(0.9) == UNTRACKED


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(get_args(TrackerName)))
def test_ids_are_unique_when_everybody_has_a_score_of_their_own(seed, name):
    rng = np.random.default_rng(seed)
    one = tracker(name)

    for t in range(6):
        n = int(rng.integers(0, 9))
        frame = people(rng.uniform(0, 200, (n, 2)))
        ids = one.step(replace(frame, score=rng.uniform(0.1, 1, n).astype(np.float32)), t / 10)
        reported = ids[ids != UNTRACKED]

        assert len(set(reported.tolist())) == len(reported)


def test_ids_go_on_after_a_new_shot_and_none_is_given_twice():
    one = tracker("two-stage")
    before = one.step(people(HERE), 0.0).tolist()

    one.start_shot()

    assert one.step(people(HERE), 0.04).tolist() == [3, 4]
    assert before == [1, 2]
