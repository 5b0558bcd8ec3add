"""CLEAR MOT: misses, false positives, switches and the numbers made of them, over counts that can be merged.

Several channels (the keypoints of a pose) are tracked side by side, each with its own correspondence, as PoseTrack
does; a box tracker is the case of one channel.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.errors import check_shape
from videopose.metrics.sums import Sums
from videopose.types import F64, I64, Bool

_NEVER = -1
_EPS = float(np.finfo(np.float64).eps)
_TOO_FAR = 1e6  # cost of a pair that must not be matched: above any sum of true costs


@dataclass(frozen=True, slots=True, eq=False)
class ClearCounts(Sums):
    """What MOTA and its kin are made of, (C,) each, per channel; counts of sequences add up.

    Attributes:
        objects: true objects over all frames.
        detections: matched ones.
        misses: true objects without a match.
        false_positives: predictions without a match.
        switches: matches with another id than the last time.
        fragmentations: times an object is lost that is found again later.
        distance: sum over matches, in the unit of the distances.
        contested: times several objects were in reach of the one prediction they were all matched with last.
    """

    objects: F64
    detections: F64
    misses: F64
    false_positives: F64
    switches: F64
    fragmentations: F64
    distance: F64
    contested: F64

    @staticmethod
    def zero(channels: int) -> ClearCounts:
        """Return the counts of no frames at all."""
        return ClearCounts(*(np.zeros(channels) for _ in fields(ClearCounts)))

    def mota(self) -> F64:
        """(C,) 1 - (misses + switches + false positives) / objects; at most 1, no lower bound, NaN without objects."""
        return 1 - _ratio(self.misses + self.switches + self.false_positives, self.objects)

    def motp(self) -> F64:
        """(C,) 1 - mean distance of the matches; NaN without matches."""
        return 1 - _ratio(self.distance, self.detections)

    def precision(self) -> F64:
        """(C,) matched share of the predictions; NaN without predictions."""
        return _ratio(self.detections, self.detections + self.false_positives)

    def recall(self) -> F64:
        """(C,) matched share of the objects; NaN without objects."""
        return _ratio(self.detections, self.objects)


def _ratio(part: F64, whole: F64) -> F64:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def count_clear(
    distance: F64,
    truth_present: Bool,
    predicted_present: Bool,
    truth_id: I64,
    predicted_id: I64,
    *,
    nearest_keeps: bool = False,
) -> ClearCounts:
    """Follow the objects of one sequence through its frames and count.

    In each frame an object first keeps the id it was last matched with, if that prediction is still in reach; the
    rest is matched at the least total distance.

    Args:
        distance: (F, C, G, P) between true and predicted objects; NaN or infinite = out of reach.
        truth_present: (F, C, G) objects that are there.
        predicted_present: (F, C, P) predictions that are there.
        truth_id: (F, G) any integers, unique in a frame; padding rows, present in no channel, share an id of their own.
        predicted_id: (F, P) likewise.
        nearest_keeps: of several objects last matched with one prediction the nearest keeps it, so that the order of
            rows is of no consequence; by default the first row does, as in motmetrics.

    Returns:
        Counts per channel.

    Source:
        Bernardin & Stiefelhagen, Evaluating Multiple Object Tracking Performance, EURASIP JIVP 2008, section 2.
    """
    check_shape("distance", distance, *truth_present.shape, predicted_present.shape[2])
    counts = ClearCounts.zero(distance.shape[1])
    counts.objects[:] = truth_present.sum(axis=(0, 2))
    predictions = predicted_present.sum(axis=(0, 2))
    if distance.size:
        in_reach = np.isfinite(distance) & truth_present[..., None] & predicted_present[:, :, None, :]
        rows, columns = (np.unique(ids, return_inverse=True)[1].reshape(ids.shape) for ids in (truth_id, predicted_id))
        spans = np.where(in_reach, distance, np.inf)
        _follow(spans, truth_present, rows, columns, counts, nearest_keeps=nearest_keeps)
    counts.misses[:] = counts.objects - counts.detections
    counts.false_positives[:] = predictions - counts.detections
    return counts


def _follow(
    distance: F64, truth_present: Bool, truth_row: I64, predicted_row: I64, counts: ClearCounts, *, nearest_keeps: bool
) -> None:
    """Match frame after frame; add what comes of it to `counts`. Rows are ids numbered 0, 1, 2 … over the sequence."""
    channels, in_reach = distance.shape[1], np.isfinite(distance)
    objects = int(truth_row.max()) + 1
    # Where no object and no prediction has two candidates, all pairs in reach are matched, whatever came before.
    plain = (in_reach.sum(axis=-1).max(axis=-1) <= 1) & (in_reach.sum(axis=-2).max(axis=-1) <= 1)
    column = np.where(in_reach.any(axis=-1), in_reach.argmax(axis=-1), -1)
    last = np.full((channels, objects), _NEVER)
    lost = np.zeros((channels, objects), bool)
    for frame in range(len(distance)):
        rows = truth_row[frame]
        before = last[:, rows]
        chosen = column[frame]
        for channel in np.flatnonzero(~plain[frame]):
            chosen[channel], contested = _match(
                distance[frame, channel], before[channel], predicted_row[frame], nearest_keeps=nearest_keeps
            )
            counts.contested[channel] += contested
        matched = chosen >= 0
        now = predicted_row[frame][chosen]
        counts.switches[:] += (matched & (before != _NEVER) & (before != now)).sum(axis=1)
        present = truth_present[frame]
        fresh = lost[:, rows]
        counts.fragmentations[:] += (matched & fresh).sum(axis=1)
        last[:, rows] = np.where(matched, now, before)
        lost[:, rows] = np.where(present, ~matched & (before != _NEVER), fresh)
    found = column >= 0
    counts.detections[:] += found.sum(axis=(0, 2))
    spans = np.take_along_axis(distance, np.maximum(column, 0)[..., None], axis=-1)[..., 0]
    counts.distance[:] += np.where(found, spans, 0.0).sum(axis=(0, 2))


def _match(distance: F64, before: I64, hypotheses: I64, *, nearest_keeps: bool) -> tuple[I64, int]:
    """Match one channel of one frame: old pairs first, then least total distance.

    Returns:
        The column of each row, -1 = none, and the number of rows that lost a contest for their old column.
    """
    chosen = np.full(len(before), -1)
    free = np.ones(len(hypotheses), bool)
    rows, columns = np.nonzero((before[:, None] == hypotheses) & (before != _NEVER)[:, None] & np.isfinite(distance))
    order = np.argsort(distance[rows, columns], kind="stable") if nearest_keeps else range(len(rows))
    contested = 0
    for row, column in zip(rows[order], columns[order], strict=True):
        if free[column]:
            chosen[row], free[column] = column, False
        else:
            contested += 1
    open_rows, open_columns = np.flatnonzero(chosen < 0), np.flatnonzero(free)
    cost = distance[np.ix_(open_rows, open_columns)]
    if np.isfinite(cost).any():
        left, right = linear_sum_assignment(np.where(np.isfinite(cost), cost, _TOO_FAR))
        near = np.isfinite(cost[left, right])
        chosen[open_rows[left[near]]] = open_columns[right[near]]
    return chosen, contested


def count_box_clear(
    similarity: F64,
    truth_present: Bool,
    predicted_present: Bool,
    truth_id: I64,
    predicted_id: I64,
    threshold: float = 0.5,
) -> ClearCounts:
    """Follow the boxes of one sequence through its frames and count, as MOT Challenge's kit does.

    Each frame is matched at once: pairs of the last frame that had both sides come first, then the greatest sum of
    similarities. A switch is another id than at the object's last match, however long ago.

    Args:
        similarity: (F, G, P) overlap of true and predicted boxes, in [0, 1].
        truth_present: (F, G) boxes that are there.
        predicted_present: (F, P) likewise.
        truth_id: (F, G) any integers, unique among those present in a frame.
        predicted_id: (F, P) likewise.
        threshold: similarity from which on a pair can be matched.

    Returns:
        Counts of one channel; distances are 1 - similarity.

    Source:
        Luiten et al., TrackEval, `CLEAR`; Bernardin & Stiefelhagen, EURASIP JIVP 2008, section 2.
    """
    last: dict[int, int] = {}  # of each object, the prediction it was last matched with
    before: dict[int, int] = {}  # likewise, in the last frame with both sides only
    begun: dict[int, int] = {}  # how often an object's matches began anew
    detections = switches = 0
    distance = 0.0
    for frame in range(len(similarity)):
        rows, columns = np.flatnonzero(truth_present[frame]), np.flatnonzero(predicted_present[frame])
        if not len(rows) or not len(columns):
            continue
        alike = similarity[frame][np.ix_(rows, columns)]
        ids, guesses = truth_id[frame, rows].tolist(), predicted_id[frame, columns]
        goes_on = np.array([before.get(identity) == guess for identity in ids for guess in guesses.tolist()])
        value = 1000 * goes_on.reshape(alike.shape) + alike
        value[alike < threshold - _EPS] = 0
        left, right = linear_sum_assignment(-value)
        near = value[left, right] > _EPS
        now = {ids[row]: int(guesses[column]) for row, column in zip(left[near], right[near], strict=True)}
        switches += sum(last.get(identity, guess) != guess for identity, guess in now.items())
        for identity in now.keys() - before.keys():
            begun[identity] = begun.get(identity, 0) + 1
        last |= now
        before = now
        detections += len(now)
        distance += float((1 - alike[left[near], right[near]]).sum())
    objects, predictions = int(truth_present.sum()), int(predicted_present.sum())
    fragmentations = sum(times - 1 for times in begun.values())
    numbers = (
        objects, detections, objects - detections, predictions - detections, switches, fragmentations, distance, 0.0,
    )  # fmt: skip
    return ClearCounts(*(np.array([number], np.float64) for number in numbers))
