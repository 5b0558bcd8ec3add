import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from videopose.errors import ShapeError
from videopose.geometry.boxes import (
    area,
    clip,
    intersection,
    iou,
    nms,
    scale_about_center,
    xywh_from_xyxy,
    xyxy_from_xywh,
)

COORDINATES = arrays(np.float64, (4, 4), elements=st.floats(0, 1000).map(lambda v: round(v, 3)))


@given(COORDINATES)
@settings(max_examples=50, deadline=None)
def test_corners_and_sizes_are_two_ways_to_say_the_same(boxes):
    assert xyxy_from_xywh(xywh_from_xyxy(boxes)) == pytest.approx(boxes)


def test_a_box_is_a_corner_and_a_size():
    boxes = np.array([[10, 20, 50, 80], [3, 4, 3, 4]], np.float32)

    assert xywh_from_xyxy(boxes).tolist() == [[10, 20, 40, 60], [3, 4, 0, 0]]


@given(COORDINATES)
@settings(max_examples=50, deadline=None)
def test_overlap_is_a_share_and_symmetric(corners):
    boxes = np.sort(corners.reshape(4, 2, 2), axis=1).reshape(4, 4)
    overlap = iou(boxes, boxes)

    assert (overlap >= 0).all()
    assert (overlap <= 1 + 1e-9).all()
    assert np.allclose(overlap, overlap.T)
    assert np.allclose(np.diag(overlap)[area(boxes) > 1e-6], 1)


def test_half_a_box_overlaps_by_half():
    assert iou(np.array([[0, 0, 10, 10.0]]), np.array([[0, 0, 10, 5.0], [20, 0, 30, 5]])) == pytest.approx(
        np.array([[0.5, 0]])
    )
    assert intersection(np.array([[0, 0, 10, 10.0]]), np.array([[5, 5, 20, 20.0]])) == pytest.approx(25)


def test_boxes_without_area_do_not_overlap_even_themselves():
    point = np.array([[3, 3, 3, 3.0]])
    assert iou(point, point) == 0


def test_clipping_and_scaling():
    box = np.array([[-5, 10, 50, 90.0]])
    assert clip(box, (80, 40)).tolist() == [[0, 10, 40, 80]]
    assert scale_about_center(np.array([[0, 0, 10, 20.0]]), 2).tolist() == [[-5, -10, 15, 30]]


def test_suppression_keeps_the_best_and_breaks_ties_by_order():
    similarity = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])

    assert nms(similarity, np.array([0.5, 0.8, 0.1]), 0.5).tolist() == [1, 2]
    assert nms(similarity, np.array([0.5, 0.5, 0.1]), 0.5).tolist() == [0, 2]
    assert nms(np.zeros((0, 0)), np.zeros(0), 0.5).tolist() == []


def test_a_similarity_that_is_not_square_is_refused():
    with pytest.raises(ShapeError, match=r"similarity has shape \(1, 2\), but \(2, 2\) is needed"):
        nms(np.zeros((1, 2)), np.zeros(2), 0.5)
