"""Angles of bodies whose angles are known: names, signs and zeros, limbs, heights."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videopose.errors import InputError
from videopose.geometry.joint_angles import ANGLES, angle_of, facing_of, measured_angles, speeds, with_middles
from videopose.geometry.limbs import height_in_pixels, impossible_points, limb_lengths, summarise
from videopose.skeletons import skeleton_named

DOCUMENT = Path(__file__).parents[3] / "docs" / "angles.md"
UPRIGHT = {
    "head_top": (0, -80), "left_shoulder": (0, -50), "right_shoulder": (0, -50), "left_elbow": (0, -25),
    "right_elbow": (0, -25), "left_wrist": (0, 0), "right_wrist": (0, 0), "left_hip": (0, 0), "right_hip": (0, 0),
    "left_knee": (0, 40), "right_knee": (0, 40), "left_ankle": (0, 80), "right_ankle": (0, 80),
    "right_heel": (-5, 85), "right_big_toe": (15, 85),
}  # fmt: skip


def body(**moved):
    """Somebody who stands upright and looks to the right, some keypoints elsewhere; y points down."""
    return with_middles({name: np.array(xy, float) for name, xy in {**UPRIGHT, **moved}.items()})


@pytest.mark.parametrize(
    ("name", "degrees"),
    [("right_knee", 0), ("left_hip", 0), ("right_shoulder", 0), ("left_elbow", 0), ("right_ankle", 0), ("trunk", 90),
     ("head", 90), ("right_thigh", -90), ("left_shank", -90), ("right_arm", -90), ("left_forearm", -90),
     ("right_foot", 0)],
)  # fmt: skip
def test_somebody_upright_is_at_zero(name, degrees):
    assert angle_of(name, body()) == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "moved", "degrees"),
    [
        ("right_knee", {"right_ankle": (-40, 40)}, 90),  # heel to the back
        ("right_knee", {"right_ankle": (40 * np.sin(0.1), 40 + 40 * np.cos(0.1))}, -np.degrees(0.1)),  # overstretched
        ("left_hip", {"left_knee": (40, 0)}, 90),  # thigh to the front
        ("left_hip", {"left_knee": (-20, np.sqrt(40**2 - 20**2))}, -30),  # and to the back
        ("right_shoulder", {"right_elbow": (25, -50)}, 90),
        ("right_shoulder", {"right_elbow": (-25, -50)}, -90),
        ("left_elbow", {"left_wrist": (25, -25)}, 90),
        ("left_elbow", {"left_wrist": (20, -40)}, 180 - np.degrees(np.arctan2(20, 15))),  # 126.87
        ("right_ankle", {"right_big_toe": (-5 + 20 * np.cos(0.2), 85 - 20 * np.sin(0.2))}, np.degrees(0.2)),  # toes up
        ("trunk", {"left_shoulder": (50, 0), "right_shoulder": (50, 0)}, 0),  # bent forward, level
        ("right_shank", {"right_ankle": (40, 40)}, 0),
        ("right_forearm", {"right_wrist": (0, -50)}, 90),  # upwards
    ],
)
def test_a_joint_bent_by_hand_has_its_angle(name, moved, degrees):
    assert angle_of(name, body(**moved)) == pytest.approx(degrees, abs=1e-9)


def test_lines_without_direction_are_within_a_quarter_turn():
    points = body(left_hip=(10, -2), right_hip=(-10, 2))

    assert angle_of("pelvis", points) == pytest.approx(np.degrees(np.arctan2(4, 20)))
    swapped = {**points, "left_hip": points["right_hip"], "right_hip": points["left_hip"]}
    assert angle_of("pelvis", swapped) == pytest.approx(angle_of("pelvis", points))


@given(angle=st.floats(-170, 170), scale=st.floats(0.1, 50), shift=st.floats(-500, 500))
def test_a_mirrored_body_has_the_same_angles_and_its_size_and_place_do_not_matter(angle, scale, shift):
    bent = np.radians(angle)
    points = body(right_ankle=(-40 * np.sin(bent), 40 + 40 * np.cos(bent)))
    mirrored = {name: xy * [-scale, scale] + [shift, -shift] for name, xy in points.items()}

    assert angle_of("right_knee", points) == pytest.approx(angle, abs=1e-6)
    assert angle_of("right_knee", mirrored, "left") == pytest.approx(angle, abs=1e-3)


def test_where_somebody_looks_is_told_by_knees_then_by_elbows():
    def track(**moved):
        return {name: np.tile(xy, (5, 1)) for name, xy in body(**moved).items()}

    right = track(left_ankle=(-40, 40), right_ankle=(-20, 70))
    assert facing_of(right) == "right"
    assert facing_of({name: xy * [-1, 1] for name, xy in right.items()}) == "left"
    outward = track(left_knee=(20, 40), right_knee=(-20, 40), left_shoulder=(15, -50), right_shoulder=(-15, -50))
    assert facing_of(outward) == "front"
    assert facing_of({name: xy * [-1, 1] for name, xy in outward.items()}) == "back"
    arms = {name: xy for name, xy in track(left_wrist=(-25, -25)).items() if "knee" not in name}
    assert facing_of(arms) == "left"
    assert facing_of({}) == "right"


def test_both_knees_of_somebody_who_looks_into_the_camera_bend_outward():
    points = body(left_knee=(20, 40), right_knee=(-20, 40))

    bent = 2 * np.degrees(np.arctan2(20, 40))
    assert angle_of("left_knee", points, "front") == pytest.approx(bent)
    assert angle_of("right_knee", points, "front") == pytest.approx(bent)
    assert angle_of("left_knee", points, "back") == pytest.approx(-bent)


def test_what_is_not_known_gives_no_angle():
    assert np.isnan(angle_of("right_knee", body(right_ankle=(np.nan, np.nan))))
    assert np.isnan(angle_of("right_knee", body(right_ankle=(0, 40))))  # ankle on the knee: no direction
    assert "right_ankle" not in measured_angles(skeleton_named("body19").keypoints)
    assert {"right_knee", "trunk", "head"} <= set(measured_angles(skeleton_named("body19").keypoints))
    assert measured_angles(("nose",)) == []
    with pytest.raises(InputError, match="no angle is named 'knee'. Known: right_ankle, left_ankle"):
        angle_of("knee", body())
    with pytest.raises(InputError, match="angle left_foot needs keypoints left_big_toe, left_heel, which the skeleton"):
        angle_of("left_foot", body())


def test_the_neck_is_the_skeletons_own_where_it_has_one():
    assert with_middles({"head_bottom": np.array([1.0, 2.0])})["neck"].tolist() == [1, 2]
    assert with_middles({"left_hip": np.zeros(2), "right_hip": np.ones(2)})["mid_hip"].tolist() == [0.5, 0.5]


def test_speeds_are_central_differences_and_cross_the_seam():
    time = np.array([0.0, 0.1, 0.2, 0.4])

    found = speeds(np.array([170.0, 175.0, -175.0, -170.0]), time)

    assert found[1:3].tolist() == pytest.approx([15 / 0.2, 15 / 0.3])
    assert np.isnan(found[[0, 3]]).all()
    assert np.isnan(speeds(np.array([1.0, np.nan, 3.0]), time[:3])[1])
    assert speeds(np.array([0.0, 300.0, 600.0]), time[:3], turn=None)[1] == pytest.approx(3000)
    assert np.isnan(speeds(np.array([1.0, 2.0]), time[:2])).all()


def test_the_document_lists_every_angle():
    text = DOCUMENT.read_text()

    for name in ANGLES:
        side, _, part = name.partition("_")
        assert f"`{name}`" in text or (side in ("left", "right") and f"`{part}`" in text), name


def squatting(frames=40, rate=20):
    """Thighs that shrink to a half and grow again twice, as of somebody seen from the front."""
    shrink = 0.75 + 0.25 * np.cos(np.arange(frames) * 4 * np.pi / frames)
    track = {name: np.tile(np.array(xy, float), (frames, 1)) for name, xy in UPRIGHT.items()}
    for name in ("left_knee", "right_knee", "left_ankle", "right_ankle"):
        track[name][:, 1] -= 40 * (1 - shrink)
    return track, np.arange(frames) / rate


def test_a_squat_is_possible_and_a_knee_that_jumps_out_is_not():
    track, time = squatting()
    assert not any(each.any() for each in impossible_points(track, time, 1.3).values())
    for frame in (10, 11, 13):
        track["right_knee"][frame] += [25, -25]

    wrong = impossible_points(track, time, 1.3)

    assert np.flatnonzero(wrong["right_knee"]).tolist() == [10, 11, 13]
    assert not any(each.any() for name, each in wrong.items() if name not in ("right_knee", "right_ankle"))
    assert not impossible_points(track, time, 3.0)["right_knee"].any()


def test_of_a_limb_on_the_trunk_the_outer_end_is_at_fault():
    track, time = squatting()
    track["left_elbow"][20] += [16, 5]

    wrong = impossible_points(track, time, 1.3)

    assert {name: np.flatnonzero(each).tolist() for name, each in wrong.items() if each.any()} == {"left_elbow": [20]}


def test_somebody_who_comes_nearer_grows_as_a_whole():
    track, time = squatting(frames=120)
    nearer = {name: xy * np.linspace(1, 3, 120)[:, None] for name, xy in track.items()}

    assert not any(each.any() for each in impossible_points(nearer, time, 1.3).values())


def test_limbs_are_summarised():
    track, _ = squatting()
    track["left_elbow"][3] = np.nan

    lengths = limb_lengths(track)
    arm, thigh = summarise(lengths["left_upper_arm"]), summarise(lengths["left_thigh"])

    assert (arm.median, arm.full, arm.spread, arm.frames) == (25, 25, 0, 39)
    assert 38 < thigh.full <= 40
    assert thigh.spread > 0.2
    assert summarise(np.full(3, np.nan)).frames == 0
    assert limb_lengths({"left_hip": np.zeros((2, 2))}) == {}


def test_height_is_told_by_legs_whatever_the_posture():
    track, _ = squatting(frames=400)

    assert height_in_pixels(track) == pytest.approx(80 / 0.491, rel=0.03)
    with pytest.raises(InputError, match="a height in metres needs a leg that is seen; give --calibrate"):
        height_in_pixels({"left_hip": np.zeros((3, 2))})
