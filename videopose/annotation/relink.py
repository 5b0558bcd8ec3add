"""Link people over the whole video again, with what an annotator has accepted or corrected as hard constraints."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from videopose.annotation.sheet import Sheet
from videopose.tracking.crossing import resolve_swaps
from videopose.tracking.linking import link
from videopose.tracking.options import LinkingOptions, TrackerOptions
from videopose.tracking.track_table import TrackTable
from videopose.tracking.tracker import create_tracker
from videopose.types import I64, UNTRACKED, Poses


def relink(sheet: Sheet, options: TrackerOptions | None = None) -> list[dict[str, Any]]:
    """Find what linking anew would change; nothing is changed yet.

    Tracklets of a careful online pass are cut where the annotator says that somebody else goes on, and joined over the
    whole video. Two pieces of different known people are never joined, and a known person keeps the name. Everybody
    else keeps theirs as far as that is possible. Nobody is dropped, and no network runs.

    Args:
        sheet: the state; rows that are accepted or locked are known to have the right id.
        options: of tracking.

    Returns:
        The `runs` of an `assign` operation: spans of people who would be called otherwise.
    """
    options = options or TrackerOptions.model_validate({})
    table, rows = sheet.table()
    if not len(table):
        return []
    known = np.where(sheet.accepted[rows] | sheet.locked[rows], table.track_id, UNTRACKED)
    starts = sheet.header.provenance.get("shots", [])
    pieces = _online(table, options, set(starts) if isinstance(starts, list) else set())
    pieces = _cut(table, pieces, known)
    joined = _joined(replace(table, track_id=pieces), options.linking, known)
    return _runs(table, _named(table, joined, pieces, known))


def _online(table: TrackTable, options: TrackerOptions, starts: set[int]) -> I64:
    """Track frame by frame; rows of no track become a piece of their own, so that each can be named."""
    assert table.skeleton is not None, "a sheet says whose keypoints these are"
    tracker = create_tracker(options, table.skeleton)
    ids = np.full(len(table), UNTRACKED)
    edges = np.searchsorted(table.frame, np.arange(len(table.time) + 1))
    for number, time, people in table.frames():
        if int(table.index[number]) in starts and number:
            tracker.start_shot()
        if len(people):
            poses = Poses(people.keypoints, people.score, people.xyxy, people.track_id, skeleton=table.skeleton)
            ids[edges[number] : edges[number + 1]] = tracker.step(poses, time)
    alone = ids == UNTRACKED
    ids[alone] = int(ids.max(initial=0)) + 1 + np.arange(int(alone.sum()))
    return ids


def _cut(table: TrackTable, pieces: I64, known: I64) -> I64:
    """Cut pieces so that each is of one known person at most, and those of one person never in the same frame."""
    pieces = pieces.copy()
    free = int(pieces.max(initial=0)) + 1
    by_piece = np.lexsort((table.frame, pieces))
    for one, two in pairwise(by_piece[known[by_piece] >= 0].tolist()):
        if pieces[one] == pieces[two] and known[one] != known[two]:
            rest = (pieces == pieces[two]) & (table.frame >= table.frame[two])
            pieces[rest] = free
            free += 1
    by_person = np.lexsort((table.frame, known))
    by_person = by_person[known[by_person] >= 0]
    for one, two in pairwise(by_person.tolist()):
        if known[one] != known[two] or pieces[one] == pieces[two]:
            continue
        ahead = (pieces == pieces[one]) & (table.frame >= table.frame[two])
        behind = (pieces == pieces[two]) & (table.frame <= table.frame[one])
        pieces[ahead], pieces[behind], free = free, free + 1, free + 2
        end = int(table.frame[pieces == pieces[one]].max())
        both = (pieces == pieces[two]) & (table.frame <= end)
        pieces[both], free = free, free + 1
    return pieces


def _joined(table: TrackTable, options: LinkingOptions, known: I64) -> I64:
    linked = link(table, options, locked=known)
    return resolve_swaps(linked, options, locked=known).track_id


def _named(table: TrackTable, joined: I64, pieces: I64, known: I64) -> I64:
    """Assign joined tracks names: known people theirs, the others the one most of their poses have, if it is free."""
    names = np.full(len(table), UNTRACKED)
    taken: set[tuple[int, int]] = set()  # (frame, id)
    frames = table.frame.tolist()

    def assigned(rows: I64, name: int) -> bool:
        places = {(frames[row], name) for row in rows.tolist()}
        if len(places) < len(rows) or places & taken:
            return False
        taken.update(places)
        names[rows] = name
        return True

    groups = {int(track): np.flatnonzero(joined == track) for track in np.unique(joined)}
    person = {track: int(known[rows].max(initial=UNTRACKED)) for track, rows in groups.items()}
    later: list[I64] = []
    for track, rows in groups.items():  # the pieces that hold what is known come first: they never overlap
        if person[track] >= 0:
            sure = np.isin(pieces[rows], np.unique(pieces[rows[known[rows] >= 0]]))
            if not assigned(rows[sure], person[track]):
                later.append(rows[sure])
    for track, rows in groups.items():
        if person[track] >= 0:
            for piece in np.unique(pieces[rows[names[rows] < 0]]).tolist():
                part = rows[(pieces[rows] == piece) & (names[rows] < 0)]
                if not assigned(part, person[track]):
                    later.append(part)
        else:
            later.append(rows)
    _keep_names(table, [rows for rows in later if len(rows)], assigned)
    return names


def _keep_names(table: TrackTable, groups: list[I64], assigned: Any) -> None:  # Any: a function, see above
    """Name tracks nobody knows as most of their poses are named; those that come too late get new names."""
    votes = []
    for number, rows in enumerate(groups):
        values, counts = np.unique(table.track_id[rows], return_counts=True)
        votes += [(int(c), number, int(v)) for v, c in zip(values, counts, strict=True) if v >= 0]
    done: set[int] = set()
    for _, number, name in sorted(votes, key=lambda vote: (-vote[0], vote[1], vote[2])):
        if number not in done and assigned(groups[number], name):
            done.add(number)
    free = int(table.track_id.max(initial=0)) + 1
    for number, rows in enumerate(groups):
        if number not in done:
            assigned(rows, free)
            free += 1


def _runs(table: TrackTable, names: I64) -> list[dict[str, Any]]:
    """List the spans of people who are called otherwise; those of no track stay so unless somebody is known there."""
    changed = np.flatnonzero((names != table.track_id) & (table.track_id >= 0))
    out = []
    pairs = np.stack([table.track_id[changed], names[changed]], axis=1)
    for old, new in np.unique(pairs, axis=0).tolist():
        frames = table.index[table.frame[changed[(pairs == [old, new]).all(axis=1)]]]
        for first, last in _of_person(table, old, frames):
            out.append({"track_id": old, "new_id": new, "first": first, "last": last})
    return sorted(out, key=lambda run: (run["first"], run["track_id"]))


def _of_person(table: TrackTable, track_id: int, frames: I64) -> list[tuple[int, int]]:
    """Join frames of a person into spans: frames in which they are not there do not part one."""
    there = table.index[table.frame[table.track_id == track_id]]
    places = np.searchsorted(there, frames)
    cuts = np.flatnonzero(np.diff(places) > 1) + 1
    return [(int(run[0]), int(run[-1])) for run in np.split(frames, cuts)]
