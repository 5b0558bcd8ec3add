import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import ShapeError
from videopose.geometry.affine import apply, crop_from_box, invert, mirror, rotation, translation

FAR = st.floats(-2000, 2000)
SIZE = st.floats(4, 2000)


@given(FAR, FAR, SIZE, SIZE, st.floats(-180, 180), st.floats(0.5, 3))
@settings(max_examples=50, deadline=None)
def test_points_return_through_the_inverse(x, y, width, height, degrees, padding):
    matrix = crop_from_box([x, y, x + width, y + height], (256, 192), padding=padding, degrees=degrees)
    points = np.array([[x, y], [x + width, y + height], [0, 0]])

    assert np.abs(apply(invert(matrix), apply(matrix, points)) - points).max() < 1e-4


@given(FAR, FAR, SIZE, SIZE)
@settings(max_examples=50, deadline=None)
def test_a_padded_box_fits_its_crop(x, y, width, height):
    matrix = crop_from_box([x, y, x + width, y + height], (256, 192), padding=1.25)
    corners = apply(matrix, [[x, y], [x + width, y + height]])

    assert (corners > 0).all()
    assert (corners < [192, 256]).all()
    assert np.isclose((corners[1] - corners[0]) / [192, 256], 1 / 1.25).any()  # the tighter axis is padded exactly


def test_the_center_of_a_box_lands_in_the_middle_of_the_crop():
    assert apply(crop_from_box([10, 20, 30, 60], (256, 192), padding=1.25), [20, 40]) == pytest.approx([96, 128])


def test_many_boxes_give_the_transforms_of_each():
    boxes = np.array([[0, 0, 10, 10], [5, 5, 50, 20.0]])
    both = crop_from_box(boxes, (64, 48), padding=1.25)

    assert np.allclose(both[1], crop_from_box(boxes[1], (64, 48), padding=1.25))
    assert np.allclose(
        apply(both, boxes[:, None, :2])[:, 0], [apply(m, b[:2]) for m, b in zip(both, boxes, strict=True)]
    )


def test_positive_rotation_turns_clockwise_on_the_screen():
    assert apply(rotation(90), [1, 0]) == pytest.approx([0, 1])  # right becomes down


def test_mirroring_twice_changes_nothing():
    assert np.allclose(mirror(640) @ mirror(640), np.eye(3))
    assert apply(mirror(640), [0, 5]) == pytest.approx([639, 5])


def test_a_box_without_area_still_has_a_crop():
    assert np.isfinite(crop_from_box([5, 5, 5, 5], (64, 48), padding=1.25)).all()


def test_a_transform_of_the_wrong_shape_is_refused():
    with pytest.raises(ShapeError, match=r"matrix has shape \(2, 3\), but \(3, 3\) is needed"):
        apply(translation(1, 2)[:2], [0, 0])
