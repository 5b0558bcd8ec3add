"""Where a video changes to another scene, told from small signatures of its images: cuts, and slow transitions.

Nothing is remembered but the frames around, so the answer does not depend on where a stream began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

import numpy as np

from videopose.types import F64, U8

BINS = (8, 3, 16)
"""Hues, saturations and values that a signature counts."""
THUMBNAIL_HW = (9, 16)
"""Height and width of the thumbnail behind the counts, RGB."""
_NUM_BINS = BINS[0] * BINS[1] * BINS[2]

_CUT = 0.22
"""Distance of colours from one frame to the next that makes a cut. On the clips of docs/tracking.md, frames of one shot
are up to 0.04 apart, those across a cut 0.6 and more: the bound lies far from both."""
_RELATED = 0.15
"""A smaller distance makes a cut where the images have nothing else in common either."""
_ALIKE = 0.25
"""Correlation of thumbnails under which they have nothing in common. Neighbours in a shot reach 0.8 and more."""
_SAME_SCENE = 0.85
"""Correlation from which it is the same image in another light, however far its colours are."""
_FAINT = 15.0
"""Mean difference of thumbnails under which nothing has changed, levels: a plain wall may step from bin to bin."""
_BLANK = 2.0
"""Standard deviation of a thumbnail's brightness under which it shows nothing, levels."""
_FLASH = 3
"""An image that is back after as many frames was lit by a flash, not cut."""

_HALVES = (4, 8, 16)
"""Half the length of the transitions that are looked for, frames."""
_TRANSITION = 0.2
"""Distance of colours before and behind a transition, weighed by how even a mixture its middle is."""
_OTHER_SCENE = 0.5
"""Correlation of thumbnails that a transition must not reach: where it is more, only the light has changed."""
_UNMIXED = 0.3
"""Part of the change that a mixture of both ends may leave unexplained; when the camera pans it leaves more."""
_ONE_TRANSITION = 8
"""Frames to either side within which only the most even mixture starts a shot."""

_REACH = max(_HALVES) + _ONE_TRANSITION


def number_shots(signatures: Iterable[U8 | None]) -> Iterator[int]:
    """Return the number of the shot, from 0, that each frame lies in, looking some frames ahead.

    Args:
        signatures: (D,) of each frame as `estimators.image_signature` gives them; None where nobody has looked.
    """
    shot = 0
    for window in _windows(signatures):
        shot += _starts_shot(window)
        yield shot


def is_cut(before: U8 | None, after: U8 | None) -> bool:
    """Check whether two frames in a row are of different scenes; False where nobody has looked."""
    if before is None or after is None:
        return False
    apart = _distance(before, after)
    if apart <= _RELATED or np.abs(_thumbnail(after) - _thumbnail(before)).mean() < _FAINT:
        return False
    return _correlation(before, after) < (_SAME_SCENE if apart > _CUT else _ALIKE)


_Window = Sequence[U8 | None]


def _windows(signatures: Iterable[U8 | None]) -> Iterator[_Window]:
    """Return each frame in the middle of those around it; None stands before the first and behind the last."""
    row: deque[U8 | None] = deque(repeat(None, _REACH + 1), maxlen=2 * _REACH + 1)
    for place, signature in enumerate(chain(signatures, repeat(None, _REACH))):
        row.append(signature)
        if place >= _REACH:
            yield row


def _starts_shot(window: _Window) -> bool:
    if window[_REACH] is None or window[_REACH - 1] is None:
        return False
    if _is_lasting_cut(window, _REACH):
        return True
    here = _evenness(window, _REACH)
    if here < _TRANSITION:
        return False
    before = (_evenness(window, _REACH - away) for away in range(1, _ONE_TRANSITION + 1))
    after = (_evenness(window, _REACH + away) for away in range(1, _ONE_TRANSITION + 1))
    return all(here > each for each in before) and all(here >= each for each in after)


def _is_lasting_cut(window: _Window, place: int) -> bool:
    """Check whether a frame begins a scene that is neither a flash nor the end of one."""
    before, after = window[place - 1], window[place]
    if before is None or after is None or not is_cut(before, after):
        return False
    near = _distance(before, after) / 2
    later = [window[at] for at in range(place + 1, min(place + 1 + _FLASH, len(window)))]
    earlier = [window[at] for at in range(max(place - 1 - _FLASH, 0), place - 1)]
    is_back = any(each is not None and _distance(before, each) < near for each in later)
    was_there = any(each is not None and _distance(after, each) < near for each in earlier)
    return not is_back and not was_there


def _evenness(window: _Window, place: int) -> float:
    """Measure how much a frame is the middle of a slow transition, 0 = not at all."""
    return max(_mixture(window, place, half) for half in _HALVES)


def _mixture(window: _Window, place: int, half: int) -> float:
    first, middle, last = window[place - half], window[place], window[place + half]
    if first is None or middle is None or last is None:
        return 0.0
    apart = _distance(first, last)
    if apart < _TRANSITION or _correlation(first, last) > _OTHER_SCENE:
        return 0.0
    shares = []
    for offset in (-half // 2, 0, half // 2):
        between = window[place + offset]
        share, left = (0.0, 1.0) if between is None else _share(first, between, last)
        if left > _UNMIXED:
            return 0.0
        shares.append(share)
    if not shares[0] < shares[1] < shares[2] or any(
        is_cut(window[at - 1], window[at]) for at in range(place - half + 1, place + half + 1)
    ):
        return 0.0
    return float(apart * (1 - abs(2 * shares[1] - 1)))


def _share(first: U8, between: U8, last: U8) -> tuple[float, float]:
    """Return the share of the last image in one between, and the part of the change that no mixture explains."""
    start, now, end = (_thumbnail(each) for each in (first, between, last))
    change = end - start
    size = float(change @ change)
    if size <= 0:
        return 0.0, 1.0
    share = float((now - start) @ change) / size
    rest = now - start - share * change
    return share, float(np.sqrt(float(rest @ rest) / size))


def _distance(a: U8, b: U8) -> float:
    """Measure how far apart two images' colours are, in [0, 1].

    Source:
        Hellinger's (Bhattacharyya's) distance of histograms, squared.
    """
    first, second = a[:_NUM_BINS].astype(np.float32), b[:_NUM_BINS].astype(np.float32)
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return 1 - float(first @ second) / max(length, 1e-6)


def _correlation(a: U8, b: U8) -> float:
    """Correlate the brightness of two thumbnails, in [-1, 1]; 0 where one is blank, 1 where both are."""
    first, second = (_thumbnail(each).reshape(-1, 3).mean(axis=1) for each in (a, b))
    blank = (first.std() < _BLANK, second.std() < _BLANK)
    if any(blank):
        return float(all(blank))
    return float(np.corrcoef(first, second)[0, 1])


def _thumbnail(signature: U8) -> F64:
    return signature[_NUM_BINS:].astype(np.float64)
