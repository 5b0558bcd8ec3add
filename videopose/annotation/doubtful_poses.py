"""Moments at which a pose may be wrong: jumps, flips of the sides, keypoints and limbs off the usual, low scores."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from videopose.annotation.steps import MIN_SCORE, DoubtOptions, Found, Steps, usual_steps
from videopose.skeletons import Skeleton
from videopose.tracking.track_table import TrackTable
from videopose.types import F32, F64, I64

_FACE = ("nose", "eye", "ear", "face")


def find(table: TrackTable, steps: Steps, skeleton: Skeleton, options: DoubtOptions) -> list[Found]:
    """List doubtful poses.

    Args:
        table: everybody.
        steps: of the same table.
        skeleton: of the poses.
        options: from where on a moment is doubtful.
    """
    return [
        *_jumps(table, steps, options),
        *_flips(table, steps, skeleton, options),
        *_keypoints(table, steps, skeleton, options),
        *_limbs(table, steps, skeleton, options),
        *_low(table, steps, options),
    ]


def _at(table: TrackTable, row: int) -> tuple[int, int]:
    return int(table.frame[row]), int(table.track_id[row])


def _jumps(table: TrackTable, steps: Steps, options: DoubtOptions) -> Iterator[Found]:
    usual = usual_steps(table, steps)
    far = (steps.frames <= 2) & (steps.length > options.jump) & (steps.length > options.jump_factor * usual)
    for first, last in _runs(far, steps.frames.cumsum()):
        for at in _parts(table.track_id[steps.after[first : last + 1]], first):
            worst = int(at[steps.length[at].argmax()])
            rows = tuple(steps.after[at[far[at]]].tolist())
            (frame, track_id), end = _at(table, int(steps.after[worst])), int(table.frame[steps.after[at[-1]]])
            length = float(steps.length[worst])
            text = f"{track_id} goes {length:.2f} of its size in a frame, usually {usual[worst]:.2f}"
            yield Found("jump", frame, max(frame, end), (track_id,), rows, 3 + min(length, 3) / 3, text)


def _parts(ids: I64, first: int) -> list[I64]:
    """Cut a run of steps where another person's begin; places count from `first`."""
    cuts = np.flatnonzero(np.diff(ids)) + 1
    return [np.asarray(part + first, np.int64) for part in np.split(np.arange(len(ids)), cuts)]


def _flips(table: TrackTable, steps: Steps, skeleton: Skeleton, options: DoubtOptions) -> Iterator[Found]:
    """Find steps in which the left side goes to the right and the right one to the left."""
    sides = np.flatnonzero(skeleton.flip_index != np.arange(len(skeleton)))
    sides = sides[[not any(part in skeleton.keypoints[side] for part in _FACE) for side in sides]]
    near = np.flatnonzero(steps.frames <= 2)
    if not len(sides) or not len(near):
        return
    other = skeleton.flip_index[sides]
    one, two = table.keypoints[steps.before[near]], table.keypoints[steps.after[near]]
    seen = (np.minimum(one[:, sides, 2], two[:, sides, 2]) >= MIN_SCORE) & (
        np.minimum(one[:, other, 2], two[:, other, 2]) >= MIN_SCORE
    )
    count = np.maximum(seen.sum(axis=1), 1)
    size = steps.size[steps.after[near]]
    straight = (np.linalg.norm(one[:, sides, :2] - two[:, sides, :2], axis=2) * seen).sum(axis=1) / count / size
    crossed = (np.linalg.norm(one[:, sides, :2] - two[:, other, :2], axis=2) * seen).sum(axis=1) / count / size
    gain = np.where(seen.sum(axis=1) >= 4, straight - crossed, 0)
    flips = np.flatnonzero(gain > options.flip_gain)
    for at in flips.tolist():
        row = int(steps.after[near[at]])
        frame, track_id = _at(table, row)
        text = f"{track_id}: sides move {straight[at]:.2f} of its size, {crossed[at]:.2f} if they change places"
        move = _move(
            track_id, {int(a): table.keypoints[row, b, :2].tolist() for a, b in zip(sides, other, strict=True)}
        )
        yield Found("flip", frame, frame, (track_id,), (row,), 3 + min(float(gain[at]), 1.0), text, fix=move)


def _move(track_id: int, points: dict[int, list[float]]) -> Any:  # Any: makes an operation, see Found.fix
    placed = {str(part): [round(value, 2) for value in point] for part, point in points.items()}
    return lambda first, last: {"op": "move", "track_id": track_id, "first": first, "keypoints": placed}


def _keypoints(table: TrackTable, steps: Steps, skeleton: Skeleton, options: DoubtOptions) -> Iterator[Found]:
    """Find keypoints that leave for a frame and come back."""
    follows = np.flatnonzero(
        (steps.after[:-1] == steps.before[1:]) & (steps.frames[:-1] == 1) & (steps.frames[1:] == 1)
    )
    a, b, c = steps.before[follows], steps.after[follows], steps.after[follows + 1]
    for first in range(0, len(a), 65536):  # bounds memory
        part = slice(first, first + 65536)
        before, here, after = (table.keypoints[rows[part]] for rows in (a, b, c))
        seen = np.minimum(np.minimum(before[..., 2], here[..., 2]), after[..., 2]) >= MIN_SCORE
        size = steps.size[b[part]][:, None]
        middle = (before[..., :2] + after[..., :2]) / 2
        off = np.where(seen, _against_body(here[..., :2] - middle) / size, 0)
        apart = _against_body(after[..., :2] - before[..., :2]) / size
        odd = np.where((off > options.keypoint) & (off > 2 * apart), off, 0)
        for at in np.flatnonzero(odd.max(axis=1, initial=0) > 0).tolist():
            worst = int(odd[at].argmax())
            row = int(b[part][at])
            frame, track_id = _at(table, row)
            name, value = skeleton.keypoints[worst], float(odd[at, worst])
            text = f"{name} of {track_id} is {value:.2f} of its size off the frames before and after"
            move = _move(track_id, {worst: middle[at, worst].tolist()})
            yield Found("keypoint", frame, frame, (track_id,), (row,), 2 + min(value, 1.0), text, worst, move)


def _against_body(shift: F32 | F64) -> F32:
    """Return how far (P, K, 2) shifts are from those of the body as a whole, (P, K)."""
    return np.asarray(np.linalg.norm(shift - np.median(shift, axis=1, keepdims=True), axis=2))


def _limbs(table: TrackTable, steps: Steps, skeleton: Skeleton, options: DoubtOptions) -> Iterator[Found]:
    """Find limbs much longer or shorter than the same person's usually are, in their size."""
    edges = [edge for edge in skeleton.edges if not any(p in skeleton.keypoints[k] for k in edge for p in _FACE)]
    if not edges:
        return
    one, two = np.array(edges).T
    for first, last in pairwise(steps.edges.tolist()):
        rows = steps.order[first:last]
        if len(rows) < 10:
            continue
        poses = table.keypoints[rows]
        length = np.linalg.norm(poses[:, one, :2] - poses[:, two, :2], axis=2) / steps.size[rows][:, None]
        seen = np.minimum(poses[:, one, 2], poses[:, two, 2]) >= MIN_SCORE
        usual = np.nanmedian(np.where(seen, length, np.nan), axis=0) if seen.any(axis=0).all() else None
        if usual is None:
            continue
        ratio = np.where(seen & (usual > 0.08), length / np.maximum(usual, 1e-6), 1)
        apart = np.abs(np.log(np.maximum(ratio, 1e-3)))
        worst = apart.argmax(axis=1)
        odd = apart[np.arange(len(rows)), worst] > np.log(options.limb)
        for begin, end in _runs(odd, table.frame[rows]):
            at = begin + int(apart[np.arange(begin, end + 1), worst[begin : end + 1]].argmax())
            part, row = int(worst[at]), int(rows[at])
            frame, track_id = _at(table, row)
            names = " to ".join(skeleton.keypoints[each] for each in edges[part])
            text = f"{names} of {track_id} is {ratio[at, part]:.1f} times as long as usually"
            severity = 1 + min(float(apart[at, part]), 2.0) / 4
            anchors = tuple(rows[begin : end + 1].tolist())
            stop = int(table.frame[rows[end]])
            yield Found("limb", frame, max(stop, frame), (track_id,), anchors, severity, text, int(two[part]))


def _low(table: TrackTable, steps: Steps, options: DoubtOptions) -> Iterator[Found]:
    """Find stretches in which a person scores much less than usually."""
    for first, last in pairwise(steps.edges.tolist()):
        rows = steps.order[first:last]
        usual = float(np.median(table.score[rows]))
        low = table.score[rows] < options.low_score * max(usual, 0.5)
        for begin, end in _runs(low, table.frame[rows]):
            worst = int(rows[begin + table.score[rows[begin : end + 1]].argmin()])
            frame, track_id = _at(table, worst)
            count, score = end - begin + 1, float(table.score[worst])
            text = f"{track_id} scores {score:.2f} and usually {usual:.2f}, {count} frames"
            anchors = tuple(rows[begin : end + 1].tolist())
            last_frame = max(frame, int(table.frame[rows[end]]))
            yield Found("low", frame, last_frame, (track_id,), anchors, 1 + (0.5 - min(score, 0.5)), text)


def _runs(marked: Any, frames: Any) -> list[tuple[int, int]]:  # Any: (T,) arrays
    """Return the first and last place of each run of marked rows in frames that follow one another closely."""
    places = np.flatnonzero(marked)
    if not len(places):
        return []
    cuts = np.flatnonzero((np.diff(places) > 1) | (np.diff(frames[places]) > 5)) + 1
    return [(int(run[0]), int(run[-1])) for run in np.split(places, cuts)]
