"""Track again and hold ids that somebody has given: locked people stay out of it, others get their ids back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from videopose.tracking.kept_ids import apply_names, renamed
from videopose.tracking.track_table import in_order_of_ids
from videopose.types import F32, I64, UNTRACKED, Poses, Record

Track = Callable[[Iterable[Record]], Iterator[Record]]


def tracked_with_ids(
    records: Iterable[Record], track: Track, *, locked: frozenset[int] = frozenset(), by_overlap: bool = False
) -> Iterator[Record]:
    """Track everybody but the locked, join both, and name the others as before where they overlap.

    A locked person keeps every pose, keypoint and its id, whatever else is found, and nobody else gets that id. Whether
    a pose found again is one known before is told by its frame and box, which tracking and smoothing leave alone. The
    whole stream is held, as tracking holds it.

    Args:
        records: with the ids that are known.
        track: gives a stream new ids.
        locked: ids of those who are left as they are.
        by_overlap: give the others the old ids they share the most poses with; otherwise they only step aside for ids
            that are locked.
    """
    before = list(records)
    is_locked = [None if each.poses is None else np.isin(each.poses.track_id, list(locked)) for each in before]
    again = list(track(_without(before, is_locked)))
    names = _names(again, before, locked, by_overlap=by_overlap)
    for record, known, rows in zip(again, before, is_locked, strict=True):
        parts = []
        if record.poses is not None:
            parts.append(replace(record.poses, track_id=apply_names(record.poses.track_id, names)))
        if known.poses is not None and rows is not None:
            parts.append(known.poses[rows])
        yield replace(record, poses=in_order_of_ids(Poses.concatenate(parts)) if parts else None)


def _without(records: list[Record], is_locked: list[np.ndarray | None]) -> Iterator[Record]:
    for record, rows in zip(records, is_locked, strict=True):
        yield record if record.poses is None or rows is None else replace(record, poses=record.poses[~rows])


def _names(again: list[Record], before: list[Record], locked: frozenset[int], *, by_overlap: bool) -> dict[int, int]:
    """Return what the new ids are called."""
    new, old = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for record, known in zip(again, before, strict=True):
        if record.poses is not None:
            new.append(record.poses.track_id)
            old.append(_ids_by_box(record.poses.xyxy, known.poses))
    ids = np.concatenate(new)
    if by_overlap:
        return renamed(ids, np.concatenate(old), taken=locked)
    inside = np.unique(ids[ids != UNTRACKED]).tolist()
    used = set(inside) | locked
    free = (number for number in range(1, len(used) + len(inside) + 2) if number not in used)
    return {each: next(free) if each in locked else each for each in inside}


def _ids_by_box(xyxy: F32, known: Poses | None) -> I64:
    """Return the ids that the same boxes had before, -1 for boxes that are new."""
    if known is None or not len(known):
        return np.full(len(xyxy), UNTRACKED, np.int64)
    same = (xyxy[:, None] == known.xyxy[None]).all(axis=2)
    return np.where(same.any(axis=1), known.track_id[same.argmax(axis=1)], UNTRACKED)
