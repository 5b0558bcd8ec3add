"""Percentage of correct keypoints (PCK, PCKh, PDJ) and its area under the curve, over counts that can be merged.

Which length normalises, which keypoints count and what "visible" means is the data set's convention and lives in
`eval/protocols/pck.py`; here are only the formula and the usual lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from videopose.errors import InputError, check_shape
from videopose.skeletons import Skeleton
from videopose.types import F64, I64

TORSO = (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
"""The torso of LSP and FLIC: the first of these diagonals whose ends are both labelled."""


@dataclass(frozen=True, slots=True, eq=False)
class PckCounts:
    """How many keypoints are right; add the counts of two halves to get the counts of the whole.

    Attributes:
        alphas: (A,) thresholds, fractions of the normalising length.
        correct: (A, K) labelled keypoints predicted within the threshold.
        labelled: (K,) labelled keypoints of people with a normalising length.
    """

    alphas: tuple[float, ...]
    correct: I64
    labelled: I64

    def __post_init__(self) -> None:
        check_shape("PckCounts.correct", self.correct, len(self.alphas), len(self.labelled))

    def __add__(self, other: PckCounts) -> PckCounts:
        if self.alphas != other.alphas:
            raise InputError(f"PCK counts at thresholds {self.alphas} and {other.alphas} cannot be added")
        return PckCounts(self.alphas, self.correct + other.correct, self.labelled + other.labelled)

    def per_keypoint(self) -> F64:
        """(A, K) share of correct keypoints in [0, 1]; NaN for a keypoint labelled nowhere."""
        return np.where(self.labelled > 0, self.correct / np.maximum(self.labelled, 1), np.nan)

    def mean(self) -> F64:
        """(A,) mean over the keypoints labelled at least once (each counts the same); NaN if none is."""
        seen = self.labelled > 0
        if not seen.any():
            return np.full(len(self.alphas), np.nan)
        return np.asarray(self.per_keypoint()[:, seen].mean(axis=1))

    def pooled(self) -> F64:
        """(A,) share over all labelled keypoints together, frequent ones counting more; NaN if there are none."""
        total = self.labelled.sum()
        return np.asarray(self.correct.sum(axis=1) / total if total else np.full(len(self.alphas), np.nan))

    def auc(self) -> float:
        """Area under the curve of `mean()` over the thresholds, trapezoids, divided by their range.

        Source:
            PCKh AUC as on the MPII leaderboard: thresholds 0, 0.01 … 0.5 of the head size.
        """
        if len(self.alphas) < 2:
            raise InputError(f"an area under the curve needs two thresholds or more, not {self.alphas}")
        x = np.array(self.alphas)
        return float(np.trapezoid(self.mean(), x) / (x[-1] - x[0]))


def count_pck(predicted: ArrayLike, truth: ArrayLike, normaliser: ArrayLike, alphas: Sequence[float]) -> PckCounts:
    """Count the keypoints that lie within `alpha` times a person's own length of the truth (border included).

    Args:
        predicted: (N, K, 2 or more) x, y in image pixels, row by row the person of `truth`; NaN = not predicted, which
            is wrong wherever the keypoint is labelled.
        truth: (N, K, 3) x, y in image pixels and visibility; 0 means "not labelled, do not count".
        normaliser: (N,) length in pixels; a person whose length is NaN, zero or negative is left out.
        alphas: thresholds, fractions of the length.

    Raises:
        ShapeError: the arrays do not belong together.

    Source:
        Yang & Ramanan, Articulated Human Detection with Flexible Mixtures of Parts, TPAMI 2013, section 7 (PCK);
        Andriluka et al., 2D Human Pose Estimation, CVPR 2014, section 5 (PCKh); Sapp & Taskar, MODEC, CVPR 2013 (PDJ).

    Example:
        >>> counts = count_pck([[[0, 0], [9, 0]]], [[[0, 1, 2], [0, 0, 1]]], [10], [0.2])
        >>> counts.per_keypoint(), counts.mean()
        (array([[1., 0.]]), array([0.5]))
    """
    guess, real = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    length = np.asarray(normaliser, np.float64)
    check_shape("truth", real, None, None, 3)
    check_shape("predicted", guess, *real.shape[:2], guess.shape[-1])
    check_shape("normaliser", length, len(real))
    usable = np.isfinite(length) & (length > 0)
    labelled = (real[..., 2] > 0) & usable[:, None]
    distance = np.linalg.norm(guess[..., :2] - real[..., :2], axis=-1)
    limit = np.asarray(alphas, np.float64)[:, None, None] * np.where(usable, length, 0.0)[:, None]
    correct = (distance <= limit) & labelled  # NaN compares as false
    return PckCounts(tuple(float(alpha) for alpha in alphas), correct.sum(axis=1), labelled.sum(axis=0))


def distance_between(truth: ArrayLike, pairs: Sequence[tuple[int, int]]) -> F64:
    """Measure, per person, the distance of the first pair of keypoints that are both labelled.

    The torso of LSP and FLIC is left shoulder to right hip; where one of the two is not labelled, the other diagonal
    can stand in, hence a list of pairs in order of preference.

    Args:
        truth: (N, K, 3) x, y in image pixels and visibility.
        pairs: keypoint indices, best first.

    Returns:
        (N,) pixels; NaN for a person of whom no pair is labelled.
    """
    real = np.asarray(truth, np.float64)
    check_shape("truth", real, None, None, 3)
    length = np.full(len(real), np.nan)
    for a, b in reversed(pairs):
        both = (real[:, a, 2] > 0) & (real[:, b, 2] > 0)
        length = np.where(both, np.linalg.norm(real[:, a, :2] - real[:, b, :2], axis=-1), length)
    return length


def torso_length(truth: ArrayLike, skeleton: Skeleton) -> F64:
    """Measure torsos: the first diagonal of `TORSO` whose ends are both labelled.

    Args:
        truth: (N, K, 3) x, y in image pixels and visibility.
        skeleton: whose K keypoints these are.

    Returns:
        (N,) pixels; NaN for a person of whom neither diagonal is labelled.
    """
    return distance_between(truth, [(skeleton.index_of(a), skeleton.index_of(b)) for a, b in TORSO])


def longer_side(xyxy: ArrayLike) -> F64:
    """Measure the longer side of each box, (N, 4) image pixels -> (N,) pixels (Penn Action, JHMDB)."""
    boxes = np.asarray(xyxy, np.float64)
    check_shape("xyxy", boxes, None, 4)
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0))


def head_size(head_xyxy: ArrayLike) -> F64:
    """Measure head sizes as MPII and PoseTrack do: 0.6 of the head box's diagonal, (N, 4) -> (N,) pixels.

    Source:
        Andriluka et al., 2D Human Pose Estimation, CVPR 2014, section 5: the factor makes a head box's diagonal
        match the head segment's length.
    """
    boxes = np.asarray(head_xyxy, np.float64)
    check_shape("head_xyxy", boxes, None, 4)
    return np.asarray(0.6 * np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=-1))
