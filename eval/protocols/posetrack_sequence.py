"""One sequence under PoseTrack's rules: clean up, match and count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videopose.io.exchange.table import PoseTable
from videopose.metrics.clear import ClearCounts, count_clear
from videopose.metrics.hota import HotaSums, sum_hota
from videopose.metrics.identity import IdentityCounts, count_identity
from videopose.metrics.keypoint_ap import KeypointOutcomes, assign_by_pck, count_keypoints, distances
from videopose.types import F64, I64, UNTRACKED, Bool

from .explanation import Explanation, explain_sequence
from .posetrack_cleanup import (
    NO_SCORE,
    has_ids,
    head_sizes,
    pair_frames,
    ranks,
    refuse_duplicates,
    scored_frames,
    select_frames,
    unique_ids,
    without_ignored,
)
from .tables import padded_rows

PCK_THRESHOLD = 0.5
"""Share of the head size within which a keypoint is right."""


@dataclass(frozen=True)
class SequenceCounts:
    """All counts of one sequence.

    Attributes:
        name: of the sequence.
        keypoints: for AP.
        clear: for MOTA, a channel per keypoint.
        identity: for IDF1; None where ids are missing or it was not asked for.
        hota: for HOTA; likewise.
        tracked: ids are there, so tracking can be scored.
        frames: labelled frames.
        notes: how often each of `RULES` had its occasion.
        explanation: where the errors come from; None if it was not asked for.
    """

    name: str
    keypoints: KeypointOutcomes
    clear: ClearCounts
    identity: IdentityCounts | None
    hota: HotaSums | None
    tracked: bool
    frames: int
    notes: Counter[str] = field(default_factory=Counter)
    explanation: Explanation | None = None


def score_sequence(
    truth: PoseTable,
    predicted: PoseTable,
    rules: AbstractSet[str],
    *,
    identities: bool = True,
    explain: bool = False,
) -> SequenceCounts:
    """Count everything one sequence contributes.

    Args:
        truth: labelled people with head boxes, skeleton `posetrack15`.
        predicted: of the same skeleton and frames.
        rules: the corrected ones among `RULES`; none of them is the kit's own behaviour.
        identities: count for IDF1 and HOTA too.
        explain: count where the errors come from.

    Raises:
        DatasetError: the files break a rule that is not among the corrected ones.
    """
    notes: Counter[str] = Counter()
    truth, predicted = clean(truth, predicted, rules, notes)
    tracked = has_ids(truth, predicted, rules, notes)
    grid = Grid.of(truth, predicted, head_sizes(truth, predicted, rules, notes))
    if len(truth.frames) == 1 and tracked:
        notes["short_sequence"] += 1
        tracked = "short_sequence" in rules  # the kit stops before it has any tracking numbers, but AP it has
    score = ranks(predicted, rules, notes)
    outcomes = _outcomes(grid, score)
    clear, identity, hota = ClearCounts.zero(len(truth.skeleton)), None, None
    if tracked:
        clear = _clear(grid, rules, notes)
        if identities:
            identity = count_identity(np.isfinite(grid.within_threshold), *grid.sides)
            hota = sum_hota(np.clip(1 - grid.apart, 0, 1), *grid.sides)
    _note_absent(outcomes, notes)
    explanation = explain_sequence(truth, predicted) if explain else None
    return SequenceCounts(
        truth.name, outcomes, clear, identity, hota, tracked, len(truth.frames), notes, explanation
    )  # fmt: skip


def clean(
    truth: PoseTable, predicted: PoseTable, rules: AbstractSet[str], notes: Counter[str]
) -> tuple[PoseTable, PoseTable]:
    """Pair the frames, make ids unique, and leave out what does not count: frames, people without points, regions.

    Raises:
        DatasetError: the files break a rule that is not among the corrected ones.
    """
    predicted = pair_frames(truth, predicted, rules, notes)
    refuse_duplicates(truth)
    predicted = unique_ids(predicted, rules, notes)
    keep = scored_frames(truth, rules, notes)
    truth, predicted = select_frames(truth, keep), select_frames(predicted, keep)
    return without_ignored(truth[truth.posed], truth.frames), without_ignored(predicted[predicted.posed], truth.frames)


@dataclass(frozen=True)
class Grid:
    """Both sides in padded arrays: F frames, G true and P predicted people, K keypoints."""

    rows: I64  # (F, P) row in the predicted table, -1 = padding
    person: Bool  # (F, G)
    labelled: Bool  # (F, G, K)
    present: Bool  # (F, P, K)
    truth_id: I64  # (F, G)
    predicted_id: I64  # (F, P)
    distance: F64  # (F, P, G, K) head sizes

    @staticmethod
    def of(truth: PoseTable, predicted: PoseTable, size: F64) -> Grid:
        """Build the grid of one sequence; size: (rows of truth,) head sizes in image pixels."""
        left, right = padded_rows(truth), padded_rows(predicted)
        real, guess = _fill(truth.xy, left, np.nan), _fill(predicted.xy, right, np.nan)
        return Grid(
            right, left >= 0, np.isfinite(real[..., 0]), np.isfinite(guess[..., 0]),
            _fill(truth.track_id, left, _PADDING), _fill(_own_ids(predicted.track_id), right, _PADDING),
            distances(guess, real, _fill(size, left, np.nan)),
        )  # fmt: skip

    @property
    def close(self) -> Bool:
        """(F, P, G, K) whether a keypoint lies within the threshold."""
        return self.distance <= PCK_THRESHOLD

    @property
    def apart(self) -> F64:
        """(F, K, G, P) distances, channels first."""
        return self.distance.transpose(0, 3, 2, 1)

    @property
    def within_threshold(self) -> F64:
        """(F, K, G, P) distances within the threshold, else NaN."""
        return np.where(self.apart <= PCK_THRESHOLD, self.apart, np.nan)

    @property
    def sides(self) -> tuple[Bool, Bool, I64, I64]:
        """Labelled (F, K, G) and present (F, K, P) keypoints, true (F, G) and predicted (F, P) ids."""
        return self.labelled.transpose(0, 2, 1), self.present.transpose(0, 2, 1), self.truth_id, self.predicted_id


_PADDING = int(np.iinfo(np.int64).min)


def _own_ids(track_id: I64) -> I64:
    """Return every row without an id one of its own, below all others."""
    fresh = int(track_id.min(initial=0)) - 1 - np.arange(len(track_id))
    return np.where(track_id == UNTRACKED, fresh, track_id)


def _fill(column: NDArray[Any], rows: I64, missing: float) -> NDArray[Any]:  # Any: floats or ids alike
    padded = column[rows] if len(column) else np.zeros((*rows.shape, *column.shape[1:]), column.dtype)
    padded[rows < 0] = missing
    return padded


def _outcomes(grid: Grid, score: F64) -> KeypointOutcomes:
    assigned = assign_by_pck(grid.close, grid.labelled, is_person=grid.person)
    return count_keypoints(grid.close, assigned, _fill(score, grid.rows, NO_SCORE), grid.present, grid.labelled)


def _clear(grid: Grid, rules: AbstractSet[str], notes: Counter[str]) -> ClearCounts:
    frames = len(grid.rows)
    notes["last_frame"] += int(frames > 1)
    counted = np.arange(frames) < (frames if "last_frame" in rules or frames < 2 else frames - 1)
    one_sided = counted & ~(grid.person.any(axis=1) & (grid.rows >= 0).any(axis=1))
    notes["one_sided_frames"] += int(one_sided.sum())
    chosen = counted if "one_sided_frames" in rules else counted & ~one_sided
    labelled, present, truth_id, predicted_id = grid.sides
    counts = count_clear(
        grid.within_threshold[chosen], labelled[chosen], present[chosen], truth_id[chosen], predicted_id[chosen],
        nearest_keeps="contested_ids" in rules,
    )  # fmt: skip
    notes["contested_ids"] += int(counts.contested.sum())
    if "one_sided_frames" in rules:
        return counts
    dummies = np.full(len(counts.objects), float(one_sided.sum()))
    nothing = np.zeros_like(dummies)
    return counts + ClearCounts(dummies, nothing, dummies, dummies, nothing, nothing, nothing, nothing)


def _note_absent(outcomes: KeypointOutcomes, notes: Counter[str]) -> None:
    notes["absent_keypoints"] += int((outcomes.labelled == 0).sum())
    scores = [np.sort(score) for score in outcomes.score]
    notes["ties"] += sum(int((np.diff(score) == 0).sum()) for score in scores)
