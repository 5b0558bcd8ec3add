"""Lengths of limbs over a track: a limb may look shorter than it is, never longer, and does not jump out."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from videopose.errors import InputError
from videopose.types import F64, Bool

LIMBS: dict[str, tuple[str, str]] = {
    f"{side}_{limb}": (f"{side}_{first}", f"{side}_{second}")
    for side in ("left", "right")
    for limb, first, second in (
        ("upper_arm", "shoulder", "elbow"),
        ("forearm", "elbow", "wrist"),
        ("flank", "shoulder", "hip"),
        ("thigh", "hip", "knee"),
        ("shank", "knee", "ankle"),
    )
}
"""Limbs by name: the end nearer to the trunk's middle first."""

_THIGH_AND_SHANK = 0.245 + 0.246
"""Parts of a person's height (Winter, "Biomechanics and Motor Control of Human Movement", 4th ed. 2009, figure 4.1)."""

_FULL_LENGTH = 90
"""Percentile of a limb's lengths over a track that is taken for its length in the plane of the image."""

_AROUND = 0.5
"""Seconds within which a limb that jumped out jumps back; and before and after a frame, by which growth is told."""

_WINDOWS_AT_ONCE = 16_384

_ON_THE_TRUNK = ("upper_arm", "thigh")
"""Limbs whose inner end belongs to the trunk, which four limbs and more hold in its place."""

_PASSES = 3
"""How often what was found is left out and the rest is compared again: errors in a row hide one another."""


class LimbLengths(NamedTuple):
    """One limb over a track; lengths as the points', NaN where nobody has seen it.

    Attributes:
        median: of its lengths.
        full: its 90th percentile: the limb in the plane of the image.
        spread: 1.4826 times the median deviation from the median, as a part of it; 0 for a limb of one length.
        frames: in which it was seen.
    """

    median: float
    full: float
    spread: float
    frames: int


def limb_lengths(points: dict[str, F64]) -> dict[str, F64]:
    """Measure the limbs whose ends are among (T, 2) points; (T,) each, NaN where an end is."""
    return {
        limb: np.hypot(*(points[first] - points[second]).T)
        for limb, (first, second) in LIMBS.items()
        if first in points and second in points
    }


def summarise(lengths: F64) -> LimbLengths:
    """Summarise the (T,) lengths of a limb."""
    known = lengths[np.isfinite(lengths)]
    if not len(known):
        return LimbLengths(np.nan, np.nan, np.nan, 0)
    median = float(np.median(known))
    spread = 1.4826 * float(np.median(np.abs(known - median))) / max(median, 1e-9)
    return LimbLengths(median, _full_length(lengths), spread, len(known))


def impossible_points(points: dict[str, F64], time: F64, max_stretch: float) -> dict[str, Bool]:
    """Find the points of poses that cannot be.

    A limb cannot be if it is longer than it is in the plane of the image (the 90th percentile of the person's own
    lengths over the track, grown with all others' where the person comes nearer), or if it becomes longer from one pose
    to the next and shorter again so within half a second, each time by more than `max_stretch`. Both its ends are at
    fault, but of an upper arm or a thigh the outer one alone.

    Args:
        points: (T, 2) of one track; NaN where not known.
        time: (T,) seconds, increasing.
        max_stretch: a ratio of lengths, above 1.

    Returns:
        (T,) for each point.
    """
    wrong = {name: np.zeros(len(time), bool) for name in points}
    for _ in range(_PASSES):
        kept = {name: np.where(wrong[name][:, None], np.nan, xy) for name, xy in points.items()}
        found = _at_fault(limb_lengths(kept), time, max_stretch)
        if not any(each.any() for each in found.values()):
            break
        for name, rows in found.items():
            wrong[name] |= rows
    return wrong


def _at_fault(lengths: dict[str, F64], time: F64, max_stretch: float) -> dict[str, Bool]:
    if not lengths:
        return {}
    local = {limb: _around(each, time) for limb, each in lengths.items()}
    full = {limb: _full_length(each) for limb, each in lengths.items()}
    nearer = np.stack([local[limb] / full[limb] for limb in lengths])
    with np.errstate(invalid="ignore"):
        growth = np.fmax(1.0, np.nanmedian(np.nan_to_num(nearer, nan=1.0), axis=0))
        flagged = {
            limb: (each > max_stretch * full[limb] * growth) | _excursions(each, time, max_stretch)
            for limb, each in lengths.items()
        }
    found: dict[str, Bool] = {}
    for limb, rows in flagged.items():
        near, far = LIMBS[limb]
        for end in (far,) if limb.endswith(_ON_THE_TRUNK) else (near, far):
            found[end] = found.get(end, np.zeros(len(time), bool)) | rows
    return found


def _excursions(lengths: F64, time: F64, max_stretch: float) -> Bool:
    """Find runs of poses, of half a second at most, between a jump to a longer limb and one back."""
    known = np.flatnonzero(np.isfinite(lengths))
    ratio = lengths[known[1:]] / np.maximum(lengths[known[:-1]], 1e-9)
    is_near = np.diff(time[known]) <= _AROUND
    up, down = (np.flatnonzero(each & is_near) + 1 for each in (ratio > max_stretch, ratio * max_stretch < 1))
    found = np.zeros(len(lengths), bool)
    back = np.searchsorted(down, up + 1)
    for first, place in zip(up.tolist(), back.tolist(), strict=True):
        if place < len(down) and time[known[down[place]]] - time[known[first]] <= _AROUND + 1e-9:
            found[known[first : down[place]]] = True
    return found


def _full_length(lengths: F64) -> float:
    known = lengths[np.isfinite(lengths)]
    return float(np.percentile(known, _FULL_LENGTH)) if len(known) else np.nan


def _around(lengths: F64, time: F64) -> F64:
    """Return the median within half a second around each frame, at the usual distance of frames; NaN where none is."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else _AROUND
    half = min(max(round(_AROUND / step), 1), len(time))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(lengths, half, constant_values=np.nan), 2 * half + 1)
    parts = [windows[first : first + _WINDOWS_AT_ONCE] for first in range(0, len(windows), _WINDOWS_AT_ONCE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a window in which nothing is known
        return np.concatenate([np.nanmedian(part, axis=1) for part in parts])


def height_in_pixels(points: dict[str, F64]) -> float:
    """Estimate how tall a person is in pixels, from thighs and shanks, which do not depend on posture.

    Raises:
        InputError: no leg is seen.
    """
    lengths = limb_lengths(points)
    legs = [
        sum(summarise(lengths[f"{side}_{limb}"]).full for limb in ("thigh", "shank"))
        for side in ("left", "right")
        if f"{side}_shank" in lengths and f"{side}_thigh" in lengths
    ]
    known = [leg for leg in legs if np.isfinite(leg)]
    if not known:
        raise InputError("a height in metres needs a leg that is seen; give --calibrate X1,Y1,X2,Y2=METRES instead")
    return float(np.mean(known)) / _THIGH_AND_SHANK
