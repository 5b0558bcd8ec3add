"""Tracks cut into pieces of bounded length and laid side by side, so that smoothers run on many at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from videopose.tracking.similarity import person_size
from videopose.tracking.track_table import TrackTable, by_track
from videopose.types import CORRECTED, F32, F64, FILLED, I64, SEEN, U8, Bool

_CORE = 448
_CONTEXT = 64
"""Poses a piece is responsible for, and poses before and after that it may look at (over 2 s at 30 frames per second:
no smoother here remembers that long)."""

_FEWEST, _MOST = 4, 64
_POSES_PER_PIECE = 16_384
"""Pieces side by side: as many as the video has 16 384 poses, from 4 to 64. A piece takes about 1.7 MB while it is
smoothed, half of what those poses take, so that smoothing a long video takes less than holding it."""

BREAK = 1.0
"""Seconds without a pose after which nothing is carried over from one side to the other."""


@dataclass(eq=False)
class TrackBatch:
    """B pieces of tracks, padded to T poses.

    Attributes:
        rows: (T, B) row of the table, those of the filled poses after the others; -1 = padding.
        core: (T, B) this piece's own poses; the others are context or padding.
        time: (T, B) seconds, not falling.
        xy: (T, B, K, 2) image pixels.
        score: (T, B, K) of the keypoints.
        weight: (T, B, K) how much a position counts, 0 = not at all.
        size: (B,) pixels.
        source: (T, B, K) where each keypoint comes from; those placed by hand are certain and stay where they are.
            None = all are seen.
    """

    rows: I64
    core: Bool
    time: F64
    xy: F64
    score: F64
    weight: F64
    size: F64
    source: U8 | None = None


def track_batches(table: TrackTable, filled: TrackTable) -> Iterator[TrackBatch]:
    """Arrange the tracks of a table side by side; every tracked row is core exactly once.

    Pieces of a track come in order of time, so the answers of a batch may be written back once the next one is read:
    no piece looks further back than into the one before it.

    Args:
        table: the poses.
        filled: further poses of the same frames, not seen but filled in; their keypoints get weight 0.
    """
    both = _Both(table, filled)
    order, edges = by_track(both.frame, np.concatenate([table.track_id, filled.track_id]))
    pieces = _pieces(table.time[both.frame[order]], edges)
    side_by_side = min(max(len(order) // _POSES_PER_PIECE, _FEWEST), _MOST)
    for first in range(0, len(pieces), side_by_side):
        yield _series(both, order, pieces[first : first + side_by_side])


class _Both:
    """Two tables of the same frames, read as one without being joined: rows of the second come after the first's."""

    def __init__(self, first: TrackTable, second: TrackTable) -> None:
        self.first, self.second = first, second
        self.frame = np.concatenate([first.frame, second.frame])

    def gathered(self, column: str, rows: I64) -> F32:
        """Return rows of `keypoints` or `xyxy`."""
        one, other = getattr(self.first, column), getattr(self.second, column)
        out: F32 = one[np.minimum(rows, len(one) - 1)]
        late = self.is_late(rows)
        out[late] = other[rows[late] - len(one)]
        return out

    def sources(self, rows: I64) -> U8:
        """Return where the keypoints of rows come from; all are seen where the first table does not say."""
        num_keypoints = self.first.keypoints.shape[1]
        late = self.is_late(rows)
        out = np.full((*rows.shape, num_keypoints), SEEN, np.uint8)
        if self.first.source is not None and len(self.first):
            out[~late] = self.first.source[rows[~late]]
        out[late] = FILLED
        return out

    def is_late(self, rows: I64) -> Bool:
        """Find which rows are of the second table."""
        return rows >= len(self.first)


def scatter(table: TrackTable, filled: TrackTable, rows: I64, keypoints: F32, source: U8) -> None:
    """Write (R, K, 3) keypoints over rows of the two tables, numbered as in `TrackBatch.rows`, and their sources."""
    late = rows >= len(table)
    if table.source is not None:
        table.source[rows[~late]] = source[~late]
    table.keypoints[rows[~late]] = keypoints[~late]
    filled.keypoints[rows[late] - len(table)] = keypoints[late]


def _pieces(time: F64, edges: I64) -> list[tuple[int, int, int, int]]:
    """Return (first, last, core first, core last) positions in the order by track, ends exclusive, short runs first."""
    breaks = np.flatnonzero(np.diff(time) > BREAK) + 1 if len(time) else np.zeros(0, np.int64)
    cuts = np.unique(np.concatenate([edges, breaks])).tolist()
    pieces = []
    for first, last in sorted(pairwise(cuts), key=lambda run: run[1] - run[0]):
        for core in range(first, last, _CORE):
            end = min(core + _CORE, last)
            pieces.append((max(core - _CONTEXT, first), min(end + _CONTEXT, last), core, end))
    return pieces


def _series(both: _Both, order: I64, pieces: list[tuple[int, int, int, int]]) -> TrackBatch:
    length = max(last - first for first, last, _, _ in pieces)
    rows = np.full((length, len(pieces)), -1, np.int64)
    core = np.zeros((length, len(pieces)), bool)
    padded = np.zeros((length, len(pieces)), np.int64)
    for column, (first, last, core_first, core_last) in enumerate(pieces):
        rows[: last - first, column] = order[first:last]
        padded[:, column] = order[last - 1]  # padding repeats the last pose, with weight 0
        padded[: last - first, column] = order[first:last]
        core[core_first - first : core_last - first, column] = True
    keypoints = both.gathered("keypoints", padded).astype(np.float64)
    source = both.sources(padded)
    weight = np.where(source == CORRECTED, 1.0, keypoints[..., 2])
    weight = np.where(((rows < 0) | both.is_late(padded))[..., None], 0.0, weight)
    sizes = [np.median(person_size(both.gathered("xyxy", order[first:last]))) for first, last, _, _ in pieces]
    time = both.first.time[both.frame[padded]]
    return TrackBatch(
        rows, core, time, keypoints[..., :2], keypoints[..., 2], weight, np.array(sizes, np.float64), source
    )
