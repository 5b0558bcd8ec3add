"""How people move from one of their frames to the next: what doubts are measured by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from videopose.config import Options
from videopose.tracking.similarity import person_size
from videopose.tracking.track_table import TrackTable
from videopose.types import F64, I64

MIN_SCORE = 0.2
"""Keypoints below do not count."""


class DoubtOptions(Options):
    """From where on a moment is doubtful. Lengths are parts of the person's size."""

    exchange_gain: float = 0.15
    """How much shorter the way is if two ids are exchanged."""
    jump: float = 0.35
    """How far a body goes from one frame to the next, if that is also `jump_factor` times its usual step."""
    jump_factor: float = 5.0
    flip_gain: float = 0.12
    """How much nearer the left and right keypoints are to those before if they change sides."""
    keypoint: float = 0.2
    """How far a keypoint lies off the middle between the frame before and the one after."""
    limb: float = 1.8
    """Factor between a limb and the same person's usual one."""
    low_score: float = 0.3
    """Score of a pose, as a part of the person's usual one."""
    border: float = 0.03
    """Part of the image at each side where people come and go."""
    most: int = 2000
    """Moments that are listed."""


@dataclass(frozen=True)
class Found:
    """A doubtful moment in terms of a table.

    Attributes:
        kind: see `videopose.annotation.doubts.Kind`.
        frame: number of the frame in the table.
        last: likewise, of the last one.
        ids: whom it is about.
        rows: of the table; the moment is settled when all of them are.
        severity: the higher, the more likely something is wrong.
        text: for the annotator.
        keypoint: -1 = none.
        fix: makes the operation that would mend it of the first and last frame's index; None = nobody knows.
    """

    kind: str
    frame: int
    last: int
    ids: tuple[int, ...]
    rows: tuple[int, ...]
    severity: float
    text: str
    keypoint: int = -1
    fix: Callable[[int, int], dict[str, Any]] | None = None


@dataclass(frozen=True, eq=False)
class Steps:
    """Every step of every person, S of them, by person and then time.

    Attributes:
        before: (S,) row of the table a step starts at.
        after: (S,) row it leads to.
        frames: (S,) frames it takes.
        length: (S,) mean way of the keypoints seen on both sides, in parts of the person's size; of the box where none
            is.
        size: (M,) of every row, pixels.
        order: (N,) rows of people with ids, by person and then time.
        edges: (T + 1,) where each person begins in `order`.
    """

    before: I64
    after: I64
    frames: I64
    length: F64
    size: F64
    order: I64
    edges: I64


def measure_steps(table: TrackTable) -> Steps:
    """Measure every step of every person of a table."""
    order, edges = table.by_track()
    one, two = order[:-1], order[1:]
    goes_on = table.track_id[one] == table.track_id[two]
    before, after = one[goes_on], two[goes_on]
    size = np.maximum(person_size(table.xyxy), 1.0).astype(np.float64)
    length = pose_distance(table, before, after, size)
    return Steps(before, after, table.frame[after] - table.frame[before], length, size, order, edges)


def pose_distance(table: TrackTable, a: I64, b: I64, size: F64) -> F64:
    """Return the mean distance of the keypoints of pairs of rows, in parts of the people's size.

    Args:
        table: whose rows these are.
        a: (P,) rows.
        b: (P,) rows.
        size: (M,) of every row.
    """
    scale = np.sqrt(size[a] * size[b])
    out = np.empty(len(a))
    for first in range(0, len(a), 65536):  # bounds memory
        part = slice(first, first + 65536)
        one, two = table.keypoints[a[part]], table.keypoints[b[part]]
        seen = (one[..., 2] >= MIN_SCORE) & (two[..., 2] >= MIN_SCORE)
        way = np.hypot(two[..., 0] - one[..., 0], two[..., 1] - one[..., 1])
        count = seen.sum(axis=1)
        middle = (table.xyxy[b[part]] - table.xyxy[a[part]]).reshape(-1, 2, 2).mean(axis=1)
        mean = np.where(count, (way * seen).sum(axis=1) / np.maximum(count, 1), np.hypot(*middle.T))
        out[part] = mean / scale[part]
    return out


def usual_steps(table: TrackTable, steps: Steps) -> F64:
    """Return of each step how long the person's usual one is."""
    out = np.ones(len(steps.length))
    ids = table.track_id[steps.before]
    cuts = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]
    for first, last in pairwise(cuts):
        if last > first:
            out[first:last] = np.median(steps.length[first:last])
    return out
