"""Moments at which an id may be wrong: exchanges, crossings, people who are lost, appear, or are there only once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from videopose.annotation.steps import DoubtOptions, Found, Steps, pose_distance, usual_steps
from videopose.tracking.crossing import Crossing, find_crossings, saving
from videopose.tracking.endpoints import measure_endpoints
from videopose.tracking.linking import candidates
from videopose.tracking.options import LinkingOptions
from videopose.tracking.track_table import TrackTable
from videopose.types import I64, Bool

_RESTLESS = 0.1
"""Shorter steps are nobody's exchange."""
_PAIRS = 40
"""People of a frame who may be exchanged among one another; a camera that jerks moves all of them."""
_MAX_GAP = 2.0
"""Seconds between a person who is lost and the one who may go on as them."""


def find(
    table: TrackTable,
    steps: Steps,
    starts: set[int],
    size_hw: tuple[int, int],
    options: DoubtOptions,
    linking: LinkingOptions,
) -> list[Found]:
    """List doubtful ids.

    Args:
        table: everybody.
        steps: of the same table.
        starts: indices of frames before which nothing is known: of the first one, behind gaps and cuts.
        size_hw: of the image, pixels; 0 = not known.
        options: from where on a moment is doubtful.
        linking: by which exchanges and links are judged.
    """
    exchanges = [*_exchanges(table, steps, options), *_taken_over(table, steps, options)]
    pairs = defaultdict(list)
    for each in exchanges:
        pairs[each.ids].append(each.frame)
    crossings = [
        found
        for crossing in find_crossings(table, linking.crossing_overlap)
        if not any(crossing.begin - 2 <= at <= crossing.end + 2 for at in pairs[crossing.first, crossing.second])
        for found in _crossing(table, steps, crossing, linking)
    ]
    return [*exchanges, *crossings, *_ends(table, steps, starts, size_hw, options, linking)]


def _swap(a: int, b: int) -> Any:  # Any: makes an operation, see Found.fix
    return lambda first, last: {"op": "swap", "a": a, "b": b, "first": first}


def _exchanges(table: TrackTable, steps: Steps, options: DoubtOptions) -> Iterator[Found]:
    """Find pairs of people who both step to where the other one would have been nearer."""
    restless = np.flatnonzero(steps.length > _RESTLESS)
    key = table.frame[steps.before[restless]] * len(table.time) + table.frame[steps.after[restless]]
    order = np.argsort(key, kind="stable")
    groups = np.split(restless[order], np.flatnonzero(np.diff(key[order])) + 1)
    for group in groups:
        if len(group) < 2:
            continue
        group = group[np.argsort(-steps.length[group], kind="stable")][:_PAIRS]
        pairs = np.array(list(combinations(group.tolist(), 2)), np.int64)
        one, two = pairs.T
        straight = steps.length[one] + steps.length[two]
        crossed = pose_distance(table, steps.before[one], steps.after[two], steps.size)
        crossed = crossed + pose_distance(table, steps.before[two], steps.after[one], steps.size)
        used: set[int] = set()
        for at in np.argsort(crossed - straight, kind="stable").tolist():
            gain = float(straight[at] - crossed[at])
            if gain <= options.exchange_gain or used & set(pairs[at].tolist()):
                continue
            used |= set(pairs[at].tolist())
            rows = steps.after[pairs[at]]
            a, b = sorted(table.track_id[rows].tolist())
            text = f"{a} and {b}: way {straight[at]:.2f} sizes as it is, {crossed[at]:.2f} if exchanged"
            frame = int(table.frame[rows[0]])
            yield Found("exchange", frame, frame, (a, b), tuple(rows.tolist()), 10 + gain, text, fix=_swap(a, b))


def _taken_over(table: TrackTable, steps: Steps, options: DoubtOptions) -> Iterator[Found]:
    """Find people who come back, or go on, where somebody else was lost just before."""
    usual = usual_steps(table, steps)
    odd = (steps.length > options.jump) & (steps.length > 1.5 * usual * steps.frames)
    time = table.pose_time
    for at in np.flatnonzero(odd).tolist():
        row, length = int(steps.after[at]), float(steps.length[at])
        begin = int(np.searchsorted(table.time, time[row] - _MAX_GAP))
        low, now, after = np.searchsorted(table.frame, [begin, table.frame[row], table.frame[row] + 1]).tolist()
        gone = np.setdiff1d(table.track_id[low:now], [-1, *table.track_id[now:after]])
        if not len(gone):
            continue
        lasts = np.array([low + int(np.flatnonzero(table.track_id[low:now] == each)[-1]) for each in gone], np.int64)
        away = pose_distance(table, lasts, np.full(len(lasts), row), steps.size)
        best = int(away.argmin())
        if length - away[best] <= options.exchange_gain or away[best] > length / 2:
            continue
        (frame, one), other = (int(table.frame[row]), int(table.track_id[row])), int(gone[best])
        text = f"{one} goes on where {other} was lost: way {length:.2f} sizes as it is, {away[best]:.2f} if exchanged"
        ids = (min(one, other), max(one, other))
        yield Found("exchange", frame, frame, ids, (row,), 9 + min(length, 9) / 10, text, fix=_swap(*ids))


def _crossing(table: TrackTable, steps: Steps, crossing: Crossing, linking: LinkingOptions) -> Iterator[Found]:
    """Assess one crossing; the exchange is suggested where it costs least."""
    ids = (crossing.first, crossing.second)
    rows = [_rows_near(table, track_id, crossing.begin - 1, crossing.end + 1) for track_id in ids]
    common = np.intersect1d(table.frame[rows[0]], table.frame[rows[1]])
    if len(common) < 2:
        return
    a, b = (each[np.isin(table.frame[each], common)] for each in rows)
    straight = pose_distance(table, a[:-1], a[1:], steps.size) + pose_distance(table, b[:-1], b[1:], steps.size)
    crossed = pose_distance(table, a[:-1], b[1:], steps.size) + pose_distance(table, b[:-1], a[1:], steps.size)
    at = int(np.argmax(straight - crossed)) + 1
    saved = saving(table, crossing, linking)
    text = f"{ids[0]} and {ids[1]} overlap in {crossing.end - crossing.begin + 1} frames; "
    text += f"an exchange would cost {-saved:+.1f}" if saved else "nothing speaks for an exchange"
    severity = 6 + min(saved, 30) / 10 if saved > 0 else 0.5 + 0.4 / (1 - saved)
    anchors = (int(a[at]), int(b[at]))
    yield Found(
        "crossing", int(common[at]), max(int(common[at]), crossing.end), ids, anchors, severity, text, fix=_swap(*ids)
    )


def _rows_near(table: TrackTable, track_id: int, first: int, last: int) -> I64:
    low, high = np.searchsorted(table.frame, [first, last + 1])
    return np.asarray(low + np.flatnonzero(table.track_id[low:high] == track_id), np.int64)


def _ends(
    table: TrackTable,
    steps: Steps,
    starts: set[int],
    size_hw: tuple[int, int],
    options: DoubtOptions,
    linking: LinkingOptions,
) -> Iterator[Found]:
    """Find people who are lost, appear, or are there only once, away from the image's border."""
    heads, tails = steps.order[steps.edges[:-1]], steps.order[steps.edges[1:] - 1]
    inside = _inside(table, size_hw, options.border)
    begins = np.isin(table.index[table.frame[heads]], list(starts))
    follows = table.frame[tails] + 1
    ends = (follows >= len(table.index)) | np.isin(table.index[np.minimum(follows, len(table.index) - 1)], list(starts))
    ids = table.track_id[heads]
    partner = _partners(table, steps, linking)
    taken: set[int] = set()
    for piece in np.flatnonzero(~ends & (inside[tails] | np.isin(np.arange(len(tails)), list(partner)))).tolist():
        row, track_id, frame = int(tails[piece]), int(ids[piece]), int(table.frame[tails[piece]])
        if piece in partner:
            other, cost = partner[piece]
            taken.add(other)
            new_id = int(ids[other])
            text = (
                f"{track_id} may go on as {new_id} from frame {table.index[table.frame[heads[other]]]}, cost {cost:.1f}"
            )
            severity = 4 + 2 * max(0.0, 1 - cost / linking.max_cost)
            rows, fix = (row, int(heads[other])), _merge(track_id, new_id)
            yield Found(
                "lost", frame, int(table.frame[heads[other]]), (track_id, new_id), rows, severity, text, fix=fix
            )
        elif steps.edges[piece + 1] - steps.edges[piece] > 1:
            yield Found("lost", frame, frame, (track_id,), (row,), 2.0, f"{track_id} is lost inside the image")
    lengths = np.diff(steps.edges)
    for piece in np.flatnonzero((~begins & inside[heads]) | (lengths == 1)).tolist():
        row, track_id, frame = int(heads[piece]), int(ids[piece]), int(table.frame[heads[piece]])
        if lengths[piece] == 1:
            fix = _delete(track_id)
            text = f"{track_id} is in this frame only"
            yield Found("brief", frame, frame, (track_id,), (row,), 3.0, text, fix=fix)
        elif piece not in taken:
            yield Found("born", frame, frame, (track_id,), (row,), 1.9, f"{track_id} appears inside the image")


def _merge(keep: int, other: int) -> Any:  # Any: makes an operation, see Found.fix
    return lambda first, last: {"op": "merge", "keep": keep, "other": other}


def _delete(track_id: int) -> Any:  # Any: makes an operation, see Found.fix
    return lambda first, last: {"op": "delete", "track_id": track_id}


def _inside(table: TrackTable, size_hw: tuple[int, int], border: float) -> Bool:
    """Return which rows touch neither side of the image; all of them where its size is not known.

    Upper and lower edges do not count: many people are cut by them all the time.
    """
    width = size_hw[1]
    if not width:
        return np.ones(len(table), bool)
    return np.asarray((table.xyxy[:, 0] > border * width) & (table.xyxy[:, 2] < (1 - border) * width))


def _partners(table: TrackTable, steps: Steps, linking: LinkingOptions) -> dict[int, tuple[int, float]]:
    """Pair each person's end with the later start that costs least, if one costs little enough."""
    if len(steps.edges) < 3:
        return {}
    (heads, tails), _ = measure_endpoints(table, steps.order, steps.edges, linking)
    end, start, cost = candidates(heads, tails, _MAX_GAP, linking)
    found: dict[int, tuple[int, float]] = {}
    used: set[int] = set()
    for at in np.argsort(cost, kind="stable").tolist():
        if int(end[at]) not in found and int(start[at]) not in used:
            found[int(end[at])] = int(start[at]), float(cost[at])
            used.add(int(start[at]))
    return found
