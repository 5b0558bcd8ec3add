"""All poses of a video in a few long arrays: what linking, filling and smoothing work on.

A million poses of 19 keypoints take about 250 MB here; as separate containers per frame they would take several times
that.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from videopose.skeletons import Skeleton
from videopose.types import F32, F64, I64, U8, UNTRACKED, Bool, Frame, Gap, Poses, Record

_BLOCK = 256
"""Frames whose rows are joined into one array while collecting."""


@dataclass(frozen=True, eq=False)
class TrackTable:
    """M poses of F frames, rows in frame order.

    Attributes:
        index: (F,) frame indices.
        time: (F,) seconds.
        has_poses: (F,) False where nobody has looked for people.
        gaps: frame number (0 … F - 1) → frames lost immediately before it.
        frame: (M,) frame number 0 … F - 1 of each pose, not falling.
        keypoints: (M, K, 3) x, y in image pixels and score.
        score: (M,) pose scores.
        xyxy: (M, 4) boxes in image pixels.
        track_id: (M,) -1 = not tracked.
        appearance: (M, D) embeddings of unit length, zeros where nothing was measured; None = nowhere.
        shot: (F,) number of the shot each frame is of, not falling; None = all frames are of one.
        camera: (F, 3, 3) from the pixels of the frame before to those of this one, NaN where nothing was measured;
            None = nowhere.
        skeleton: whose K keypoints these are, None if whoever made the poses does not say.
        source: (M, K) where each keypoint comes from, as in `Poses`; None = all are seen.
    """

    index: I64
    time: F64
    has_poses: Bool
    gaps: dict[int, tuple[Gap, ...]]
    frame: I64
    keypoints: F32
    score: F32
    xyxy: F32
    track_id: I64
    appearance: F32 | None = None
    shot: I64 | None = None
    camera: F64 | None = None
    skeleton: Skeleton | None = None
    source: U8 | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def pose_time(self) -> F64:
        """(M,) seconds of each pose."""
        return self.time[self.frame]

    def frames(self) -> Iterator[tuple[int, float, Poses]]:
        """Return frame number, time and people of each frame; the arrays are views."""
        edges = np.searchsorted(self.frame, np.arange(len(self.time) + 1)).tolist()
        times = self.time.tolist()
        for number in range(len(times)):
            rows = slice(edges[number], edges[number + 1])
            yield number, times[number], self._people(rows)

    def _people(self, rows: slice) -> Poses:
        return Poses(
            self.keypoints[rows],
            self.score[rows],
            self.xyxy[rows],
            self.track_id[rows],
            skeleton=self.skeleton,
            source=None if self.source is None else self.source[rows],
        )

    def shots(self) -> list[TrackTable]:
        """Cut the table into one per shot, in order; the arrays are views, frame numbers begin at 0 in each."""
        if self.shot is None:
            return [self]
        cuts = [0, *(np.flatnonzero(np.diff(self.shot)) + 1).tolist(), len(self.time)]
        return [self._part(first, last) for first, last in pairwise(cuts)]

    def _part(self, first: int, last: int) -> TrackTable:
        low, high = np.searchsorted(self.frame, [first, last]).tolist()
        return TrackTable(
            self.index[first:last],
            self.time[first:last],
            self.has_poses[first:last],
            {number - first: gaps for number, gaps in self.gaps.items() if first <= number < last},
            self.frame[low:high] - first,
            self.keypoints[low:high],
            self.score[low:high],
            self.xyxy[low:high],
            self.track_id[low:high],
            None if self.appearance is None else self.appearance[low:high],
            None,
            None if self.camera is None else self.camera[first:last],
            self.skeleton,
            None if self.source is None else self.source[low:high],
        )

    def by_track(self) -> tuple[I64, I64]:
        """Sort tracked poses by track, then time; see `by_track`."""
        return by_track(self.frame, self.track_id)

    def records(self, filled: TrackTable | None = None, *, keep_untracked: bool = True) -> Iterator[Record]:
        """Convert the table to a stream; images, detections and features are gone.

        Args:
            filled: further poses of the same frames. With them, people of a frame come in the order of their ids, those
                of no track last; without, in the order in which they were given.
            keep_untracked: False leaves out people who belong to no track.
        """
        more = None if filled is None or not len(filled) else filled.frames()
        for number, time, people in self.frames():
            if not keep_untracked and (people.track_id == UNTRACKED).any():
                people = people[people.track_id != UNTRACKED]
            if more is not None:
                people = Poses.concatenate([people, next(more)[2]])
            if filled is not None:
                people = in_order_of_ids(people)
            frame = Frame(int(self.index[number]), time, None)
            gaps, shot = self.gaps.get(number, ()), 0 if self.shot is None else int(self.shot[number])
            yield Record(frame, poses=people if self.has_poses[number] else None, gaps=gaps, shot=shot)


def in_order_of_ids(people: Poses) -> Poses:
    """Sort people by their ids, those of no track last."""
    last = np.iinfo(np.int64).max
    return people[np.argsort(np.where(people.track_id == UNTRACKED, last, people.track_id), kind="stable")]


def by_track(frame: I64, track_id: I64) -> tuple[I64, I64]:
    """Sort tracked poses by track, then time.

    Args:
        frame: (M,) frame numbers.
        track_id: (M,) -1 = not tracked.

    Returns:
        order (T,) rows of all tracked poses, and edges (number of tracks + 1,): track i is `order[edges[i]:
        edges[i + 1]]`, ids increasing.
    """
    tracked = np.flatnonzero(track_id >= 0)
    order = tracked[np.lexsort((frame[tracked], track_id[tracked]))]
    ids = track_id[order]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(ids)) + 1, [len(ids)]])
    return order, edges if len(ids) else np.zeros(1, np.int64)


def collect(records: Iterable[Record]) -> TrackTable:
    """Read a whole stream into a table, whose arrays belong to the caller alone."""
    index, time, has_poses = array("q"), array("d"), bytearray()  # a list of numbers takes four times as much
    gaps: dict[int, tuple[Gap, ...]] = {}
    blocks: deque[tuple[I64, Poses]] = deque()
    pending: list[tuple[int, Poses]] = []
    appearance: list[tuple[int, F32]] = []  # first row, embeddings
    shots = array("q")
    cameras: dict[int, F64] = {}
    num_rows = 0
    for number, record in enumerate(records):
        index.append(record.frame.index)
        time.append(record.frame.time)
        has_poses.append(record.poses is not None)
        shots.append(record.shot)
        if record.gaps:
            gaps[number] = record.gaps
        if record.features is not None and record.features.camera is not None:
            cameras[number] = record.features.camera
        if record.features is not None and record.features.appearance is not None:
            appearance.append((num_rows, record.features.appearance))
        num_rows += 0 if record.poses is None else len(record.poses)
        if record.poses is not None and (len(record.poses) or not (blocks or pending)):
            pending.append((number, record.poses))
        if len(pending) >= _BLOCK:
            blocks.append(_joined(pending))
            pending = []
    if pending:
        blocks.append(_joined(pending))
    frame, people = _assembled(blocks, num_rows)
    return TrackTable(
        np.array(index, np.int64),
        np.array(time, np.float64),
        np.array(has_poses, bool),
        gaps,
        frame,
        people.keypoints,
        people.score,
        people.xyxy,
        people.track_id,
        _looks(appearance, num_rows),
        np.array(shots, np.int64) if len(set(shots)) > 1 else None,
        _cameras(cameras, len(index)),
        people.skeleton,
        people.source,
    )


def _cameras(parts: dict[int, F64], num_frames: int) -> F64 | None:
    if not parts:
        return None
    out = np.full((num_frames, 3, 3), np.nan)
    for number, camera in parts.items():
        out[number] = camera
    return out


def _assembled(blocks: deque[tuple[I64, Poses]], num_rows: int) -> tuple[I64, Poses]:
    """Join the blocks, letting go of each once it is copied: all poses are never held twice."""
    num_keypoints = blocks[0][1].keypoints.shape[1] if blocks else 0
    is_marked = any(block.source is not None for _, block in blocks)
    frame = np.empty(num_rows, np.int64)
    people = Poses(
        np.empty((num_rows, num_keypoints, 3), np.float32),
        np.empty(num_rows, np.float32),
        np.empty((num_rows, 4), np.float32),
        np.empty(num_rows, np.int64),
        skeleton=blocks[0][1].skeleton if blocks else None,
        source=np.empty((num_rows, num_keypoints), np.uint8) if is_marked else None,
    )
    first = 0
    while blocks:
        numbers, block = blocks.popleft()
        rows = slice(first, first + len(numbers))
        frame[rows] = numbers
        people.keypoints[rows], people.score[rows] = block.keypoints, block.score
        people.xyxy[rows], people.track_id[rows] = block.xyxy, block.track_id
        if people.source is not None:
            people.source[rows] = block.sources
        first += len(numbers)
    return frame, people


def _looks(parts: list[tuple[int, F32]], num_rows: int) -> F32 | None:
    if not parts:
        return None
    out = np.zeros((num_rows, parts[0][1].shape[1]), np.float32)
    for first, rows in parts:
        out[first : first + len(rows)] = rows
    return out


def _joined(pending: list[tuple[int, Poses]]) -> tuple[I64, Poses]:
    frame = np.repeat(
        np.array([number for number, _ in pending], np.int64), np.array([len(poses) for _, poses in pending], np.int64)
    )
    parts = [poses for _, poses in pending if len(poses)] or [pending[0][1]]
    return frame, Poses.concatenate(parts)
