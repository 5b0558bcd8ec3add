"""How well a person detector ranks and how honest its scores are: small people and crowds are regions to ignore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from videopose.geometry.boxes import area, intersection, iou
from videopose.metrics.ap import Outcomes, average_precision, join, match_image
from videopose.types import F64, Bool

IGNORED_SHARE = 0.5
"""A box of which more than this lies in one ignore region, and which is nobody's, does not count."""


def person_box_outcomes(
    predicted_xyxy: ArrayLike, score: ArrayLike, truth_xyxy: ArrayLike, ignore: ArrayLike, *, min_area: float = 0.0
) -> Outcomes:
    """Score the boxes of one image at COCO's thresholds.

    Unlike COCO's area ranges this forgives every box that lies mostly on a person too small to count, whatever its own
    size, and none that lies elsewhere.

    Args:
        predicted_xyxy: (P, 4) in image pixels.
        score: (P,) of the boxes.
        truth_xyxy: (G, 4) in image pixels.
        ignore: (G,) regions in which nobody is judged.
        min_area: people below it, square pixels, are ignore regions too.
    """
    guess = np.asarray(predicted_xyxy, np.float64).reshape(-1, 4)
    real = np.asarray(truth_xyxy, np.float64).reshape(-1, 4)
    region = np.asarray(ignore, bool).reshape(len(real)) | (area(real) < min_area)
    covered = intersection(guess, real) / np.maximum(area(guess), 1e-9)[:, None]
    alike = np.where(region[None, :], (covered > IGNORED_SHARE).astype(np.float64), iou(guess, real))
    return match_image(alike, score, region, crowd=region)


@dataclass(frozen=True)
class DetectorNumbers:
    """What a set of images with and without people says about a detector.

    Attributes:
        ap50: average precision at an IoU of .5.
        ap75: average precision at an IoU of .75.
        recall: share of the people found (IoU .5) at the threshold.
        precision: share of the boxes that are right (IoU .5) at the threshold.
        fired: person-free images with a box at the threshold.
        person_free: number of those images.
        error: expected calibration error of the scores from `floor` upwards, right meaning an IoU of .5.
        people: who count.
    """

    ap50: float
    ap75: float
    recall: float
    precision: float
    fired: int
    person_free: int
    error: float
    people: int


def detector_numbers(
    outcomes: Sequence[Outcomes], person_free: Sequence[bool], *, threshold: float, floor: float = 0.1
) -> DetectorNumbers:
    """Sum up a detector over images.

    Args:
        outcomes: of each image, by `person_box_outcomes`.
        person_free: whether an image shows nobody at all, not even an ignore region.
        threshold: score from which on a box is reported.
        floor: scores below it do not enter the calibration error.

    Raises:
        InputError: there are no images.
    """
    joined = join(outcomes)
    precision = average_precision(joined)
    right, counted = joined.right[0], joined.right[0] | joined.wrong[0]
    kept = counted & (joined.score >= threshold)
    best = [float(each.score.max(initial=0.0)) for each in outcomes]
    return DetectorNumbers(
        ap50=float(precision[0]),
        ap75=float(precision[5]),
        recall=float((right & kept).sum() / max(1, joined.truths)),
        precision=float((right & kept).sum() / max(1, kept.sum())),
        fired=sum(empty and top >= threshold for empty, top in zip(person_free, best, strict=True)),
        person_free=sum(person_free),
        error=calibration_error(joined.score[counted], right[counted], floor=floor),
        people=joined.truths,
    )


def quiet_threshold(outcomes: Sequence[Outcomes], person_free: Sequence[bool], *, share: float = 0.15) -> float:
    """Return the lowest threshold at which at most `share` of the person-free images get a box; 0 without any."""
    best = sorted(
        (float(each.score.max(initial=0.0)) for each, empty in zip(outcomes, person_free, strict=True) if empty),
        reverse=True,
    )
    allowed = int(share * len(best))
    return float(np.nextafter(best[allowed], np.inf)) if allowed < len(best) else 0.0


def calibration_error(score: F64, right: Bool, *, floor: float = 0.0, bins: int = 10) -> float:
    """Measure how far scores are from the share that is right, averaged over equal bins of the score.

    Args:
        score: (P,) in [0, 1].
        right: (P,) whether each prediction is.
        floor: scores below it are left out.
        bins: number of bins over [0, 1].

    Returns:
        Mean distance, weighted by the bins' sizes; 0 without predictions.

    Source:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, eq. 3.
    """
    kept = score >= floor
    place = np.minimum((score[kept] * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, score[kept] - right[kept], minlength=bins)
    return float(np.abs(gap).sum() / max(1, int(kept.sum())))
