"""Keypoints that make a limb impossible, by the same person's other frames: faded or made absent."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from videopose.geometry.limbs import impossible_points
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.own_result import ASSUMED_RATE
from videopose.io.exchange.table import PoseTable
from videopose.types import UNTRACKED

Impossible = Literal["keep", "fade", "drop"]

MAX_STRETCH = 1.3
"""Ratio of a limb's lengths above which a pose cannot be, as in `videopose angles`."""

_FADED = 0.5
"""What scores of faded keypoints are multiplied by."""


def without_impossible(
    table: PoseTable, how: Impossible, *, max_stretch: float = MAX_STRETCH
) -> tuple[PoseTable, list[str]]:
    """Fade keypoints that cannot be, or make them absent; people without an id have no other frames and stay.

    Args:
        table: of one video.
        how: fade halves their scores, drop makes them absent.
        max_stretch: as of `geometry.limbs.impossible_points`.

    Returns:
        The table, and a sentence about how many they were, if there were any.
    """
    if how == "keep":
        return table, []
    table = in_frame_order(table)
    numbers = np.array([frame.number or 0 for frame in table.frames], np.float64)
    times = np.array([number / float(ASSUMED_RATE) if frame.time is None else frame.time
                      for number, frame in zip(numbers, table.frames, strict=True)])  # fmt: skip
    wrong = np.zeros(table.present.shape, bool)
    for track_id in np.unique(table.track_id[table.track_id != UNTRACKED]):
        rows = np.flatnonzero(table.track_id == track_id)
        points = {name: table.xy[rows, column] for column, name in enumerate(table.skeleton.keypoints)}
        found = impossible_points(points, times[table.frame[rows]], max_stretch)
        wrong[rows] = np.stack([found[name] for name in table.skeleton.keypoints], axis=1)
    wrong &= table.present
    if not wrong.any():
        return table, []
    what = "are absent" if how == "drop" else "have half their score"
    said = [f"{wrong.sum()} of {table.present.sum()} keypoints make limbs that cannot be and {what}"]
    if how == "fade":
        return replace(table, keypoint_score=np.where(wrong, _FADED * table.keypoint_score, table.keypoint_score)), said
    return replace(
        table, xy=np.where(wrong[..., None], np.nan, table.xy), visibility=np.where(wrong, 0, table.visibility),
        keypoint_score=np.where(wrong, np.nan, table.keypoint_score),
    ), said  # fmt: skip
