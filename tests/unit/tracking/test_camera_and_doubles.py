"""Cameras that move while nobody is seen, and second poses of one person that go on for long."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracking_builders import SKELETON, people, tracker

from videopose.stages.track import TrackPoses
from videopose.tracking.camera import bridged, steadied
from videopose.tracking.doubles import drop_doubles
from videopose.tracking.options import LinkingOptions, TrackerOptions
from videopose.tracking.track_table import collect
from videopose.types import Frame, Poses, Record, TrackingFeatures

KALMAN = ["kalman", "two-stage", "observation", "oks", "whole-video"]


def shift(x, y=0.0):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


@pytest.mark.parametrize("name", KALMAN)
def test_camera_is_heard_of_in_frames_without_people(name):
    one = tracker(name, min_hits=1, max_age=1.0)
    for t in range(10):
        one.step(people([[600, 200]]), t / 25, TrackingFeatures(camera=np.eye(3)))
    for t in range(10, 15):
        one.step(people([]), t / 25, TrackingFeatures(camera=shift(-40)))

    assert one.step(people([[400, 200]]), 0.6, TrackingFeatures(camera=np.eye(3))).tolist() == [1]


def panned(missing=()):
    """Two people who stand in the world; while nobody is seen the second comes to stand where the first stood."""
    out = []
    for t in range(60):
        gone = min(max(t - 20, 0), 10) * 20.0
        places = [] if 20 <= t < 31 else [[400 - gone, 200]] + ([[600 - gone, 200]] if t >= 31 else [])
        features = TrackingFeatures(camera=None if t in missing else shift(-20.0 if 20 < t <= 30 else 0.0))
        out.append(Record(Frame(t, t / 25, None), poses=people(places), features=features))
    return out


@pytest.mark.parametrize("missing", [(), (25,), (24, 25, 26)])
def test_whole_video_linking_knows_the_camera(missing):
    tracked = list(TrackPoses(TrackerOptions(), SKELETON)(panned(missing)))

    assert [r.poses.track_id.tolist() for r in tracked if r.frame.index in (0, 59)] == [[1], [1, 2]]
    assert tracked[59].poses.xyxy.tolist() == panned()[59].poses.xyxy.tolist()  # in the image as it was given


def test_camera_is_heard_of_in_frames_nobody_looked_at():
    records = [r if len(r.poses) else replace(r, poses=None) for r in panned()]

    tracked = list(TrackPoses(TrackerOptions(name="kalman"), SKELETON)(records))

    assert tracked[0].poses.track_id.tolist() == [1]
    assert tracked[59].poses.track_id[0] == 1


def test_without_the_camera_a_table_is_not_steadied():
    table = collect(replace(r, features=None) for r in panned())

    assert steadied(table) is table


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_steadied_people_stand_still_whatever_the_camera_does(seed):
    rng = np.random.default_rng(seed)
    world = people([[300, 300]])
    now, records = np.eye(3), []
    for t in range(30):
        turn, zoom = rng.normal(0, 0.02), np.exp(rng.normal(0, 0.02))
        step = shift(*rng.normal(0, 8, 2))
        step[:2, :2] = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        now = step @ now if t else now
        keypoints = world.keypoints.copy()
        keypoints[..., :2] = keypoints[..., :2] @ now[:2, :2].T + now[:2, 2]
        seen = Poses(keypoints.astype(np.float32), world.score, world.xyxy, world.track_id)
        records.append(Record(Frame(t, t / 25, None), poses=seen, features=TrackingFeatures(camera=step)))

    still = steadied(collect(records))

    assert np.abs(still.keypoints - world.keypoints).max() < 0.05


def test_measured_motion_is_left_alone_and_what_is_missing_is_bridged():
    camera = np.stack([shift(10.0, -2.0)] * 40)
    hidden = camera.copy()
    hidden[15:18] = np.nan
    time = np.arange(40) / 25

    found = bridged(hidden, time)

    assert (found[:15] == camera[:15]).all()
    assert np.abs(found[15:18] - camera[15:18]).max() < 0.2


def test_camera_not_measured_for_long_or_at_the_ends_counts_as_still():
    camera = np.stack([shift(10.0)] * 80)
    camera[:3] = camera[20:60] = camera[77:] = np.nan

    found = bridged(camera, np.arange(80) / 25)

    assert (found[[0, 30, 79]] == np.eye(3)).all()


def two_tracks(together, *, frames=40, offset=8.0, score=0.4):
    """One person of id 1, and poses of id 2 that lie on them in the first `together` frames and apart in the rest."""
    records = []
    for t in range(frames):
        both = people([[300 + t, 300], [300 + t + (offset if t < together else 160), 300]])
        both = replace(both, track_id=np.array([1, 2]), score=np.array([0.8, score], np.float32))
        records.append(Record(Frame(t, t / 25, None), poses=both))
    return collect(records)


@pytest.mark.parametrize(("together", "ids"), [(40, {1}), (26, {1}), (8, {1, 2}), (0, {1, 2})])
def test_track_that_lives_on_another_body_is_dropped(together, ids):
    found = drop_doubles(two_tracks(together), LinkingOptions()).track_id

    assert set(found.tolist()) - {-1} == ids


def test_stronger_track_stays():
    found = drop_doubles(two_tracks(40, score=0.9), LinkingOptions()).track_id

    assert set(found.tolist()) == {2, -1}


def test_people_close_by_each_other_are_two():
    assert set(drop_doubles(two_tracks(40, offset=45.0), LinkingOptions()).track_id.tolist()) == {1, 2}


def test_double_of_two_people_in_turn_is_nobody():
    records = []
    for t in range(40):
        here = people([[300, 300], [420, 300], [300 if t % 2 else 420, 304]])
        here = replace(here, track_id=np.array([1, 2, 3]), score=np.array([0.8, 0.8, 0.3], np.float32))
        records.append(Record(Frame(t, t / 25, None), poses=here))

    assert set(drop_doubles(collect(records), LinkingOptions()).track_id.tolist()) == {1, 2, -1}
