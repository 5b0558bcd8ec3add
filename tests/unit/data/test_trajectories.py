"""True trajectories and the noise put on them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.data.pose_noise import NoiseOptions, add_noise
from videopose.data.pose_windows import SKELETON, MotionOptions, draw_window
from videopose.data.trajectories import TrajectorySource, load_trajectories
from videopose.errors import DatasetError

K = len(SKELETON)
QUIET = NoiseOptions(
    white=(1e-9, 1e-9), drift=(1e-9, 1e-9), speed=(0, 0), wrong=(0, 0), swap=(0, 0), missing=(0, 0), clean=0.0
)


def walking_points(frame, track):
    return [
        [joint, 100.0 * track + 4 * joint + 2 * frame, 50.0 + 7 * joint, joint % 5 > 0] for joint in (0, 1, 2, 3, 12)
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three videos of 20 frames; the second person of each is out of sight in frames 9 and 10."""
    frames = [
        [{"track": t, "points": walking_points(f, t)} for t in (0, 1) if t == 0 or f not in (9, 10)] for f in range(20)
    ]
    videos = [{"name": f"v{number}", "frames": frames} for number in range(3)]
    folder = tmp_path_factory.mktemp("tracks")
    (folder / "tracks.json").write_text(json.dumps({"videos": videos}))
    return folder


def source(**values):
    return TrajectorySource(name="tracks", annotations="tracks.json", **values)


def test_every_third_video_is_held_out(data):
    train, held_out = (load_trajectories(data, source(fold=fold), SKELETON) for fold in ("train", "val"))

    assert {each.name.split(":")[0] for each in train} == {"v0", "v1"}
    assert {each.name.split(":")[0] for each in held_out} == {"v2"}


def test_a_person_out_of_sight_is_two_trajectories(data):
    found = load_trajectories(data, source(fold="val"), SKELETON)

    assert [each.name for each in found] == ["v2:0:0", "v2:1:0", "v2:1:11"]
    assert [round(each.seconds * 25) for each in found] == [19, 8, 8]


def test_even_motion_is_read_off_between_frames(data):
    walker = load_trajectories(data, source(fold="val"), SKELETON)[0]
    ankle, wrist = SKELETON.index_of("right_ankle"), SKELETON.index_of("left_wrist")

    xy, labelled, hidden = walker.at(np.array([0.4, 0.42, 0.44]))  # frames 10, 10.5 and 11

    assert np.diff(xy[:, ankle, 0] * walker.size) == pytest.approx([1.0, 1.0], abs=1e-6)
    assert labelled[:, ankle].all()
    assert not labelled[:, wrist].any()
    assert hidden[:, ankle].all()


def test_a_file_of_another_format_is_named(tmp_path):
    (tmp_path / "tracks.json").write_text('{"videos": [{"name": "v", "frames": [[{"points": [[0, 1]]}]]}]}')

    with pytest.raises(DatasetError, match=r"tracks\.json: not a file of annotated tracks: "):
        load_trajectories(tmp_path, source(), SKELETON)


def test_a_set_without_a_long_trajectory_is_an_error(tmp_path):
    (tmp_path / "tracks.json").write_text('{"videos": []}')

    with pytest.raises(DatasetError, match="no trajectory of 8 frames is left in the train part"):
        load_trajectories(tmp_path, source(), SKELETON)


def still(frames=30):
    return np.tile(np.random.default_rng(0).uniform(-0.5, 0.5, (K, 2)), (frames, 1, 1))


def noisy(options, frames=30, seed=0, rate=25.0):
    pairs = [np.array([[SKELETON.index_of("left_wrist"), SKELETON.index_of("right_wrist")]])]
    hidden = np.zeros((frames, K), bool)
    return add_noise(np.random.default_rng(seed), options, still(frames), hidden, np.arange(frames) / rate, pairs)


def test_no_noise_gives_the_truth_with_high_scores():
    window = noisy(QUIET.model_copy(update={"score_noise": (0.0, 0.0)}))

    assert np.abs(window.xy - still()).max() < 1e-6
    assert window.score.min() >= 0.5 - 1e-6
    assert np.array_equal(window.score, window.weight)


def test_gaps_lie_on_the_line_with_fading_scores():
    window = noisy(QUIET.model_copy(update={"missing": (0.2, 0.2), "score_noise": (0.0, 0.0)}))
    gone = (window.weight == 0).all(axis=1)

    assert 0 < gone.sum() < 29
    assert not gone[[0, -1]].any()
    assert np.abs(window.xy - still()).max() < 1e-6
    assert window.score[gone].max() < window.score[~gone].min()


def test_scores_tell_of_the_error():
    wild = NoiseOptions(white=(0.05, 0.05), wrong=(0.1, 0.1), missing=(0, 0), blind=0.0, clean=0.0)
    windows = [noisy(wild, seed=seed) for seed in range(20)]
    error = np.concatenate([np.linalg.norm(each.xy - still(), axis=-1).ravel() for each in windows])
    score = np.concatenate([each.score.ravel() for each in windows])

    assert np.corrcoef(error, score)[0, 1] < -0.3


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_windows_are_whole(data, seed):
    people = load_trajectories(data, source(), SKELETON)
    rng = np.random.default_rng(seed)

    window = draw_window(rng, people[seed % len(people)], 12, MotionOptions(), NoiseOptions())

    assert 2 <= len(window.time) <= 12
    assert (np.diff(window.time) >= 0).all()
    assert window.time[0] == 0
    assert all(np.isfinite(each).all() for each in (window.truth, window.noisy.xy, window.noisy.score))
    assert (window.noisy.weight <= window.noisy.score).all()
    assert not window.labelled[:, ~window.exists].any()
    assert (window.noisy.score[:, ~window.exists] == 0).all()


def test_the_same_seed_draws_the_same_window(data):
    person = load_trajectories(data, source(), SKELETON)[0]

    first, second = (
        draw_window(np.random.default_rng(5), person, 16, MotionOptions(), NoiseOptions()) for _ in range(2)
    )

    assert np.array_equal(first.noisy.xy, second.noisy.xy)
    assert np.array_equal(first.noisy.score, second.noisy.score)
