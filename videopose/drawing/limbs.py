"""The limbs and joints of one person: how thick, how strong, in which colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videopose.drawing.fine_parts import part_widths
from videopose.drawing.heads import HEAD
from videopose.drawing.options import PLAIN, DrawOptions
from videopose.drawing.strokes import Colour, blend_dot, blend_line, tint
from videopose.skeletons import Skeleton
from videopose.types import F32, U8, Bool

LEFT_COLOUR: Colour = (70, 160, 255)
RIGHT_COLOUR: Colour = (255, 140, 30)
MIDDLE_COLOUR: Colour = (235, 235, 235)
"""Of what has no side, where sides have colours."""

_SOLID_FROM = 0.5
_FAINTEST = 0.25
_SMALL_FACE, _LARGE_FACE = 14.0, 40.0
"""Diameters of a head in pixels between which the lines of its face go from nothing to full strength."""
_FACE = frozenset(HEAD) - {"head_top", "head_bottom", "face"}


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


class Limbs:
    """One person's limbs, ready to be drawn.

    Args:
        keypoints: (K, 3) x, y in image pixels and score.
        filled: (K,) which of them nobody saw.
        skeleton: of the keypoints.
        options: which layers, and how.
        pen: sizes that suit the person.
        head: diameter of the head, pixels; NaN where it is not known.
    """

    def __init__(
        self, keypoints: F32, filled: Bool, skeleton: Skeleton, options: DrawOptions, pen: DrawStyle, *, head: float
    ) -> None:
        self._keypoints, self._filled, self._skeleton, self._options = keypoints, filled, skeleton, options
        self._line = pen.line
        size = (head - _SMALL_FACE) / (_LARGE_FACE - _SMALL_FACE)
        self._face_strength = float(np.clip(size, 0, 1)) if head > 0 else 1.0
        self._widths = part_widths(keypoints, skeleton, pen.line, min_score=options.min_score)

    def draw(self, image: U8, colour: Colour) -> None:
        """Draw into an image, in place, in the colour of the person."""
        limbs = [limb for limb in self._skeleton.edges if self._strength(*limb) > 0]
        for a, b in limbs:  # a dark rim under all limbs keeps them readable on any background
            width = self._width(a, b)
            self._stroke(image, a, b, (20, 20, 20), width + max(1.0, width * 0.6), 0.55)
        for a, b in limbs:
            self._stroke(image, a, b, self._colour(colour, a, b), self._width(a, b), 1.0)
        for index, (x, y, _) in enumerate(self._keypoints):
            point, radius = np.array([x, y], np.float32), self._width(index, index) * 0.95
            shade = tint(self._colour(colour, index, index), 0.55)
            blend_dot(image, point, shade, radius, self._strength(index, index))

    def _stroke(self, image: U8, a: int, b: int, colour: Colour, width: float, share: float) -> None:
        dashed = bool(self._filled[a] or self._filled[b])
        ends = self._keypoints[a, :2], self._keypoints[b, :2]
        blend_line(image, *ends, colour, width, self._strength(a, b) * share, dashed=dashed)

    def _is_face(self, a: int, b: int) -> bool:
        return {self._skeleton.keypoints[a], self._skeleton.keypoints[b]} <= _FACE

    def _strength(self, a: int, b: int) -> float:
        """Return how strongly a limb, or a joint with itself, is drawn; what is finer than a pixel is fainter."""
        is_face = self._is_face(a, b)
        # The nose ends the line from the neck: as a joint it stays where faces are left out.
        layer = "faces" if is_face and not (a == b and self._skeleton.keypoints[a] == "nose") else "skeleton"
        if layer not in self._options.draw:
            return 0.0
        score = float(min(self._keypoints[a, 2], self._keypoints[b, 2]))
        of_size = self._face_strength if is_face else min(1.0, self._widths[a], self._widths[b])
        return opacity(score, self._options.min_score) * of_size

    def _width(self, a: int, b: int) -> float:
        if self._is_face(a, b):
            return max(1.0, self._line * (0.5 + 0.5 * self._face_strength) * 0.75)
        return max(1.0, min(self._widths[a], self._widths[b]))

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
