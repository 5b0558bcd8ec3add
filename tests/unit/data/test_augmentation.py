"""Keypoints follow pixels, sides change places in a mirror, and the same numbers give the same batch."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.data.augment_geometry import GeometryOptions, draw_crop, move_keypoints
from videopose.data.augment_pixels import PixelOptions, augment_pixels, change_colour, jpeg
from videopose.data.canvas import IGNORE, PERSON, CanvasOptions, compose
from videopose.data.mixing import MixtureSampler
from videopose.data.samples import LabelledImage, PersonLabel
from videopose.errors import InputError
from videopose.geometry.affine import apply, invert
from videopose.geometry.warp import warp_array
from videopose.skeletons import skeleton_named

SKELETON = skeleton_named("coco17")
NOTHING = PixelOptions(
    brightness=0,
    contrast=0,
    saturation=0,
    gray_probability=0,
    blur_probability=0,
    motion_blur_probability=0,
    jpeg_probability=0,
    erase_probability=0,
    occluder_probability=0,
)
EVERYTHING = PixelOptions(
    blur_probability=1,
    motion_blur_probability=1,
    jpeg_probability=1,
    erase_probability=1,
    occluder_probability=1,
)
FOLLOWS = 0.01  # crop pixels a keypoint may be off the pixels it marks


def _person(seed=0, ignore=False):
    rng = np.random.default_rng(seed)
    keypoints = np.concatenate([rng.uniform(20, 180, (17, 2)), np.full((17, 1), 2)], 1).astype(np.float32)
    return PersonLabel(np.array([20, 20, 180, 180], np.float32), keypoints, np.ones(17, np.float32), 25600.0, ignore)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_keypoints_follow_pixels(seed):
    rng = np.random.default_rng(seed)
    matrix, flipped = draw_crop(rng, _person(seed), GeometryOptions(), (192, 160), SKELETON)
    moved = move_keypoints(_person(seed).keypoints, matrix, SKELETON, flipped=flipped)

    # A smooth ramp carries its own coordinates: reading it at a moved keypoint gives the keypoint's old place.
    rows, columns = np.mgrid[0:200, 0:200].astype(np.float32)
    back = SKELETON.flip_index if flipped else np.arange(17)
    original = _person(seed).keypoints[back, :2]
    inside = (moved[:, 0] > 1) & (moved[:, 0] < 158) & (moved[:, 1] > 1) & (moved[:, 1] < 190)
    inside &= (original > 3).all(1) & (original < 196).all(1)
    place = apply(invert(matrix), moved[:, :2])
    sampled = np.stack(
        [cv2.remap(ramp, *np.float32(place.T[..., None]), cv2.INTER_LINEAR)[:, 0] for ramp in (columns, rows)], 1
    )
    assert np.abs(sampled - original)[inside].max(initial=0) < FOLLOWS * max(1, 1 / np.sqrt(abs(np.linalg.det(matrix))))


def test_the_drawn_map_is_the_one_pixels_take():
    """A dot at each keypoint, warped as training warps, is where the moved keypoint says."""
    person, rng = _person(3), np.random.default_rng(3)
    matrix, flipped = draw_crop(rng, person, GeometryOptions(full_turn_probability=0), (192, 160), SKELETON)
    moved = move_keypoints(person.keypoints, matrix, SKELETON, flipped=flipped)
    back = SKELETON.flip_index if flipped else np.arange(17)
    for row in range(17):
        image = np.zeros((200, 200, 3), np.uint8)
        x, y = np.round(person.keypoints[back[row], :2]).astype(int)
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
        out = warp_array(image, matrix, (192, 160)).astype(float).sum(-1)
        target = apply(matrix, [x, y])
        if (target < 6).any() or (target > [153, 185]).any():
            continue
        rows, columns = np.mgrid[0:192, 0:160]
        center = np.array([(out * columns).sum(), (out * rows).sum()]) / out.sum()
        assert center == pytest.approx(target, abs=0.1)
        assert moved[row, :2] == pytest.approx(target, abs=1.5)


def test_left_and_right_change_places_in_a_mirror():
    options = GeometryOptions(
        rotation_probability=0, full_turn_probability=0, scale=0, translation=0, half_body_probability=0
    )
    plain = draw_crop(
        np.random.default_rng(0), _person(), options.model_copy(update={"flip_probability": 0}), (192, 160), SKELETON
    )
    mirrored = draw_crop(
        np.random.default_rng(0), _person(), options.model_copy(update={"flip_probability": 1}), (192, 160), SKELETON
    )
    one = move_keypoints(_person().keypoints, plain[0], SKELETON, flipped=plain[1])
    other = move_keypoints(_person().keypoints, mirrored[0], SKELETON, flipped=mirrored[1])

    assert (plain[1], mirrored[1]) == (False, True)
    assert other[5, 0] == pytest.approx(159 - one[6, 0], abs=1e-3)  # the mirrored left shoulder was the right one
    assert other[5, 1] == pytest.approx(one[6, 1], abs=1e-3)


def test_a_half_body_view_is_closer():
    options = GeometryOptions(half_body_probability=1, rotation_probability=0, full_turn_probability=0, scale=0)
    whole = GeometryOptions(half_body_probability=0, rotation_probability=0, full_turn_probability=0, scale=0)
    person = _person()
    person.keypoints[11:, 1] = np.linspace(150, 180, 6)
    person.keypoints[:11, 1] = np.linspace(20, 90, 11)
    person.keypoints[:, 0] = np.linspace(90, 110, 17)
    zoom = [
        abs(np.linalg.det(draw_crop(np.random.default_rng(s), person, o, (192, 160), SKELETON)[0]))
        for o in (options, whole)
        for s in range(4)
    ]

    assert min(zoom[:4]) > max(zoom[4:])


@pytest.mark.parametrize("seed", range(8))
def test_a_truncated_view_is_closer_and_inside_the_whole_one(seed):
    still = {"rotation_probability": 0, "full_turn_probability": 0, "scale": 0, "translation": 0, "flip_probability": 0}
    options = GeometryOptions(half_body_probability=0, truncation_probability=1, truncation=0.6, **still)
    whole, person = options.model_copy(update={"truncation_probability": 0}), _person()
    views = [draw_crop(np.random.default_rng(seed), person, o, (192, 160), SKELETON)[0] for o in (options, whole)]

    corners = apply(views[1] @ invert(views[0]), np.array([[0, 0], [160, 192]]))
    assert np.linalg.det(views[0]) >= np.linalg.det(views[1])
    middle = apply(views[1] @ invert(views[0]), [80, 96])
    assert (np.abs(middle - [80, 96]) > 1).any()  # the part that is left lies to one side
    assert (corners[1] - corners[0] <= np.array([160, 192]) + 1e-6).all()


def test_pixels_change_the_same_way_for_the_same_numbers():
    images = torch.rand(6, 3, 64, 48)
    options = EVERYTHING
    first = augment_pixels(images, np.random.default_rng(5), options)
    again = augment_pixels(images, np.random.default_rng(5), options)

    assert torch.equal(first, again)
    assert not torch.equal(first, images)
    assert first.min() >= 0
    assert first.max() <= 1


def test_nothing_chosen_changes_nothing():
    options = NOTHING
    images = torch.rand(2, 3, 32, 32)

    assert torch.allclose(augment_pixels(images, np.random.default_rng(0), options), images, atol=1e-6)


def test_blur_keeps_the_mean_and_the_place():
    dot = torch.zeros(1, 3, 33, 33)
    dot[..., 16, 16] = 1
    options = NOTHING.model_copy(update={"blur_probability": 1})
    out = augment_pixels(dot, np.random.default_rng(1), options)[0, 0]
    rows, columns = torch.meshgrid(torch.arange(33.0), torch.arange(33.0), indexing="ij")

    assert out.sum() == pytest.approx(1, abs=1e-4)
    assert [(out * columns).sum(), (out * rows).sum()] == pytest.approx([16, 16], abs=1e-3)


def test_jpeg_at_high_quality_is_nearly_the_image_and_at_low_is_not():
    smooth = torch.from_numpy(cv2.GaussianBlur(np.random.default_rng(0).random((40, 48, 3), np.float32), (9, 9), 4))
    images = smooth.permute(2, 0, 1)[None]

    assert (jpeg(images, 98) - images).abs().mean() < 0.01
    assert (jpeg(images, 5) - images).abs().mean() > 0.02


def test_colour_changes_differ_between_images():
    images = torch.rand(1, 3, 16, 16).expand(4, -1, -1, -1)
    out = change_colour(images, np.random.default_rng(0), PixelOptions())

    assert len({round(float(image.mean()), 4) for image in out}) == 4


@given(st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_boxes_follow_pixels_onto_the_canvas(seed):
    """People are drawn as bright rectangles: what is bright on the canvas is what the boxes say."""
    rng = np.random.default_rng(seed)
    white = np.zeros((200, 240, 3), np.uint8)
    white[60:140, 80:160] = 255
    person = PersonLabel(
        np.array([80, 60, 160, 140], np.float32), np.zeros((17, 3), np.float32), np.ones(17, np.float32), 6400.0
    )
    image = LabelledImage("a", None, (200, 240), (person,))
    canvas, boxes = compose(rng, lambda: image, lambda _: white, (128, 128), CanvasOptions())

    bright = (canvas[..., 0] > 200).astype(float)
    expected = np.zeros((128, 128))
    for x1, y1, x2, y2, _ in boxes:
        expected[max(0, round(y1)) : round(y2), max(0, round(x1)) : round(x2)] = 1
    edge = sum(2 * (b[2] - b[0] + b[3] - b[1]) for b in boxes) + 8
    assert np.abs(bright - expected).sum() <= 1.2 * edge  # they differ by a pixel along the edges


def test_people_cut_off_or_ignored_become_ignore_regions():
    people = (_person(), _person(ignore=True))
    image = LabelledImage("a", None, (200, 200), people)
    options = CanvasOptions(mosaic_probability=0, zoom=(1, 1.0001), aspect=0, min_visible=0.9)
    _, boxes = compose(
        np.random.default_rng(0), lambda: image, lambda _: np.zeros((200, 200, 3), np.uint8), (128, 128), options
    )

    assert boxes[:, 4].tolist() == [PERSON, IGNORE]


def test_a_mixture_keeps_shares_and_visits_everybody():
    mixture = MixtureSampler([10, 30], [0.25, 0.75], seed=0)
    drawn = [mixture[number] for number in range(400)]

    assert sum(source == 0 for source, _ in drawn) == 100
    assert {index for source, index in drawn if source == 1} == set(range(30))
    first_epoch = [index for source, index in drawn if source == 0][:10]
    assert sorted(first_epoch) == list(range(10))


def test_a_mixture_is_a_function_of_the_number():
    a, b = MixtureSampler([7, 5], [1, 1], seed=3), MixtureSampler([7, 5], [1, 1], seed=3)
    for number in reversed(range(2500)):
        a[number]

    assert [a[number] for number in range(50)] == [b[number] for number in range(50)]


@pytest.mark.parametrize(("sizes", "shares"), [([0], [1]), ([3], [0]), ([3, 3], [1])])
def test_a_mixture_without_samples_or_shares_is_refused(sizes, shares):
    with pytest.raises(InputError, match="a mixture needs samples and a positive share of each set"):
        MixtureSampler(sizes, shares, seed=0)
