"""Lines, dots and boxes blended into an image, in place. Pixels only."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from videopose.types import F32, U8

Colour = tuple[int, int, int]
"""Red, green, blue."""

_SUBPIXEL_BITS = 4
_FARTHEST = 1e5
"""Points further outside an image than this many pixels are nowhere."""


def blend_line(
    image: U8, start: F32, end: F32, colour: Colour, width: float, strength: float, *, dashed: bool = False
) -> None:
    """Draw a line.

    Args:
        image: (H, W, 3) RGB, contiguous.
        start: (2,) x, y in image pixels.
        end: (2,) likewise.
        colour: of the line.
        width: in pixels.
        strength: opacity in [0, 1].
        dashed: leave holes, each as long as the line is wide and a half.
    """
    points = np.stack([start, end])
    region = _region(image, points, width)
    if strength <= 0 or region is None:
        return
    part, origin = region
    drawn = part if strength >= 1 else part.copy()
    for a, b in _dashes(points - origin, width) if dashed else [points - origin]:
        first, last = _fixed(np.stack([a, b]))
        cv2.line(drawn, first, last, colour, max(1, round(width)), cv2.LINE_AA, _SUBPIXEL_BITS)
    if drawn is not part:
        cv2.addWeighted(drawn, strength, part, 1 - strength, 0, dst=part)


def blend_dot(image: U8, center: F32, colour: Colour, radius: float, strength: float) -> None:
    """Draw a filled circle; as `blend_line`, with a radius in pixels."""
    region = _region(image, center[None], radius * 2)
    if strength <= 0 or region is None:
        return
    part, origin = region
    (point,) = _fixed(center[None] - origin)
    drawn = part if strength >= 1 else part.copy()
    cv2.circle(drawn, point, round(radius * 2**_SUBPIXEL_BITS), colour, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)
    if drawn is not part:
        cv2.addWeighted(drawn, strength, part, 1 - strength, 0, dst=part)


def blend_box(image: U8, xyxy: F32, colour: Colour, width: float, *, dashed: bool = False) -> None:
    """Draw the outline of a box, (4,) x1, y1, x2, y2 in image pixels."""
    x1, y1, x2, y2 = xyxy
    corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        blend_line(image, a, b, (20, 20, 20), width + max(1.0, width * 0.6), 0.4, dashed=dashed)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        blend_line(image, a, b, colour, width, 0.9, dashed=dashed)


def tint(colour: Colour, share: float) -> Colour:
    """Mix a colour with a share of white."""
    red, green, blue = (round(part + (255 - part) * share) for part in colour)
    return red, green, blue


def _dashes(points: F32, width: float) -> Iterator[tuple[F32, F32]]:
    """Cut a line into dashes that begin and end with half a dash, so that joints stay visible."""
    start, end = points
    length = float(np.linalg.norm(end - start))
    step = max(5.0, width * 4.0)
    number = min(500, max(1, round(length / step)))
    for which in range(number + 1):
        first, last = max(0.0, (which - 0.25) / number), min(1.0, (which + 0.25) / number)
        yield start + (end - start) * np.float32(first), start + (end - start) * np.float32(last)


def _region(image: U8, points: F32, margin: float) -> tuple[U8, F32] | None:
    """Cut the part of the image a shape can touch, with its top left corner; None if it touches nothing."""
    if not np.isfinite(points).all() or np.abs(points).max() > _FARTHEST:
        return None
    height, width = image.shape[:2]
    low = np.floor(points.min(0) - margin - 2).astype(int).clip(0, [width, height])
    high = np.ceil(points.max(0) + margin + 3).astype(int).clip(0, [width, height])
    if (high <= low).any():
        return None
    return image[low[1] : high[1], low[0] : high[0]], low.astype(np.float32)


def _fixed(points: F32) -> list[tuple[int, int]]:
    scaled = np.round(points * 2**_SUBPIXEL_BITS).astype(int)
    return [(int(x), int(y)) for x, y in scaled]
