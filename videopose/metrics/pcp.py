"""Percentage of correct parts (limbs), strict, mean and PCPm, over counts that can be merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from videopose.errors import InputError, check_shape
from videopose.types import F64, I64

Ends = tuple[tuple[int, ...], tuple[int, ...]]
"""A part's two ends; each is a keypoint, or the middle of several."""

Rule = Literal["strict", "mean"]


@dataclass(frozen=True, slots=True, eq=False)
class PcpCounts:
    """(L,) each, per part; counts of two halves add up.

    Attributes:
        correct: parts within the threshold.
        labelled: parts whose both ends are labelled and that have a length.
    """

    correct: I64
    labelled: I64

    def __add__(self, other: PcpCounts) -> PcpCounts:
        return PcpCounts(self.correct + other.correct, self.labelled + other.labelled)

    def per_part(self) -> F64:
        """(L,) share of correct parts in [0, 1]; NaN for a part labelled nowhere."""
        return np.where(self.labelled > 0, self.correct / np.maximum(self.labelled, 1), np.nan)


def part_ends(keypoints: ArrayLike, parts: Sequence[Ends]) -> F64:
    """Return the ends of parts.

    Args:
        keypoints: (N, K, 2) x, y in image pixels; NaN = absent.
        parts: L pairs of ends.

    Returns:
        (N, L, 2, 2) person, part, end, x and y; NaN where a keypoint of the end is absent.
    """
    points = np.asarray(keypoints, np.float64)
    check_shape("keypoints", points, None, None, 2)
    ends = [[points[:, list(end)].mean(axis=1) for end in part] for part in parts]
    return np.array(ends, np.float64).reshape(len(parts), 2, len(points), 2).transpose(2, 0, 1, 3)


def part_lengths(truth: F64) -> F64:
    """Measure parts, (N, L, 2, 2) -> (N, L) pixels."""
    return np.asarray(np.linalg.norm(truth[:, :, 0] - truth[:, :, 1], axis=-1))


def count_pcp(
    predicted: F64, truth: F64, *, rule: Rule = "strict", alpha: float = 0.5, length: F64 | None = None
) -> PcpCounts:
    """Count the parts whose ends are predicted within `alpha` times the part's length.

    Args:
        predicted: (N, L, 2, 2) ends as from `part_ends`; NaN = not predicted, which is wrong.
        truth: (N, L, 2, 2) likewise; NaN = not labelled, which is not counted.
        rule: `strict` asks both ends to be close, `mean` the average of their two distances.
        alpha: share of the length.
        length: (L,) or (N, L) pixels instead of each true part's own: PCPm takes the mean over the test set.

    Raises:
        InputError: there is no such rule.

    Source:
        Ferrari et al., Progressive Search Space Reduction, CVPR 2008, section 6 (strict PCP); Pishchulin et al.,
        Articulated People Detection and Pose Estimation, CVPR 2012 (the reading of "both ends" as a mean); Andriluka
        et al., 2D Human Pose Estimation, CVPR 2014, section 5 (PCPm).
    """
    if rule not in ("strict", "mean"):
        raise InputError(f"PCP rule is {rule!r}; strict or mean is needed")
    check_shape("predicted", predicted, *truth.shape)
    own = part_lengths(truth)
    limit = alpha * (own if length is None else np.broadcast_to(length, own.shape))
    labelled = np.isfinite(own) & (limit > 0)
    apart = np.linalg.norm(predicted - truth, axis=-1)
    distance = apart.max(axis=-1) if rule == "strict" else apart.mean(axis=-1)
    return PcpCounts(((distance <= limit) & labelled).sum(axis=0), labelled.sum(axis=0))
