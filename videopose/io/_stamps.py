"""Build time stamps increase: wrong ones are put between their neighbours, a clock that starts anew is shifted.

Everything here works on the stamps of one stream in presentation order, in ticks; nothing is opened.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from videopose.types import I64

_LOCAL = 3
"""So many wrong stamps in a row are errors of their own; more of them are a clock that was set anew."""

_STEADY = 0.9
"""Share of equal frame distances above which a video counts as having a constant frame rate."""

_LIMIT = 1 << 56
"""Ticks no real stamp has: two years in nanoseconds."""

_FAR = 4
"""A missing stamp is put in the middle of its neighbours unless they lie more than this many steps a frame apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """Stamps that increase.

    Attributes:
        ticks: (T,) strictly increasing.
        wrong: indices of the frames whose own stamp was not used, those without one included.
        shifted: first index behind each place where the clock went back, and the ticks it was moved by.
    """

    ticks: I64
    wrong: list[int] = field(default_factory=list)
    shifted: list[tuple[int, int]] = field(default_factory=list)


def median_step(ticks: Sequence[int] | I64, default: int) -> int:
    """Return the usual distance of two frames, at least 1 tick; `default` where there are not two."""
    steps = np.diff(np.asarray(ticks, np.int64))
    steps = steps[steps > 0]
    return max(1, int(np.median(steps))) if len(steps) else max(1, default)


def is_steady(ticks: I64, step: int) -> bool:
    """Check whether nearly all frames are a step apart, up to a tick or a tenth of the step."""
    return len(ticks) > 1 and float(_is_step(np.diff(ticks), step).mean()) >= _STEADY


def _is_step(steps: I64, step: int) -> np.ndarray:
    return np.asarray(np.abs(steps - step) <= max(1, step // 10))


def repair(stamps: Sequence[int | None], default_step: int) -> Repaired:
    """Keep every stamp that fits its neighbours and find a place for the others.

    Where stamps stop increasing, either a few of them are wrong (the fewest whose removal lets the rest increase), or,
    if more than a few would have to go, the clock was set back and all that follow are moved behind what came before.

    Args:
        stamps: of the frames in presentation order; None where a frame has none.
        default_step: ticks from frame to frame, where the stamps do not say.
    """
    known = [(index, tick) for index, tick in enumerate(stamps) if tick is not None and abs(tick) < _LIMIT]
    step = min(median_step([tick for _, tick in known], default_step), _LIMIT >> 32)
    indices: list[int] = []
    ticks: list[int] = []
    shifted: list[tuple[int, int]] = []
    offset = 0
    for run in _increasing_runs(known):
        run_ticks = [tick + offset for _, tick in run]
        run_indices = [index for index, _ in run]
        if ticks and run_ticks[0] <= ticks[-1]:
            tail = len(ticks) - bisect_left(ticks, run_ticks[0])
            head = bisect_right(run_ticks, ticks[-1])
            move = ticks[-1] + step * (run_indices[0] - indices[-1]) - run_ticks[0]
            if min(tail, head) > _LOCAL and run_ticks[-1] + move < 2 * _LIMIT:
                offset += move
                run_ticks = [tick + move for tick in run_ticks]
                shifted.append((run_indices[0], move))
            elif head < tail or (head == tail and _is_head_odd(ticks, indices, run_ticks, run_indices, head, step)):
                run_ticks, run_indices = run_ticks[head:], run_indices[head:]
            else:
                del ticks[-tail:], indices[-tail:]
        ticks += run_ticks
        indices += run_indices
    wrong = sorted(set(range(len(stamps))) - set(indices))
    return Repaired(_filled(len(stamps), indices, ticks, step), wrong, shifted)


def _is_head_odd(
    ticks: list[int], indices: list[int], run_ticks: list[int], run_indices: list[int], count: int, step: int
) -> bool:
    """Check whether frames are spaced more evenly without the first of a run than without the last before it."""

    def unevenness(left: slice, right: slice) -> float:
        places = np.array([*indices[left][-2:], *run_indices[right][:2]], np.float64)
        times = np.array([*ticks[left][-2:], *run_ticks[right][:2]], np.float64)
        return float(np.abs(np.diff(times) / np.diff(places) - step).mean()) if len(places) > 1 else 0.0

    return unevenness(slice(None), slice(count, None)) <= unevenness(slice(0, -count), slice(None))


def _increasing_runs(known: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    runs: list[list[tuple[int, int]]] = []
    for index, tick in known:
        if not runs or tick <= runs[-1][-1][1]:
            runs.append([])
        runs[-1].append((index, tick))
    return runs


def _filled(count: int, indices: list[int], ticks: list[int], step: int) -> I64:
    """Place the frames without a stamp evenly between their neighbours, or a step behind the one before."""
    if not indices:
        return np.arange(count, dtype=np.int64) * step
    out = np.zeros(count, np.int64)
    out[indices] = ticks
    first, last = indices[0], indices[-1]
    out[:first] = ticks[0] - step * np.arange(first, 0, -1)
    out[last + 1 :] = ticks[-1] + step * np.arange(1, count - last)
    for (left, tick), (right, following) in pairwise(zip(indices, ticks, strict=True)):
        hole, frames = following - tick, right - left
        is_leap = hole > _FAR * step * frames
        for number in range(1, frames):
            out[left + number] = tick + (step * number if is_leap else hole * number // frames)
    for index in np.flatnonzero(np.diff(out) <= 0) + 1:  # no room between two neighbours: the later ones give way
        while index < count and out[index] <= out[index - 1]:
            out[index] = out[index - 1] + 1
            index += 1
    return out


def long_holes(ticks: I64, step: int, second: float) -> list[int]:
    """Find where the clock of a steady video leaps: the frame before each hole of a second and ten frames or more."""
    if not is_steady(ticks, step):
        return []
    return np.flatnonzero(np.diff(ticks) > max(second, 10 * step)).tolist()


def fill_losses(
    ticks: I64, step: int, complaints: dict[int, str], most_lost: Sequence[int]
) -> tuple[I64, I64, dict[int, str]]:
    """Restore the frames whose packets the demuxer could not find, where it complained and the hole can be that.

    A hole alone proves nothing: frame rates vary and clocks are set. So a loss is a hole in a steady stream, next to a
    complaint, and no larger than what may have been lost there.

    Args:
        ticks: (T,) of the frames there are, increasing.
        step: ticks from frame to frame.
        complaints: what the demuxer said just before or behind a frame, by the frame's index.
        most_lost: (T - 1,) how many frames may be missing behind each frame.

    Returns:
        (T',) ticks with the lost frames; (T,) the new index of each frame; the complaint by index of each lost frame.
    """
    if not complaints or not is_steady(ticks, step):
        return ticks, np.arange(len(ticks)), {}
    filled: list[int] = []
    moved: list[int] = []
    damage: dict[int, str] = {}
    for index, tick in enumerate(ticks.tolist()):
        moved.append(len(filled))
        filled.append(tick)
        hole = int(ticks[index + 1]) - tick if index + 1 < len(ticks) else step
        missing = round(hole / step) - 1
        reason = complaints.get(index, complaints.get(index + 1))
        if missing < 1 or reason is None or missing > most_lost[index]:
            continue
        for number in range(1, missing + 1):
            damage[len(filled)] = reason
            filled.append(tick + round(hole * number / (missing + 1)))
    return np.array(filled, np.int64), np.array(moved, np.int64), damage
