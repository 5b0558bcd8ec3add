"""Draw people into an image: skeletons coloured per track, ids with labels. Pixels only, no files."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np

from videopose.errors import InputError
from videopose.images import Image, as_images
from videopose.skeletons import Skeleton
from videopose.types import F32, U8, UNTRACKED, Poses

Colour = tuple[int, int, int]
"""Red, green, blue."""

_SUBPIXEL_BITS = 4
_GOLDEN = 0.618034
"""Steps of this share of the colour circle keep any run of ids far apart in hue."""

_THIN = {"face": 0.4, "lefthand": 0.5, "righthand": 0.5}
"""Part -> share of the body's thickness, at most."""
_PARTS_OF_EXTENT = 30
"""Lines of a face or a hand take at most this part of its extent."""

_HIDDEN_BELOW = 0.15
_SOLID_FROM = 0.5
_FAINTEST = 0.25


@dataclass(frozen=True)
class DrawStyle:
    """Sizes that suit an image, in its pixels.

    Attributes:
        line: thickness of a limb.
        text: height of a label's digits.
    """

    line: float
    text: float

    @staticmethod
    def for_size(size_hw: tuple[int, int]) -> DrawStyle:
        """Choose sizes by resolution: a limb is about 1 pixel wide at 240 lines, 12 at 2160."""
        side = float(np.sqrt(size_hw[0] * size_hw[1]))
        return DrawStyle(line=max(1.3, side / 250), text=max(9.0, side / 52))

    def for_person(self, height: float) -> DrawStyle:
        """Draw a small person with a finer line, so that limbs do not run into one blob."""
        return DrawStyle(line=min(self.line, max(1.0, height / 55)), text=self.text)


def track_color(track_id: int) -> Colour:
    """Return a track its colour; grey for nobody's.

    Example:
        >>> track_color(-1)
        (200, 200, 200)
    """
    if track_id == UNTRACKED:
        return (200, 200, 200)
    hue = (0.07 + (track_id - 1) * _GOLDEN) % 1.0
    # Blue and violet look dark on a screen and yellow glaring: lift the one, soften the other.
    value = 1.0 if 0.5 < hue < 0.9 else 0.95
    saturation = 0.62 if 0.55 < hue < 0.85 else 0.85
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def opacity(score: float) -> float:
    """Convert a keypoint's score to how strongly it is drawn: 0 hidden, 1 solid, faded between.

    Example:
        >>> [opacity(score) for score in (0.1, 0.15, 0.9)]
        [0.0, 0.25, 1.0]
    """
    if score < _HIDDEN_BELOW:
        return 0.0
    rising = (score - _HIDDEN_BELOW) / (_SOLID_FROM - _HIDDEN_BELOW)
    return float(min(1.0, _FAINTEST + (1 - _FAINTEST) * rising))


def draw(image: Image, poses: Poses, *, skeleton: Skeleton | None = None) -> U8:
    """Draw everybody into a copy of an image.

    Args:
        image: numpy (H, W, 3) or torch (3, H, W), uint8 RGB.
        poses: in the image's pixels.
        skeleton: of the poses; taken from them if they say it.

    Returns:
        (H, W, 3) uint8 RGB of the same size.

    Raises:
        InputError: the image is of another kind, or nobody says which skeleton the poses have.
    """
    known = skeleton or poses.skeleton
    if known is None:
        raise InputError(
            f"poses of {poses.keypoints.shape[1]} keypoints do not say which skeleton they have; give skeleton=…"
        )
    (tensor,) = as_images(image)
    copy = np.ascontiguousarray(tensor.cpu().permute(1, 2, 0).numpy()).copy()
    draw_people(copy, poses, known)
    return copy


def draw_people(image: U8, poses: Poses, skeleton: Skeleton) -> None:
    """Draw everybody into an image, in place; weak people first, so that they do not cover strong ones.

    Args:
        image: (H, W, 3) RGB, contiguous.
        poses: in the image's pixels.
        skeleton: of the poses.
    """
    pen = DrawStyle.for_size((image.shape[0], image.shape[1]))
    order = np.argsort(poses.score, kind="stable")
    for row in order:
        person = pen.for_person(float(poses.xyxy[row, 3] - poses.xyxy[row, 1]))
        _draw_skeleton(image, poses.keypoints[row], track_color(int(poses.track_id[row])), skeleton, person)
    for row in order:
        is_seen = (poses.keypoints[row, :, 2] >= _HIDDEN_BELOW).any()
        if is_seen and poses.track_id[row] != UNTRACKED:
            _draw_label(
                image, str(poses.track_id[row]), _label_place(poses, row), track_color(poses.track_id[row]), pen
            )


def _draw_skeleton(image: U8, keypoints: F32, colour: Colour, skeleton: Skeleton, pen: DrawStyle) -> None:
    width = _widths(keypoints, skeleton, pen)
    limbs = [
        (
            keypoints[a, :2],
            keypoints[b, :2],
            opacity(min(keypoints[a, 2], keypoints[b, 2])) * min(1.0, width[a], width[b]),
            _side(skeleton, a, b),
            max(1.0, min(width[a], width[b])),
        )
        for a, b in skeleton.edges
    ]
    for start, end, strength, _, line in limbs:  # a dark rim under all limbs keeps them readable on any background
        _blend_line(image, start, end, (20, 20, 20), line + max(1.0, line * 0.6), strength * 0.55)
    for start, end, strength, side, line in limbs:
        _blend_line(image, start, end, _tint(colour, side), line, strength)
    for (x, y, score), own in zip(keypoints, width, strict=True):
        strength = opacity(score) * min(1.0, own)
        _blend_dot(image, np.array([x, y], np.float32), _tint(colour, 0.55), max(own, 0.5) * 0.95, strength)


def _widths(keypoints: F32, skeleton: Skeleton, pen: DrawStyle) -> list[float]:
    """Return how thick each keypoint is drawn: those of faces and hands finer, the more so the smaller they are.

    Below 1 it is drawn with one pixel and fainter, so that a hand of ten pixels does not become a blob.
    """
    width = [pen.line] * len(skeleton)
    for name, rows in skeleton.slices.items():
        if name in _THIN:
            places = keypoints[rows][keypoints[rows, 2] >= _HIDDEN_BELOW, :2]
            extent = float(np.ptp(places, axis=0).max()) if len(places) else 0.0
            fine = min(pen.line * _THIN[name], extent / _PARTS_OF_EXTENT)
            width[rows] = [fine] * (rows.stop - rows.start)
    return width


def _side(skeleton: Skeleton, a: int, b: int) -> float:
    """Lighten the person's left side, so that left and right can be told apart."""
    names = skeleton.keypoints[a], skeleton.keypoints[b]
    return 0.35 if all(name.startswith("left_") for name in names) else 0.0


def _tint(colour: Colour, share: float) -> Colour:
    red, green, blue = (round(part + (255 - part) * share) for part in colour)
    return red, green, blue


def _blend_line(image: U8, start: F32, end: F32, colour: Colour, width: float, strength: float) -> None:
    points = np.stack([start, end])
    region = _region(image, points, width)
    if strength <= 0 or region is None:
        return
    part, origin = region
    ends = _fixed(points - origin)
    drawn = part if strength >= 1 else part.copy()
    cv2.line(drawn, ends[0], ends[1], colour, max(1, round(width)), cv2.LINE_AA, _SUBPIXEL_BITS)
    if drawn is not part:
        cv2.addWeighted(drawn, strength, part, 1 - strength, 0, dst=part)


def _blend_dot(image: U8, center: F32, colour: Colour, radius: float, strength: float) -> None:
    region = _region(image, center[None], radius * 2)
    if strength <= 0 or region is None:
        return
    part, origin = region
    (point,) = _fixed(center[None] - origin)
    drawn = part if strength >= 1 else part.copy()
    cv2.circle(drawn, point, round(radius * 2**_SUBPIXEL_BITS), colour, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL_BITS)
    if drawn is not part:
        cv2.addWeighted(drawn, strength, part, 1 - strength, 0, dst=part)


def _region(image: U8, points: F32, margin: float) -> tuple[U8, F32] | None:
    """Cut the part of the image a shape can touch, with its top left corner; None if it touches nothing."""
    if not np.isfinite(points).all():
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


def _label_place(poses: Poses, row: int) -> tuple[float, float]:
    """Place the label above the topmost point that is seen; higher, up to the box, where the crown is no keypoint."""
    points = poses.keypoints[row]
    seen = points[(points[:, 2] >= _HIDDEN_BELOW) & np.isfinite(points).all(1)]
    if not len(seen):
        x1, y1, x2, _ = poses.xyxy[row]
        return float(x1 + x2) / 2, float(y1)
    x, top, _ = seen[np.argmin(seen[:, 1])]
    room = (seen[:, 1].max() - top) * 0.13
    return float(x), float(min(top, max(poses.xyxy[row, 1], top - room)))


def _draw_label(image: U8, text: str, place: tuple[float, float], colour: Colour, pen: DrawStyle) -> None:
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(pen.text / 9))
    scale = cv2.getFontScaleFromHeight(font, round(pen.text), thickness)
    (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
    pad = max(2, round(pen.text * 0.35))
    left = int(np.clip(place[0] - width / 2, pad, max(pad, image.shape[1] - width - pad)))
    bottom = int(np.clip(place[1] - pad * 2.5, height + pad, image.shape[0] - pad))
    corner, opposite = (left - pad, bottom - height - pad), (left + width + pad, bottom + pad)
    cv2.rectangle(image, corner, opposite, colour, cv2.FILLED, cv2.LINE_AA)
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    ink = (15, 15, 15) if luminance > 130 else (255, 255, 255)
    cv2.putText(image, text, (left, bottom), font, scale, ink, thickness, cv2.LINE_AA)
