"""COCO-WholeBody's way of writing 133 keypoints: the body as COCO has it, feet, face and hands under keys of their own.

Source:
    Jin et al., Whole-Body Human Pose Estimation in the Wild, ECCV 2020; github.com/jin-s13/COCO-WholeBody.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from videopose.io.exchange.cursor import Cursor, Json
from videopose.skeletons import SKELETONS, Skeleton
from videopose.types import F64

SKELETON = SKELETONS["wholebody133"]
KEYS = {
    "body": "keypoints",
    "foot": "foot_kpts",
    "face": "face_kpts",
    "lefthand": "lefthand_kpts",
    "righthand": "righthand_kpts",
}
"""Part -> key of an entry."""


def are_wholebody(entries: Iterable[Cursor]) -> bool:
    """Check whether any entry has keypoints of feet, face or hands."""
    others = [key for part, key in KEYS.items() if part != "body"]
    return any(entry.get(key) is not None for entry in entries for key in others)


def read_triples(entry: Cursor) -> F64:
    """Read the keypoints of all parts, (3 * 133,); those of a part that is missing are 0.

    Raises:
        DatasetError: a part has another number of keypoints.
    """
    parts = []
    for part, count in SKELETON.parts:
        listed = entry.get(KEYS[part])
        absent = listed is None or listed.value == []
        parts.append(np.zeros(3 * count) if listed is None or absent else listed.numbers(3 * count))
    return np.concatenate(parts)


def keypoint_keys(triples: list[float], skeleton: Skeleton) -> dict[str, Json]:
    """Write keypoints under the keys they belong to: all under one, unless the skeleton is COCO-WholeBody's."""
    if skeleton.keypoints != SKELETON.keypoints:
        return {KEYS["body"]: triples}
    return {KEYS[part]: triples[3 * rows.start : 3 * rows.stop] for part, rows in SKELETON.slices.items()}
