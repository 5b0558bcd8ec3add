"""What an operation changes, where ids are concerned: pure functions of a sheet, which they leave as it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from videopose.annotation.operations import (
    Accept,
    Assign,
    Delete,
    Merge,
    Operation,
    Rename,
    Split,
    Swap,
)
from videopose.annotation.sheet import Delta, Sheet
from videopose.errors import InputError
from videopose.types import I64, UNTRACKED


class OverlapError(InputError):
    """Two people who are to be one are both there.

    Attributes:
        spans: first and last frame of each stretch of it.
    """

    def __init__(self, message: str, spans: list[tuple[int, int]]) -> None:
        super().__init__(message)
        self.spans = spans


def runs_of(sheet: Sheet, frames: I64) -> list[tuple[int, int]]:
    """Join frames of the result that follow one another into spans.

    Args:
        sheet: its `index` says which frames follow one another.
        frames: (N,) increasing.
    """
    if not len(frames):
        return []
    places = np.searchsorted(sheet.index, frames)
    cuts = [0, *(np.flatnonzero(np.diff(places) > 1) + 1).tolist(), len(frames)]
    return [(int(frames[a]), int(frames[b - 1])) for a, b in pairwise(cuts)]


def present(sheet: Sheet, track_id: int, first: int, last: int | None) -> I64:
    """Find the rows of a person over a span.

    Raises:
        InputError: they are not there.
    """
    rows = sheet.rows(track_id, first, last)
    if not len(rows):
        end = "the end" if last is None else f"frame {last}"
        raise InputError(f"person {track_id} is not in the result from frame {first} to {end}. Check the id and frames")
    return rows


def renamed(sheet: Sheet, rows: I64, new_id: I64) -> list[Delta]:
    """Assign rows other ids.

    Raises:
        InputError: a frame would hold two people of one id.
    """
    wanted = sheet.frame[rows] * 2**31 + new_id
    others = np.setdiff1d(sheet.rows(None, int(sheet.frame[rows].min(initial=0))), rows, assume_unique=True)
    others = others[np.isin(sheet.track_id[others], np.unique(new_id))]
    taken = np.concatenate([wanted, sheet.frame[others] * 2**31 + sheet.track_id[others]])
    values, count = np.unique(taken, return_counts=True)
    if (count > 1).any():
        frame, track_id = divmod(int(values[count > 1][0]), 2**31)
        raise InputError(f"frame {frame} would hold two people called {track_id}. Merge them, or choose another id")
    return [sheet.delta("track_id", rows, new_id)]


def locks(sheet: Sheet, ids: tuple[int, ...], frames: list[int]) -> list[Delta]:
    """Lock what an annotator saw at the places where ids change: the people on both sides of each.

    Args:
        sheet: before the change.
        ids: of the people.
        frames: the first frame behind each place.
    """
    found: set[int] = set()
    for track_id in ids:
        rows = sheet.rows(track_id)
        for place in np.searchsorted(sheet.frame[rows], frames).tolist():
            found.update(rows[max(place - 1, 0) : place + 1].tolist())
    return [sheet.delta("locked", sorted(found), True)] if found else []


def _after(sheet: Sheet, last: int | None) -> list[int]:
    return [] if last is None else [last + 1]


def swap(sheet: Sheet, do: Swap) -> list[Delta]:
    """Exchange two ids; one of the two may be missing, the other then is renamed."""
    one, two = sheet.rows(do.a, do.first, do.last), sheet.rows(do.b, do.first, do.last)
    if not len(one) or not len(two):
        present(sheet, do.b if len(one) else do.a, 0, None)
        present(sheet, do.a if len(one) else do.b, do.first, do.last)
    rows = np.concatenate([one, two])
    new_id = np.repeat(np.array([do.b, do.a]), [len(one), len(two)])
    return renamed(sheet, rows, new_id) + locks(sheet, (do.a, do.b), [do.first, *_after(sheet, do.last)])


def merge(sheet: Sheet, do: Merge) -> list[Delta]:
    """Rename one person to another.

    Raises:
        OverlapError: both are there somewhere, and nobody says who is kept.
    """
    kept, other = sheet.rows(do.keep, do.first, do.last), present(sheet, do.other, do.first, do.last)
    both = np.intersect1d(sheet.frame[kept], sheet.frame[other])
    winner = np.full(len(both), UNTRACKED)
    for each in do.wins:
        winner[(both >= each.first) & (both <= (2**31 if each.last is None else each.last))] = each.keep
    open_frames = both[winner == UNTRACKED]
    if len(open_frames):
        spans = runs_of(sheet, open_frames)
        said = ", ".join(f"{a}-{b}" for a, b in spans[:5]) + (" …" if len(spans) > 5 else "")
        raise OverlapError(
            f"people {do.keep} and {do.other} are both there in frames {said}. Say who is kept there", spans
        )
    lost_other = other[np.isin(sheet.frame[other], both[winner == do.keep])]
    lost_kept = kept[np.isin(sheet.frame[kept], both[winner == do.other])]
    gone = np.concatenate([lost_other, lost_kept])
    moved = np.setdiff1d(other, gone)
    deltas = [sheet.delta("alive", gone, False)] if len(gone) else []
    places = [int(frame) for run in runs_of(sheet, sheet.frame[moved]) for frame in (run[0], run[1] + 1)]
    deltas += [sheet.delta("track_id", moved, do.keep), *locks(sheet, (do.keep, do.other), places)]
    return deltas


def split(sheet: Sheet, do: Split) -> list[Delta]:
    """Assign the rest of a person a name that nobody has."""
    rows = present(sheet, do.track_id, do.first, do.last)
    if len(sheet.rows(do.new_id)):
        raise InputError(f"somebody is called {do.new_id} already. Split into an id that nobody has")
    places = [do.first, *_after(sheet, do.last)]
    return [*renamed(sheet, rows, np.full(len(rows), do.new_id)), *locks(sheet, (do.track_id,), places)]


def rename(sheet: Sheet, do: Rename) -> list[Delta]:
    """Assign a person another name, in frames where nobody else has it."""
    rows = present(sheet, do.track_id, do.first, do.last)
    places = [do.first, *_after(sheet, do.last)] if do.first or do.last is not None else []
    return [*renamed(sheet, rows, np.full(len(rows), do.new_id)), *locks(sheet, (do.track_id, do.new_id), places)]


def delete(sheet: Sheet, do: Delete) -> list[Delta]:
    """Remove a person over a span."""
    return [sheet.delta("alive", present(sheet, do.track_id, do.first, do.last), False)]


def accept(sheet: Sheet, do: Accept) -> list[Delta]:
    """Mark people as right over a span."""
    if do.track_id is not None:
        return [sheet.delta("accepted", present(sheet, do.track_id, do.first, do.last), True)]
    return [sheet.delta("accepted", sheet.rows(None, do.first, do.last), True)]


def assign(sheet: Sheet, do: Assign) -> list[Delta]:
    """Rename many at once, each by the names from before."""
    parts = [(present(sheet, run.track_id, run.first, run.last), run.new_id) for run in do.runs]
    if not parts:
        return []
    rows = np.concatenate([each for each, _ in parts])
    if len(np.unique(rows)) != len(rows):
        raise InputError("assign: two of its spans name the same person in the same frame. Name each once")
    return renamed(sheet, rows, np.repeat([new for _, new in parts], [len(each) for each, _ in parts]))


def of_ids(sheet: Sheet, do: Operation) -> list[Delta] | None:
    """Plan an operation of this file; None for one of another."""
    match do:
        case Swap():
            return swap(sheet, do)
        case Merge():
            return merge(sheet, do)
        case Split():
            return split(sheet, do)
        case Rename():
            return rename(sheet, do)
        case Delete():
            return delete(sheet, do)
        case Accept():
            return accept(sheet, do)
        case Assign():
            return assign(sheet, do)
    return None
