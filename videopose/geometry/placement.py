"""Where a whole image lies in a detector's input: as its release puts it there, to the pixel."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from videopose.geometry.affine import scaling, translation
from videopose.types import F32, F64

Resize = Literal["shape", "letterbox", "letterbox_down", "letterbox_middle", "stretch"]
"""How an image is brought into an input.

- `shape`: the input has the image's own shape, up to whole cells; the image lies at the top left, its pixels averaged
  where they shrink.
- `letterbox`: the input is fixed, the image keeps its shape and lies at the top left (MMDetection).
- `letterbox_down`: as `letterbox`, but the sides are rounded down (Megvii's YOLOX).
- `letterbox_middle`: as `letterbox`, but the image lies in the middle (Ultralytics).
- `stretch`: the image fills the input and does not keep its shape (RF-DETR).

All but the first take single pixels where they shrink, as the releases do.
"""


class Placement(NamedTuple):
    """Where an image lies in an input, edges on whole numbers.

    Attributes:
        size_hw: (height, width) it is scaled to, input pixels.
        top: rows above it.
        left: columns before it.
        scale_xy: input pixels per image pixel.
    """

    size_hw: tuple[int, int]
    top: int
    left: int
    scale_xy: tuple[float, float]

    @property
    def input_from_image(self) -> F64:
        """(3, 3) transform of points, whose whole numbers are pixels' centres."""
        x, y = self.scale_xy
        return translation(self.left + (x - 1) / 2, self.top + (y - 1) / 2) @ scaling(x, y)

    def boxes_in_image(self, xyxy: F32) -> F32:
        """Convert (N, 4) boxes from input pixels to image pixels."""
        corner = np.array([self.left, self.top, self.left, self.top], np.float32)
        return np.asarray((xyxy - corner) / np.array([*self.scale_xy, *self.scale_xy], np.float32), np.float32)


def place(image_hw: tuple[int, int], input_hw: tuple[int, int], resize: Resize) -> Placement:
    """Compute where an image lies in an input.

    Args:
        image_hw: (height, width) of the image, pixels.
        input_hw: (height, width) of the input, pixels.
        resize: how it is brought there.

    Source:
        MMDetection's `Resize` and `Pad` (new side = int(side s + 0.5)), Megvii YOLOX's `preproc` (int(side s)),
        Ultralytics' `LetterBox` (half of what is left, rounded, on each side).

    Example:
        >>> place((427, 640), (416, 416), "letterbox").size_hw, place((427, 640), (416, 416), "letterbox_down").size_hw
        ((278, 416), (277, 416))
    """
    if resize == "stretch":
        return _placed(image_hw, input_hw, 0, 0)
    scale = min(input_hw[0] / image_hw[0], input_hw[1] / image_hw[1])
    if resize == "letterbox_down":
        height, width = (max(1, int(side * scale)) for side in image_hw)
    elif resize == "letterbox":
        height, width = (max(1, math.floor(side * scale + 0.5)) for side in image_hw)
    else:
        height, width = (max(1, round(side * scale)) for side in image_hw)
    if resize != "letterbox_middle":
        return _placed(image_hw, (height, width), 0, 0)
    top, left = (round((all_of - part) / 2 - 0.1) for all_of, part in zip(input_hw, (height, width), strict=True))
    return _placed(image_hw, (height, width), top, left)


def _placed(image_hw: tuple[int, int], size_hw: tuple[int, int], top: int, left: int) -> Placement:
    return Placement(size_hw, top, left, (size_hw[1] / image_hw[1], size_hw[0] / image_hw[0]))
