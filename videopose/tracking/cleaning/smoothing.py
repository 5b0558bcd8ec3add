"""Clean whole tracks: fill gaps, repair sides, reject outliers, smooth; and tell how much was moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videopose.errors import InputError
from videopose.skeletons import Skeleton
from videopose.tracking.cleaning.repair import (
    detect_left_right_swaps,
    fill_gaps,
    outliers,
    swap_left_right,
)
from videopose.tracking.cleaning.smoothers import SMOOTHERS, Smoother
from videopose.tracking.cleaning.track_batches import TrackBatch, scatter, track_batches
from videopose.tracking.options import SmoothingOptions
from videopose.tracking.track_table import TrackTable
from videopose.types import CORRECTED, F32, F64, FILLED, I64, SEEN, U8, Bool


@dataclass
class Movement:
    """What cleaning did. Lengths are parts of the person's size.

    Attributes:
        confident: confident keypoints looked at.
        mean_shift: mean distance smoothing moved them.
        max_shift: the greatest.
        filled: poses put into gaps.
        swapped: pairs of keypoints whose sides were exchanged.
        rejected: keypoints replaced as outliers.
    """

    confident: int = 0
    mean_shift: float = 0.0
    max_shift: float = 0.0
    filled: int = 0
    swapped: int = 0
    rejected: int = 0

    def __str__(self) -> str:
        return (
            f"moved {self.confident} confident keypoints by {100 * self.mean_shift:.2f} % of the person's size on "
            f"average, {100 * self.max_shift:.2f} % at most; filled {self.filled} poses, exchanged sides of "
            f"{self.swapped} keypoint pairs, replaced {self.rejected} outliers"
        )


def smooth(
    table: TrackTable, options: SmoothingOptions, skeleton: Skeleton, learned: Smoother | None = None
) -> tuple[TrackTable, Movement]:
    """Clean the tracks of a table, in place: the keypoints of a long video are too many to be held twice.

    Args:
        table: tracked poses, whose keypoints are written over, and so are their sources where it has any; untracked
            ones are left alone, and so are keypoints placed by hand.
        options: what is done, and the bound on what may move.
        skeleton: of the poses.
        learned: the smoother of `method: learned`, which has weights and so is not made here.

    Returns:
        Poses that were filled into gaps, as a table of their own over the same frames, and what was done.

    Raises:
        InputError: the method is learned and no smoother was brought along.
    """
    smoother = SMOOTHERS.get(options.method, learned)
    if smoother is None:
        raise InputError("smoothing.method learned has weights; pass what estimators.learned_smoother gives")
    movement = Movement()
    filled = fill_gaps(table, options.max_fill)
    movement.filled = len(filled)
    answer: tuple[I64, F32, U8] | None = None
    for series in track_batches(table, filled):
        if answer is not None:  # only now: this batch had to see what lies before it as it was
            scatter(table, filled, *answer)
        answer = _cleaned(series, smoother, options, skeleton, movement)
    if answer is not None:
        scatter(table, filled, *answer)
    movement.mean_shift /= max(movement.confident, 1)
    return filled, movement


def _cleaned(
    series: TrackBatch, smoother: Smoother, options: SmoothingOptions, skeleton: Skeleton, movement: Movement
) -> tuple[I64, F32, U8]:
    """Return the rows a batch is responsible for, their new keypoints, (R, K, 3), and where those come from, (R, K)."""
    source = np.full(series.weight.shape, SEEN, np.uint8) if series.source is None else series.source
    fixed = (source == CORRECTED) | (~series.xy.any(axis=-1) & (series.score == 0))  # placed by hand, or absent
    if options.repair_swaps:
        pairs = np.array(skeleton.flip_pairs, np.int64).reshape(-1, 2)
        swapped = detect_left_right_swaps(series, skeleton.flip_pairs) & ~fixed[..., pairs].any(axis=-1)
        movement.swapped += int(swapped[series.core].sum())
        series.xy = swap_left_right(series.xy, swapped, skeleton.flip_pairs)
        series.weight = swap_left_right(series.weight, swapped, skeleton.flip_pairs)
        series.score = swap_left_right(series.score, swapped, skeleton.flip_pairs)
        source = swap_left_right(source, swapped, skeleton.flip_pairs)
    if options.reject_outliers:
        rejected, between = outliers(series, options.confident_score)
        rejected &= ~fixed
        movement.rejected += int(rejected[series.core].sum())
        series.xy = np.where(rejected[..., None], between, series.xy)
        series.weight = np.where(rejected, 0.0, series.weight)
        source = np.where(rejected, np.uint8(FILLED), source)
        del between
    moved = np.where(fixed[..., None], series.xy, bounded(series, smoother(series), options))
    _count(movement, series, moved, options)
    keypoints = np.concatenate([moved[series.core], series.score[series.core][..., None]], axis=-1)
    return series.rows[series.core], keypoints.astype(np.float32), source[series.core]


def bounded(series: TrackBatch, moved: F64, options: SmoothingOptions) -> F64:
    """Pull confident keypoints back to within the bound of where they were seen."""
    shift = moved - series.xy
    length = np.linalg.norm(shift, axis=-1)
    limit = options.max_shift * series.size[:, None]
    factor = np.where(_confident(series, options), np.minimum(1.0, limit / np.maximum(length, 1e-9)), 1.0)
    return np.asarray(series.xy + shift * factor[..., None])


def _confident(series: TrackBatch, options: SmoothingOptions) -> Bool:
    return (series.weight >= options.confident_score) & (series.weight > 0)


def _count(movement: Movement, series: TrackBatch, moved: F64, options: SmoothingOptions) -> None:
    counted = _confident(series, options) & series.core[..., None]
    shift = (np.linalg.norm(moved - series.xy, axis=-1) / series.size[:, None])[counted]
    movement.confident += int(counted.sum())
    movement.mean_shift += float(shift.sum())  # divided by the count at the end
    movement.max_shift = max(movement.max_shift, float(shift.max(initial=0.0)))
