"""What a pose's score is worth as the chance that there is a person: on images half of which show nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from videopose.data.coco import read_coco
from videopose.data.samples import read_image
from videopose.estimators.base import Detector
from videopose.estimators.topdown import TopDownEstimator
from videopose.metrics.ap import Outcomes, join
from videopose.metrics.calibration import fit_calibration
from videopose.metrics.person_boxes import detector_numbers, person_box_outcomes
from videopose.skeletons import skeleton_named

from .bars import Bar
from .detector_bars import MIN_AREA, SCORE_FLOOR


def pose_outcomes_on_detval(
    data_dir: Path, detector: Detector, estimator: TopDownEstimator, every: int
) -> tuple[list[Outcomes], list[bool]]:
    """Detect and estimate on `detval`; compare the poses' boxes and scores with the people, image by image.

    Returns:
        Outcomes and whether an image shows nobody.
    """
    images = read_coco(data_dir / "detval/detval.json", data_dir / "detval/images", skeleton_named("coco17"))[::every]
    outcomes = []
    for image in images:
        pixels = torch.from_numpy(read_image(image.path)).permute(2, 0, 1)
        found = detector.detect([pixels])[0]
        poses = estimator.estimate([pixels], [found[found.score >= SCORE_FLOOR]])[0]
        boxes = np.array([person.xyxy for person in image.people], np.float32).reshape(-1, 4)
        ignore = np.array([person.ignore for person in image.people], bool)
        outcomes.append(person_box_outcomes(poses.xyxy, poses.score, boxes, ignore, min_area=MIN_AREA))
    return outcomes, [not image.people for image in images]


def person_bars(data_dir: Path, detector: Detector, estimator: TopDownEstimator, every: int = 1) -> Iterator[Bar]:
    """Return the calibration error of poses' scores, right meaning a person's box of an IoU of .5, and the best F1.

    The first names the pair (a, b) that brings the scores nearest to the share that is right: the card's
    `person_calibration` (1, 0) is to be replaced by it.
    """
    outcomes, person_free = pose_outcomes_on_detval(data_dir, detector, estimator, every)
    numbers = detector_numbers(outcomes, person_free, threshold=0.5, floor=SCORE_FLOOR)
    score, right, truths = _judged(outcomes)
    factor, shift = fit_calibration(score, right)
    fitted = f"detval, poses from {SCORE_FLOOR:g} on; sigmoid(a logit(s) + b) fits best with {factor:.3f}, {shift:.3f}"
    yield Bar("pose score error", fitted, numbers.error, 0.06, 0.02, numbers.people)
    best, place = max(_f1(score, right, truths, threshold) for threshold in np.arange(0.1, 0.95, 0.05))
    yield Bar(
        "best F1 of poses", f"detval, at a score of {place:.2f}", best, float("nan"), float("nan"), numbers.people
    )


def _judged(outcomes: Sequence[Outcomes]) -> tuple[np.ndarray, np.ndarray, int]:
    """Return scores from the floor on and whether each is right, and how many people there are."""
    joined = join(outcomes)
    counted = (joined.right[0] | joined.wrong[0]) & (joined.score >= SCORE_FLOOR)
    return joined.score[counted], joined.right[0][counted], joined.truths


def _f1(score: np.ndarray, right: np.ndarray, truths: int, threshold: float) -> tuple[float, float]:
    kept = score >= threshold
    return 2 * float((right & kept).sum()) / max(1, int(kept.sum()) + truths), float(threshold)
