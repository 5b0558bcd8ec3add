"""Points in polygons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from videopose.errors import check_shape
from videopose.types import Bool


def inside(points: ArrayLike, polygon: ArrayLike) -> Bool:
    """Find which points lie strictly inside a polygon; its border is outside. NaN is outside.

    Args:
        points: (..., 2) x, y in image pixels.
        polygon: (V, 2) corners in order, either way round; the last is joined to the first.

    Returns:
        (...,) by the even-odd rule.

    Example:
        >>> inside([[1, 1], [0, 1], [3, 1]], [[0, 0], [2, 0], [2, 2], [0, 2]])
        array([ True, False, False])
    """
    where, corners = np.asarray(points, np.float64), np.asarray(polygon, np.float64)
    check_shape("polygon", corners, None, 2)
    x, y = where[..., 0, None], where[..., 1, None]
    (x1, y1), (x2, y2) = corners.T, np.roll(corners, -1, axis=0).T
    side = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
    in_box = (
        (np.minimum(x1, x2) <= x) & (x <= np.maximum(x1, x2)) & (np.minimum(y1, y2) <= y) & (y <= np.maximum(y1, y2))
    )
    on_border = ((side == 0) & in_box).any(axis=-1)
    upward = (y1 <= y) & (y < y2)
    downward = (y2 <= y) & (y < y1)
    crossings = ((upward & (side > 0)) | (downward & (side < 0))).sum(axis=-1)
    return np.asarray((crossings % 2 == 1) & ~on_border)
