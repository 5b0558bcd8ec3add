"""Many frames of a result in a few arrays: between records and the rows or lines of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from videopose.errors import DatasetError
from videopose.io.number_text import rounded
from videopose.types import F32, F64, I64, SEEN, U8, Bool, Frame, Poses, Record

ROWS_AT_ONCE = 4096
"""Rows of a file that are turned into text or back in one go."""

PIXEL_DECIMALS = 2
SCORE_DECIMALS = 4
TIME_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Block:
    """F frames in a row and the people in them.

    Attributes:
        index: (F,) frame indices.
        time: (F,) seconds.
        first: (F + 1,) the people of frame f are the rows first[f] … first[f + 1] - 1.
        people: of all these frames.
    """

    index: Sequence[int]
    time: Sequence[float]
    first: Sequence[int]
    people: Poses

    def records(self) -> Iterator[Record]:
        """Return a record per frame; the arrays are views."""
        for row, (index, time) in enumerate(zip(self.index, self.time, strict=True)):
            poses = self.people[self.first[row] : self.first[row + 1]]
            yield Record(Frame(index, time, None), poses=poses)


def records_of(blocks: Iterable[Block], source: str) -> Iterator[Record]:
    """Return the records of a file's blocks.

    Raises:
        DatasetError: frames are not in order; `source` is the file, for the message.
    """
    last = -1
    for block in blocks:
        for record in block.records():
            if record.frame.index <= last:
                raise DatasetError(f"{source}: frame {record.frame.index} comes after frame {last}. Put them in order")
            last = record.frame.index
            yield record


class FrameBuffer:
    """Gathers records until there are enough for a block; drops everything but what a result holds."""

    def __init__(self, num_keypoints: int) -> None:
        self._num_keypoints = num_keypoints
        self._frames: list[tuple[int, float, Poses | None]] = []
        self._rows = 0

    def add(self, record: Record) -> bool:
        """Add a record; return whether there are enough."""
        self._frames.append((record.frame.index, record.frame.time, record.poses))
        self._rows += 1 if record.poses is None else max(len(record.poses), 1)
        return self._rows >= ROWS_AT_ONCE

    def take(self) -> Block:
        """Return what was gathered and begin anew; times are rounded as they will be written."""
        frames, self._frames, self._rows = self._frames, [], 0
        counts = [0 if poses is None else len(poses) for _, _, poses in frames]
        people = [poses for _, _, poses in frames if poses is not None]
        return Block(
            [index for index, _, _ in frames],
            [round(float(time), TIME_DECIMALS) for _, time, _ in frames],
            [0, *np.cumsum(counts, dtype=np.int64).tolist()],
            Poses.concatenate([Poses.empty(self._num_keypoints), *people]),
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """R rows of a table in the order of frames; a frame in which nobody is seen has one row without a person.

    Attributes:
        index: (R,) of the frame.
        time: (R,) of the frame, seconds.
        is_person: (R,) False in a row without a person.
        track_id: (R,) anything in a row without a person.
        numbers: (R, 5 + 3 K) score, x1, y1, x2, y2, then x, y and score of each keypoint; likewise. A keypoint that is
            absent is 0, 0 with score 0.
        source: (R, K) where each keypoint comes from; likewise.
    """

    index: I64
    time: F64
    is_person: Bool
    track_id: I64
    numbers: F64
    source: U8

    def __getitem__(self, rows: slice) -> Rows:
        return Rows(*(getattr(self, each.name)[rows] for each in fields(self)))

    @property
    def absent(self) -> Bool:
        """(R, K) keypoints that are absent."""
        points = self.numbers[:, 5:]
        return np.asarray(~points.reshape(len(points), points.shape[1] // 3, 3).any(axis=2))

    @staticmethod
    def joined(first: Rows, second: Rows) -> Rows:
        """Concatenate the rows of two."""
        pairs = ((getattr(first, each.name), getattr(second, each.name)) for each in fields(first))
        return Rows(*map(np.concatenate, pairs))


def rows_from(block: Block) -> Rows:
    """Convert frames to rows, numbers rounded as results are."""
    counts = np.diff(block.first)
    frame = np.repeat(np.arange(len(counts)), np.maximum(counts, 1))
    is_person = counts[frame] > 0
    people = block.people
    points = rounded_keypoints(people.keypoints)
    width = 3 * points.shape[1]
    numbers = np.zeros((len(frame), 5 + width))
    numbers[is_person] = np.concatenate(
        [
            rounded(people.score[:, None].astype(np.float64), SCORE_DECIMALS),
            rounded(people.xyxy.astype(np.float64), PIXEL_DECIMALS),
            points.reshape(len(points), width),
        ],
        axis=1,
    )
    track_id = np.zeros(len(frame), np.int64)
    track_id[is_person] = people.track_id
    source = np.full((len(frame), points.shape[1]), SEEN, np.uint8)
    if people.source is not None:
        source[is_person] = people.source
    index, time = np.array(block.index, np.int64)[frame], np.array(block.time)[frame]
    return Rows(index, time, is_person, track_id, numbers, source)


def rounded_keypoints(keypoints: F32) -> F64:
    """Round (M, K, 3) keypoints as results are."""
    return np.concatenate(
        [
            rounded(keypoints[..., :2].astype(np.float64), PIXEL_DECIMALS),
            rounded(keypoints[..., 2:].astype(np.float64), SCORE_DECIMALS),
        ],
        axis=2,
    )


def block_from(rows: Rows, edges: I64) -> Block:
    """Collect rows into frames.

    Args:
        rows: of whole frames.
        edges: (F + 1,) the rows of frame f are edges[f] … edges[f + 1] - 1.
    """
    numbers = rows.numbers[rows.is_person].astype(np.float32)
    num_keypoints = (numbers.shape[1] - 5) // 3
    people = Poses(
        keypoints=numbers[:, 5:].reshape(len(numbers), num_keypoints, 3),
        score=numbers[:, 0],
        xyxy=numbers[:, 1:5],
        track_id=rows.track_id[rows.is_person],
        source=rows.source[rows.is_person] if rows.source.any() else None,
    )
    before = np.concatenate([[0], np.cumsum(rows.is_person)])
    begins = edges[:-1]
    return Block(rows.index[begins].tolist(), rows.time[begins].tolist(), before[edges].tolist(), people)


def frame_edges(rows: Rows) -> I64:
    """Return the first row of each frame, and the number of rows."""
    changes = (np.diff(rows.index) != 0) | (np.diff(rows.time) != 0)
    return np.concatenate([[0], np.flatnonzero(changes) + 1, [len(rows.index)]]).astype(np.int64)


def blocks_from(parts: Iterator[Rows]) -> Iterator[Block]:
    """Collect the rows of a file into frames; a frame's rows may lie in two parts."""
    waiting: Rows | None = None
    for part in parts:
        if not len(part.index):
            continue
        rows = part if waiting is None else Rows.joined(waiting, part)
        edges = frame_edges(rows)
        yield block_from(rows[: edges[-2]], edges[:-1])
        waiting = rows[edges[-2] :]
    if waiting is not None:
        yield block_from(waiting, np.array([0, len(waiting.index)]))
