"""A machine's boxes for people nobody boxed: the sure ones become people, the doubtful ones ignore regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from videopose.config import Options
from videopose.data.coco import load_json
from videopose.data.samples import LabelledImage, PersonLabel
from videopose.errors import DatasetError
from videopose.geometry.boxes import area, clip, iou, xyxy_from_xywh
from videopose.types import F32, F64


class SoftBoxOptions(Options):
    """Where the boxes are and how far they are trusted."""

    file: str
    """JSON: section -> image file name -> rows of x, y, width, height in pixels and score in percent."""
    section: str
    person_score: float = 0.65
    """From here on a box is a person."""
    ignore_score: float = 0.3
    """From here on a box is an ignore region; below, nothing."""
    same_iou: float = 0.4
    """A box that overlaps a labelled person by more than this is that person."""


def add_soft_boxes(images: list[LabelledImage], folder: Path, options: SoftBoxOptions) -> list[LabelledImage]:
    """Add a machine's boxes to images in which people may be missing.

    Raises:
        DatasetError: the file is not of the stated layout.
    """
    path = folder / options.file
    listed = load_json(path).get(options.section)
    if not isinstance(listed, dict):
        raise DatasetError(f"{path}: has no section {options.section!r}; soft_boxes.section names one of its keys")
    try:
        boxes = {name: np.array(rows, np.float32).reshape(-1, 5) for name, rows in listed.items()}
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{path}: soft boxes are rows of x, y, width, height, score in percent: {error}") from error
    return [_with(image, boxes, options) for image in images]


def _with(image: LabelledImage, boxes: Mapping[str, F32], options: SoftBoxOptions) -> LabelledImage:
    rows = boxes.get(image.path.name)
    if rows is None or not len(rows):
        return image
    score = rows[:, 4] / 100
    xyxy = clip(xyxy_from_xywh(rows[:, :4]), image.size_hw)
    people = [person for person in image.people if not person.ignore]
    known = np.array([person.xyxy for person in people], np.float32).reshape(-1, 4)
    new = (score >= options.ignore_score) & (area(xyxy) > 0) & (iou(xyxy, known).max(1, initial=0) <= options.same_iou)
    added = [
        _label(box, ignore=value < options.person_score, like=image)
        for box, value in zip(xyxy[new], score[new], strict=True)
    ]
    return replace(image, people=(*image.people, *added))


def _label(box: F32 | F64, *, ignore: bool, like: LabelledImage) -> PersonLabel:
    num_keypoints = len(like.people[0].keypoints) if like.people else 0
    nothing = np.zeros((num_keypoints, 3), np.float32)
    weight = np.ones(num_keypoints, np.float32)
    return PersonLabel(np.asarray(box, np.float32), nothing, weight, float(area(box)), ignore=bool(ignore))
