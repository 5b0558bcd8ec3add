"""Where keypoint errors come from: jitter, inversion, swap, miss, or nobody found at all.

Source:
    Ronchi & Perona, Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation, ICCV 2017, section 3; the
    table is DEKR's (Geng et al., CVPR 2021, table 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.errors import InputError, check_shape
from videopose.metrics.similarity import coco_oks
from videopose.types import F64, I64, Bool

KINDS = ("good", "jitter", "inversion", "swap", "miss", "undetected")
"""What can become of a labelled keypoint: right; near; on the person's other side; on somebody else; nowhere near
anybody's; or its whole person was not found."""

GOOD, NEAR = 0.85, 0.5
"""Similarity of a single keypoint from which on it is right, and from which on it is near."""

MATCHED = 0.1
"""Pose similarity from which on a prediction can belong to a true person."""

UNLABELLED = -1


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCounts:
    """How often each kind occurs, per keypoint and group of people; counts of two halves add up.

    Attributes:
        groups: names of the groups, such as `size: small`; a person can be in several.
        counts: (groups, K, 6) labelled keypoints, kinds as in `KINDS`.
        background: predicted people who belong to nobody.
    """

    groups: tuple[str, ...]
    counts: I64
    background: int

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        if self.groups != other.groups:
            raise InputError(f"error counts of groups {self.groups} and {other.groups} cannot be added")
        return ErrorCounts(self.groups, self.counts + other.counts, self.background + other.background)

    @staticmethod
    def zero(groups: Sequence[str], num_keypoints: int) -> ErrorCounts:
        """Return the counts of no frames at all."""
        return ErrorCounts(tuple(groups), np.zeros((len(groups), num_keypoints, len(KINDS)), np.int64), 0)

    def shares(self, group: str) -> F64:
        """(K + 1, 6) share of each kind per keypoint, and over all keypoints in the last row; NaN = not labelled."""
        counts = self.counts[self.groups.index(group)]
        counts = np.vstack([counts, counts.sum(axis=0)])
        total = counts.sum(axis=1, keepdims=True)
        return np.where(total > 0, counts / np.maximum(total, 1), np.nan)


def match_people(predicted: F64, truth: F64, area: F64, oks_sigmas: F64) -> I64:
    """Return each true person of a frame the prediction it is most likely meant by.

    Args:
        predicted: (P, K, 2) x, y in image pixels; NaN = absent.
        truth: (G, K, 3) x, y and visibility.
        area: (G,) square pixels.
        oks_sigmas: (K,) falloff constants.

    Returns:
        (G,) rows of `predicted`, -1 = none; pairs of the greatest summed similarity, each at least `MATCHED`.
    """
    rows = np.full(len(truth), -1)
    if not len(truth) or not len(predicted):
        return rows
    far = np.where(np.isfinite(predicted), predicted, 1e9)  # an absent keypoint is near nothing
    alike = coco_oks(far, truth, area, np.zeros((len(truth), 4)), oks_sigmas)
    alike[:, ~(truth[..., 2] > 0).any(axis=1)] = 0.0
    left, right = linear_sum_assignment(alike, maximize=True)
    kept = alike[left, right] >= MATCHED
    rows[right[kept]] = left[kept]
    return rows


def classify(predicted: F64, truth: F64, area: F64, oks_sigmas: F64, flip_index: I64) -> I64:
    """Classify every keypoint of the true people of one frame.

    Args:
        predicted: (G, K, 2) the prediction of each true person; a whole row of NaN = not found.
        truth: (G, K, 3) x, y in image pixels and visibility.
        area: (G,) square pixels.
        oks_sigmas: (K,) falloff constants.
        flip_index: (K,) each keypoint's counterpart on the other side of the body, itself if it has none.

    Returns:
        (G, K) positions in `KINDS`, `UNLABELLED` for keypoints that are not labelled.
    """
    check_shape("predicted", predicted, *truth.shape[:2], 2)
    found = np.asarray(np.isfinite(predicted).any(axis=(1, 2)), bool)
    labelled = truth[..., 2] > 0
    falloff = 2 * (2 * oks_sigmas) ** 2 * (area[:, None, None] + np.spacing(1))
    points = np.where(labelled[..., None], truth[..., :2], np.nan)

    def similarity(target: F64) -> F64:
        apart2 = ((predicted[:, None] - target[None]) ** 2).sum(axis=-1)
        return np.asarray(np.nan_to_num(np.exp(-apart2 / falloff), nan=0.0), np.float64)

    same, mirrored = similarity(points), similarity(points[:, flip_index])
    mirrored[..., flip_index == np.arange(len(flip_index))] = 0.0
    itself = np.arange(len(truth))
    own, inverted = same[itself, itself], mirrored[itself, itself]
    others = np.maximum(same, mirrored)
    others[itself, itself] = 0.0
    swapped = others.max(axis=1, initial=0.0)
    conditions = [
        ~found[:, None],
        own >= GOOD,
        own >= NEAR,
        (inverted >= NEAR) & (inverted >= swapped),
        swapped >= NEAR,
    ]
    kind = np.full(labelled.shape, KINDS.index("miss"))
    for name, condition in reversed(list(zip(("undetected", *KINDS[:4]), conditions, strict=True))):
        kind[np.broadcast_to(condition, kind.shape)] = KINDS.index(name)
    return np.where(labelled, kind, UNLABELLED)


def count_errors(kinds: I64, membership: Mapping[str, Bool], groups: Sequence[str], background: int) -> ErrorCounts:
    """Count kinds in groups of people.

    Args:
        kinds: (G, K) as from `classify`.
        membership: group -> (G,) whether each person is in it; a group that is absent has nobody.
        groups: all groups, in order.
        background: predicted people who belong to nobody.
    """
    counts = ErrorCounts.zero(groups, kinds.shape[1]).counts
    for position, group in enumerate(groups):
        rows = kinds[membership[group]] if group in membership else kinds[:0]
        for kind in range(len(KINDS)):
            counts[position, :, kind] = (rows == kind).sum(axis=0)
    return ErrorCounts(tuple(groups), counts, background)
