"""Tracks cut into pieces of bounded length and laid side by side, so that smoothers run on many at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from videopose.tracking.cost import person_size
from videopose.tracking.video_poses import VideoPoses
from videopose.types import F64, I64, Bool

_CORE = 448
_CONTEXT = 64
"""Poses a piece is responsible for, and poses before and after that it may look at (over 2 s at 30 frames per second:
no smoother here remembers that long)."""

_SIDE_BY_SIDE = 64
"""Pieces per batch; with 19 keypoints a batch takes about 60 MB while it is smoothed."""

BREAK = 1.0
"""Seconds without a pose after which nothing is carried over from one side to the other."""


@dataclass(eq=False)
class Series:
    """B pieces of tracks, padded to T poses.

    Attributes:
        rows: (T, B) row of the table, -1 = padding.
        core: (T, B) this piece's own poses; the others are context or padding.
        time: (T, B) seconds, not falling.
        xy: (T, B, K, 2) image pixels.
        weight: (T, B, K) how much a position counts, 0 = not at all.
        size: (B,) pixels.
    """

    rows: I64
    core: Bool
    time: F64
    xy: F64
    weight: F64
    size: F64


def batches(table: VideoPoses, ignored: Bool) -> Iterator[Series]:
    """Lay the tracks of a table side by side; every tracked row is core exactly once.

    Args:
        table: the poses.
        ignored: (M,) rows whose keypoints get weight 0 (filled in, not seen).
    """
    order, edges = table.by_track()
    time = table.pose_time
    pieces = sorted(_pieces(time[order], edges), key=lambda piece: piece[1] - piece[0])
    for first in range(0, len(pieces), _SIDE_BY_SIDE):
        yield _series(table, time, order, pieces[first : first + _SIDE_BY_SIDE], ignored)


def _pieces(time: F64, edges: I64) -> list[tuple[int, int, int, int]]:
    """Give (first, last, core first, core last) positions in the order by track, ends exclusive."""
    breaks = np.flatnonzero(np.diff(time) > BREAK) + 1 if len(time) else np.zeros(0, np.int64)
    cuts = np.unique(np.concatenate([edges, breaks])).tolist()
    pieces = []
    for first, last in pairwise(cuts):
        for core in range(first, last, _CORE):
            end = min(core + _CORE, last)
            pieces.append((max(core - _CONTEXT, first), min(end + _CONTEXT, last), core, end))
    return pieces


def _series(table: VideoPoses, time: F64, order: I64, pieces: list[tuple[int, int, int, int]], ignored: Bool) -> Series:
    length = max(last - first for first, last, _, _ in pieces)
    rows = np.full((length, len(pieces)), -1, np.int64)
    core = np.zeros((length, len(pieces)), bool)
    padded = np.zeros((length, len(pieces)), np.int64)
    for column, (first, last, core_first, core_last) in enumerate(pieces):
        rows[: last - first, column] = order[first:last]
        padded[:, column] = order[last - 1]  # padding repeats the last pose, with weight 0
        padded[: last - first, column] = order[first:last]
        core[core_first - first : core_last - first, column] = True
    keypoints = table.keypoints[padded].astype(np.float64)
    weight = np.where(((rows < 0) | ignored[padded])[..., None], 0.0, keypoints[..., 2])
    size = np.array([np.median(person_size(table.xyxy[order[first:last]])) for first, last, _, _ in pieces], np.float64)
    return Series(rows, core, time[padded], keypoints[..., :2], weight, size)
