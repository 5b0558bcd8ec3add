"""Overlapping tracklets joined to tracks: the same person through many tubes, several people, gaps and strangers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.skeletons import skeleton_named
from videopose.tracking.tubes.options import TubeOptions
from videopose.tracking.tubes.track import Track
from videopose.tracking.tubes.tracklets import (
    TrackletLinker,
    TubeTracks,
    middle_of,
    tracklet_similarity,
    tube_id,
)

SIGMAS = skeleton_named("coco17").sigmas
OPTIONS = TubeOptions()
few = settings(max_examples=30, deadline=None)


def a_tracklet(first, last, *, x=0.0, speed=0.0, noise=0.0, seed=0):
    """Make a person of 100 x 200 pixels who walks from x at `speed` pixels a frame."""
    index = np.arange(first, last + 1)
    shape = np.random.default_rng(7).uniform([0, 0], [100, 200], (17, 2))
    shift = np.stack([x + speed * index, np.zeros(len(index))], -1)
    xy = shape + shift[:, None] + np.random.default_rng(seed).normal(0, noise or 1e-9, (len(index), 17, 2))
    keypoints = np.concatenate([xy, np.full((*xy.shape[:2], 1), 0.8)], -1).astype(np.float32)
    xyxy = np.concatenate([shift, shift + np.array([100, 200])], -1).astype(np.float32)
    return Track(0, index, index / 25, keypoints, np.full(len(index), 0.8, np.float32), xyxy)


@few
@given(st.integers(0, 10**6), st.floats(0, 30), st.floats(-200, 200))
def test_similarity_is_symmetric_and_a_share(seed, noise, x):
    a, b = a_tracklet(0, 4, noise=noise, seed=seed), a_tracklet(2, 6, x=x)

    assert 0 <= tracklet_similarity(a, b, SIGMAS, OPTIONS) <= 1
    assert tracklet_similarity(a, b, SIGMAS, OPTIONS) == pytest.approx(tracklet_similarity(b, a, SIGMAS, OPTIONS))


def test_a_tracklet_is_like_itself():
    assert tracklet_similarity(a_tracklet(0, 4), a_tracklet(2, 6), SIGMAS, OPTIONS) == pytest.approx(1)


def test_without_a_shared_frame_nothing_is_alike():
    assert tracklet_similarity(a_tracklet(0, 4), a_tracklet(5, 9), SIGMAS, OPTIONS) == 0


def test_boxes_stand_in_where_no_keypoint_is_seen_by_both():
    blind = a_tracklet(0, 4)
    blind.keypoints[..., 2] = 0

    assert tracklet_similarity(blind, a_tracklet(0, 4), SIGMAS, OPTIONS) == pytest.approx(1)


@few
@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(-8, 8))
def test_people_who_walk_keep_their_tracks_in_whatever_order_they_are_given(seed, people, speed):
    random = np.random.default_rng(seed)
    linker = TrackletLinker(SIGMAS, OPTIONS)
    seen = {}
    for start in range(0, 20, 2):
        order = random.permutation(people)
        tubes = [
            a_tracklet(start, start + 4, x=150.0 * person, speed=speed, noise=3, seed=seed + start + person)
            for person in order
        ]
        for person, track in zip(order, linker.step(tubes), strict=True):
            seen.setdefault(int(person), set()).add(track)

    assert all(len(tracks) == 1 for tracks in seen.values())
    assert len(set.union(*seen.values())) == people


def test_someone_missed_once_is_joined_while_tubes_still_overlap():
    linker = TrackletLinker(SIGMAS, OPTIONS)

    ids = [linker.step([a_tracklet(0, 4)]), linker.step([]), linker.step([a_tracklet(4, 8)])]

    assert ids == [[1], [], [1]]


def test_someone_who_was_away_begins_a_new_track():
    linker = TrackletLinker(SIGMAS, OPTIONS)

    assert [linker.step([a_tracklet(0, 4)]), linker.step([a_tracklet(5, 9)])] == [[1], [2]]


def test_a_stranger_in_a_track_s_place_is_not_joined():
    linker = TrackletLinker(SIGMAS, OPTIONS)

    assert [linker.step([a_tracklet(0, 4)]), linker.step([a_tracklet(2, 6, x=90)])] == [[1], [2]]


@few
@given(st.integers(0, 10**9), st.integers(0, 10**4))
def test_a_tube_s_name_tells_its_middle_frame(middle, person):
    assert middle_of(tube_id(middle, person)) == middle


def feed(tracks, tubes, frames):
    for index in range(frames):
        here = [(name, tube, index - tube.index[0]) for name, tube in tubes if tube.index[0] <= index <= tube.index[-1]]
        tracks.add(
            index,
            index / 25,
            np.array([name for name, _, _ in here], np.int64),
            np.array([tube.keypoints[row] for _, tube, row in here], np.float32).reshape(-1, 17, 3),
            np.array([tube.score[row] for _, tube, row in here], np.float32),
            np.array([tube.xyxy[row] for _, tube, row in here], np.float32).reshape(-1, 4),
        )


def test_tubes_are_joined_once_they_have_ended():
    tracks = TubeTracks(SIGMAS, OPTIONS)
    names = [tube_id(2, 0), tube_id(4, 1), tube_id(4, 0)]
    tubes = list(zip(names, [a_tracklet(0, 4), a_tracklet(2, 6), a_tracklet(2, 6, x=300)], strict=True))

    feed(tracks, tubes, frames=6)
    early = [tracks.track_of(name) for name in names]
    tracks.finish()

    assert early == [1, None, None]
    assert [tracks.track_of(name) for name in names] == [1, 1, 2]


def test_old_tubes_are_forgotten():
    tracks = TubeTracks(SIGMAS, OPTIONS)
    feed(tracks, [(tube_id(2, 0), a_tracklet(0, 4))], frames=9)

    tracks.forget(before=3)

    assert tracks.track_of(tube_id(2, 0)) is None
