import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import ShapeError
from videopose.geometry.polygons import inside

SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4]]
NOTCHED = [[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]]


def test_border_and_corners_are_outside():
    assert not inside([[0, 2], [4, 4], [2, 0], [0, 0]], SQUARE).any()


def test_the_notch_of_a_polygon_is_outside():
    assert inside([[2, 0.5], [2, 2], [0.5, 2], [2, 1]], NOTCHED).tolist() == [True, False, True, False]


def test_nan_is_outside_and_the_leading_shape_is_kept():
    assert inside([[[np.nan, 1], [1, 1]]], SQUARE).tolist() == [[False, True]]


@settings(max_examples=50, deadline=None)
@given(st.floats(-1, 5), st.floats(-1, 5), st.integers(0, 4))
def test_direction_and_first_corner_do_not_matter(x, y, start):
    turned = np.roll(NOTCHED, start, axis=0)

    assert inside([x, y], turned) == inside([x, y], NOTCHED) == inside([x, y], turned[::-1])


def test_corners_need_two_coordinates():
    with pytest.raises(ShapeError, match="polygon has shape"):
        inside([0, 0], [[0, 0, 1]])
