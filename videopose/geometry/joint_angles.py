"""Joint and segment angles of a body seen from one side: names, signs and zeros as Sports2D has them.

Angles are those of the image plane. A joint is at 0 degrees standing upright with arms hanging, flexion and
dorsiflexion are positive, and go beyond 0 to the other side for extension. Segments are measured from the horizontal,
anticlockwise: of somebody upright the trunk is at 90 (from hip to neck), thighs and shanks are at -90 (downwards).

Source: Pagnon, "Sports2D: Compute 2D human pose and angles from a video or a webcam", JOSS 9 (2024) 6849.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from videopose.errors import InputError
from videopose.types import F64

Facing = Literal["right", "left", "front", "back"]
"""Where a person looks: to the right or left of the image, into the camera, or away from it."""


@dataclass(frozen=True)
class Angle:
    """One angle.

    Attributes:
        points: three keypoints, the joint in the middle; four, of the segments from the first to the second and from
            the third to the fourth; two, of a segment that ends at the first.
        measure: what is positive: flexion, dorsiflexion, or the angle to the horizontal.
        offset: degrees added to the clockwise angle.
        sign: 1 or -1, by which that sum is multiplied.
        half_turn: a line without direction, whose angle lies in -90 to 90.
    """

    points: tuple[str, ...]
    measure: Literal["flexion", "dorsiflexion", "horizontal"]
    offset: float = 0.0
    sign: int = 1
    half_turn: bool = False


def _sides(name: str, points: tuple[str, ...], measure: Literal["flexion", "dorsiflexion", "horizontal"], *,
           offset: float, sign: int) -> dict[str, Angle]:  # fmt: skip
    middle = ("mid_hip", "neck")
    return {
        f"{side}_{name}": Angle(
            tuple(each if each in middle else f"{side}_{each}" for each in points), measure, offset, sign
        )
        for side in ("right", "left")
    }


ANGLES: dict[str, Angle] = {
    **_sides("ankle", ("knee", "ankle", "big_toe", "heel"), "dorsiflexion", offset=90, sign=1),
    **_sides("knee", ("ankle", "knee", "hip"), "flexion", offset=-180, sign=1),
    **_sides("hip", ("knee", "hip", "mid_hip", "neck"), "flexion", offset=0, sign=-1),
    **_sides("shoulder", ("elbow", "shoulder", "mid_hip", "neck"), "flexion", offset=0, sign=-1),
    **_sides("elbow", ("wrist", "elbow", "shoulder"), "flexion", offset=180, sign=-1),
    **_sides("foot", ("big_toe", "heel"), "horizontal", offset=0, sign=-1),
    **_sides("shank", ("ankle", "knee"), "horizontal", offset=0, sign=-1),
    **_sides("thigh", ("knee", "hip"), "horizontal", offset=0, sign=-1),
    **_sides("arm", ("elbow", "shoulder"), "horizontal", offset=0, sign=-1),
    **_sides("forearm", ("wrist", "elbow"), "horizontal", offset=0, sign=-1),
    "pelvis": Angle(("left_hip", "right_hip"), "horizontal", sign=-1, half_turn=True),
    "trunk": Angle(("neck", "mid_hip"), "horizontal", sign=-1),
    "shoulders": Angle(("left_shoulder", "right_shoulder"), "horizontal", sign=-1, half_turn=True),
    "head": Angle(("head_top", "neck"), "horizontal", sign=-1),
}
"""Every angle by its name. The document's table and figure are drawn from this one."""

MIDDLES: dict[str, tuple[str, tuple[str, str]]] = {
    "neck": ("head_bottom", ("left_shoulder", "right_shoulder")),
    "mid_hip": ("pelvis", ("left_hip", "right_hip")),
}
"""Points in the middle of the body: the keypoint a skeleton may have for them, else the two they lie between."""


def with_middles(points: dict[str, F64]) -> dict[str, F64]:
    """Add the neck and the middle of the hips, (..., 2) each; NaN where what they are made of is."""
    out = dict(points)
    for name, (own, (left, right)) in MIDDLES.items():
        if own in points:
            out[name] = points[own]
        elif left in points and right in points:
            out[name] = (points[left] + points[right]) / 2
    return out


def measured_angles(names: tuple[str, ...]) -> list[str]:
    """List the angles that keypoints of these names give, in the order of the table."""
    known = with_middles({name: np.zeros(2) for name in names})
    return [name for name, angle in ANGLES.items() if all(point in known for point in angle.points)]


def angle_of(name: str, points: dict[str, F64], facing: Facing = "right") -> F64:
    """Compute one angle.

    Args:
        name: of the angle.
        points: (..., 2) image pixels, y down, by keypoint; `with_middles` has added what lies between.
        facing: where the person looks. A body that looks to the left is mirrored first; of one that looks into the
            camera the right half is, of one that looks away the left half, so that outward is forward on both sides.

    Returns:
        (...) degrees in [-180, 180), of lines without direction in [-90, 90); NaN where a point is.

    Raises:
        InputError: there is no such angle, or a point of it is missing.
    """
    if name not in ANGLES:
        raise InputError(f"no angle is named {name!r}. Known: {', '.join(ANGLES)}")
    angle = ANGLES[name]
    missing = [point for point in angle.points if point not in points]
    if missing:
        raise InputError(f"angle {name} needs keypoints {', '.join(missing)}, which the skeleton has not")
    mirrored = facing == "left" or (name.startswith("right") and facing == "front")
    mirrored |= name.startswith("left") and facing == "back"
    ends = [points[point] * ([-1.0, 1.0] if mirrored else [1.0, 1.0]) for point in angle.points]
    turn = 180.0 if angle.half_turn else 360.0
    degrees = (_clockwise(ends) + angle.offset) * angle.sign
    return np.asarray((degrees + turn / 2) % turn - turn / 2)


def _clockwise(ends: list[F64]) -> F64:
    """Return degrees from the second vector to the first, as the image shows them; of one vector, from the x axis."""
    if len(ends) == 2:
        first = ends[0] - ends[1]
        return np.degrees(np.arctan2(first[..., 1], first[..., 0]))
    first, second = (ends[0] - ends[1], ends[2] - ends[1]) if len(ends) == 3 else (ends[1] - ends[0], ends[3] - ends[2])
    cross = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    dot = (first * second).sum(axis=-1)
    nowhere = (first == 0).all(axis=-1) | (second == 0).all(axis=-1)
    return np.where(nowhere, np.nan, -np.degrees(np.arctan2(cross, dot)))


def facing_of(points: dict[str, F64]) -> Facing:
    """Find where a person looks, by a whole track: knees bend backwards, elbows forwards.

    Args:
        points: (T, 2) image pixels, y down, by keypoint; NaN where doubtful.

    Returns:
        right or left where both sides agree; where they do not, front if the left shoulder is on the right of the
        image and back if it is not; right where nothing tells.
    """
    bends = {side: _bend(points, side) for side in ("left", "right")}
    if all(bends.values()) and bends["left"] * bends["right"] < 0:
        left, right = points.get("left_shoulder"), points.get("right_shoulder")
        across = 0.0 if left is None or right is None else float(np.nansum(left[..., 0] - right[..., 0]))
        return "front" if across >= 0 else "back"
    return "left" if sum(bends.values()) < 0 else "right"


def _bend(points: dict[str, F64], side: str) -> float:
    """Sum up how far a side's knee bends as that of somebody who looks to the right; of the elbow without a knee."""
    for joint in ("knee", "elbow"):
        name = f"{side}_{joint}"
        if all(point in points for point in ANGLES[name].points):
            degrees = angle_of(name, points)
            if np.isfinite(degrees).any():
                return float(np.nansum(degrees))
    return 0.0


def speeds(values: F64, time: F64, *, turn: float | None = 360.0) -> F64:
    """Differentiate an angle, or a coordinate, by central differences, over the neighbours in time.

    Args:
        values: (T,) NaN where not known.
        time: (T,) seconds, increasing.
        turn: after how many degrees an angle begins anew; None for what does not.

    Returns:
        (T,) units per second; NaN at both ends and where one of the three values is not known.
    """
    out = np.full(len(values), np.nan)
    if len(values) > 2:
        there = np.isfinite(values[1:-1])
        way = values[2:] - values[:-2]
        way = way if turn is None else (way + turn / 2) % turn - turn / 2
        out[1:-1] = np.where(there, way / (time[2:] - time[:-2]), np.nan)
    return out
