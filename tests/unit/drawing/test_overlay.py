"""What is drawn is what was asked for: layers, sides, dashes, hidden heads, trails."""

import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from videopose.drawing import people
from videopose.drawing.heads import head_circles, hide_heads
from videopose.drawing.limbs import LEFT_COLOUR, RIGHT_COLOUR, DrawStyle, Limbs
from videopose.drawing.options import LAYERS, DrawOptions
from videopose.drawing.overlay import Overlay
from videopose.drawing.people import draw, draw_people, filled_keypoints, track_color
from videopose.drawing.strokes import blend_line
from videopose.skeletons import skeleton_named
from videopose.types import Poses

BODY = skeleton_named("body19")
PLACES = {
    "nose": (100, 40), "left_eye": (104, 36), "right_eye": (96, 36), "left_ear": (109, 38), "right_ear": (91, 38),
    "left_shoulder": (125, 70), "right_shoulder": (75, 70), "left_elbow": (140, 100), "right_elbow": (60, 100),
    "left_wrist": (150, 130), "right_wrist": (50, 10), "left_hip": (115, 140), "right_hip": (85, 140),
    "left_knee": (117, 180), "right_knee": (83, 180), "left_ankle": (118, 220), "right_ankle": (82, 220),
    "head_bottom": (100, 62), "head_top": (100, 22),
}  # fmt: skip


def person(*, score=0.9, track_id=1, scale=1.0, shift=(0, 0)):
    points = np.array([[[*PLACES[name], score] for name in BODY.keypoints]], np.float32)
    points[..., :2] = points[..., :2] * scale + np.float32(shift)
    box = np.array([[40, 8, 160, 230]], np.float32) * scale + np.tile(np.float32(shift), 2)
    return Poses(points, np.float32([0.87]), box.astype(np.float32), np.int64([track_id]), skeleton=BODY)


def drawn(poses, **options):
    image = np.full((240, 320, 3), 128, np.uint8)
    draw_people(image, poses, BODY, DrawOptions(**options))
    return image.astype(int)


def changed(one, other):
    return np.argwhere(np.abs(one - other).max(-1) > 8)


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer != "trail"])
def test_every_layer_changes_the_image(layer):
    others = tuple(each for each in LAYERS if each not in (layer, "trail"))

    assert len(changed(drawn(person(), draw=others), drawn(person(), draw=(*others, layer)))) > 5


def test_no_layer_leaves_the_image_as_it_is():
    assert (drawn(person(), draw=()) == 128).all()


def test_layers_may_be_a_text_and_an_unknown_one_is_refused():
    assert DrawOptions(draw="boxes, labels").draw == ("boxes", "labels")
    with pytest.raises(ValidationError, match="Input should be 'skeleton'"):
        DrawOptions(draw="bones")


def test_left_and_right_have_colours_of_their_own_at_384_pixels():
    image = drawn(person(scale=0.5, shift=(40, 20)), side_colours=True, draw="skeleton")

    def near(colour):
        return np.argwhere(np.abs(image - np.array(colour)).sum(-1) < 90)

    left, right = near(LEFT_COLOUR), near(RIGHT_COLOUR)
    assert len(left) > 20 < len(right)
    assert left[:, 1].min() > right[:, 1].max()


def test_keypoints_below_the_least_score_are_not_drawn():
    assert (drawn(person(score=0.4), min_score=0.5) == 128).all()
    assert len(changed(drawn(person(score=0.4)), drawn(person(score=0.4), min_score=0.39))) > 20


def test_scale_makes_lines_and_labels_larger():
    small, large = drawn(person()), drawn(person(), scale=3)

    assert (large != 128).any(-1).sum() > 1.4 * (small != 128).any(-1).sum()


def test_the_label_is_over_the_head_and_not_over_a_raised_hand():
    image = drawn(person(), draw=("labels",))
    rows, columns = np.nonzero((image != 128).any(-1))

    assert abs(columns.mean() - 100) < 6
    assert rows.max() <= 24


def test_two_people_side_by_side_have_two_whole_labels():
    apart = drawn(person(track_id=11), draw=("labels",)), drawn(person(track_id=12, shift=(6, 0)), draw=("labels",))
    both = drawn(Poses.concatenate([person(track_id=11), person(track_id=12, shift=(6, 0))]), draw=("labels",))

    plates = [(each == track_color(number)).all(-1).sum() for each, number in zip(apart, (11, 12), strict=True)]
    for number, plate in zip((11, 12), plates, strict=True):
        assert (both == track_color(number)).all(-1).sum() >= plate


def test_somebody_outside_the_image_has_no_label():
    assert (drawn(person(shift=(400, 0)), draw=("labels",)) == 128).all()


def test_faces_fade_on_small_people():
    def faces(scale):
        small = person(scale=scale, shift=(20, 20))
        return len(changed(drawn(small, draw=("skeleton", "faces")), drawn(small, draw=("skeleton",)))) / scale**2

    assert faces(0.2) == 0
    assert faces(1.0) > 30


def test_filled_keypoints_are_those_whose_source_says_so():
    points = np.zeros((1, 3, 3), np.float32)

    assert filled_keypoints(types.SimpleNamespace(keypoints=points, source=np.uint8([[0, 1, 2]]))).tolist() == [
        [False, True, False]
    ]
    assert not filled_keypoints(person()).any()


def test_filled_limbs_are_dashed(monkeypatch):
    solid = drawn(person(), draw="skeleton,boxes")
    monkeypatch.setattr(people, "filled_keypoints", lambda poses: np.ones(poses.keypoints.shape[:2], np.bool_))
    dashed = drawn(person(), draw="skeleton,boxes")

    assert 0.4 < (dashed != 128).any(-1).sum() / (solid != 128).any(-1).sum() < 0.95


def test_a_dashed_line_has_holes_and_both_ends():
    image = np.zeros((20, 200, 3), np.uint8)
    blend_line(image, np.float32([10, 10]), np.float32([190, 10]), (255, 255, 255), 2, 1.0, dashed=True)

    row = image[10, :, 0] > 128
    assert row[10]
    assert row[190]
    assert 4 < np.abs(np.diff(row.astype(int))).sum() / 2 < 60


@given(st.sampled_from(["face", "shoulders", "nothing"]), st.floats(0.3, 2.5))
@settings(max_examples=30, deadline=None)
def test_the_head_is_found_from_what_is_seen(seen, scale):
    poses = person(scale=scale)
    hidden = {"face": (), "shoulders": ("nose", "eye", "ear", "head"), "nothing": ("",)}[seen]
    for index, name in enumerate(BODY.keypoints):
        if any(word in name for word in hidden):
            poses.keypoints[0, index, 2] = 0

    ((x, y, radius),) = head_circles(poses, BODY, min_score=0.15)

    assert np.hypot(x - 100 * scale, y - 42 * scale) < radius * 1.2
    assert 10 * scale < radius < 45 * scale


def test_hidden_heads_hold_no_detail_and_the_rest_stays():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (240, 320, 3)).astype(np.uint8)
    before = image.copy()

    hide_heads(image, person(score=0.06), BODY)

    head = (slice(28, 52), slice(88, 112))
    assert before[head].std() > 60
    assert image[head].std() < 25
    assert (image[90:] == before[90:]).all()
    assert (image[:, 180:] == before[:, 180:]).all()


def test_the_overlay_hides_only_where_it_is_asked_to():
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    before = image.copy()

    Overlay(BODY, DrawOptions()).hide(image, person())
    assert (image == before).all()
    Overlay(BODY, DrawOptions(blur_faces=True)).hide(image, None)
    assert (image == before).all()
    Overlay(BODY, DrawOptions(blur_faces=True)).hide(image, person())
    assert (image != before).any()


def test_a_trail_follows_a_person_as_long_as_it_is_asked_to():
    def trail_of(seconds):
        overlay = Overlay(BODY, DrawOptions(draw="trail", trail_seconds=seconds))
        for step in range(11):
            image = np.full((240, 400, 3), 128, np.uint8)
            overlay.draw(image, person(shift=(20 * step, 0)), step / 10)
        return (image != 128).any(-1)

    long, short = trail_of(1.0), trail_of(0.3)
    assert long[140, 110:290].mean() > 0.9
    assert not short[140, 100:220].any()
    assert short[140, 250:295].any()


def test_people_without_an_id_leave_no_trail():
    overlay = Overlay(BODY, DrawOptions(draw="trail"))
    for step in range(3):
        image = np.full((240, 400, 3), 128, np.uint8)
        overlay.draw(image, person(track_id=-1, shift=(20 * step, 0)), step / 10)

    assert (image == 128).all()


def test_draw_takes_options():
    image = np.full((240, 320, 3), 128, np.uint8)

    plain, boxed = draw(image, person()), draw(image, person(), options=DrawOptions(draw="boxes"))

    assert (image == 128).all()
    assert (plain != boxed).any()


def test_hands_of_a_few_pixels_are_fainter_than_the_body():
    class Body(types.SimpleNamespace):
        def __len__(self):
            return 3

    edges, parts = ((0, 1), (1, 2)), {"lefthand": slice(1, 3)}
    body = Body(keypoints=("wrist", "hand_a", "hand_b"), edges=edges, slices=parts)

    def limbs(size):
        points = np.array([[50, 50, 1], [100, 50, 1], [100 + size, 50, 1]], np.float32)
        image = np.full((100, 220, 3), 128, np.uint8)
        seen, options = np.zeros(3, np.bool_), DrawOptions(draw="skeleton")
        Limbs(points, seen, body, options, DrawStyle(4, 10), head=np.nan).draw(image, (255, 0, 0))
        return image.astype(int)

    assert abs(limbs(10)[50, 104, 1] - 128) < abs(limbs(100)[50, 150, 1] - 128)
