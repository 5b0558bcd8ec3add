"""Explain a score: kinds of errors by keypoint, size, crowding and age of the track; lost people; behaviour in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from videopose.geometry.boxes import iou
from videopose.io.exchange.table import PoseTable
from videopose.metrics.breakdown import KINDS, ErrorCounts, classify, count_errors, match_people
from videopose.metrics.pck import head_size
from videopose.metrics.temporal import TemporalSums, sum_track
from videopose.types import F64, I64, UNTRACKED, Bool

from .tables import CROWD_AREA, visible_truth

SIZES = {"small": (0.0, 64.0**2), "medium": (64.0**2, 160.0**2), "large": (160.0**2, np.inf)}
"""By the area of the person's box in square pixels."""

NEIGHBOURS = {"0": (0, 1), "1": (1, 2), "2": (2, 3), "3+": (3, 10**9)}
"""By the number of other people whose boxes overlap by an IoU of 0.1 or more."""

AGES = {"1-5": (0, 5), "6-20": (5, 20), "21+": (20, 10**9)}
"""By the number of labelled frames since the person's track began."""

GROUPS = (
    "all",
    *(f"size: {name}" for name in SIZES),
    *(f"neighbours: {name}" for name in NEIGHBOURS),
    *(f"track age: {name}" for name in AGES),
)

CAUSES = ("right", "identity", "localisation", "detection")
"""What a labelled keypoint of a tracked person is lost to, if it is: found, near enough and with the person's id of
the last time; with another id; too far off; or the person was not found."""

NUM_WORST = 12
"""Frames that are remembered to be shown."""

REACH = 0.5
"""Head sizes within which a keypoint is near enough."""


@dataclass(frozen=True)
class Explanation:
    """Counts behind the explanation of one sequence; those of two add up.

    Attributes:
        errors: kinds of errors per keypoint and group.
        temporal: behaviour along time.
        causes: (K, 4) labelled keypoints by `CAUSES`.
        worst: the frames with most keypoints gone wrong: how many, of which sequence, where in it, image name.
    """

    errors: ErrorCounts
    temporal: TemporalSums
    causes: I64
    worst: tuple[tuple[int, str, int, str], ...]

    def __add__(self, other: Explanation) -> Explanation:
        worst = tuple(sorted((*self.worst, *other.worst), key=lambda each: (-each[0], *each[1:]))[:NUM_WORST])
        return Explanation(
            self.errors + other.errors, self.temporal + other.temporal, self.causes + other.causes, worst
        )

    def facts(self, keypoints: tuple[str, ...]) -> dict[str, Any]:  # Any: a JSON object
        """Return everything for the report: shares per keypoint, shares per group, causes, numbers along time."""
        names = (*keypoints, "total")
        everybody = self.errors.shares("all")
        causes = np.vstack([self.causes, self.causes.sum(axis=0)])
        total = causes.sum(axis=1, keepdims=True)
        shares = np.where(total > 0, causes / np.maximum(total, 1), np.nan)
        return {
            "kinds": {
                name: dict(zip(KINDS, row.tolist(), strict=True)) for name, row in zip(names, everybody, strict=True)
            },
            "groups": {
                group: dict(zip(KINDS, self.errors.shares(group)[-1].tolist(), strict=True))
                | {"keypoints": int(self.errors.counts[position].sum())}
                for position, group in enumerate(self.errors.groups)
            },
            "background_people": self.errors.background,
            "causes": {
                name: dict(zip(CAUSES, row.tolist(), strict=True)) for name, row in zip(names, shares, strict=True)
            },
            "temporal": self.temporal.numbers(),
            "worst_frames": [
                {"wrong_keypoints": wrong, "sequence": sequence, "position": position, "image": image}
                for wrong, sequence, position, image in self.worst
            ],
        }


def explain_sequence(truth: PoseTable, predicted: PoseTable) -> Explanation:
    """Explain one sequence; both tables have the same skeleton and frames.

    Frames without true people are left out, as most protocols do.
    """
    skeleton, sigmas = truth.skeleton, np.array(truth.skeleton.oks_sigmas)
    labelled, boxes = visible_truth(truth), np.nan_to_num(truth.boxes())
    area = np.where(np.isfinite(truth.area), truth.area, CROWD_AREA * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    partner = np.full(len(truth), -1)
    errors = ErrorCounts.zero(GROUPS, len(skeleton))
    ages = _ages(truth)
    worst: list[tuple[int, str, int, str]] = []
    for position in np.unique(truth.frame):
        rows, others = truth.rows_of(int(position)), predicted.rows_of(int(position))
        matched = match_people(predicted.xy[others], labelled[rows], area[rows], sigmas)
        partner[rows] = np.where(matched >= 0, matched + others.start, -1)
        kinds = classify(_partners(predicted, partner[rows]), labelled[rows], area[rows], sigmas, skeleton.flip_index)
        wrong = int((kinds > KINDS.index("jitter")).sum())
        worst.append((wrong, truth.name, int(position), truth.frames[position].name))
        groups = _groups(boxes[rows], ages[rows])
        errors = errors + count_errors(kinds, groups, GROUPS, others.stop - others.start - int((matched >= 0).sum()))
    guessed = _partners(predicted, partner)
    worst = [each for each in sorted(worst, key=lambda each: (-each[0], each[2])) if each[0]][:NUM_WORST]
    return Explanation(
        errors,
        _temporal(truth, labelled, guessed),
        _causes(truth, labelled, guessed, predicted, partner),
        tuple(worst),
    )


def _partners(predicted: PoseTable, partner: I64) -> F64:
    out = np.full((len(partner), len(predicted.skeleton), 2), np.nan)
    out[partner >= 0] = predicted.xy[partner[partner >= 0]]
    return out


def _ages(truth: PoseTable) -> I64:
    """Return (N,) the number of earlier frames each person has been in; 0 without an id."""
    age = np.zeros(len(truth), np.int64)
    for identity in np.unique(truth.track_id[truth.track_id != UNTRACKED]):
        rows = np.flatnonzero(truth.track_id == identity)
        age[rows] = np.arange(len(rows))
    return age


def _groups(boxes: F64, ages: I64) -> dict[str, Bool]:
    size = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    crowding = (iou(boxes, boxes) >= 0.1).sum(axis=1) - 1
    groups = {"all": np.ones(len(boxes), bool)}
    for title, values, ranges in (
        ("size", size, SIZES), ("neighbours", crowding, NEIGHBOURS), ("track age", ages, AGES),
    ):  # fmt: skip
        groups |= {f"{title}: {name}": (values >= least) & (values < most) for name, (least, most) in ranges.items()}
    return groups


def _temporal(truth: PoseTable, labelled: F64, guessed: F64) -> TemporalSums:
    sums = TemporalSums.zero(len(truth.skeleton))
    points = np.where(labelled[..., 2:] > 0, labelled[..., :2], np.nan)
    size = _head_sizes(truth)
    for identity in np.unique(truth.track_id[truth.track_id != UNTRACKED]):
        rows = np.flatnonzero(truth.track_id == identity)
        sums = sums + sum_track(guessed[rows], points[rows], size[rows], truth.frame[rows], truth.skeleton.flip_index)
    return sums


def _head_sizes(truth: PoseTable) -> F64:
    """Return (N,) head sizes; without a head box an eighth of the person's height stands in."""
    boxes = truth.boxes()
    size = head_size(truth.head_xyxy)
    return np.where(size > 0, size, (boxes[:, 3] - boxes[:, 1]) / 8)


def _causes(truth: PoseTable, labelled: F64, guessed: F64, predicted: PoseTable, partner: I64) -> I64:
    apart = np.linalg.norm(guessed - labelled[..., :2], axis=-1) / _head_sizes(truth)[:, None]
    near, there = apart <= REACH, partner >= 0
    switched = np.zeros(len(truth), bool)
    for identity in np.unique(truth.track_id[truth.track_id != UNTRACKED]):
        rows = np.flatnonzero((truth.track_id == identity) & there)
        ids = predicted.track_id[partner[rows]]
        switched[rows[1:]] = ids[1:] != ids[:-1]
    kind = np.select([~there[:, None], ~near, switched[:, None]], [3, 2, 1], 0)
    real = labelled[..., 2] > 0
    return np.stack([((kind == cause) & real).sum(axis=0) for cause in range(len(CAUSES))], axis=1)
