"""Cleaning of whole tracks: what is repaired, what is smoothed, and by how much at most."""

from dataclasses import replace

import numpy as np
import pytest
from filterpy.common import Q_continuous_white_noise
from filterpy.kalman import KalmanFilter, rts_smoother
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.skeletons import skeleton_named
from videopose.stages.smooth import TrackAndSmooth
from videopose.tracking.cleaning.repair import fill_gaps
from videopose.tracking.cleaning.smoothers import SMOOTHERS, rts_round
from videopose.tracking.cleaning.smoothing import smooth
from videopose.tracking.cleaning.track_batches import track_batches
from videopose.tracking.kalman import kalman_predict, kalman_start, kalman_update
from videopose.tracking.options import SmoothingOptions, TrackerOptions
from videopose.tracking.track_table import TrackTable, collect
from videopose.types import CORRECTED, FILLED

SKELETON = skeleton_named("coco17")
K = len(SKELETON)
SHAPE = np.random.default_rng(1).uniform(-0.5, 0.5, (K, 2)) * [70, 200]
SIZE = float(np.sqrt(np.prod(np.ptp(SHAPE, axis=0))))
JITTER = 0.02 * SIZE
SAME_FILTER = 1e-6
"""Relative difference between two double-precision filters of the same equations."""


def poses_of(xy, *, rate=25.0, score=0.8, number=None):
    """Build one track from (T, K, 2) positions."""
    count = len(xy)
    number = np.arange(count) if number is None else np.asarray(number)
    frames = int(number.max()) + 1
    keypoints = np.concatenate([xy, np.broadcast_to(score, (*xy.shape[:2], 1))], axis=2).astype(np.float32)
    xyxy = np.concatenate([SHAPE.min(0) + xy.mean(1), SHAPE.max(0) + xy.mean(1)], axis=1).astype(np.float32)
    return TrackTable(
        np.arange(frames),
        np.arange(frames) / rate,
        np.ones(frames, bool),
        {},
        number,
        keypoints,
        np.full(count, 0.9, np.float32),
        xyxy,
        np.ones(count, np.int64),
    )


def smoothed(table, options, skeleton):
    """Clean a copy of a table and join what was filled in."""
    source = None if table.source is None else table.source.copy()
    copy = replace(table, keypoints=table.keypoints.copy(), source=source)
    filled, movement = smooth(copy, options, skeleton)
    return collect(copy.records(filled)), movement


def still(frames=150):
    return np.tile(SHAPE + 500, (frames, 1, 1))


def walking(frames=150):
    t = np.arange(frames)[:, None, None] / 25
    swing = 0.15 * SIZE * np.sin(2 * np.pi * 1.0 * t + np.arange(K)[:, None])
    return SHAPE + 500 + t * [0.8 * SIZE, 0] + swing


def kicking(rate, frames=None, seconds=0.15):
    """A leap of 0.8 sizes within 0.15 s in one ankle and one wrist: over 6 sizes a second."""
    t = np.arange(frames or int(4 * rate)) / rate
    step = (1 - np.cos(np.pi * np.clip((t - 2) / seconds, 0, 1))) / 2 * 0.8 * SIZE
    xy = np.tile(SHAPE + 500, (len(t), 1, 1))
    for name in ("left_ankle", "right_wrist"):
        xy[:, SKELETON.index_of(name)] += step[:, None] * [1, 0.3]
    return xy


def acceleration(xy):
    return np.linalg.norm(np.diff(xy, 2, axis=0), axis=-1)


def cleaned(xy, **values):
    table, _ = smoothed(poses_of(xy), SmoothingOptions(**values), SKELETON)
    return table.keypoints[..., :2].astype(np.float64)


@pytest.mark.parametrize("true", [still(), walking()], ids=["still", "walking"])
def test_default_halves_the_acceleration_error_and_does_not_raise_the_position_error(true):
    noisy = true + np.random.default_rng(0).normal(0, JITTER, true.shape)

    smoothed = cleaned(noisy)

    before = np.linalg.norm(np.diff(noisy - true, 2, axis=0), axis=-1).mean()
    assert np.linalg.norm(np.diff(smoothed - true, 2, axis=0), axis=-1).mean() < before / 2
    assert np.linalg.norm(smoothed - true, axis=-1).mean() <= np.linalg.norm(noisy - true, axis=-1).mean()


@pytest.mark.parametrize("rate", [10, 25, 30, 60])
def test_kick_keeps_its_peak_speed(rate):
    true = kicking(rate)
    ankle = SKELETON.index_of("left_ankle")

    table, _ = smoothed(poses_of(true, rate=rate), SmoothingOptions(), SKELETON)

    speed = np.linalg.norm(np.diff(table.keypoints[:, ankle, :2].astype(np.float64), axis=0), axis=-1).max()
    assert speed >= 0.95 * np.linalg.norm(np.diff(true[:, ankle], axis=0), axis=-1).max()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), bound=st.sampled_from([0.0, 0.02, 0.1]))
@pytest.mark.parametrize("method", sorted(SMOOTHERS))
def test_no_confident_keypoint_moves_by_more_than_the_bound(method, seed, bound):
    rng = np.random.default_rng(seed)
    noisy = walking(40) + rng.normal(0, 0.2 * SIZE, (40, K, 2))
    score = rng.uniform(0, 1, (40, K, 1))
    table = poses_of(noisy, score=score)

    out, movement = smoothed(
        table, SmoothingOptions(method=method, max_shift=bound, repair_swaps=False, reject_outliers=False), SKELETON
    )

    shift = np.linalg.norm(out.keypoints[..., :2] - table.keypoints[..., :2], axis=-1)
    confident = table.keypoints[..., 2] >= 0.5
    size = np.sqrt(np.prod(table.xyxy[0, 2:] - table.xyxy[0, :2]))
    assert shift[confident].max() <= bound * size + 1e-3
    assert movement.max_shift <= bound + 1e-6


@pytest.mark.parametrize("method", sorted(SMOOTHERS))
def test_even_motion_is_left_alone(method):
    line = SHAPE + 500 + np.arange(60)[:, None, None] * [3.0, -1.0]

    out = cleaned(line, method=method)

    assert np.abs(out - line)[8:-8].max() < 0.35 if method == "one-euro" else np.abs(out - line)[8:-8].max() < 0.05


def test_none_changes_nothing():
    noisy = walking() + np.random.default_rng(0).normal(0, JITTER, walking().shape)

    out = cleaned(noisy, method="none", repair_swaps=False, reject_outliers=False)

    assert np.array_equal(out.astype(np.float32), noisy.astype(np.float32))


def test_report_tells_how_much_was_moved():
    noisy = still() + np.random.default_rng(0).normal(0, JITTER, still().shape)
    table = poses_of(noisy)

    out, movement = smoothed(table, SmoothingOptions(), SKELETON)

    shift = np.linalg.norm(out.keypoints[..., :2] - table.keypoints[..., :2], axis=-1) / SIZE
    assert movement.mean_shift == pytest.approx(shift.mean(), rel=0.02)
    assert movement.max_shift == pytest.approx(shift.max(), rel=0.02)
    assert "moved 2550 confident keypoints" in str(movement)


def test_gap_is_filled_on_the_line_with_fading_scores():
    line = SHAPE + 500 + np.arange(30)[:, None, None] * [4.0, 0.0]
    kept = np.r_[0:10, 20:30]
    table = poses_of(line[kept], number=kept)

    out, movement = smoothed(table, SmoothingOptions(max_fill=0.5), SKELETON)

    assert movement.filled == 10
    assert out.frame.tolist() == list(range(30))
    assert np.abs(out.keypoints[..., :2] - line).max() < 0.5
    scores = out.keypoints[10:20, 0, 2]
    assert scores.max() < 0.8
    assert scores.argmin() in (4, 5)


def test_longer_gap_stays_open():
    kept = np.r_[0:10, 30:40]

    _, movement = smoothed(poses_of(still(20), number=kept), SmoothingOptions(max_fill=0.5), SKELETON)

    assert movement.filled == 0


def test_frames_nobody_looked_at_are_not_filled():
    kept = np.r_[0:5, 10:15]
    table = poses_of(still(10), number=kept)
    table.has_poses[7] = False

    out, movement = smoothed(table, SmoothingOptions(), SKELETON)

    assert movement.filled == 4
    assert 7 not in out.frame


def test_swapped_sides_are_exchanged_back():
    true = walking(60)
    wrong = true.copy()
    wrong[20:28] = wrong[20:28][:, SKELETON.flip_index]

    out = cleaned(wrong, method="none")

    assert np.abs(out - true).max() < 0.06 * SIZE  # pairs this close together cannot be told, and need not be


def test_legs_that_pass_each_other_are_not_exchanged():
    t = np.arange(100)[:, None] / 25
    true = still(100)
    for side, phase in (("left", 0.0), ("right", np.pi)):
        for name, reach in (("knee", 0.15), ("ankle", 0.3)):
            place = SKELETON.index_of(f"{side}_{name}")
            middle = (SHAPE + 500)[[SKELETON.index_of(f"left_{name}"), SKELETON.index_of(f"right_{name}")]].mean(0)
            true[:, place] = middle + np.concatenate([reach * SIZE * np.sin(2 * np.pi * t + phase), 0 * t], axis=1)

    _, movement = smoothed(poses_of(true), SmoothingOptions(method="none"), SKELETON)

    assert movement.swapped == 0


def test_doubtful_keypoint_that_jumps_away_and_back_is_rejected():
    noisy = still(30)
    noisy[15, 9] += 0.8 * SIZE
    score = np.full((30, K, 1), 0.8)
    score[15, 9] = 0.3

    out, movement = smoothed(poses_of(noisy, score=score), SmoothingOptions(method="none"), SKELETON)

    assert movement.rejected == 1
    assert np.abs(out.keypoints[15, 9, :2] - still(1)[0, 9]).max() < 1e-3


def test_confident_keypoint_is_never_rejected():
    noisy = still(30)
    noisy[15, 9] += 0.8 * SIZE

    _, movement = smoothed(poses_of(noisy, score=0.9), SmoothingOptions(method="none"), SKELETON)

    assert movement.rejected == 0


def test_long_track_in_pieces_equals_its_parts():
    """A track longer than a piece is smoothed as if it were one: piece borders leave no trace."""
    true = walking(1200)
    noisy = true + np.random.default_rng(0).normal(0, JITTER, true.shape)

    whole, late = cleaned(noisy), cleaned(noisy[300:])

    assert np.abs(whole[500:1100] - late[200:800]).max() < 0.02 * JITTER


def test_untracked_people_are_left_alone():
    table = poses_of(still(10) + np.random.default_rng(0).normal(0, JITTER, (10, K, 2)))
    table.track_id[:] = -1

    out, movement = smoothed(table, SmoothingOptions(), SKELETON)

    assert np.array_equal(out.keypoints, table.keypoints)
    assert movement.confident == 0


def test_filter_and_smoother_equal_filterpy():
    """One keypoint, uneven times, changing scores: positions equal those of filterpy's matrices."""
    rng = np.random.default_rng(0)
    steps = rng.uniform(0.02, 0.1, 40)
    z = np.cumsum(rng.normal(0, 3, 41)) + 300
    noise, variances = 900.0, rng.uniform(1, 20, 41)
    state = kalman_start(np.stack([z[:1], z[:1]], -1), variances[:1], np.array([1e4]))
    theirs = KalmanFilter(2, 1)
    theirs.x, theirs.P, theirs.H = np.array([[z[0]], [0.0]]), np.diag([variances[0], 1e4]), np.array([[1.0, 0.0]])

    for t, dt in enumerate(steps, 1):
        state = kalman_predict(state, np.array([dt]), np.array([noise]))
        state = kalman_update(state, np.array([[z[t], z[t]]]), variances[t : t + 1])
        theirs.predict(F=np.array([[1, dt], [0, 1]]), Q=Q_continuous_white_noise(2, dt, noise))
        theirs.update(z[t], R=variances[t])

        assert state.position[0, 0] == pytest.approx(theirs.x[0, 0], rel=SAME_FILTER)
        assert state.pp[0] == pytest.approx(theirs.P[0, 0], rel=SAME_FILTER)
        assert state.vv[0] == pytest.approx(theirs.P[1, 1], rel=SAME_FILTER)


def test_backward_pass_equals_filterpy():
    noisy = walking(50) + np.random.default_rng(0).normal(0, JITTER, (50, K, 2))
    table = poses_of(noisy)
    (series,) = track_batches(table, fill_gaps(table, 0))

    ours, _ = rts_round(series, np.full(series.weight.shape, 6.0))

    size, dt = series.size[0], 1 / 25
    noise, variance = (6.0 * size) ** 2, (0.02 * size / 0.8) ** 2
    theirs = KalmanFilter(2, 1)
    theirs.x = np.array([[series.xy[0, 0, 3, 0]], [0.0]])
    theirs.P, theirs.H, theirs.R = np.diag([variance, (5 * size) ** 2]), np.array([[1.0, 0.0]]), variance
    theirs.F, theirs.Q = np.array([[1, dt], [0, 1]]), Q_continuous_white_noise(2, dt, noise)
    means, covariances = [theirs.x.copy()], [theirs.P.copy()]
    theirs.update(series.xy[0, 0, 3, 0])
    means, covariances = [theirs.x.copy()], [theirs.P.copy()]
    for z in series.xy[1:, 0, 3, 0]:
        theirs.predict()
        theirs.update(z)
        means.append(theirs.x.copy())
        covariances.append(theirs.P.copy())
    smoothed = rts_smoother(np.array(means), np.array(covariances), [theirs.F] * 50, [theirs.Q] * 50)[0]
    # filterpy begins with an update, ours at the measurement itself: the ends differ a little, the middle does not
    assert np.abs(ours[10:, 0, 3, 0] - smoothed[10:, 0, 0]).max() < 0.05 * JITTER


def test_stage_runs_twice_with_the_same_answer_and_keeps_every_frame():
    xy = walking(40)
    records = list(poses_of(xy).records())
    stage = TrackAndSmooth(TrackerOptions(), SmoothingOptions(), SKELETON)

    first, second = list(stage(records)), list(stage(records))

    assert [record.frame.index for record in first] == list(range(40))
    assert all(np.array_equal(a.poses.keypoints, b.poses.keypoints) for a, b in zip(first, second, strict=True))


def test_no_more_is_smoothed_at_once_than_is_in_proportion_to_the_video():
    table = poses_of(still(60_000).astype(np.float32))

    widths = {series.rows.shape[1] for series in track_batches(table, fill_gaps(table, 1.0))}

    assert max(widths) == 4  # of 134 pieces


def test_what_is_filled_and_what_is_put_back_is_marked():
    xy = still(40)
    ankle = SKELETON.index_of("left_ankle")
    xy[10, ankle] += SIZE  # jumps away for one pose, doubtfully
    score = np.full((40, K, 1), 0.8)
    score[10, ankle] = 0.2
    number = np.array([*range(20), *range(25, 45)])
    table = replace(poses_of(xy, score=score, number=number), source=np.zeros((40, K), np.uint8))

    records = smoothed(table, SmoothingOptions(), SKELETON)[0]

    source = np.zeros((45, K), np.uint8)
    source[20:25] = FILLED
    source[10, ankle] = FILLED
    np.testing.assert_array_equal(records.source, source)


def test_a_keypoint_placed_by_hand_stays_where_it_is_and_is_believed():
    noisy = still(60) + np.random.default_rng(0).normal(0, JITTER, (60, K, 2))
    knee = SKELETON.index_of("left_knee")
    noisy[30, knee] += [0.4 * SIZE, 0]
    source = np.zeros((60, K), np.uint8)
    table = replace(poses_of(noisy, score=0.2), source=source.copy())
    loose = smoothed(table, SmoothingOptions(), SKELETON)[0].keypoints
    source[30, knee] = CORRECTED

    table = smoothed(replace(table, source=source), SmoothingOptions(), SKELETON)[0]

    np.testing.assert_array_equal(table.keypoints[30, knee, :2], noisy[30, knee].astype(np.float32))
    assert np.abs(loose[30, knee, 0] - noisy[30, knee, 0]) > 0.2 * SIZE
    assert table.keypoints[29, knee, 0] > loose[29, knee, 0] + 0.01 * SIZE  # neighbours are drawn to it


def test_a_keypoint_that_is_absent_stays_absent():
    xy = still(30)
    table = poses_of(xy, number=np.array([*range(10), *range(14, 34)]))
    table.keypoints[5:, 3] = 0

    found = smoothed(table, SmoothingOptions(), SKELETON)[0].keypoints

    assert not found[5:, 3].any()
    assert found[:5, 3, 2].all()
