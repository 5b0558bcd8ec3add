"""IDF1: how much of each true track one predicted track explains, over counts that can be merged."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.errors import check_shape
from videopose.metrics.sums import Sums
from videopose.types import F64, I64, Bool


@dataclass(frozen=True, slots=True, eq=False)
class IdentityCounts(Sums):
    """(C,) each, per channel; counts of sequences add up.

    Attributes:
        true_positives: frames in which an object is in reach of the track it was given for the whole sequence.
        objects: true objects over all frames.
        predictions: predicted objects over all frames.
    """

    true_positives: F64
    objects: F64
    predictions: F64

    @staticmethod
    def zero(channels: int) -> IdentityCounts:
        """Return the counts of no frames at all."""
        return IdentityCounts(*(np.zeros(channels) for _ in fields(IdentityCounts)))

    def idf1(self) -> F64:
        """(C,) 2 TP / (objects + predictions); NaN where there is neither."""
        total = self.objects + self.predictions
        return np.where(total > 0, 2 * self.true_positives / np.where(total > 0, total, 1), np.nan)

    def recall(self) -> F64:
        """(C,) IDR, TP / objects; NaN without objects."""
        return np.where(self.objects > 0, self.true_positives / np.maximum(self.objects, 1), np.nan)

    def precision(self) -> F64:
        """(C,) IDP, TP / predictions; NaN without predictions."""
        return np.where(self.predictions > 0, self.true_positives / np.maximum(self.predictions, 1), np.nan)


def count_identity(
    in_reach: Bool, truth_present: Bool, predicted_present: Bool, truth_id: I64, predicted_id: I64
) -> IdentityCounts:
    """Return each true track of a sequence at most one predicted track so that the most frames agree, and count them.

    Args:
        in_reach: (F, C, G, P) pairs close enough to be one person.
        truth_present: (F, C, G) objects that are there.
        predicted_present: (F, C, P) predictions that are there.
        truth_id: (F, G) any integers.
        predicted_id: (F, P) likewise.

    Source:
        Ristani et al., Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking, ECCV-W 2016.
    """
    check_shape("in_reach", in_reach, *truth_present.shape, predicted_present.shape[2])
    pairs = in_reach & truth_present[..., None] & predicted_present[:, :, None, :]
    together = co_occurrence(pairs, truth_id, predicted_id)
    best = np.zeros(len(together))
    for channel, frames in enumerate(together):
        rows, columns = linear_sum_assignment(frames, maximize=True)
        best[channel] = frames[rows, columns].sum()
    objects, predictions = (
        present.sum(axis=(0, 2)).astype(np.float64) for present in (truth_present, predicted_present)
    )
    return IdentityCounts(best, objects, predictions)


def co_occurrence(weight: F64 | Bool, truth_id: I64, predicted_id: I64) -> F64:
    """Sum a weight per pair of true and predicted track.

    Args:
        weight: (F, C, G, P) of the pair in each frame.
        truth_id: (F, G) ids.
        predicted_id: (F, P) ids.

    Returns:
        (C, true tracks, predicted tracks), both in the order of `np.unique` of the ids.
    """
    objects, row = np.unique(truth_id, return_inverse=True)
    hypotheses, column = np.unique(predicted_id, return_inverse=True)
    pair = row.reshape(truth_id.shape)[:, :, None] * len(hypotheses) + column.reshape(predicted_id.shape)[:, None, :]
    size = len(objects) * len(hypotheses)
    sums = [
        np.bincount(pair.ravel(), weights=weight[:, channel].ravel(), minlength=size)
        for channel in range(weight.shape[1])
    ]
    return np.array(sums, np.float64).reshape(weight.shape[1], len(objects), len(hypotheses))
