"""What the default detector is judged by: images like COCO's, half of them without anybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from videopose.data.coco import read_coco
from videopose.data.samples import read_image
from videopose.estimators.base import Detector
from videopose.metrics.person_boxes import DetectorNumbers, detector_numbers, person_box_outcomes
from videopose.skeletons import skeleton_named

from .bars import Bar

MIN_AREA = 24 * 24
"""Smaller people are ignore regions, square pixels."""
SCORE_FLOOR = 0.1
"""Scores below it do not enter the calibration error: no pipeline looks at them."""


def measure_detector(data_dir: Path, detector: Detector, *, threshold: float, every: int = 1) -> DetectorNumbers:
    """Run a detector on `detval`.

    Args:
        data_dir: folder with the data sets.
        detector: reports boxes far below the threshold too, or average precision is cut off.
        threshold: the score from which on pipelines take a box.
        every: look at every so many images.

    Raises:
        DatasetError: the set is not there or cannot be read.
    """
    images = read_coco(data_dir / "detval/detval.json", data_dir / "detval/images", skeleton_named("coco17"))[::every]
    outcomes = []
    for image in images:
        found = detector.detect([torch.from_numpy(read_image(image.path)).permute(2, 0, 1)])[0]
        boxes = np.array([person.xyxy for person in image.people], np.float32).reshape(-1, 4)
        ignore = np.array([person.ignore for person in image.people], bool)
        outcomes.append(person_box_outcomes(found.xyxy, found.score, boxes, ignore, min_area=MIN_AREA))
    return detector_numbers(outcomes, [not image.people for image in images], threshold=threshold, floor=SCORE_FLOOR)


def detector_bars(data_dir: Path, detector: Detector, *, threshold: float, every: int = 1) -> Iterator[Bar]:
    """Return the bars of `measure_detector`'s numbers."""
    numbers = measure_detector(data_dir, detector, threshold=threshold, every=every)
    people = "detval, boxes >= 24 x 24 square pixels"
    yield Bar("detval AP50", people, numbers.ap50, 0.71, 0.79, numbers.people)
    yield Bar("detval AP75", people, numbers.ap75, 0.45, 0.56, numbers.people)
    quiet = f"detval, person-free images with a box at {threshold:g}; less is better"
    yield Bar("person-free with a box", quiet, numbers.fired, 20, 8, numbers.person_free)
    yield Bar("recall there", f"detval, boxes found at {threshold:g}", numbers.recall, 0.70, 0.80, numbers.people)
    honest = f"detval, boxes from {SCORE_FLOOR:g} on, ten bins; less is better"
    yield Bar("person score error", honest, numbers.error, 0.06, 0.02, numbers.people)
