"""Change a table's skeleton by keypoint names; what is computed rather than copied is marked as derived."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from videopose.errors import InputError
from videopose.io.exchange.table import PoseTable
from videopose.skeletons import Skeleton, shared_keypoints
from videopose.types import SEEN

DERIVED_FROM: dict[str, tuple[str, str]] = {
    "head_bottom": ("left_shoulder", "right_shoulder"),
    "thorax": ("left_shoulder", "right_shoulder"),
    "pelvis": ("left_hip", "right_hip"),
}
"""Keypoints that can stand half way between two others; the neck is a little high there, hence marked."""


def to_skeleton(table: PoseTable, target: Skeleton, *, derive: bool = True) -> PoseTable:
    """Return the same people with another skeleton's keypoints, matched by name.

    Args:
        table: to be converted; returned as it is if it already has the skeleton.
        target: keypoints to end with. Those the table lacks are absent, unless they can be derived.
        derive: compute a neck, thorax or pelvis half way between two keypoints that are both present; score and
            visibility are the lower of the two.

    Raises:
        InputError: there are people, and the two skeletons share no keypoint.
    """
    if table.skeleton.keypoints == target.keypoints:
        return replace(table, skeleton=target)
    have, want = shared_keypoints(table.skeleton, target)
    if not len(have) and len(table):
        raise InputError(
            f"{table.source or table.name}: skeleton {table.skeleton.name} shares no keypoint with {target.name}"
        )
    shape = (len(table), len(target))
    xy, score, visibility = np.full((*shape, 2), np.nan), np.full(shape, np.nan), np.zeros(shape, np.int64)
    source = np.full(shape, SEEN, np.uint8)
    xy[:, want], score[:, want], visibility[:, want], source[:, want] = (
        table.xy[:, have], table.keypoint_score[:, have], table.visibility[:, have], table.keypoint_source[:, have],
    )  # fmt: skip
    derived = {name for name in table.derived if name in target.keypoints}
    for name, ends in DERIVED_FROM.items():
        known = all(end in table.skeleton.keypoints for end in ends)
        if not derive or name not in target.keypoints or name in table.skeleton.keypoints or not known:
            continue
        pair, column = [table.skeleton.index_of(end) for end in ends], target.index_of(name)
        xy[:, column] = table.xy[:, pair].mean(axis=1)  # NaN unless both are present
        score[:, column] = table.keypoint_score[:, pair].min(axis=1)
        visibility[:, column] = table.visibility[:, pair].min(axis=1)
        source[:, column] = table.keypoint_source[:, pair].max(axis=1)
        derived.add(name)
    absent = np.isnan(xy[..., 0])
    score[absent], visibility[absent] = np.nan, 0
    return replace(
        table, skeleton=target, xy=xy, keypoint_score=score, visibility=visibility, derived=frozenset(derived),
        keypoint_source=source,
    )  # fmt: skip


def without_doubtful(table: PoseTable, min_score: float) -> tuple[PoseTable, list[str]]:
    """Make absent the keypoints whose score is below a bound; those without a score stay.

    Args:
        table: of predictions.
        min_score: in [0, 1].

    Returns:
        The table, and a sentence about how many they were, if there were any.
    """
    doubtful = table.present & (np.nan_to_num(table.keypoint_score, nan=np.inf) < min_score)
    if not doubtful.any():
        return table, []
    kept = replace(
        table,
        xy=np.where(doubtful[..., None], np.nan, table.xy),
        keypoint_score=np.where(doubtful, np.nan, table.keypoint_score),
        visibility=np.where(doubtful, 0, table.visibility),
    )
    return kept, [
        f"{doubtful.sum()} of {table.present.sum()} keypoints have a score below {min_score:g} and are absent"
    ]
