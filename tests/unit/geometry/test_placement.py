import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videopose.geometry.affine import apply
from videopose.geometry.placement import Resize, place

WAYS = Resize.__args__
SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.sampled_from(WAYS))
def test_an_image_lies_inside_the_input_and_its_box_is_its_own(height, width, resize):
    placed = place((height, width), (320, 416), resize)
    rows, columns = placed.size_hw

    assert placed.top >= 0
    assert placed.left >= 0
    assert placed.top + rows <= 320
    assert placed.left + columns <= 416
    box = np.array([[placed.left, placed.top, placed.left + columns, placed.top + rows]], np.float32)
    assert placed.boxes_in_image(box) == pytest.approx(np.array([[0, 0, width, height]]), abs=1e-2)


@given(SIDES, SIDES, st.sampled_from(WAYS))
def test_points_and_boxes_move_alike(height, width, resize):
    placed = place((height, width), (320, 416), resize)
    corners = apply(placed.input_from_image, [[-0.5, -0.5], [width - 0.5, height - 0.5]]) + 0.5
    box = corners.reshape(1, 4).astype(np.float32)

    assert placed.boxes_in_image(box) == pytest.approx(np.array([[0, 0, width, height]]), abs=1e-2)


@pytest.mark.parametrize(("resize", "size", "top", "left"), [
    ("letterbox", (278, 416), 0, 0), ("letterbox_down", (277, 416), 0, 0), ("letterbox_middle", (278, 416), 69, 0),
    ("stretch", (416, 416), 0, 0), ("shape", (278, 416), 0, 0),
])  # fmt: skip
def test_sides_are_rounded_as_the_releases_do(resize, size, top, left):
    placed = place((427, 640), (416, 416), resize)  # 277.55 rows

    assert (placed.size_hw, placed.top, placed.left) == (size, top, left)


def test_what_is_over_in_the_middle_is_shared_the_smaller_half_above():
    placed = place((100, 200), (33, 32), "letterbox_middle")

    assert (placed.size_hw, placed.top, placed.left) == ((16, 32), 8, 0)  # 17 rows are free
