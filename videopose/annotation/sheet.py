"""A result as columns that can be edited and un-edited: the state that a log of operations is replayed onto.

A step of editing is a few `Delta`s: which rows of which column, what stood there, what stands there now. Undoing writes
the old values back, so a result of millions of poses costs an edit no more than the rows it touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from videopose.errors import InputError
from videopose.io.result import ResultHeader
from videopose.io.results import StoredResult
from videopose.skeletons import Skeleton
from videopose.tracking.track_table import TrackTable, collect
from videopose.types import CORRECTED, F32, F64, I64, U8, UNTRACKED, Bool, Frame, Poses, Record

NOT_GIVEN, ABSENT, HIDDEN, SEEN = -1, 0, 1, 2
"""Visibility of a keypoint as an annotator says it, COCO's numbers."""

Column = Literal["track_id", "keypoints", "score", "xyxy", "alive", "edited", "visibility", "accepted", "locked"]


_COLUMNS = ("frame", "source", *get_args(Column))


@dataclass(frozen=True, eq=False)
class Delta:
    """What changes in one column.

    Attributes:
        column: its name.
        rows: (R,) rows of the sheet, none twice.
        old: (R, …) what stands there before.
        new: (R, …) what stands there after.
    """

    column: Column
    rows: I64
    old: Any  # an array of the column's type
    new: Any


@dataclass(eq=False)
class Sheet:
    """People of a result, a row each; rows that are added stand behind those of the result.

    Attributes:
        header: of the result.
        index: (F,) frame indices of the result, increasing.
        time: (F,) seconds.
        frame: (M,) frame index of each row; the rows of the result come first and in order.
        track_id: (M,) -1 = not tracked.
        keypoints: (M, K, 3) x, y in image pixels and score.
        score: (M,) of the pose.
        xyxy: (M, 4) boxes in image pixels.
        alive: (M,) the person is there.
        source: (M, K) where each keypoint of the result came from, as in `Poses`.
        edited: (M, K) the keypoint was placed by hand, or follows from some that were.
        visibility: (M, K) as an annotator says; NOT_GIVEN where nobody did.
        accepted: (M,) an annotator says it is right.
        locked: (M,) an annotator says that this id is right here.
        num_stored: rows of the result.
    """

    header: ResultHeader
    index: I64
    time: F64
    frame: I64
    track_id: I64
    keypoints: F32
    score: F32
    xyxy: F32
    alive: Bool
    source: U8
    edited: Bool
    visibility: Any
    accepted: Bool
    locked: Bool
    num_stored: int
    _added: dict[int, list[int]] = field(default_factory=dict)
    _used: int = -1

    def __post_init__(self) -> None:
        self._used = len(self.frame) if self._used < 0 else self._used

    @staticmethod
    def of(header: ResultHeader, records: Iterable[Record]) -> Sheet:
        """Build a sheet from the records of a result."""
        table: TrackTable = collect(records)
        rows, parts = len(table), len(header.skeleton)
        keypoints = table.keypoints.reshape(rows, parts, 3)
        source = np.zeros((rows, parts), np.uint8) if table.source is None else table.source.copy()
        return Sheet(
            header, table.index, table.time, table.index[table.frame] if rows else np.zeros(0, np.int64),
            table.track_id.copy(), keypoints.copy(), table.score.copy(), table.xyxy.copy(), np.ones(rows, bool), source,
            np.zeros((rows, parts), bool), np.full((rows, parts), NOT_GIVEN, np.int8), np.zeros(rows, bool),
            np.zeros(rows, bool), rows,
        )  # fmt: skip

    @staticmethod
    def read(stored: StoredResult) -> Sheet:
        """Build a sheet from a result in a file."""
        return Sheet.of(stored.header, stored)

    @property
    def skeleton(self) -> Skeleton:
        """Return whose keypoints these are."""
        return self.header.skeleton

    def __len__(self) -> int:
        """Return the number of rows, those that are gone too."""
        return self._used

    def rows(self, track_id: int | None, first: int = 0, last: int | None = None) -> I64:
        """Find the rows of a person (None: of everybody) over a span, by frame."""
        low = int(np.searchsorted(self.frame[: self.num_stored], first))
        high = self.num_stored
        if last is not None:
            high = int(np.searchsorted(self.frame[: self.num_stored], last, side="right"))
        mask = self.alive[low:high]
        if track_id is not None:
            mask = mask & (self.track_id[low:high] == track_id)
        found = low + np.flatnonzero(mask)
        if not self._added:
            return found
        more = np.arange(self.num_stored, self._used)
        keep = self.alive[more] & (self.frame[more] >= first)
        if last is not None:
            keep &= self.frame[more] <= last
        if track_id is not None:
            keep &= self.track_id[more] == track_id
        found = np.concatenate([found, more[keep]])
        return found[np.argsort(self.frame[found], kind="stable")]

    def rows_of(self, frame: int) -> list[int]:
        """List the rows of one frame, in the order in which they are written."""
        low, high = np.searchsorted(self.frame[: self.num_stored], [frame, frame + 1]).tolist()
        return [row for row in (*range(low, high), *self._added.get(frame, ())) if self.alive[row]]

    def row(self, track_id: int, frame: int) -> int:
        """Find a person in a frame; -1 = not there."""
        return next((row for row in self.rows_of(frame) if self.track_id[row] == track_id), -1)

    def position(self, frame: int) -> int:
        """Return the place of a frame among those of the result.

        Raises:
            InputError: the result has no such frame.
        """
        place = int(np.searchsorted(self.index, frame))
        if place >= len(self.index) or self.index[place] != frame:
            raise InputError(f"frame {frame} is not in the result: nobody was looked for there. Choose another frame")
        return place

    def copy(self) -> Sheet:
        """Return a sheet of its own, which may be read while this one is edited."""
        added = {frame: list(rows) for frame, rows in self._added.items()}
        columns = {name: getattr(self, name)[: self._used].copy() for name in _COLUMNS}
        return replace(self, **columns, _added=added)

    def append(self, frames: I64) -> I64:
        """Make room for people in frames, one each; they are not there until a delta says so."""
        count = len(frames)
        if self._used + count > len(self.frame):
            self._grow(max(count, len(self.frame) // 8, 64))
        rows = np.arange(self._used, self._used + count)
        self.frame[rows] = frames
        for row, frame in zip(rows.tolist(), frames.tolist(), strict=True):
            self._added.setdefault(frame, []).append(row)
        self._used += count
        return rows

    def _grow(self, count: int) -> None:
        fill = {"track_id": UNTRACKED, "visibility": NOT_GIVEN}
        for name in _COLUMNS:
            column = getattr(self, name)
            room = np.full((count, *column.shape[1:]), fill.get(name, 0), column.dtype)
            setattr(self, name, np.concatenate([column, room]))

    def delta(self, column: Column, rows: I64 | list[int], new: Any) -> Delta:  # Any: what numpy lays over the rows
        """Describe a change; nothing happens yet."""
        at = np.asarray(rows, np.int64).reshape(-1)
        old = getattr(self, column)[at].copy()
        return Delta(column, at, old, np.broadcast_to(np.asarray(new, old.dtype), old.shape).copy())

    def apply(self, deltas: Iterable[Delta]) -> None:
        """Write the new values."""
        for each in deltas:
            getattr(self, each.column)[each.rows] = each.new

    def revert(self, deltas: Iterable[Delta]) -> None:
        """Write the old values back."""
        for each in reversed(list(deltas)):
            getattr(self, each.column)[each.rows] = each.old

    def people(self, frame: int) -> Poses:
        """Return the people of a frame as they are written: a keypoint that an annotator calls absent is 0, 0, 0."""
        rows = self.rows_of(frame)
        keypoints = self.keypoints[rows].copy()
        keypoints[self.visibility[rows] == ABSENT] = 0
        return Poses(
            keypoints, self.score[rows], self.xyxy[rows], self.track_id[rows], skeleton=self.skeleton,
            source=self._marks(rows),
        )  # fmt: skip

    def _marks(self, rows: list[int] | I64) -> U8 | None:
        """Return where keypoints come from, (R, K); None if all of them were seen."""
        marks = np.where(self.edited[rows], np.uint8(CORRECTED), self.source[rows])
        return marks if marks.any() else None

    def records(self) -> Iterator[Record]:
        """Return the result as it is now, frame by frame."""
        for frame, time in zip(self.index.tolist(), self.time.tolist(), strict=True):
            yield Record(Frame(frame, time, None), poses=self.people(frame))

    def table(self) -> tuple[TrackTable, I64]:
        """Return everybody as a table for tracking, with the row of the sheet that each of its rows is."""
        rows = self.rows(None)
        keypoints = self.keypoints[rows].copy()
        keypoints[self.visibility[rows] == ABSENT] = 0
        frames = len(self.index)
        table = TrackTable(
            self.index, self.time, np.ones(frames, bool), {}, np.searchsorted(self.index, self.frame[rows]), keypoints,
            self.score[rows], self.xyxy[rows], self.track_id[rows], skeleton=self.skeleton,
            source=self._marks(rows),
        )  # fmt: skip
        return table, rows
