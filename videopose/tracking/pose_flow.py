"""Pose flow: in a sliding window, chains of poses of the greatest overall confidence, and NMS between the chains."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from videopose.skeletons import Skeleton
from videopose.tracking.association import canonical_order
from videopose.tracking.options import TrackerOptions
from videopose.tracking.similarity import Similarity
from videopose.tracking.track_table import TrackTable
from videopose.tracking.tracker import create_similarity
from videopose.tracking.whole import in_shots, numbered
from videopose.types import F32, F64, I64, UNTRACKED, Bool, Poses


def track_pose_flow(table: TrackTable, options: TrackerOptions, skeleton: Skeleton) -> TrackTable:
    """Track by building pose flows window after window; windows overlap by half, which joins their flows.

    Args:
        table: all poses; their `track_id` is ignored.
        options: similarity, gates, and `options.pose_flow`.
        skeleton: of the poses.

    Returns:
        The same rows with ids from 1; -1 = removed by pose-flow NMS, or a flow of a single pose.

    Source:
        Xiu et al., Pose Flow: Efficient Online Pose Tracking, BMVC 2018, sections 3.1 (flow building: a chain that
        maximises the sum of confidences over a window) and 3.2 (pose-flow NMS). Their ORB matching between images is
        replaced by the similarity the options name, because no images are left here.
    """
    similarity = create_similarity(options, skeleton)

    def track(shot: TrackTable) -> TrackTable:
        builder = _Builder(shot, options, similarity)
        length = options.pose_flow.window
        for first in range(0, len(shot.time), length // 2):
            builder.window(first, min(first + length, len(shot.time)))
        return replace(shot, track_id=builder.track_id)

    return numbered(in_shots(table, track))


class _Builder:
    """Ids found so far, and the next one."""

    def __init__(self, table: TrackTable, options: TrackerOptions, similarity: Similarity) -> None:
        self._options, self._similarity = options, similarity
        self._frames: list[tuple[I64, Poses, float]] = []  # rows in canonical order, people, seconds
        start = 0
        for _, time, people in table.frames():
            order = canonical_order(people)
            order = order[people.score[order] >= options.min_score]
            self._frames.append((start + order, people[order], time))
            start += len(people)
        self.track_id = np.full(len(table), UNTRACKED, np.int64)
        self._next_id = 1

    def window(self, first: int, last: int) -> None:
        """Build the flows of frames first … last - 1, the best first."""
        frames = self._frames[first:last]
        steps = self._steps(frames)
        free = [np.ones(len(people), bool) for _, people, _ in frames]
        flows: list[list[tuple[int, int]]] = []
        claimed: set[int] = set()
        while flow := _best_flow(frames, steps, free):
            for frame, row in flow:
                free[frame][row] = False
            known = self._known_id(frames, flow, claimed)
            # A flow that continues a person is never a duplicate; a new one like a better flow is.
            if known == UNTRACKED and (len(flow) < 2 or self._is_duplicate(frames, flow, flows)):
                continue
            flows.append(flow)
            if known == UNTRACKED:
                known, self._next_id = self._next_id, self._next_id + 1
            claimed.add(known)
            for frame, row in flow:
                ids = self.track_id[frames[frame][0]]
                if ids[row] == UNTRACKED and known not in ids:
                    self.track_id[frames[frame][0][row]] = known

    def _known_id(self, frames: list[tuple[I64, Poses, float]], flow: list[tuple[int, int]], claimed: set[int]) -> int:
        """Return the id most of a flow's poses had in the window before, if no better flow has claimed it."""
        ids = [int(self.track_id[frames[frame][0][row]]) for frame, row in flow]
        votes = Counter(each for each in ids if each != UNTRACKED and each not in claimed)
        return votes.most_common(1)[0][0] if votes else UNTRACKED

    def _steps(self, frames: list[tuple[I64, Poses, float]]) -> dict[tuple[int, int], F32]:
        """Return similarities between the people of frames a flow may step between."""
        out = {}
        for a, (_, people, time) in enumerate(frames):
            for b in range(a + 1, min(a + self._options.pose_flow.skip, len(frames) - 1) + 1):
                if frames[b][2] - time > self._options.max_age:
                    break
                alike = self._similarity(people, frames[b][1])
                out[a, b] = np.where(alike > self._options.min_similarity, alike, 0).astype(np.float32)
        return out

    def _is_duplicate(
        self,
        frames: list[tuple[I64, Poses, float]],
        flow: list[tuple[int, int]],
        flows: list[list[tuple[int, int]]],
    ) -> bool:
        """Check whether a better flow follows the same person: the median similarity over shared frames is high."""
        rows = dict(flow)
        for other in flows:
            alike = [
                float(self._similarity(frames[frame][1][[rows[frame]]], frames[frame][1][[row]])[0, 0])
                for frame, row in other
                if frame in rows
            ]
            if alike and float(np.median(alike)) > self._options.pose_flow.flow_similarity:
                return True
        return False


def _best_flow(
    frames: list[tuple[I64, Poses, float]], steps: dict[tuple[int, int], F32], free: list[Bool]
) -> list[tuple[int, int]]:
    """Find the chain of free poses with the greatest sum of confidences times similarities, by dynamic programming.

    Returns:
        (frame, row) of each pose in order of time; empty when no pose is free.
    """
    worth: list[F64] = [people.score.astype(np.float64) for _, people, _ in frames]
    following: list[list[tuple[int, int] | None]] = [[None] * len(people) for _, people, _ in frames]
    for a in range(len(frames) - 1, -1, -1):
        best = np.zeros(len(frames[a][1]))
        for (start, b), alike in steps.items():
            if start != a or not alike.size:
                continue
            gain = np.where((alike > 0) & free[b], worth[b] * alike ** (b - a), 0.0)
            better = gain.max(axis=1) > best
            column = gain.argmax(axis=1)
            best = np.maximum(best, gain.max(axis=1))
            for row in np.flatnonzero(better).tolist():
                following[a][row] = (b, int(column[row]))
        worth[a] = worth[a] + best
    candidates = [
        (float(worth[frame][row]), -frame, -row)
        for frame, mask in enumerate(free)
        for row in np.flatnonzero(mask).tolist()
    ]
    if not candidates:
        return []
    _, frame, row = max(candidates)
    flow: list[tuple[int, int]] = []
    step: tuple[int, int] | None = (-int(frame), -int(row))
    while step is not None:
        flow.append(step)
        step = following[step[0]][step[1]]
    return flow
