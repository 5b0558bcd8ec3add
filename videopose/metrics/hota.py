"""HOTA: detection and association in balance, over sums that can be merged."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.errors import check_shape
from videopose.metrics.identity import co_occurrence
from videopose.metrics.sums import Sums
from videopose.types import F64, I64, Bool

ALPHAS: F64 = np.arange(0.05, 0.99, 0.05)
"""The 19 localisation thresholds over which HOTA is averaged."""

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class HotaSums(Sums):
    """(C, 19) each: per channel and localisation threshold; sums of sequences add up.

    Attributes:
        true_positives: matched pairs at least as similar as the threshold.
        objects: true objects.
        predictions: predicted objects.
        similarity: summed over the matched pairs.
        association: for each matched pair, the Jaccard index of its two tracks, summed.
        association_recall: share of the true track that is matched to the predicted one, summed likewise.
        association_precision: share of the predicted track, summed likewise.
    """

    true_positives: F64
    objects: F64
    predictions: F64
    similarity: F64
    association: F64
    association_recall: F64
    association_precision: F64

    @staticmethod
    def zero(channels: int) -> HotaSums:
        """Return the sums of no frames at all."""
        return HotaSums(*(np.zeros((channels, len(ALPHAS))) for _ in fields(HotaSums)))

    def numbers(self) -> dict[str, F64]:
        """Return HOTA, DetA, AssA, LocA, DetRe, DetPr, AssRe and AssPr in [0, 1], (C,) means over the thresholds.

        A channel with neither objects nor predictions gives NaN; LocA without a single match is 1 by definition.
        """
        union = self.objects + self.predictions - self.true_positives
        matches = np.maximum(self.true_positives, 1)
        detection, association = self.true_positives / np.maximum(union, 1), self.association / matches
        curves = {
            "HOTA": np.sqrt(detection * association),
            "DetA": detection,
            "AssA": association,
            "LocA": np.maximum(1e-10, self.similarity) / np.maximum(1e-10, self.true_positives),
            "DetRe": self.true_positives / np.maximum(self.objects, 1),
            "DetPr": self.true_positives / np.maximum(self.predictions, 1),
            "AssRe": self.association_recall / matches,
            "AssPr": self.association_precision / matches,
        }
        absent = union.max(axis=1) == 0
        return {name: np.where(absent, np.nan, curve.mean(axis=1)) for name, curve in curves.items()}


def sum_hota(
    similarity: F64, truth_present: Bool, predicted_present: Bool, truth_id: I64, predicted_id: I64
) -> HotaSums:
    """Match the frames of one sequence so that tracks that belong together meet, and sum up.

    Args:
        similarity: (F, C, G, P) in [0, 1]; NaN counts as 0.
        truth_present: (F, C, G) objects that are there.
        predicted_present: (F, C, P) predictions that are there.
        truth_id: (F, G) any integers, unique in a frame; padding rows, present in no channel, share an id of their own.
        predicted_id: (F, P) likewise.

    Source:
        Luiten et al., HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking, IJCV 2021, sections 5 and 6.
    """
    check_shape("similarity", similarity, *truth_present.shape, predicted_present.shape[2])
    both = truth_present[..., None] & predicted_present[:, :, None, :]
    alike = np.where(both, np.nan_to_num(similarity, nan=0.0), 0.0)
    union = alike.sum(axis=-2, keepdims=True) + alike.sum(axis=-1, keepdims=True) - alike
    jaccard = np.divide(alike, union, out=np.zeros_like(alike), where=union > _EPS)
    potential = co_occurrence(jaccard, truth_id, predicted_id)
    per_truth, per_predicted = _track_lengths(truth_present, truth_id), _track_lengths(predicted_present, predicted_id)
    lengths = per_truth[:, :, None] + per_predicted[:, None, :]
    together = lengths - potential
    alignment = np.divide(potential, together, out=np.zeros_like(potential), where=together > 0)
    rows = np.unique(truth_id, return_inverse=True)[1].reshape(truth_id.shape)
    columns = np.unique(predicted_id, return_inverse=True)[1].reshape(predicted_id.shape)
    matched = _best_pairs(alike, alignment, rows, columns)
    shape = (alike.shape[1], len(ALPHAS))
    counts = np.zeros((7, *shape))
    counts[1], counts[2] = per_truth.sum(axis=1)[:, None], per_predicted.sum(axis=1)[:, None]
    frame, channel, truth, predicted = np.nonzero(matched)
    value = alike[frame, channel, truth, predicted]
    # A pair counts at every threshold up to its similarity: count pairs per number of thresholds reached, then add up
    # from the top.
    reached = np.searchsorted(ALPHAS - _EPS, value, side="right")
    levels = len(ALPHAS) + 1
    pair = (channel * potential.shape[1] + rows[frame, truth]) * potential.shape[2] + columns[frame, predicted]
    times = _from_the_top(pair * levels + reached, None, (*potential.shape, levels))
    counts[0] = times.sum(axis=(1, 2))
    counts[3] = _from_the_top(channel * levels + reached, value, (shape[0], levels))
    counts[4] = (times**2 / np.maximum(1, lengths[..., None] - times)).sum(axis=(1, 2))
    counts[5] = (times**2 / np.maximum(1, per_truth[:, :, None, None])).sum(axis=(1, 2))
    counts[6] = (times**2 / np.maximum(1, per_predicted[:, None, :, None])).sum(axis=(1, 2))
    return HotaSums(*counts)


def _from_the_top(cell: I64, weight: F64 | None, shape: tuple[int, ...]) -> F64:
    """Sum weights per cell, then over the last axis from its end, leaving out the level nobody can fail."""
    sums = np.bincount(cell, weights=weight, minlength=int(np.prod(shape))).reshape(shape)
    return np.asarray(sums[..., ::-1].cumsum(axis=-1)[..., ::-1][..., 1:], np.float64)


def _track_lengths(present: Bool, identity: I64) -> F64:
    ids, row = np.unique(identity, return_inverse=True)
    row = row.reshape(identity.shape)
    lengths = np.zeros((present.shape[1], len(ids)))
    for channel in range(present.shape[1]):
        lengths[channel] = np.bincount(row[present[:, channel]], minlength=len(ids))
    return lengths


def _best_pairs(alike: F64, alignment: F64, rows: I64, columns: I64) -> Bool:
    """Choose pairs, frame by frame, of the greatest summed alignment times similarity; (F, C, G, P)."""
    possible = alike > 0
    if possible.size == 0:
        return possible
    crowded = (possible.sum(axis=-1).max(axis=-1) > 1) | (possible.sum(axis=-2).max(axis=-1) > 1)
    for frame, channel in np.argwhere(crowded):  # elsewhere no pair competes with another
        gain = alike[frame, channel] * alignment[channel][np.ix_(rows[frame], columns[frame])]
        chosen = linear_sum_assignment(gain, maximize=True)
        best = np.zeros_like(possible[frame, channel])
        best[chosen] = possible[frame, channel][chosen]
        possible[frame, channel] = best
    return possible
