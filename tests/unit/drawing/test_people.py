"""People drawn into an image: where, in which colour, how strongly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.drawing.limbs import DrawStyle, opacity
from videopose.drawing.people import draw_people, track_color
from videopose.skeletons import make_skeleton
from videopose.types import Poses

SKELETON = make_skeleton(
    "bar", ["head_top", "left_ankle", "right_ankle"], [("head_top", "left_ankle"), ("head_top", "right_ankle")]
)


def one_person(score=1.0, track_id=1, shift=(0.0, 0.0)):
    keypoints = np.array([[[100, 60, score], [80, 180, score], [120, 180, score]]], np.float32)
    keypoints[..., :2] += shift
    box = np.array([[70, 50, 130, 190]], np.float32)
    return Poses(keypoints, np.ones(1, np.float32), box, np.array([track_id]))


def drawn(poses, size_hw=(240, 320), background=128):
    image = np.full((*size_hw, 3), background, np.uint8)
    draw_people(image, poses, SKELETON)
    return image


def test_a_limb_has_its_tracks_colour():
    image = drawn(one_person())

    middle = image[120, 110].astype(int)
    assert np.abs(middle - track_color(1)).max() < 30


def test_the_left_side_is_lighter_than_the_right():
    sides = make_skeleton(
        "arms",
        ["left_shoulder", "left_wrist", "right_shoulder", "right_wrist"],
        [("left_shoulder", "left_wrist"), ("right_shoulder", "right_wrist")],
    )
    points = np.array([[[60, 40, 1], [60, 200, 1], [160, 40, 1], [160, 200, 1]]], np.float32)
    image = np.full((240, 320, 3), 128, np.uint8)
    box = np.array([[40, 30, 180, 210]], np.float32)
    draw_people(image, Poses(points, np.ones(1, np.float32), box, np.array([1])), sides)

    left, right = image[120, 60].astype(int), image[120, 160].astype(int)
    assert np.abs(right - track_color(1)).max() < 30
    assert left.sum() > right.sum() + 60


def test_of_two_people_in_one_place_the_stronger_is_on_top():
    one, other = one_person(track_id=1), one_person(track_id=2)
    for scores, top in (((0.9, 0.3), 1), ((0.3, 0.9), 2)):
        both = Poses.concatenate([one, other])
        image = drawn(Poses(both.keypoints, np.array(scores, np.float32), both.xyxy, both.track_id))
        assert np.abs(image[120, 110].astype(int) - track_color(top)).max() < 30


def test_what_is_far_from_a_person_is_untouched():
    image = drawn(one_person())

    assert (image[:, 200:] == 128).all()
    assert (image[200:] == 128).all()


def test_a_weak_limb_is_faint_and_a_weaker_one_hidden():
    strong, weak, hidden = (drawn(one_person(score=score)) for score in (0.9, 0.2, 0.05))

    change = [np.abs(image[90:150].astype(int) - 128).sum() for image in (strong, weak, hidden)]
    assert change[0] > 2 * change[1] > 0
    assert change[2] == 0


def test_untracked_people_have_no_label():
    top = slice(0, 55)

    assert (drawn(one_person(track_id=-1))[top] == 128).all()
    assert (drawn(one_person(track_id=1))[top] != 128).any()


def test_a_person_of_hidden_points_has_no_label():
    assert (drawn(one_person(score=0.1)) == 128).all()


def test_nobody_leaves_the_image_as_it_is():
    assert (drawn(Poses.empty(3)) == 128).all()


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
@settings(max_examples=40, deadline=None)
def test_people_outside_the_image_do_no_harm(x, y):
    drawn(one_person(shift=(x, y)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_that_are_nowhere_do_no_harm(value):
    poses = one_person()
    poses.keypoints[0, 1, :2] = value

    drawn(poses)


def test_lines_grow_with_the_image_but_not_on_small_people():
    assert (
        DrawStyle.for_size((240, 320)).line
        < DrawStyle.for_size((720, 1280)).line
        < DrawStyle.for_size((2160, 3840)).line
    )
    assert DrawStyle.for_size((2160, 3840)).for_person(110).line < 3


def test_neighbouring_ids_have_different_colours():
    colours = np.array([track_color(track_id) for track_id in range(1, 9)])

    assert min(np.abs(a - b).sum() for i, a in enumerate(colours) for b in colours[:i]) > 60


def test_opacity_rises_with_the_score():
    values = [opacity(score) for score in np.linspace(0, 1, 50)]

    assert values == sorted(values)
    assert (values[0], values[-1]) == (0.0, 1.0)
