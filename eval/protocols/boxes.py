"""Person boxes: COCO's AP and AR by intersection over union, with ignore regions and a smallest size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from videopose.config import Options
from videopose.io.exchange.table import PoseTable
from videopose.metrics.ap import box_numbers, box_outcomes, join_ranges
from videopose.types import I64

from . import base
from .coco import check_entries, in_order_of_ids, person_scores
from .tables import read_pair


class BoxesOptions(Options):
    """What does not count."""

    min_side: float = Field(default=0.0, ge=0, description="People with a shorter side in pixels do not count.")


@dataclass(frozen=True)
class Scored(base.ScoredImages):
    """The result of one set of images, in the order of their ids."""

    def numbers_of(self, rows: I64, /) -> base.Numbers:
        """Count COCO's box numbers over chosen images."""
        return box_numbers(join_ranges(self.images[row] for row in rows))


def score_files(truth: Path, predictions: Path, *, min_side: float = 0.0, origin: str | None = None) -> Scored:
    """Score the boxes of two files.

    Args:
        truth: annotations in any format with boxes; `iscrowd` marks ignore regions.
        predictions: boxes with scores, in any format; poses without boxes get one around the keypoints.
        min_side: people with a shorter side in pixels do not count, nor do unmatched predictions with one.
        origin: format of the truth, recognised by default.

    Raises:
        DatasetError: a file breaks its format.
    """
    return score_tables(*read_pair(truth, predictions, origin), min_side=min_side)


def score_tables(truth: PoseTable, predicted: PoseTable, *, min_side: float = 0.0) -> Scored:
    """Score boxes against annotations on the same frames.

    A true person's area is the file's where it gives one, as in COCO's tool; else the box's.

    Raises:
        DatasetError: two annotations have the same id, or a prediction has no score.
    """
    check_entries(truth)
    truth, predicted = in_order_of_ids(truth, predicted)
    real, found, score = truth.boxes(), predicted.boxes(), person_scores(predicted)
    sides = np.round(np.nan_to_num(real[:, 2:] - real[:, :2]), 9)
    area = np.where(np.isnan(truth.area), sides.prod(axis=1), truth.area)
    images = tuple(
        box_outcomes(
            np.nan_to_num(found[right]),
            score[right],
            np.nan_to_num(real[left]),
            crowd=truth.crowd[left],
            area=area[left],
            void=truth.zero_id[left],
            min_side=min_side,
        )
        for position in range(len(truth.frames))
        for left, right in ((truth.rows_of(position), predicted.rows_of(position)),)
    )
    return Scored(images, box_numbers(join_ranges(images)))


def _score(
    truth: Path, predictions: Path, options: BoxesOptions, /, *, origin: str | None = None, explain: bool = False
) -> Scored:
    return score_files(truth, predictions, min_side=options.min_side, origin=origin)


PROTOCOL = base.Protocol(
    "boxes", "Person boxes: COCO's AP and AR by overlap, ignore regions respected.", BoxesOptions, _score
)
