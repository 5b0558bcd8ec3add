"""The learned smoother with its shipped weights: the bars of smoothing, and what it must not depend on."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.catalog import asset
from videopose.catalog import recipe as recipe_named
from videopose.errors import InputError, WeightsError
from videopose.learned_tracking import learned_smoother
from videopose.models import create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.skeletons import SKELETONS, skeleton_named
from videopose.stages.smooth import TrackAndSmooth
from videopose.tracking.cleaning.smoothing import smooth
from videopose.tracking.options import SmoothingOptions, TrackerOptions
from videopose.tracking.track_table import TrackTable, collect

BODY = skeleton_named("body19")
ONLY_SMOOTHING = {"repair_swaps": False, "reject_outliers": False}
SUBPIXEL = 0.05
"""Pixels: single precision on people of 200 pixels in images of thousands."""


def standing(skeleton, height=200.0):
    """Return (K, 2) an upright person of usual proportions, feet apart."""
    place = {"shoulder": (18, -60), "elbow": (26, -25), "wrist": (30, 5), "hip": (12, 10), "knee": (14, 55),
             "ankle": (16, 100), "eye": (4, -88), "ear": (8, -86), "head_top": (0, -105), "head_bottom": (0, -68),
             "big_toe": (20, 106), "small_toe": (26, 106), "heel": (12, 106), "nose": (0, -84), "face": (0, -84),
             "belly": (0, -20), "pelvis": (0, 10), "thorax": (0, -60)}  # fmt: skip
    points = []
    for name in skeleton.keypoints:
        side, _, part = name.partition("_")
        shown, number = (place["nose"], 0) if name.startswith("face_") else (place.get(part, place.get(name)), 0)
        if shown is None:  # a keypoint of a hand
            shown, number = place["wrist"], int(re.sub(r"\D", "", name) or 0)
        across, down = shown[0] + 0.3 * number, shown[1] + 0.3 * number
        points.append((-across if side == "right" else across, down))
    return np.array(points, np.float64) * height / 205


def size_of(skeleton=BODY):
    return 1.2 * float(np.sqrt(np.prod(np.ptp(standing(skeleton), axis=0))))


def walking(frames=100, rate=25.0, skeleton=BODY):
    t = np.arange(frames)[:, None, None] / rate
    phase = np.arange(len(skeleton))[:, None]
    swing = 0.12 * size_of(skeleton) * np.sin(2 * np.pi * 1.0 * t + phase)
    return standing(skeleton) + 500 + t * [60.0, 0.0] + swing


def still(frames=100, skeleton=BODY):
    return np.tile(standing(skeleton) + 500, (frames, 1, 1))


def kicking(rate, seconds=0.15):
    """A leap of 0.8 sizes within 0.15 s in one ankle and one wrist: over 6 sizes a second."""
    t = np.arange(int(4 * rate)) / rate
    step = (1 - np.cos(np.pi * np.clip((t - 2) / seconds, 0, 1))) / 2 * 0.8 * size_of()
    xy = still(len(t))
    for name in ("left_ankle", "right_wrist"):
        xy[:, BODY.index_of(name)] += step[:, None] * [1, 0.3]
    return xy


def jumping(rate):
    """Everything pushes off within 0.2 s, leaves the ground at three sizes a second and falls back."""
    fine = np.arange(0, 3, 1 / 600)
    speed = np.interp(fine, [1.0, 1.2, 1.8, 1.95], [0.0, 3.0, -3.0, 0.0])
    height = size_of() * np.cumsum(speed) / 600
    return still(int(3 * rate)) - height[:: 600 // rate, None, None] * [0, 1]


def poses_of(xy, *, rate=25.0, score=0.8, number=None):
    """Build one track from (T, K, 2) positions."""
    count = len(xy)
    number = np.arange(count) if number is None else np.asarray(number)
    frames = int(number.max()) + 1
    keypoints = np.concatenate([xy, np.broadcast_to(score, (*xy.shape[:2], 1))], axis=2).astype(np.float32)
    center, half = (xy.min(1) + xy.max(1)) / 2, 0.6 * np.median(np.ptp(xy, axis=1), axis=0)
    return TrackTable(
        np.arange(frames),
        np.arange(frames) / rate,
        np.ones(frames, bool),
        {},
        number,
        keypoints,
        np.full(count, 0.9, np.float32),
        np.concatenate([center - half, center + half], axis=1).astype(np.float32),
        np.ones(count, np.int64),
    )


def smoothed(table, skeleton=BODY, method="learned", **values):
    """Clean a copy of a table and join what was filled in."""
    options = SmoothingOptions(method=method, **values)
    copy = replace(table, keypoints=table.keypoints.copy())
    filled, _ = smooth(copy, options, skeleton, learned_smoother(options, skeleton))
    return collect(copy.records(filled))


def cleaned(xy, skeleton=BODY, **values):
    return smoothed(poses_of(xy), skeleton, **values).keypoints[..., :2].astype(np.float64)


def shaken(true, deviation=0.02, seed=0):
    return true + np.random.default_rng(seed).normal(0, deviation * size_of(), true.shape)


@pytest.mark.parametrize("true", [still(), walking()], ids=["still", "walking"])
def test_acceleration_error_halves_and_position_error_does_not_rise(true):
    noisy = shaken(true)

    out = cleaned(noisy)

    before = np.linalg.norm(np.diff(noisy - true, 2, axis=0), axis=-1).mean()
    assert np.linalg.norm(np.diff(out - true, 2, axis=0), axis=-1).mean() < before / 2
    assert np.linalg.norm(out - true, axis=-1).mean() <= np.linalg.norm(noisy - true, axis=-1).mean()


@pytest.mark.parametrize("rate", [10, 25, 30, 60])
def test_kick_keeps_its_peak_speed(rate):
    true, ankle = kicking(rate), BODY.index_of("left_ankle")

    out = smoothed(poses_of(true, rate=rate)).keypoints[:, ankle, :2].astype(np.float64)

    peak = np.linalg.norm(np.diff(true[:, ankle], axis=0), axis=-1).max()
    assert np.linalg.norm(np.diff(out, axis=0), axis=-1).max() >= 0.95 * peak


@pytest.mark.parametrize("method", ["rts", "learned"])
@pytest.mark.parametrize("rate", [10, 25, 60])
def test_jump_keeps_its_peak_speed(rate, method):
    true = jumping(rate)

    out = smoothed(poses_of(true, rate=rate), method=method).keypoints[..., :2].astype(np.float64)

    speed, peak = (np.linalg.norm(np.diff(each.mean(1), axis=0), axis=-1).max() for each in (out, true))
    assert speed >= 0.95 * peak


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), bound=st.sampled_from([0.0, 0.02, 0.1]))
def test_no_confident_keypoint_moves_by_more_than_the_bound(seed, bound):
    rng = np.random.default_rng(seed)
    table = poses_of(shaken(walking(40), 0.2, seed), score=rng.uniform(0, 1, (40, len(BODY), 1)))

    out = smoothed(table, max_shift=bound, **ONLY_SMOOTHING)

    shift = np.linalg.norm(out.keypoints[..., :2] - table.keypoints[..., :2], axis=-1)
    size = np.median(np.sqrt(np.prod(table.xyxy[:, 2:] - table.xyxy[:, :2], axis=1)))
    assert shift[table.keypoints[..., 2] >= 0.5].max() <= bound * size + 1e-3


@pytest.mark.parametrize(("factor", "offset"), [(1.0, 3000.0), (4.0, 0.0), (0.25, -40.0)])
def test_place_and_zoom_do_not_matter(factor, offset):
    noisy = shaken(walking(40))

    straight, other = cleaned(noisy), cleaned(noisy * factor + offset)

    assert np.abs((other - offset) / factor - straight).max() < SUBPIXEL


@pytest.mark.parametrize("name", SKELETONS)
def test_any_skeleton_is_smoothed(name):
    skeleton = SKELETONS[name]
    true = walking(60, skeleton=skeleton)
    noisy = true + np.random.default_rng(0).normal(0, 0.02 * size_of(skeleton), true.shape)

    out = cleaned(noisy, skeleton)

    assert np.linalg.norm(out - true, axis=-1).mean() < 0.9 * np.linalg.norm(noisy - true, axis=-1).mean()


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_tracks_of_few_frames_are_smoothed(frames):
    noisy = shaken(still(frames))

    out = cleaned(noisy)

    assert np.isfinite(out).all()
    assert np.linalg.norm(out - noisy, axis=-1).max() < 0.06 * size_of()


def test_people_do_not_depend_on_each_other():
    one, other = poses_of(shaken(walking(30))), poses_of(shaken(still(50), seed=1) + 300)
    both = TrackTable(
        other.index, other.time, other.has_poses, {}, np.concatenate([one.frame, other.frame]),
        *(np.concatenate([getattr(one, name), getattr(other, name)]) for name in ("keypoints", "score", "xyxy")),
        np.repeat([1, 2], [30, 50]),
    )  # fmt: skip
    rows = np.argsort(both.frame, kind="stable")
    both = replace(
        both, **{name: getattr(both, name)[rows] for name in ("frame", "keypoints", "score", "xyxy", "track_id")}
    )

    together = smoothed(both)

    assert np.abs(together.keypoints[together.track_id == 1] - smoothed(one).keypoints).max() < SUBPIXEL
    assert np.abs(together.keypoints[together.track_id == 2] - smoothed(other).keypoints).max() < SUBPIXEL


def test_long_track_in_pieces_equals_its_parts():
    noisy = shaken(walking(1200))

    whole, late = cleaned(noisy), cleaned(noisy[300:])

    assert np.abs(whole[500:1100] - late[200:800]).max() < 0.02 * 0.02 * size_of() + SUBPIXEL


def test_gaps_are_filled_near_the_truth_with_falling_scores():
    true = walking(60)
    kept = np.r_[0:25, 33:60]

    out = smoothed(poses_of(shaken(true, 0.01)[kept], number=kept))

    assert out.frame.tolist() == list(range(60))
    scores = out.keypoints[25:33, 0, 2]
    assert (np.diff(scores[:4]) < 0).all()
    assert (np.diff(scores[4:]) > 0).all()
    error = np.linalg.norm(out.keypoints[25:33, :, :2] - true[25:33], axis=-1).mean()
    line = true[24] + (np.arange(1, 9) / 9)[:, None, None] * (true[33] - true[24])
    assert error < 1.1 * np.linalg.norm(line - true[25:33], axis=-1).mean()


def test_uneven_times_are_smoothed_as_well():
    rng = np.random.default_rng(0)
    kept = np.sort(rng.choice(200, 120, replace=False))
    true = walking(200, rate=50.0)[kept]
    noisy = shaken(true)

    out = smoothed(poses_of(noisy, rate=50.0, number=kept), max_fill=0.0).keypoints[..., :2]

    assert np.linalg.norm(out - true, axis=-1).mean() < 0.8 * np.linalg.norm(noisy - true, axis=-1).mean()


def test_the_same_input_gives_the_same_bytes():
    noisy = shaken(walking(50))

    assert cleaned(noisy).tobytes() == cleaned(noisy).tobytes()


def test_stage_smooths_with_it():
    table = poses_of(shaken(walking(30)))
    stage = TrackAndSmooth(TrackerOptions(), SmoothingOptions(method="learned"), BODY)

    records = list(stage(table.records()))

    moved = np.stack([record.poses.keypoints[0] for record in records]) - table.keypoints
    assert 0 < np.abs(moved[..., :2]).max() < 0.06 * size_of()


def test_the_method_must_be_brought_along():
    with pytest.raises(InputError, match=r"smoothing\.method learned has weights; pass what"):
        smooth(poses_of(still(5)), SmoothingOptions(method="learned"), BODY)


def test_other_methods_need_no_network():
    assert learned_smoother(SmoothingOptions(), BODY) is None


def test_shipped_weights_are_small():
    assert asset("refiner.safetensors").stat().st_size < 1_000_000


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    model = create_model("refiner", width=16)
    save_weights(path, model.state_dict(), Weights("fpn_pose.mine", ""))

    with pytest.raises(WeightsError, match=r"other\.safetensors: holds fpn_pose, not refiner"):
        learned_smoother(SmoothingOptions(method="learned", weights=str(path)), BODY)


def test_damaged_weights_are_named(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"nothing of the kind")

    with pytest.raises(WeightsError, match=r"broken\.safetensors: not a readable safetensors file"):
        learned_smoother(SmoothingOptions(method="learned", weights=str(path)), BODY)


def test_a_run_names_the_weights_it_smoothed_with():
    recipe = recipe_named("topdown")

    default, learned = (
        [
            row["name"]
            for row in recipe.RECIPE(recipe.PipelineOptions(smoothing=SmoothingOptions(method=method))).weights()
        ]
        for method in ("rts", "learned")
    )

    assert learned == [*default, "refiner.default"]


def test_own_weights_are_used(tmp_path):
    path = tmp_path / "untrained.safetensors"
    save_weights(path, create_model("refiner").state_dict(), Weights("refiner.mine", "", skeleton="", codec=""))
    noisy = shaken(walking(20))
    options = SmoothingOptions()
    table = poses_of(noisy)
    smooth(table, options, BODY)

    out = cleaned(noisy, weights=str(path))

    assert np.abs(out - table.keypoints[..., :2]).max() < 1e-4  # what has learned nothing leaves the formula's answer
