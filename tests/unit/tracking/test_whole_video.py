"""Whole-video tracking: ids that survive gaps, crossings and re-entries."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from builders import assert_same_records
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.skeletons import skeleton_named
from videopose.stages.smooth import TrackAndSmooth
from videopose.stages.track import TrackPoses
from videopose.tracking.crossing import resolve_swaps
from videopose.tracking.duplicates import split_overlaps
from videopose.tracking.linking import link, solve
from videopose.tracking.options import LinkingOptions, SmoothingOptions, TrackerName, TrackerOptions
from videopose.tracking.track_table import collect
from videopose.tracking.whole import drop_weak_tracks
from videopose.types import Frame, Poses, Record, TrackingFeatures

SKELETON = skeleton_named("coco17")
SHAPE = np.random.default_rng(1).uniform(-0.5, 0.5, (len(SKELETON), 2)) * [60, 120]


def frame(number, people, rate=25.0):
    """Build a record from (x, y, size factor) of each person."""
    xy = np.array([SHAPE * scale + [x, y] for x, y, scale in people]).reshape(-1, len(SKELETON), 2)
    keypoints = np.concatenate([xy, np.full((*xy.shape[:2], 1), 0.9)], axis=2).astype(np.float32)
    xyxy = np.concatenate([xy.min(1), xy.max(1)], axis=1).astype(np.float32)
    n = len(people)
    poses = Poses(keypoints, np.full(n, 0.9, np.float32), xyxy, np.full(n, -1, np.int64))
    return Record(Frame(number, number / rate, None), poses=poses)


def ids(records, name="whole-video", **values):
    options = TrackerOptions.model_validate({"name": name, **values})
    return [record.poses.track_id.tolist() for record in TrackPoses(options, SKELETON)(records)]


def gone(first, last, frames=100):
    """Stand still, be away from frame `first` to `last`, and come back to the same place."""
    return [frame(t, [] if first <= t <= last else [(300, 300, 1.0)]) for t in range(frames)]


def test_person_who_comes_back_where_they_left_keeps_the_id():
    found = ids(gone(20, 70))  # 2.04 s: more than any online max_age + 1 s

    assert {each for row in found for each in row} == {1}


def test_same_return_is_a_new_id_online():
    found = ids(gone(20, 70), name="oks", max_age=1.0, min_hits=1)

    assert {each for row in found for each in row} == {1, 2}


def test_return_with_another_size_is_somebody_else():
    records = [frame(t, [(300, 300, 1.0)]) for t in range(20)]
    records += [frame(t, []) for t in range(20, 60)]
    records += [frame(t, [(300, 300, 2.0)]) for t in range(60, 90)]

    assert {each for row in ids(records) for each in row} == {1, 2}


def test_return_in_other_clothes_is_somebody_else():
    red, blue = np.eye(2, dtype=np.float32)[[0]], np.eye(2, dtype=np.float32)[[1]]

    def dressed(late):
        appearance = [red if t < 20 else late for t in range(100)]
        return [
            replace(each, features=TrackingFeatures(appearance=look[: len(each.poses)]))
            for each, look in zip(gone(20, 70), appearance, strict=True)
        ]

    same, other = dressed(red), dressed(blue)

    assert {each for row in ids(same) for each in row} == {1}
    assert {each for row in ids(other) for each in row} == {1, 2}


def test_return_after_max_gap_is_somebody_else():
    found = ids(gone(20, 70), linking={"max_gap": 1.0})

    assert {each for row in found for each in row} == {1, 2}


def test_walkers_hidden_while_they_cross_keep_their_ids():
    def walkers(t):
        people = [(100 + 8 * t, 300, 1.0), (900 - 8 * t, 300, 1.0)]
        return [] if 45 <= t <= 55 else people

    found = ids([frame(t, walkers(t)) for t in range(100)])

    assert found[0] == found[-1]
    assert {each for row in found for each in row} == {1, 2}


def test_tracks_that_exchanged_ids_at_a_crossing_are_exchanged_back():
    table = collect(frame(t, [(100 + 8 * t, 300, 1.0), (900 - 8 * t, 300, 1.0)]) for t in range(100))
    right = np.tile([1, 2], 100)
    swapped = np.where(table.frame >= 50, 3 - right, right)
    wrong = type(table)(**{**{f: getattr(table, f) for f in table.__dataclass_fields__}, "track_id": swapped})

    repaired = resolve_swaps(wrong, LinkingOptions()).track_id

    assert repaired[table.frame > 60].tolist() == right[table.frame > 60].tolist()


def test_weak_track_is_dropped():
    records = [frame(t, [(300, 300, 1.0)] + ([(800, 300, 1.0)] if t in (10, 11) else [])) for t in range(40)]

    assert all(row == [1] for row in ids(records))


def test_people_of_a_single_image_are_not_dropped():
    assert ids([frame(0, [(300, 300, 1.0), (600, 300, 1.0)])]) == [[1, 2]]


def test_faint_people_of_a_few_frames_are_not_dropped():
    records = [frame(t, [(300, 300, 1.0)]) for t in range(8)]
    faint = [replace(r, poses=replace(r.poses, score=np.full(1, 0.45, np.float32))) for r in records]

    assert ids(faint) == [[1]] * 8


@settings(max_examples=20, deadline=None)
@given(score=st.floats(0.05, 1), other=st.floats(0.05, 1), others=st.integers(1, 3))
def test_whether_a_track_is_kept_does_not_depend_on_who_else_is_there(score, other, others):
    person = [(300, 300, 1.0, 1, score) for _ in range(60)]
    crowd = [[(700 + 400 * place, 300, 1.0, 2 + place, other) for _ in range(60)] for place in range(others)]

    alone = drop_weak_tracks(tracklets(person), LinkingOptions())
    among = drop_weak_tracks(tracklets(person, *crowd), LinkingOptions())

    assert set(among.track_id[among.xyxy[:, 0] < 500].tolist()) == set(alone.track_id.tolist())


def test_a_track_of_a_low_middle_score_is_dropped():
    ball = [(300, 300, 1.0, 1, 0.2) for _ in range(60)]
    hidden = [(700, 300, 1.0, 2, 0.45) for _ in range(60)]

    found = {
        floor: set(drop_weak_tracks(tracklets(ball, hidden), LinkingOptions(min_middle_score=floor)).track_id.tolist())
        for floor in (0.0, LinkingOptions().min_middle_score, 0.5)
    }

    assert list(found.values()) == [{1, 2}, {-1, 2}, {-1}]


def test_dropped_people_stay_untracked_on_request():
    records = [frame(t, [(300, 300, 1.0)] + ([(800, 300, 1.0)] if t == 10 else [])) for t in range(40)]

    assert ids(records, keep_untracked=True)[10] == [1, -1]


def test_accidents_strung_together_are_no_person():
    person = [(300, 300, 1.0, 1, 0.9) for _ in range(200)]
    accidents = [(700, 300, 1.0, 2, 0.8) if t % 10 == 0 else None for t in range(200)]

    table = drop_weak_tracks(tracklets(person, accidents), LinkingOptions())

    assert set(table.track_id[table.xyxy[:, 0] > 500].tolist()) == {-1}
    assert set(table.track_id[table.xyxy[:, 0] < 500].tolist()) == {1}


def test_a_person_goes_on_rather_than_a_second_box_on_them():
    person = [(300, 300, 1.0, 1, 0.9) if t < 50 else None for t in range(100)]
    second = [(310, 300, 0.9, 2, 0.5) if 45 <= t < 50 else None for t in range(100)]
    later = [(313, 300, 0.9, 3, 0.9) if t >= 52 else None for t in range(100)]

    table = link(tracklets(person, second, later), LinkingOptions())

    assert set(table.track_id[table.frame >= 52].tolist()) == {1}


@pytest.mark.parametrize("name", get_args(TrackerName))
def test_ids_do_not_depend_on_the_order_of_people(name):
    rng = np.random.default_rng(0)
    records = [frame(t, [(100 + 8 * t, 300, 1.0), (900 - 8 * t, 330, 1.1), (400, 350, 0.9)]) for t in range(80)]
    orders = [rng.permutation(3) for _ in records]
    shuffled = [Record(each.frame, poses=each.poses[order]) for each, order in zip(records, orders, strict=True)]

    straight, mixed = (ids(each, name=name, keep_untracked=True) for each in (records, shuffled))

    assert [np.array(row)[order].tolist() for row, order in zip(straight, orders, strict=True)] == mixed


def test_result_lists_people_by_id_whatever_order_they_came_in():
    rng = np.random.default_rng(0)
    records = [frame(t, [(100 + 8 * t, 300, 1.0), (900 - 8 * t, 330, 1.1), (400, 350, 0.9)]) for t in range(80)]
    records[30] = frame(30, [(100 + 8 * 30, 300, 1.0)])  # two are filled in
    orders = [rng.permutation(len(each.poses)) for each in records]
    shuffled = [Record(each.frame, poses=each.poses[order]) for each, order in zip(records, orders, strict=True)]
    stage = TrackAndSmooth(TrackerOptions(), SmoothingOptions(), SKELETON)

    straight, mixed = list(stage(records)), list(stage(shuffled))

    assert [record.poses.track_id.tolist() for record in straight] == [[1, 2, 3]] * 80
    assert_same_records(mixed, straight)


def test_untracked_people_come_last_in_a_result():
    records = [frame(t, ([(800, 300, 1.0)] if t == 10 else []) + [(300, 300, 1.0)]) for t in range(40)]
    stage = TrackAndSmooth(TrackerOptions(keep_untracked=True), SmoothingOptions(), SKELETON)

    assert [record.poses.track_id.tolist() for record in stage(records)][10] == [1, -1]


def test_repeat_gives_the_same_ids():
    records = gone(20, 50)

    assert ids(records) == ids(records)


@pytest.mark.parametrize("name", ["whole-video", "pose-flow"])
def test_empty_stream_stays_empty(name):
    assert ids([], name=name) == []


@pytest.mark.parametrize("name", ["whole-video", "pose-flow", "oks"])
def test_frames_without_people_or_poses_come_through(name):
    records = [frame(0, []), Record(Frame(1, 0.04, None)), frame(2, [])]

    out = list(TrackPoses(TrackerOptions.model_validate({"name": name}), SKELETON)(records))

    assert [each.frame.index for each in out] == [0, 1, 2]
    assert [each.poses is None for each in out] == [False, True, False]


def test_assignment_is_the_global_optimum():
    """Greedy would take 0→2 at cost 1 and leave 1→3 impossible; the optimum links both."""
    end, start = np.array([0, 0, 1]), np.array([2, 3, 2])

    successor = solve(4, end, start, np.array([1.0, 2.0, 1.5]), 6.0)

    assert successor.tolist() == [3, 2, -1, -1]


def test_ids_are_unique_in_a_frame():
    rng = np.random.default_rng(5)
    records = [frame(t, [(x, 300, 1.0) for x in rng.uniform(0, 500, 5)]) for t in range(30)]
    table = TrackPoses(TrackerOptions(), SKELETON).table(records)

    for _, _, people in table.frames():
        reported = people.track_id[people.track_id >= 0]
        assert len(set(reported.tolist())) == len(reported)


def tracklets(*columns):
    """Collect (x, y, size factor, id, score) per frame and tracklet; None where it is absent."""
    records = []
    for t, row in enumerate(zip(*columns, strict=True)):
        here = [each for each in row if each is not None]
        poses = replace(
            frame(t, [each[:3] for each in here]).poses,
            track_id=np.array([each[3] for each in here], np.int64),
            score=np.array([each[4] for each in here], np.float32),
        )
        records.append(Record(Frame(t, t / 25, None), poses=poses))
    return collect(records)


def test_second_box_that_takes_over_a_person_is_the_same_person():
    old = [(300, 300, 1.0, 1, 0.4) if t < 30 else None for t in range(60)]
    new = [(300, 310, 0.8, 2, 0.5) if t >= 20 else None for t in range(60)]

    table, handovers = split_overlaps(tracklets(old, new), LinkingOptions())

    assert (table.track_id[(table.frame >= 20) & (table.frame < 30)] == 2).sum() == 10
    assert set(link(table, LinkingOptions(), handovers).track_id.tolist()) == {1, -1}


def test_boxes_that_take_turns_on_one_person_are_the_same_person():
    turns = [1 if t < 20 or t in (22, 24) else 2 for t in range(60)]
    old, new = ([(300, 300, 1.0, who, 0.5) if turns[t] == who else None for t in range(60)] for who in (1, 2))

    trimmed, handovers = split_overlaps(tracklets(old, new), LinkingOptions())

    table = link(trimmed, LinkingOptions(), handovers)

    assert set(table.track_id.tolist()) == {1, -1}


def test_person_who_leaves_while_another_stands_apart_is_not_trimmed():
    leaving = [(300, 300, 1.0, 1, 0.9) if t < 30 else None for t in range(60)]
    coming = [(420, 300, 1.0, 2, 0.9) if t >= 20 else None for t in range(60)]
    before = tracklets(leaving, coming)

    trimmed, handovers = split_overlaps(before, LinkingOptions())

    assert trimmed.track_id.tolist() == before.track_id.tolist()
    assert len(handovers) == 0


def test_a_box_that_takes_over_is_joined_although_it_is_much_larger():
    old = [(300, 300, 1.0, 1, 0.5) if t < 30 else None for t in range(60)]
    new = [(310, 320, 2.0, 2, 0.4) if t >= 20 else None for t in range(60)]

    trimmed, handovers = split_overlaps(tracklets(old, new), LinkingOptions())

    assert set(link(trimmed, LinkingOptions(), handovers).track_id.tolist()) == {1, -1}
    assert set(link(trimmed, LinkingOptions()).track_id.tolist()) == {1, 2, -1}


def test_a_box_that_takes_over_does_not_steal_from_the_person_it_belongs_to():
    hidden = [(300, 300, 1.0, 1, 0.5) if t < 30 else None for t in range(60)]
    before = [(310, 320, 1.6, 2, 0.6) if t < 17 else None for t in range(60)]
    after = [(310, 320, 1.6, 3, 0.6) if t >= 20 else None for t in range(60)]

    trimmed, handovers = split_overlaps(tracklets(hidden, before, after), LinkingOptions())
    table = link(trimmed, LinkingOptions(), handovers)

    assert len(handovers) == 1
    assert set(table.track_id[table.xyxy[:, 3] > 400].tolist()) == {2}


def test_walker_hidden_for_seconds_who_goes_on_as_before_keeps_the_id():
    walker = [frame(t, [] if 40 <= t <= 120 else [(100 + 4 * t, 300, 1.0)]) for t in range(160)]

    assert {each for row in ids(walker) for each in row} == {1}


@pytest.mark.parametrize(("emerging", "people"), [(1.5, 1), (0.0, 2)])
def test_walker_who_comes_out_bit_by_bit_keeps_the_id(emerging, people):
    def walker(t):
        seen = np.clip((t - 100) / 20, 0.25, 1.0) if t > 100 else 1.0
        return [] if 40 <= t <= 100 else [(100 + 4 * t, 300, float(seen))]

    found = ids([frame(t, walker(t)) for t in range(160)], linking={"emerging": emerging})

    assert len({each for row in found for each in row}) == people
