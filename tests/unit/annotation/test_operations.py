"""Operations on a result: what each changes, what it refuses, and that every one can be taken back."""

from dataclasses import replace

import numpy as np
import pytest
from annotation_builders import header, random_operation, walkers
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.annotation.history import History
from videopose.annotation.operations import OPERATIONS, parse
from videopose.annotation.plans import OverlapError
from videopose.annotation.sheet import ABSENT, HIDDEN, SEEN, Sheet
from videopose.errors import DatasetError, InputError
from videopose.types import CORRECTED, FILLED

COLUMNS = ("track_id", "keypoints", "score", "xyxy", "edited", "visibility", "accepted", "locked")


@pytest.fixture
def history():
    return History(Sheet.of(header(), walkers()))


def do(history, op, **args):
    change = history.plan(op, args, "here")
    history.do(change)
    return change


def ids(history, frame):
    return history.sheet.people(frame).track_id.tolist()


def written(sheet):
    """Everything that a result would say, and the marks."""
    frames = [sheet.people(frame) for frame in sheet.index.tolist()]
    marks = [[getattr(sheet, name)[sheet.rows_of(frame)] for name in COLUMNS] for frame in sheet.index.tolist()]
    return [
        *(getattr(poses, name) for poses in frames for name in ("keypoints", "score", "xyxy", "track_id")),
        *(column for columns in marks for column in columns),
    ]


def same(one, two):
    return len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_swap_goes_from_a_frame_to_the_end_or_over_a_span(history):
    do(history, "swap", a=1, b=2, first=10)
    do(history, "swap", a=1, b=2, first=20, last=25)

    assert [ids(history, frame) for frame in (9, 10, 19, 20, 25, 26, 39)] == [
        [1, 2, 3], [2, 1, 3], [2, 1, 3], [1, 2, 3], [1, 2, 3], [2, 1, 3], [2, 1, 3],
    ]  # fmt: skip


def test_swap_with_somebody_who_left_renames_the_one_who_is_there(history):
    do(history, "delete", track_id=2, first=10)
    do(history, "swap", a=1, b=2, first=10)

    assert [ids(history, frame) for frame in (9, 10)] == [[1, 2, 3], [2, 3]]


def test_merge_asks_who_wins_where_both_are_there(history):
    do(history, "split", track_id=2, new_id=8, first=20)
    do(history, "add", track_id=8, first=19, x=50.0, y=50.0)
    do(history, "add", track_id=2, first=21, x=50.0, y=50.0)
    with pytest.raises(OverlapError, match=r"people 2 and 8 are both there in frames 19-19, 21-21") as caught:
        do(history, "merge", keep=2, other=8)
    assert caught.value.spans == [(19, 19), (21, 21)]

    kept, taken = history.sheet.row(2, 19), history.sheet.row(8, 21)
    do(history, "merge", keep=2, other=8,
       wins=[{"first": 0, "last": 20, "keep": 2}, {"first": 21, "last": 21, "keep": 8}])  # fmt: skip

    assert [history.sheet.row(2, 19), history.sheet.row(2, 21)] == [kept, taken]
    assert all(ids(history, frame) == [1, 2, 3] for frame in range(40))


def test_split_and_rename_refuse_a_name_that_is_taken(history):
    with pytest.raises(InputError, match=r"somebody is called 3 already\. Split into an id that nobody has"):
        do(history, "split", track_id=1, new_id=3, first=5)
    with pytest.raises(InputError, match=r"frame 5 would hold two people called 3"):
        do(history, "rename", track_id=1, new_id=3, first=5)
    do(history, "delete", track_id=3, first=0, last=20)
    do(history, "rename", track_id=1, new_id=3, first=0, last=20)

    assert [ids(history, frame) for frame in (20, 21)] == [[3, 2], [1, 2, 3]]


def test_assign_renames_by_the_names_from_before(history):
    runs = [{"track_id": 1, "new_id": 2}, {"track_id": 2, "new_id": 3, "last": 9},
            {"track_id": 2, "new_id": 4, "first": 10}, {"track_id": 3, "new_id": 1}]  # fmt: skip
    do(history, "assign", runs=runs)

    assert [ids(history, frame) for frame in (9, 10)] == [[2, 3, 1], [2, 4, 1]]
    with pytest.raises(InputError, match="two of its spans name the same person"):
        do(history, "assign", runs=[{"track_id": 2, "new_id": 5}, {"track_id": 2, "new_id": 6, "first": 8}])


def test_a_moved_keypoint_is_certain_marked_and_in_the_box(history):
    do(history, "move", track_id=1, first=3, keypoints={"4": [900.25, 10.5]})
    sheet, row = history.sheet, history.sheet.row(1, 3)

    assert sheet.keypoints[row, 4].tolist() == [900.25, 10.5, 1.0]
    assert np.flatnonzero(sheet.edited[row]).tolist() == [4]
    assert sheet.visibility[row, 4] == SEEN
    assert sheet.xyxy[row, 2] == 900.25
    assert sheet.xyxy[row, 1] == 10.5


def test_an_absent_keypoint_is_written_as_zeros_and_comes_back(history):
    before = history.sheet.people(3).keypoints[0, 4].copy()
    do(history, "visibility", track_id=1, first=3, last=3, keypoints=[4], value="absent")
    assert history.sheet.people(3).keypoints[0, 4].tolist() == [0, 0, 0]
    assert history.sheet.visibility[history.sheet.row(1, 3), 4] == ABSENT

    do(history, "visibility", track_id=1, first=3, last=3, keypoints=[4], value="hidden")
    assert np.array_equal(history.sheet.people(3).keypoints[0, 4], before)
    assert history.sheet.visibility[history.sheet.row(1, 3), 4] == HIDDEN


def test_a_person_is_added_from_a_neighbour_or_a_template(history):
    do(history, "add", track_id=7, first=5, source_frame=4, source_id=1, x=10.0, y=-5.0)
    do(history, "add", track_id=8, first=5, x=500.0, y=300.0, height=200.0)
    people = history.sheet.people(5)

    expected = history.sheet.people(4).keypoints[0, :, :2] + [10, -5]
    np.testing.assert_allclose(people.keypoints[3, :, :2], expected, atol=1e-4)
    assert people.track_id.tolist() == [1, 2, 3, 7, 8]
    assert people.keypoints[4, 0, 1] < people.keypoints[4, 15, 1]  # the nose is above the ankle
    assert people.xyxy[4, 3] - people.xyxy[4, 1] > 150
    with pytest.raises(InputError, match="person 8 is in frame 5 already"):
        do(history, "add", track_id=8, first=5)


def test_interpolation_is_linear_in_time_and_adds_who_is_missing(history):
    do(history, "delete", track_id=1, first=11, last=19)
    do(history, "move", track_id=1, first=20, keypoints={"0": [0.0, 0.0]})
    do(history, "interpolate", track_id=1, first=10, last=20)
    start = history.sheet.keypoints[history.sheet.row(1, 10), 0, :2]
    half = history.sheet.keypoints[history.sheet.row(1, 15), 0, :2]

    np.testing.assert_allclose(half, start / 2, atol=1e-3)
    with pytest.raises(InputError, match="there is no frame between 10 and 11"):
        do(history, "interpolate", track_id=1, first=10, last=11)


def test_the_previous_pose_is_copied_over_a_hole(history):
    do(history, "delete", track_id=1, first=10, last=19)
    do(history, "copy_previous", track_id=1, first=15)

    np.testing.assert_array_equal(
        history.sheet.people(15).keypoints[-1, :, :2], history.sheet.people(9).keypoints[0, :, :2]
    )
    with pytest.raises(InputError, match="person 1 is in no frame before 0"):
        do(history, "copy_previous", track_id=1, first=0)


def test_propagated_poses_need_one_in_each_frame_between(history):
    point = [1.0, 2.0, "seen"]
    poses = [{"frame": frame, "track_id": 1, "keypoints": [point] * 17} for frame in range(11, 15)]
    do(history, "propagate", track_id=1, first=10, last=15, poses=poses)

    assert history.sheet.people(12).keypoints[0, 3].tolist() == [1, 2, pytest.approx(0.9)]
    with pytest.raises(InputError, match="needs one pose of person 1 in each frame between the ends"):
        do(history, "propagate", track_id=1, first=10, last=16, poses=poses)


def test_labels_replace_people_of_their_id_and_are_accepted(history):
    pose = [[5.0, 6.0, "hidden"], *[[7.0, 8.0, "seen"]] * 15, [0.0, 0.0, "absent"]]
    do(history, "place", poses=[{"frame": 3, "track_id": each, "keypoints": pose} for each in (1, 9)])

    assert ids(history, 3) == [1, 2, 3, 9]
    assert history.sheet.accepted[history.sheet.rows_of(3)].tolist() == [True, False, False, True]
    assert history.sheet.visibility[history.sheet.row(9, 3)].tolist() == [HIDDEN, *[SEEN] * 15, ABSENT]


def test_what_does_not_fit_the_result_is_refused(history):
    with pytest.raises(InputError, match="frame 40 is not in the result"):
        do(history, "add", track_id=9, first=40)
    with pytest.raises(InputError, match="there is no keypoint 17: skeleton coco17 has 17"):
        do(history, "move", track_id=1, first=0, keypoints={"17": [0, 0]})
    with pytest.raises(InputError, match="person 9 is not in the result from frame 3 to the end"):
        do(history, "delete", track_id=9, first=3)
    with pytest.raises(DatasetError, match="there is no operation 'swop'. Did you mean swap"):
        do(history, "swop")
    with pytest.raises(DatasetError, match="swap: a: Input should be greater than or equal to 0"):
        do(history, "swap", a=-3, b=1)
    with pytest.raises(DatasetError, match="move: keypoints.1.0: Input should be a finite number"):
        do(history, "move", track_id=1, first=0, keypoints={"1": [float("nan"), 0]})
    with pytest.raises(DatasetError, match="last = 3 comes before first = 4"):
        do(history, "delete", track_id=1, first=4, last=3)


def test_undo_and_redo_go_one_after_the_other(history):
    start = written(history.sheet)
    do(history, "swap", a=1, b=2, first=10)
    middle = written(history.sheet)
    do(history, "delete", track_id=3)
    do(history, "undo")
    assert same(written(history.sheet), middle)
    do(history, "undo")
    assert same(written(history.sheet), start)
    do(history, "redo")
    assert same(written(history.sheet), middle)
    with pytest.raises(InputError, match="the next operation to redo is number 1"):
        do(history, "redo", seq=0)
    do(history, "accept", first=0)
    with pytest.raises(InputError, match="there is nothing to redo"):
        do(history, "redo")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_operations_undone_leave_what_was_there_and_redone_what_they_made(seed):
    random = np.random.default_rng(seed)
    history = History(Sheet.of(header(), walkers()))
    start = written(history.sheet)
    for _ in range(30):
        op, args = random_operation(random)
        try:
            do(history, op, **args)
        except InputError:
            continue
        frames = [ids(history, frame) for frame in range(40)]
        assert all(len(set(each)) == len(each) for each in frames)
    end = written(history.sheet)
    count = len(history.done)
    for _ in range(count):
        do(history, "undo")
    assert same(written(history.sheet), start)
    for _ in range(count):
        do(history, "redo")
    assert same(written(history.sheet), end)


def test_every_operation_is_drawn_or_tested_by_hand():
    random = np.random.default_rng(0)
    drawn = {random_operation(random)[0] for _ in range(400)}

    assert set(OPERATIONS) - drawn == {"propagate", "assign"}
    assert parse("accept", {}, "here").op == "accept"


def test_marks_of_filled_keypoints_outlive_edits_and_hand_placed_ones_are_marked():
    records = walkers()
    marks = np.zeros(records[3].poses.keypoints.shape[:2], np.uint8)
    marks[0, 2] = FILLED
    records[3] = replace(records[3], poses=replace(records[3].poses, source=marks))
    history = History(Sheet.of(header(len(records)), records))
    assert np.array_equal(history.sheet.people(3).source, marks)
    assert history.sheet.people(4).source is None

    track = int(records[3].poses.track_id[0])
    do(history, "move", track_id=track, first=3, keypoints={"5": [1.0, 2.0]})
    wanted = marks.copy()
    wanted[0, 5] = CORRECTED
    assert np.array_equal(history.sheet.people(3).source, wanted)

    do(history, "undo")
    assert np.array_equal(history.sheet.people(3).source, marks)
