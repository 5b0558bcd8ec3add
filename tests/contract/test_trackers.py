"""What every tracker and every part of one keeps to: one record for each, ids once a frame, the same ids again."""

from typing import Literal, get_args, get_origin

import numpy as np
import pytest
from tracking_builders import SKELETON, people, tracker

from videopose.config import validate
from videopose.errors import ConfigError
from videopose.stages.track import TrackPoses
from videopose.tracking.options import TrackerName, TrackerOptions
from videopose.types import UNTRACKED, Frame, Record

NAMES = get_args(TrackerName)
PARTS = [
    (field, value)
    for field, each in TrackerOptions.model_fields.items()
    if get_origin(each.annotation) is Literal and field != "name"
    for value in get_args(each.annotation)
]
"""Every choice a tracker is put together from."""


def walkers(count=24):
    """Make two people who walk past nobody, and a frame in which nobody is seen."""
    places = [[[100 + 5 * t, 200], [900 - 5 * t, 600]] if t != 12 else [] for t in range(count)]
    return [Record(Frame(t, t / 25, None), poses=people(each)) for t, each in enumerate(places)]


def ids(stage, records):
    return [record.poses.track_id.tolist() for record in stage(records)]


@pytest.fixture(params=NAMES)
def stage(request):
    return TrackPoses(TrackerOptions(name=request.param, keep_untracked=True), SKELETON)


def test_there_are_trackers_and_parts():
    assert {"whole-video", "oks"} <= set(NAMES)
    assert {("similarity", "oks"), ("motion", "none"), ("assignment", "hungarian")} <= set(PARTS)


def test_every_record_comes_through_in_order(stage):
    records = walkers()

    assert [record.frame.index for record in stage(records)] == [record.frame.index for record in records]
    assert list(stage([])) == []


def test_an_id_stands_once_in_a_frame_and_stays_with_its_person(stage):
    rows = ids(stage, walkers())

    known = [[each for each in row if each != UNTRACKED] for row in rows]
    assert all(len(row) == len(set(row)) for row in known)
    assert {tuple(row) for row in known if row} == {tuple(known[-1])}
    assert len(known[-1]) == 2


def test_a_second_run_gives_the_same_ids(stage):
    assert ids(stage, walkers()) == ids(stage, walkers())


def test_poses_it_was_given_are_unchanged(stage):
    records = walkers()

    list(stage(records))

    for given, fresh in zip(records, walkers(), strict=True):
        np.testing.assert_array_equal(given.poses.keypoints, fresh.poses.keypoints)
        np.testing.assert_array_equal(given.poses.track_id, fresh.poses.track_id)


@pytest.mark.parametrize(("field", "value"), PARTS)
def test_every_part_tracks_people_who_walk_past_nobody(field, value):
    measured = {"features": {"flow": "dis"}} if value == "flow" else {}
    one = tracker("oks", **{field: value}, **measured)

    rows = [one.step(record.poses, record.frame.time).tolist() for record in walkers(12)]

    assert sorted(rows[-1]) == [1, 2]
    assert {tuple(row) for row in rows[1:]} == {tuple(rows[-1])}


@pytest.mark.parametrize("field", sorted({field for field, _ in PARTS} | {"name"}))
def test_a_part_that_does_not_exist_is_refused_with_the_known_ones(field):
    known = get_args(TrackerOptions.model_fields[field].annotation)

    with pytest.raises(ConfigError, match=rf"a test: (tracker\.)?{field} = 'nothing'.*{known[0]}"):
        validate(TrackerOptions, {field: "nothing"}, source="a test")
