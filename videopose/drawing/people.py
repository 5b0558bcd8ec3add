"""Draw people into an image: skeletons coloured per track, ids with labels. Pixels only, no files."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from videopose.drawing.fine_parts import part_widths
from videopose.drawing.heads import HEAD, head_circles
from videopose.drawing.labels import Label, draw_label, label_size, place_labels
from videopose.drawing.options import DrawOptions
from videopose.drawing.strokes import Colour, blend_box, blend_dot, blend_line, tint
from videopose.errors import InputError
from videopose.images import Image, as_images
from videopose.skeletons import Skeleton
from videopose.types import F32, U8, UNTRACKED, Bool, Poses

_GOLDEN = 0.618034
"""Steps of this share of the colour circle keep any run of ids far apart in hue."""

_SOLID_FROM = 0.5
_FAINTEST = 0.25
_SMALL_FACE, _LARGE_FACE = 14.0, 40.0
"""Diameters of a head in pixels between which the lines of its face go from nothing to full strength."""
_FACE = frozenset(HEAD) - {"head_top", "head_bottom", "face"}
PLAIN = DrawOptions()
LEFT_COLOUR: Colour = (70, 160, 255)
RIGHT_COLOUR: Colour = (255, 140, 30)
MIDDLE_COLOUR: Colour = (235, 235, 235)
"""Of what has no side, where sides have colours."""


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
    def for_size(size_hw: tuple[int, int], scale: float = 1.0) -> DrawStyle:
        """Choose sizes by resolution: a limb is about 1 pixel wide at 240 lines, 12 at 2160."""
        side = float(np.sqrt(size_hw[0] * size_hw[1]))
        return DrawStyle(line=max(1.3, side / 250) * scale, text=max(9.0, side / 52) * scale)

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


def opacity(score: float, min_score: float = PLAIN.min_score) -> float:
    """Convert a keypoint's score to how strongly it is drawn: 0 hidden, 1 solid, faded between.

    Example:
        >>> [opacity(score) for score in (0.1, 0.15, 0.9)]
        [0.0, 0.25, 1.0]
    """
    if not score >= min_score:
        return 0.0
    solid = max(_SOLID_FROM, min_score)
    rising = (score - min_score) / max(solid - min_score, 1e-6)
    return float(min(1.0, _FAINTEST + (1 - _FAINTEST) * rising)) if solid > min_score else 1.0


def filled_keypoints(poses: Poses) -> Bool:
    """Return which keypoints were filled in between others instead of seen, (N, K); none where the poses do not say."""
    source = getattr(poses, "source", None)
    return np.zeros(poses.keypoints.shape[:2], np.bool_) if source is None else np.asarray(source) == 1


def draw(image: Image, poses: Poses, *, skeleton: Skeleton | None = None, options: DrawOptions | None = None) -> U8:
    """Draw everybody into a copy of an image.

    Args:
        image: numpy (H, W, 3) or torch (3, H, W), uint8 RGB.
        poses: in the image's pixels.
        skeleton: of the poses; taken from them if they say it.
        options: what is drawn, and how, `videopose.drawing.options.DrawOptions`; heads are not hidden here.

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
    draw_people(copy, poses, known, options or PLAIN)
    return copy


def draw_people(image: U8, poses: Poses, skeleton: Skeleton, options: DrawOptions = PLAIN) -> None:
    """Draw everybody into an image, in place; weak people first, so that they do not cover strong ones.

    Args:
        image: (H, W, 3) RGB, contiguous.
        poses: in the image's pixels.
        skeleton: of the poses.
        options: which layers, and how.
    """
    pen = DrawStyle.for_size((image.shape[0], image.shape[1]), options.scale)
    filled, heads = filled_keypoints(poses), head_circles(poses, skeleton, min_score=options.min_score)
    for row in np.argsort(poses.score, kind="stable"):
        person = pen.for_person(float(poses.xyxy[row, 3] - poses.xyxy[row, 1]))
        colour = track_color(int(poses.track_id[row]))
        if "boxes" in options.draw and np.isfinite(poses.xyxy[row]).all():
            blend_box(image, poses.xyxy[row], colour, max(1.0, person.line * 0.6), dashed=bool(filled[row].all()))
        if "skeleton" in options.draw or "faces" in options.draw:
            limbs = _Limbs(poses.keypoints[row], filled[row], skeleton, options, float(2 * heads[row, 2]), person)
            limbs.draw(image, colour)
    if "labels" in options.draw or "scores" in options.draw:
        _draw_labels(image, poses, skeleton, heads, options, pen)


class _Limbs:
    """The limbs and joints of one person."""

    def __init__(
        self, keypoints: F32, filled: Bool, skeleton: Skeleton, options: DrawOptions, head: float, pen: DrawStyle
    ) -> None:
        self._keypoints, self._filled, self._skeleton, self._options = keypoints, filled, skeleton, options
        self._widths = part_widths(keypoints, skeleton, pen.line, min_score=options.min_score)
        self._face_strength = (
            float(np.clip((head - _SMALL_FACE) / (_LARGE_FACE - _SMALL_FACE), 0, 1)) if head > 0 else 1.0
        )

    def draw(self, image: U8, colour: Colour) -> None:
        limbs = [limb for limb in self._skeleton.edges if self._strength(*limb) > 0]
        for a, b in limbs:  # a dark rim under all limbs keeps them readable on any background
            width = self._width(a, b)
            self._line(image, a, b, (20, 20, 20), width + max(1.0, width * 0.6), 0.55)
        for a, b in limbs:
            self._line(image, a, b, self._colour(colour, a, b), self._width(a, b), 1.0)
        for index, (x, y, _) in enumerate(self._keypoints):
            strength = self._strength(index, index)
            point = np.array([x, y], np.float32)
            radius = self._width(index, index) * 0.95
            blend_dot(image, point, tint(self._colour(colour, index, index), 0.55), radius, strength)

    def _line(self, image: U8, a: int, b: int, colour: Colour, width: float, share: float) -> None:
        dashed = bool(self._filled[a] or self._filled[b])
        ends = self._keypoints[a, :2], self._keypoints[b, :2]
        blend_line(image, *ends, colour, width, self._strength(a, b) * share, dashed=dashed)

    def _is_face(self, a: int, b: int) -> bool:
        return {self._skeleton.keypoints[a], self._skeleton.keypoints[b]} <= _FACE

    def _strength(self, a: int, b: int) -> float:
        """Return how strongly a limb, or a joint with itself, is drawn."""
        is_face = self._is_face(a, b)
        # The nose ends the line from the neck: as a joint it stays where faces are left out.
        is_shown = "faces" if is_face and not (a == b and self._skeleton.keypoints[a] == "nose") else "skeleton"
        if is_shown not in self._options.draw:
            return 0.0
        score = float(min(self._keypoints[a, 2], self._keypoints[b, 2]))
        fine = min(1.0, self._widths[a], self._widths[b])
        return fine * opacity(score, self._options.min_score) * (self._face_strength if is_face else 1.0)

    def _width(self, a: int, b: int) -> float:
        line = min(self._widths[a], self._widths[b])
        return max(1.0, line * (0.5 + 0.5 * self._face_strength) * 0.75 if self._is_face(a, b) else line)

    def _colour(self, colour: Colour, a: int, b: int) -> Colour:
        """Lighten the person's left side, so that left and right can be told apart; or give each side its colour."""
        names = self._skeleton.keypoints[a], self._skeleton.keypoints[b]
        if self._options.side_colours:
            for side, of_side in (("left_", LEFT_COLOUR), ("right_", RIGHT_COLOUR)):
                if all(name.startswith(side) for name in names):
                    return of_side
            return MIDDLE_COLOUR
        is_left = all(name.startswith("left_") for name in names)
        return tint(colour, 0.35) if is_left and a != b else colour


def _draw_labels(image: U8, poses: Poses, skeleton: Skeleton, heads: F32, options: DrawOptions, pen: DrawStyle) -> None:
    """Label everybody who has an id and a keypoint that is drawn; lower ids choose their place first."""
    labels = []
    for row in np.argsort(poses.track_id, kind="stable"):
        is_seen = (poses.keypoints[row, :, 2] >= options.min_score).any()
        text = _text_of(poses, int(row), options)
        if is_seen and text and _is_inside(poses.xyxy[row], image):
            x, top = _top_of_head(poses, int(row), heads[row], skeleton, options.min_score)
            labels.append(Label(text, track_color(int(poses.track_id[row])), (x, top - pen.line)))
    sizes = [label_size(label.text, pen.text) for label in labels]
    corners = place_labels([label.anchor for label in labels], sizes, heads, (image.shape[0], image.shape[1]))
    for label, corner in zip(labels, corners, strict=True):
        if corner is not None:
            draw_label(image, label, corner, pen.text)


def _top_of_head(poses: Poses, row: int, head: F32, skeleton: Skeleton, min_score: float) -> tuple[float, float]:
    """Return the point a label stands on: over the keypoints of the head; over its circle where there are none."""
    x, y, radius = (float(part) for part in head)
    names = skeleton.keypoints
    points = poses.keypoints[row, [index for index, name in enumerate(names) if name in HEAD]]
    seen = points[np.isfinite(points).all(1) & (points[:, 2] >= min_score)]
    if not len(seen):
        return x, y - radius
    crown = names.index("head_top") if "head_top" in names else None
    has_crown = crown is not None and poses.keypoints[row, crown, 2] >= min_score
    return x, float(seen[:, 1].min()) - radius * (0.15 if has_crown else 0.6)


def _is_inside(xyxy: F32, image: U8) -> bool:
    """Check whether a part of a box lies in the image; a box that is nowhere does."""
    x1, y1, x2, y2 = xyxy
    return not (x2 < 0 or y2 < 0 or x1 > image.shape[1] or y1 > image.shape[0])


def _text_of(poses: Poses, row: int, options: DrawOptions) -> str:
    """Write an id, a score or both; nothing for somebody without an id where only ids are wanted."""
    words = []
    if "labels" in options.draw and poses.track_id[row] != UNTRACKED:
        words.append(str(poses.track_id[row]))
    if "scores" in options.draw:
        words.append(f"{poses.score[row]:.2f}")
    return " ".join(words)
