"""PoseTrack's average precision per keypoint: poses matched by PCKh, ranked by the score of the keypoint.

All frames of a sequence are worked on at once in padded arrays: F frames, P predicted and G true people, K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from videopose.errors import InputError, check_shape
from videopose.types import F64, I64, Bool


@dataclass(frozen=True, slots=True, eq=False)
class KeypointOutcomes:
    """What became of every predicted keypoint; two halves joined are the whole.

    Attributes:
        score: per keypoint, (D,) scores of its predictions, in the order of frames and people.
        right: per keypoint, (D,) whether the prediction belongs to a true person and is close enough.
        labelled: (K,) number of labelled keypoints.
    """

    score: tuple[F64, ...]
    right: tuple[Bool, ...]
    labelled: I64


def distances(predicted: F64, truth: F64, head_size: F64) -> F64:
    """Measure every predicted keypoint from every true one, in head sizes.

    Args:
        predicted: (F, P, K, 2) x, y in image pixels; NaN = absent, or padding.
        truth: (F, G, K, 2) likewise.
        head_size: (F, G) pixels.

    Returns:
        (F, P, G, K) head sizes; NaN where either side is absent or the head has no size and the distance none.
    """
    check_shape("truth", truth, len(predicted), None, predicted.shape[2], 2)
    check_shape("head_size", head_size, *truth.shape[:2])
    x = predicted[:, :, None, :, 0] - truth[:, None, :, :, 0]
    y = predicted[:, :, None, :, 1] - truth[:, None, :, :, 1]
    with np.errstate(divide="ignore", invalid="ignore"):  # a head without size: x / 0 is too far, 0 / 0 no distance
        return np.asarray(np.sqrt(x * x + y * y) / head_size[:, None, :, None])


def assign_by_pck(close: Bool, labelled: Bool, *, is_person: Bool) -> I64:
    """Return each true person at most one prediction: that with the highest share of keypoints in reach.

    Each prediction first turns to the true person it fits best, then each true person takes the best of those that
    turned to it. The first of several equally good ones is taken; a share of zero never is.

    Args:
        close: (F, P, G, K) keypoint pairs within reach.
        labelled: (F, G, K) keypoints the truth has.
        is_person: (F, G) true people, as opposed to padding.

    Returns:
        (F, G) row of the prediction, -1 = none.

    Source:
        The PoseTrack challenge's evaluation, Andriluka et al., PoseTrack, CVPR 2018, section 4.
    """
    if close.shape[1] == 0 or close.shape[2] == 0:
        return np.full((len(close), close.shape[2]), -1)
    share = close.sum(axis=-1) / np.maximum(labelled.sum(axis=-1), 1)[:, None, :]
    share = np.where(is_person[:, None, :], share, -1.0)
    best_truth = share.argmax(axis=2)
    kept = np.where(best_truth[..., None] == np.arange(share.shape[2]), share, 0.0)
    return np.asarray(np.where(kept.max(axis=1) > 0, kept.argmax(axis=1), -1))


def count_keypoints(close: Bool, assigned: I64, score: F64, predicted: Bool, labelled: Bool) -> KeypointOutcomes:
    """Convert an assignment to outcomes.

    Args:
        close: (F, P, G, K) keypoint pairs within reach.
        assigned: (F, G) prediction of each true person, -1 = none.
        score: (F, P, K) of the predicted keypoints.
        predicted: (F, P, K) keypoints that are there and to be judged.
        labelled: (F, G, K) keypoints of the truth.
    """
    right = np.zeros(score.shape, bool)
    frame, person = np.nonzero(assigned >= 0)
    row = assigned[frame, person]
    right[frame, row] = close[frame, row, person]
    keypoints = range(score.shape[2])
    return KeypointOutcomes(
        tuple(score[..., k][predicted[..., k]] for k in keypoints),
        tuple(right[..., k][predicted[..., k]] for k in keypoints),
        labelled.sum(axis=(0, 1)),
    )


def join(parts: Iterable[KeypointOutcomes]) -> KeypointOutcomes:
    """Concatenate the outcomes of several sequences, in the order given.

    Raises:
        InputError: there are no parts.
    """
    pieces = list(parts)
    if not pieces:
        raise InputError("no sequences to score: outcomes of at least one are needed")
    keypoints = range(len(pieces[0].labelled))
    return KeypointOutcomes(
        tuple(np.concatenate([piece.score[k] for piece in pieces]) for k in keypoints),
        tuple(np.concatenate([piece.right[k] for piece in pieces]) for k in keypoints),
        np.sum([piece.labelled for piece in pieces], axis=0),
    )


def precision_recall(
    score: F64, right: Bool, labelled: float, *, ties_together: bool, weight: F64 | None = None
) -> tuple[F64, F64]:
    """Return precision and recall after each prediction, best score first.

    Args:
        score: (D,) of the predictions.
        right: (D,) whether each is right.
        labelled: number of labelled keypoints, above 0.
        ties_together: predictions of one score enter at once, so that their order is of no consequence; otherwise the
            later one comes first, as a stable rising sort read backwards gives it.
        weight: (D,) how often each prediction counts, once by default; a bootstrap draws these.

    Returns:
        Two (D,) arrays in [0, 1]; fewer entries than predictions where ties enter together.
    """
    order = np.argsort(score, kind="stable")[::-1]
    times = np.ones(len(order)) if weight is None else weight[order]
    hits, seen = (right[order] * times).cumsum(), times.cumsum()
    precision, recall = hits / np.maximum(seen, 1), hits / labelled
    if not ties_together:
        return precision, recall
    ranked = score[order]
    last = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]
    return precision[last], recall[last]


def average_precision(precision: F64, recall: F64) -> float:
    """Measure the area under the precision envelope, as Pascal VOC has done since 2010."""
    height = np.concatenate([[0.0], precision, [0.0]])
    reach = np.concatenate([[0.0], recall, [1.0]])
    envelope = np.maximum.accumulate(height[::-1])[::-1]
    return float((np.diff(reach) * envelope[1:]).sum())
