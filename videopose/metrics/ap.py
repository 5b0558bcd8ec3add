"""COCO's average precision and recall, for poses (OKS) and boxes (IoU), over outcomes that can be merged.

`match_image` turns one image into outcomes, `join` puts images together, `average_precision` and `average_recall` read
them. The two `*_outcomes` functions add COCO's area ranges, the two `*_numbers` functions its tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from videopose.errors import InputError, check_shape
from videopose.metrics.similarity import coco_box_overlap, coco_oks
from videopose.types import F64, I64, Bool

THRESHOLDS: F64 = np.linspace(0.5, 0.95, 10)
"""COCO's similarity thresholds 0.5, 0.55 … 0.95."""

RECALL_POINTS: F64 = np.linspace(0.0, 1.0, 101)
"""Recall values at which COCO reads precision off the curve."""

POSE_AREAS: dict[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
BOX_AREAS: dict[str, tuple[float, float]] = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), **POSE_AREAS}


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What became of every prediction; two halves joined are the whole.

    Attributes:
        score: (P,) of each prediction.
        right: (T, P) matched to a true person that counts, per similarity threshold.
        wrong: (T, P) matched to nobody; a prediction neither right nor wrong was ignored.
        truths: number of true people that count.
    """

    score: F64
    right: Bool
    wrong: Bool
    truths: int


def match_image(
    similarity: ArrayLike,
    score: ArrayLike,
    ignored: ArrayLike,
    *,
    crowd: ArrayLike | None = None,
    unmatched_ignored: ArrayLike | None = None,
    thresholds: ArrayLike = THRESHOLDS,
    max_predictions: int | None = None,
    void: ArrayLike | None = None,
) -> Outcomes:
    """Match the predictions of one image greedily, best score first, each to the most similar free true person.

    A true person that counts is preferred to one that is ignored; of two equally similar ones the later is taken, as
    in COCO's tool.

    Args:
        similarity: (P, G) of every prediction with every true person.
        score: (P,) of the predictions; ties keep their order.
        ignored: (G,) true people that do not count; what matches them is neither right nor wrong.
        crowd: (G,) regions that any number of predictions may match; none by default.
        unmatched_ignored: (P,) predictions that are not wrong when nobody matches (outside the area range).
        thresholds: (T,) similarities from which on a match is a match.
        max_predictions: only that many best predictions of the image take part.
        void: (G,) true people a match with whom counts as none, though they are taken; none by default.

    Returns:
        Outcomes, predictions ordered by falling score.

    Source:
        Lin et al., Microsoft COCO, ECCV 2014; cocodataset.org/#detection-eval.
    """
    rank = np.asarray(score, np.float64)
    order = np.argsort(-rank, kind="stable")[:max_predictions]
    free_for_all = np.zeros(len(np.asarray(ignored)), bool) if crowd is None else np.asarray(crowd, bool)
    skipped = np.asarray(ignored, bool)
    alike = np.asarray(similarity, np.float64).reshape(len(rank), len(skipped))
    limits = np.minimum(np.asarray(thresholds, np.float64), 1 - 1e-10)[:, None]
    taken = np.zeros((len(limits), len(skipped)), bool)
    right, wrong = (np.zeros((len(limits), len(order)), bool) for _ in range(2))
    excused = np.zeros(len(rank), bool) if unmatched_ignored is None else np.asarray(unmatched_ignored, bool)
    nothing = np.zeros(len(skipped), bool) if void is None else np.asarray(void, bool)
    for column, row in enumerate(order):
        open_ = (alike[row] >= limits) & (~taken | free_for_all)
        counted = open_ & ~skipped
        hit = counted.any(axis=1)
        choice = np.where(hit[:, None], counted, open_)
        matched = choice.any(axis=1)
        best = _last_best(alike[row], choice)
        taken[matched, best[matched]] = True
        if nothing.any():
            lost = matched & nothing[best]
            hit, matched = hit & ~lost, matched & ~(lost & hit)
        right[:, column] = hit
        wrong[:, column] = ~matched & ~excused[row]
    return Outcomes(rank[order], right, wrong, int((~skipped).sum()))


def _last_best(values: F64, allowed: Bool) -> I64:
    if allowed.shape[1] == 0:
        return np.zeros(len(allowed), np.intp)
    masked = np.where(allowed, values, -np.inf)[:, ::-1]
    return np.asarray(allowed.shape[1] - 1 - masked.argmax(axis=1))


def join(parts: Iterable[Outcomes]) -> Outcomes:
    """Concatenate the outcomes of several images (or of several processes), in the order given.

    Raises:
        InputError: there are no parts; the number of thresholds would be unknown.
    """
    pieces = list(parts)
    if not pieces:
        raise InputError("no images to score: outcomes of at least one image are needed")
    return Outcomes(
        np.concatenate([piece.score for piece in pieces]),
        np.concatenate([piece.right for piece in pieces], axis=1),
        np.concatenate([piece.wrong for piece in pieces], axis=1),
        sum(piece.truths for piece in pieces),
    )


def average_precision(outcomes: Outcomes) -> F64:
    """Average the precision envelope over 101 recall values.

    Returns:
        (T,) in [0, 1] per similarity threshold; NaN if no true person counts.
    """
    if outcomes.truths == 0:
        return np.full(len(outcomes.right), np.nan)
    recall, precision = precision_recall(outcomes)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    out = np.zeros(len(recall))
    for row, (reached, height) in enumerate(zip(recall, envelope, strict=True)):
        at = np.searchsorted(reached, RECALL_POINTS, side="left")
        out[row] = np.append(height, 0.0)[at].mean()  # a recall never reached has precision 0
    return out


def precision_recall(outcomes: Outcomes) -> tuple[F64, F64]:
    """Return recall and precision after each prediction, best score first; two (T, P) arrays in [0, 1]."""
    order = np.argsort(-outcomes.score, kind="stable")
    right = outcomes.right[:, order].cumsum(axis=1, dtype=np.float64)
    wrong = outcomes.wrong[:, order].cumsum(axis=1, dtype=np.float64)
    return right / max(outcomes.truths, 1), right / (right + wrong + np.spacing(1))


def average_recall(outcomes: Outcomes) -> F64:
    """Return the recall reached with all predictions, (T,) in [0, 1]; NaN if no true person counts."""
    if outcomes.truths == 0:
        return np.full(len(outcomes.right), np.nan)
    return np.asarray(outcomes.right.sum(axis=1) / outcomes.truths)


def pose_outcomes(
    predicted: ArrayLike,
    score: ArrayLike,
    truth: ArrayLike,
    area: ArrayLike,
    truth_xyxy: ArrayLike,
    oks_sigmas: ArrayLike,
    *,
    crowd: ArrayLike | None = None,
    blank: ArrayLike | None = None,
    void: ArrayLike | None = None,
    extent: ArrayLike | None = None,
    max_predictions: int = 20,
) -> dict[str, Outcomes]:
    """Score the poses of one image at COCO's thresholds, in COCO's area ranges.

    True people without labelled keypoints, of a crowd, or outside the area range are ignored.

    Args:
        predicted: (P, K, 2 or more) x, y in image pixels.
        score: (P,) of the poses.
        truth: (G, K, 3) x, y in image pixels and visibility.
        area: (G,) area of each true person, square pixels.
        truth_xyxy: (G, 4) boxes in image pixels; they matter only for people without labelled keypoints.
        oks_sigmas: (K,) falloff constants.
        crowd: (G,) `iscrowd`; none by default.
        blank: (G,) people who do not count, COCO's `num_keypoints` 0; by default those without labelled keypoints.
        void: (G,) people a match with whom counts as none.
        extent: (P,) area of each prediction; by default that of the box around all its keypoints.
        max_predictions: per image.

    Returns:
        Outcomes for `all`, `medium` and `large` people, to be joined over images and given to `pose_numbers`.
    """
    guess, real = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    size = np.asarray(area, np.float64)
    many = np.zeros(len(real), bool) if crowd is None else np.asarray(crowd, bool)
    alike = coco_oks(guess, real, size, truth_xyxy, oks_sigmas)
    nobody = ~(real[..., 2] > 0).any(axis=1) if blank is None else np.asarray(blank, bool)
    span = _spans(guess) if extent is None else np.asarray(extent, np.float64)
    return {
        name: match_image(
            alike,
            score,
            many | nobody | (size < least) | (size > most),
            crowd=many,
            unmatched_ignored=(span < least) | (span > most),
            max_predictions=max_predictions,
            void=void,
        )
        for name, (least, most) in POSE_AREAS.items()
    }


def _spans(guess: F64) -> F64:
    """Measure the boxes around all keypoints of each pose, square pixels."""
    low, high = guess[..., :2].min(axis=1, initial=np.inf), guess[..., :2].max(axis=1, initial=-np.inf)
    return np.asarray((high - low).prod(axis=1) if len(guess) else np.zeros(0))


def box_outcomes(
    predicted_xyxy: ArrayLike,
    score: ArrayLike,
    truth_xyxy: ArrayLike,
    *,
    crowd: ArrayLike | None = None,
    area: ArrayLike | None = None,
    ignored: ArrayLike | None = None,
    void: ArrayLike | None = None,
    min_side: float = 0.0,
    max_predictions: int = 100,
) -> dict[str, Outcomes]:
    """Score the person boxes of one image at COCO's thresholds, in COCO's area ranges.

    Args:
        predicted_xyxy: (P, 4) in image pixels.
        score: (P,) of the boxes.
        truth_xyxy: (G, 4) in image pixels.
        crowd: (G,) ignore regions (`iscrowd`): any number of predictions may lie in one, measured by the share of the
            prediction that is covered.
        area: (G,) area of each true person; the box's by default.
        ignored: (G,) further people who do not count, matched by IoU.
        void: (G,) people a match with whom counts as none.
        min_side: true boxes with a shorter side in pixels are ignored, and so are unmatched predictions with one.
        max_predictions: per image.

    Returns:
        Outcomes for `all`, `small`, `medium` and `large`, to be joined over images and given to `box_numbers`.
    """
    guess = np.asarray(predicted_xyxy, np.float64).reshape(-1, 4)
    real = np.asarray(truth_xyxy, np.float64).reshape(-1, 4)
    many = np.zeros(len(real), bool) if crowd is None else np.asarray(crowd, bool)
    check_shape("crowd", many, len(real))
    side_guess, side_real = guess[:, 2:] - guess[:, :2], real[:, 2:] - real[:, :2]
    size = side_real.prod(axis=1) if area is None else np.asarray(area, np.float64)
    out_of_play = many | (side_real.min(axis=1, initial=np.inf) < min_side)
    if ignored is not None:
        out_of_play = out_of_play | np.asarray(ignored, bool)
    alike, extent = coco_box_overlap(guess, real, many), side_guess.prod(axis=1)
    tiny = side_guess.min(axis=1, initial=np.inf) < min_side
    return {
        name: match_image(
            alike,
            score,
            out_of_play | (size < least) | (size > most),
            crowd=many,
            unmatched_ignored=tiny | (extent < least) | (extent > most),
            max_predictions=max_predictions,
            void=void,
        )
        for name, (least, most) in BOX_AREAS.items()
    }


def join_ranges(images: Iterable[Mapping[str, Outcomes]]) -> dict[str, Outcomes]:
    """Join the outcomes of several images range by range.

    Raises:
        InputError: there are no images.
    """
    per_image = list(images)
    if not per_image:
        raise InputError("no images to score: outcomes of at least one image are needed")
    return {name: join(image[name] for image in per_image) for name in per_image[0]}


def pose_numbers(outcomes: Mapping[str, Outcomes]) -> dict[str, float]:
    """Return COCO's ten keypoint numbers in [0, 1]: AP, AP50, AP75, APM, APL, AR … ARL likewise; NaN without truth."""
    precision = {name: average_precision(each) for name, each in outcomes.items()}
    recall = {name: average_recall(each) for name, each in outcomes.items()}
    return {f"AP{key}": value for key, value in _five(precision).items()} | {
        f"AR{key}": value for key, value in _five(recall).items()
    }


def box_numbers(outcomes: Mapping[str, Outcomes]) -> dict[str, float]:
    """Return COCO's box numbers in [0, 1]: AP, AP50, AP75, APS, APM, APL and AR, ARS, ARM, ARL at 100 predictions."""
    precision = {name: average_precision(each) for name, each in outcomes.items()}
    recall = {name: average_recall(each) for name, each in outcomes.items()}
    small = {"S": float(precision["small"].mean())}
    numbers = {f"AP{key}": value for key, value in (_five(precision) | small).items()}
    return numbers | {
        "AR": float(recall["all"].mean()),
        "ARS": float(recall["small"].mean()),
        "ARM": float(recall["medium"].mean()),
        "ARL": float(recall["large"].mean()),
    }


def _five(per_range: Mapping[str, F64]) -> dict[str, float]:
    everyone = per_range["all"]
    return {
        "": float(everyone.mean()),
        "50": float(everyone[0]),
        "75": float(everyone[5]),
        "M": float(per_range["medium"].mean()),
        "L": float(per_range["large"].mean()),
    }
