"""Labels: placed over people's heads so that none covers another, and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from videopose.drawing.strokes import Colour, blend_line
from videopose.types import F32, U8

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_RINGS = 14
"""How many label heights a label may move away from where it belongs."""


@dataclass(frozen=True)
class Label:
    """What is written about a person, and where it belongs.

    Attributes:
        text: in ASCII.
        colour: of the plate behind it.
        anchor: (2,) x, y of the top of the head, image pixels; the label stands over it.
    """

    text: str
    colour: Colour
    anchor: tuple[float, float]


def label_size(text: str, height: float) -> tuple[int, int]:
    """Return width and height of a label's plate, pixels, for digits of a height."""
    scale, thickness = _font(height)
    (width, tall), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = _pad(height)
    return int(width) + 2 * pad, int(tall) + 2 * pad


def place_labels(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[int, int]],
    heads: F32,
    size_hw: tuple[int, int],
) -> list[tuple[int, int] | None]:
    """Choose where labels lie: over their head, or as near to that as is free.

    No two labels overlap, and none reaches out of the image. Heads are avoided where there is room. Earlier labels
    choose first.

    Args:
        anchors: of each label, x, y in image pixels.
        sizes: width and height of each plate, pixels.
        heads: (N, 3) circles x, y, radius that should stay visible; NaN is none.
        size_hw: of the image.

    Returns:
        The top left corner of each plate; None where no place is free.
    """
    placed: list[tuple[int, int, int, int]] = []
    known = heads[np.isfinite(heads).all(1)]
    corners: list[tuple[int, int] | None] = []
    for anchor, size in zip(anchors, sizes, strict=True):
        corner = _free_place(anchor, size, placed, known, size_hw)
        if corner is not None:
            placed.append((*corner, corner[0] + size[0], corner[1] + size[1]))
        corners.append(corner)
    return corners


def _free_place(
    anchor: tuple[float, float],
    size: tuple[int, int],
    placed: Sequence[tuple[int, int, int, int]],
    heads: F32,
    size_hw: tuple[int, int],
) -> tuple[int, int] | None:
    best, least = None, np.inf
    width, height = size
    if width > size_hw[1] or height > size_hw[0] or not np.isfinite(anchor).all():
        return None
    taken = np.array(placed, np.float32).reshape(-1, 4)
    for away, x, y in _candidates(anchor, size, size_hw):
        if away >= least:
            break  # candidates come by distance, and what a head costs is never negative
        box = (x, y, x + width, y + height)
        overlaps = (taken[:, 0] < box[2]) & (taken[:, 2] > box[0]) & (taken[:, 1] < box[3]) & (taken[:, 3] > box[1])
        if overlaps.any():
            continue
        cost = away + 3.0 * height * _covered(box, heads)
        if cost < least:
            best, least = (x, y), cost
    return best


def _candidates(
    anchor: tuple[float, float], size: tuple[int, int], size_hw: tuple[int, int]
) -> Iterator[tuple[float, int, int]]:
    """Yield places as (distance from the wanted one, left, top), the nearest first, all inside the image."""
    width, height = size
    wanted = np.array([anchor[0] - width / 2, anchor[1] - height])
    steps = [(dx, dy) for dy in range(-_RINGS, _RINGS + 1) for dx in range(-2 * _RINGS, 2 * _RINGS + 1)]
    offsets = np.array(steps, np.float64) * [height / 2, height / 2]
    limits = np.array([size_hw[1] - width, size_hw[0] - height])
    corners = np.round((wanted + offsets).clip(0, limits)).astype(int)
    away = np.hypot(*(corners - wanted).T) + np.where(corners[:, 1] > wanted[1], 0.3 * height, 0.0)
    for which in np.argsort(away, kind="stable"):
        yield float(away[which]), int(corners[which, 0]), int(corners[which, 1])


def _covered(box: tuple[int, int, int, int], heads: F32) -> float:
    """Return how many heads a plate touches, those it covers more for more."""
    near_x = heads[:, 0].clip(box[0], box[2]) - heads[:, 0]
    near_y = heads[:, 1].clip(box[1], box[3]) - heads[:, 1]
    inside = 1 - np.hypot(near_x, near_y) / np.maximum(heads[:, 2], 1e-6)
    return float(inside.clip(0, 1).sum())


def draw_label(image: U8, label: Label, corner: tuple[int, int], height: float) -> None:
    """Draw a label with its top left corner at a pixel, in place; a line leads to its person where it had to move.

    Args:
        image: (H, W, 3) RGB, contiguous.
        label: what is written.
        corner: left, top of its plate, pixels.
        height: of its digits, pixels.
    """
    width, tall = label_size(label.text, height)
    left, top = corner
    middle = np.array([left + width / 2, top + tall / 2], np.float32)
    if np.hypot(*(middle - label.anchor)) > 1.6 * tall + width / 4:
        blend_line(image, middle, np.array(label.anchor, np.float32), label.colour, max(1.0, height / 12), 0.9)
    cv2.rectangle(image, (left, top), (left + width - 1, top + tall - 1), label.colour, cv2.FILLED)
    scale, thickness = _font(height)
    red, green, blue = label.colour
    ink = (15, 15, 15) if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else (255, 255, 255)
    pad = _pad(height)
    cv2.putText(image, label.text, (left + pad, top + tall - 1 - pad), _FONT, scale, ink, thickness, cv2.LINE_AA)


def _font(height: float) -> tuple[float, int]:
    thickness = max(1, round(height / 9))
    return float(cv2.getFontScaleFromHeight(_FONT, round(height), thickness)), thickness


def _pad(height: float) -> int:
    return max(2, round(height * 0.3))
