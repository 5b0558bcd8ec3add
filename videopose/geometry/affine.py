"""Named 3x3 transforms. THE pixel convention of the project is stated here.

x points right, y points down, and a keypoint's whole number is a pixel's centre: the centre of the top left pixel is
(0, 0), as in HRNet and UDP (Detectron2 adds 0.5; convert at the border). Boxes keep COCO's numbers, width `x2 - x1`;
the half pixel between the two is left alone on purpose, because a box only picks a crop.

Transforms are named target first, so that composition reads by eye: `heatmap_from_crop @ crop_from_image`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from videopose.errors import check_shape
from videopose.types import F64


def translation(x: float, y: float) -> F64:
    """Build the transform that moves points by (x, y) pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def scaling(x: float, y: float | None = None) -> F64:
    """Build the transform that multiplies x and y by factors; one factor serves both if only one is given."""
    return np.array([[x, 0, 0], [0, x if y is None else y, 0], [0, 0, 1]], np.float64)


def rotation(degrees: float) -> F64:
    """Build the rotation about the origin that turns clockwise on the screen for a positive angle (y is down)."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float64)


def mirror(width: float) -> F64:
    """Build the left-right mirror of an image `width` pixels wide: column 0 and column width - 1 change places."""
    return np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], np.float64)


def invert(matrix: F64) -> F64:
    """Invert 3x3 transforms, (3, 3) or (N, 3, 3)."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def apply(matrix: ArrayLike, points: ArrayLike) -> F64:
    """Move points by a transform.

    Args:
        matrix: (3, 3), or (N, 3, 3) for one transform per group of points.
        points: (..., 2) x, y; (N, ..., 2) with N transforms.

    Returns:
        Points of the same shape.
    """
    transforms, moved = np.asarray(matrix, np.float64), np.asarray(points, np.float64)
    check_shape("matrix", transforms, *((None,) * (transforms.ndim - 2)), 3, 3)
    if transforms.ndim == 3:  # line the N transforms up with the points' first axis
        transforms = transforms.reshape(len(transforms), *((1,) * (moved.ndim - 2)), 3, 3)
    return (transforms[..., :2, :2] @ moved[..., None])[..., 0] + transforms[..., :2, 2]


def crop_from_box(xyxy: ArrayLike, input_hw: tuple[int, int], *, padding: float, degrees: float = 0.0) -> F64:
    """Build `crop_from_image` for person boxes: centre, grown to the crop's aspect ratio, padded, rotated.

    The map is the plain-stride one of HRNet and SimpleBaseline: the box's centre lands on (width / 2, height / 2) of
    the crop, and lengths scale by width / (padded box width).

    Args:
        xyxy: (4,) or (N, 4) boxes in image pixels.
        input_hw: (height, width) of the crop.
        padding: factor by which the box grows on each axis.
        degrees: the person is turned by this much, clockwise on the screen, as it is brought into the crop.

    Returns:
        (3, 3) or (N, 3, 3) transforms from image to crop pixels.

    Source:
        Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018, section 4.1.
    """
    boxes = np.asarray(xyxy, np.float64)
    check_shape("xyxy", boxes, *((None,) * (boxes.ndim - 1)), 4)
    height, width = input_hw
    center = (boxes[..., :2] + boxes[..., 2:]) / 2
    size = np.maximum(boxes[..., 2:] - boxes[..., :2], 1e-3)  # a box without area still has a crop
    extent = np.maximum(size[..., 0], size[..., 1] * width / height) * padding
    scale = width / extent
    turn = rotation(degrees)[:2, :2]
    matrix = np.zeros((*boxes.shape[:-1], 3, 3))
    matrix[..., :2, :2] = scale[..., None, None] * turn
    matrix[..., :2, 2] = np.array([width / 2, height / 2]) - scale[..., None] * (center @ turn.T)
    matrix[..., 2, 2] = 1
    return matrix
