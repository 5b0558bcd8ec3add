"""How a decoded image is turned and mirrored before it is shown, by the display matrix of its container."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData

from videopose.types import U8

_TYPE = "DISPLAYMATRIX"


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to lay an image.

    Attributes:
        is_mirrored: left and right are exchanged, before it is turned.
        quarter_turns: counter-clockwise, 0 to 3.
    """

    is_mirrored: bool = False
    quarter_turns: int = 0

    def size_hw(self, upright_hw: tuple[int, int]) -> tuple[int, int]:
        """Return the displayed size of an image that has this (height, width) as decoded."""
        return upright_hw if self.quarter_turns % 2 == 0 else upright_hw[::-1]

    def apply(self, image: U8) -> U8:
        """Return a view of an (H, W, 3) image the way it is shown."""
        return np.rot90(image[:, ::-1] if self.is_mirrored else image, self.quarter_turns)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Read the display matrix of a decoded frame; an image without one is shown as it is.

    Source:
        ISO/IEC 14496-12, section 6.2.2: (x, y) is shown at (a x + c y, b x + d y), y downwards.
    """
    try:
        sides = cast("Iterable[SideData]", frame.side_data)  # a mapping by type, which gives its values
    except ValueError:  # EXIF data, a kind PyAV has no name for, hides all others from it
        return Orientation(quarter_turns=round(frame.rotation / 90) % 4)
    data = next((bytes(side) for side in sides if side.type.name == _TYPE), b"")
    if len(data) < 36:
        return Orientation()
    a, b, _, c, d = np.frombuffer(data[:20], "<i4" if np.little_endian else ">i4").tolist()
    return from_matrix(a, b, c, d)


def from_matrix(a: float, b: float, c: float, d: float) -> Orientation:
    """Find the orientation nearest to a matrix.

    Example:
        >>> from_matrix(-1, 0, 0, 1)
        Orientation(is_mirrored=True, quarter_turns=0)
    """
    if a == b == c == d == 0:
        return Orientation()
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, b = -a, -b  # what is left is a rotation of the mirrored image: its x axis points the other way
    turns = round(np.arctan2(-b + c, a + d) / (np.pi / 2)) % 4
    return Orientation(is_mirrored, int(turns))
