"""Where to look: what is made wrong on purpose is found, its suggestion mends it, and the queue shrinks with work."""

from dataclasses import replace

import numpy as np
import pytest
from annotation_builders import header, walkers

from videopose.annotation.doubts import TITLES, find_doubts, summary
from videopose.annotation.history import History
from videopose.annotation.relink import relink
from videopose.annotation.sheet import Sheet
from videopose.annotation.steps import DoubtOptions


def history_of(records):
    return History(Sheet.of(header(len(records)), records))


def do(history, op, **args):
    history.do(history.plan(op, args, "here"))


def kinds(history):
    return [(each.kind, each.frame, each.ids) for each in find_doubts(history.sheet)]


def with_ids(records, change):
    """Rename people of records: `change(index, track_id)`, None = leave them out."""
    out = []
    for record in records:
        new = [change(record.frame.index, each) for each in record.poses.track_id.tolist()]
        rows = [row for row, each in enumerate(new) if each is not None]
        poses = replace(record.poses[rows], track_id=np.array([new[row] for row in rows], np.int64))
        out.append(replace(record, poses=poses))
    return out


def moved(records, frame, row, change):
    """Change the keypoints of one person in one frame, in place of a copy."""
    out = list(records)
    poses = records[frame].poses
    keypoints = poses.keypoints.copy()
    keypoints[row] = change(keypoints[row])
    out[frame] = replace(records[frame], poses=replace(poses, keypoints=keypoints))
    return out


def switched(*times):
    """People 1 and 2 exchange their names at each of some frames."""

    def change(index, track_id):
        odd = sum(index >= at for at in times) % 2
        return {1: 2, 2: 1}.get(track_id, track_id) if odd else track_id

    return change


def test_people_who_walk_give_no_doubts():
    assert kinds(history_of(walkers())) == []
    assert find_doubts(history_of(with_ids(walkers(4), lambda index, track_id: None)).sheet) == []


def test_exchanged_ids_come_first_and_are_mended_by_what_is_suggested():
    history = history_of(with_ids(walkers(), switched(10, 25)))
    assert kinds(history) == [("exchange", 10, (1, 2)), ("exchange", 25, (1, 2))]
    for _ in range(2):
        fix = find_doubts(history.sheet)[0].fix
        do(history, fix.pop("op"), **fix)

    assert kinds(history) == []
    for record, true in zip(history.sheet.records(), walkers(), strict=True):
        assert np.array_equal(record.poses.track_id, true.poses.track_id)


def test_accepting_what_is_right_takes_it_off_the_queue():
    history = history_of(with_ids(walkers(), switched(10)))
    do(history, "accept", track_id=1, first=8, last=12)
    assert kinds(history) == [("exchange", 10, (1, 2))]
    do(history, "accept", track_id=2, first=8, last=12)
    assert kinds(history) == []
    do(history, "undo")
    assert kinds(history) == [("exchange", 10, (1, 2))]


def test_a_broken_track_is_suggested_to_be_joined():
    records = with_ids(walkers(), lambda index, track_id: 9 if track_id == 3 and index > 20 else track_id)
    history = history_of(records)
    (doubt,) = find_doubts(history.sheet)

    assert (doubt.kind, doubt.frame, doubt.last, doubt.ids) == ("lost", 20, 21, (3, 9))
    assert doubt.fix == {"op": "merge", "keep": 3, "other": 9}
    do(history, "merge", keep=3, other=9)
    assert kinds(history) == []


def test_people_who_come_and_go_inside_the_image_are_listed():
    def change(index, track_id):
        return None if track_id == 2 and index > 12 else None if track_id == 3 and index < 30 else track_id

    found = kinds(history_of(with_ids(walkers(), change)))

    assert ("lost", 12, (2,)) in found
    assert ("born", 30, (3,)) in found
    lone = history_of(with_ids(walkers(), lambda index, each: each if each < 3 or index == 7 else None))
    assert kinds(lone) == [("brief", 7, (3,))]
    fix = find_doubts(lone.sheet)[0].fix
    do(lone, fix.pop("op"), **fix)
    assert kinds(lone) == []


def test_somebody_who_goes_on_where_another_was_lost_is_found_and_mended():
    """While 2 is hidden, 1 is called 2; when 2 comes back, they are called 1."""

    def change(index, track_id):
        if track_id == 2 and 15 < index < 25:
            return None
        return switched(20)(index, track_id)

    history = history_of(with_ids(walkers(), change))
    doubt = find_doubts(history.sheet)[0]
    assert (doubt.kind, doubt.frame, doubt.ids) == ("exchange", 20, (1, 2))
    fix = dict(doubt.fix)
    do(history, fix.pop("op"), **fix)

    assert all(history.sheet.row(1, frame) >= 0 for frame in range(40))
    assert "exchange" not in summary(find_doubts(history.sheet))


def test_a_keypoint_that_leaves_and_comes_back_is_found_and_mended():
    def change(pose):
        pose[9, :2] += [60, 40]
        return pose

    history = history_of(moved(walkers(), 15, 1, change))
    doubt = find_doubts(history.sheet)[0]
    assert (doubt.kind, doubt.frame, doubt.ids, doubt.keypoint) == ("keypoint", 15, (2,), 9)
    fix = dict(doubt.fix)
    do(history, fix.pop("op"), **fix)
    true = walkers()[15].poses.keypoints[1, 9, :2]

    np.testing.assert_allclose(history.sheet.keypoints[history.sheet.row(2, 15), 9, :2], true, atol=1)
    assert kinds(history) == []


def test_exchanged_sides_are_found():
    flip = header().skeleton.flip_index
    records = walkers()
    for frame in range(20, 40):
        records = moved(records, frame, 0, lambda pose: pose[flip])

    assert ("flip", 20, (1,)) in kinds(history_of(records))


def test_a_jump_a_long_limb_and_a_low_score_are_found():
    def far(pose):
        pose[:, 0] += 300
        return pose

    def long(pose):
        pose[15, :2] = pose[13, :2] + 4 * (pose[15, :2] - pose[13, :2])
        return pose

    assert "jump" in {kind for kind, *_ in kinds(history_of(moved(walkers(), 15, 1, far)))}
    records = walkers()
    for frame in range(15, 22):
        records = moved(records, frame, 1, long)
    assert ("limb", (2,)) in {(kind, ids) for kind, _, ids in kinds(history_of(records))}
    records = walkers()
    weak = records[9].poses.score.copy()
    weak[2] = 0.1
    records[9] = replace(records[9], poses=replace(records[9].poses, score=weak))
    assert kinds(history_of(records)) == [("low", 9, (3,))]


def test_thresholds_and_the_length_of_the_list_are_options():
    history = history_of(with_ids(walkers(), switched(10, 25)))
    assert len(find_doubts(history.sheet, DoubtOptions(most=1))) == 1
    assert "exchange" not in summary(find_doubts(history.sheet, DoubtOptions(exchange_gain=100)))
    assert summary(find_doubts(history.sheet)) == {"exchange": 2}
    assert all(each.facts()["title"] == TITLES[each.kind] for each in find_doubts(history.sheet))


def test_relinking_mends_everything_without_a_word_from_the_annotator():
    records = with_ids(walkers(), switched(10))
    records = with_ids(records, lambda index, each: 9 if each == 3 and index > 20 else each)
    history = history_of(records)
    do(history, "assign", runs=relink(history.sheet))

    ids = [record.poses.track_id.tolist() for record in history.sheet.records()]
    assert ids == [ids[0]] * 40
    assert relink(history.sheet) == []


@pytest.mark.parametrize("accepted", ["accept", "swap"])
def test_what_is_accepted_or_corrected_binds_the_linking(accepted):
    """An annotator says that the one who looks like 1 going on is 2 from frame 20 on: linking must obey."""
    history = history_of(walkers())
    if accepted == "swap":
        do(history, "swap", a=1, b=2, first=20)
    else:
        do(history, "assign", runs=[{"track_id": a, "new_id": 3 - a, "first": 20} for a in (1, 2)])
        for frame in (19, 20):
            do(history, "accept", first=frame, last=frame)
    before = [record.poses.track_id.tolist() for record in history.sheet.records()]
    do(history, "assign", runs=relink(history.sheet))

    assert [record.poses.track_id.tolist() for record in history.sheet.records()] == before
    assert before[19] == [1, 2, 3]
    assert before[20] == [2, 1, 3]


def test_a_known_person_who_is_seen_twice_is_one_person_again():
    """A piece in the middle is linked to nobody's liking: both ends are accepted as 1, so all of it is 1."""

    def change(index, track_id):
        return 20 + index // 10 if track_id == 1 else track_id

    history = history_of(with_ids(walkers(), change))
    do(history, "rename", track_id=20, new_id=1)
    do(history, "accept", track_id=1)
    do(history, "assign", runs=relink(history.sheet))

    assert [record.poses.track_id.tolist() for record in history.sheet.records()] == [[1, 2, 3]] * 40
