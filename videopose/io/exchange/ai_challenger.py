"""AI Challenger 2017: a list of images, each with people by name (`human1` …), 14 keypoints and integer boxes.

Visibility is numbered the other way round: 1 visible, 2 hidden, 3 not labelled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.cursor import Cursor, Json, read_json
from videopose.io.exchange.head import Head
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import make_skeleton

SKELETON = make_skeleton(
    "aic14",
    [f"{side}_{name}" for side in ("right", "left") for name in ("shoulder", "elbow", "wrist")]
    + [f"{side}_{name}" for side in ("right", "left") for name in ("hip", "knee", "ankle")]
    + ["head_top", "head_bottom"],
    [
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
    ]
    + [("head_bottom", "head_top")],
)
"""challenger.ai, human skeletal system keypoints, table 1."""

_OURS = {1: 2, 2: 1, 3: 0}
_THEIRS = {2: 1, 1: 2, 0: 3, -1: 1}


def matches(head: Head) -> bool:
    """Check whether a file is AI Challenger's, by the key its people stand under."""
    return head.mentions("keypoint_annotations")


def read(path: Path) -> PoseTable:
    """Read annotations or results; all images make one table.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    top = read_json(path)
    frames: list[FrameEntry] = []
    frame: list[int] = []
    triples, boxes = [], []
    for position, image in enumerate(top.items()):
        frames.append(FrameEntry(name=image.key("image_id").text()))
        people, listed = image.key("keypoint_annotations"), image.get("human_annotations")
        if not isinstance(people.value, dict):
            people.fail("is no mapping of people to keypoints")
        for name in people.value:
            frame.append(position)
            person = people.key(name)
            values = person.numbers(3 * len(SKELETON)).reshape(-1, 3)
            if not np.isin(values[:, 2], [0, *_OURS]).all():
                person.fail("has a visibility other than 1 (visible), 2 (hidden) and 3 (not labelled)")
            triples.append(values)
            box: Cursor | None = listed.get(name) if listed is not None else None
            boxes.append(np.full(4, np.nan) if box is None else box.numbers(4))
    every = np.array(triples, np.float64).reshape(-1, len(SKELETON), 3)
    visibility = np.select([every[..., 2] == theirs for theirs in _OURS], list(_OURS.values()), 0)
    return make_table(
        path.stem, SKELETON, frames, frame, source=str(path),
        xy=np.where(visibility[..., None] > 0, every[..., :2], np.nan), visibility=visibility,
        xyxy=np.array(boxes).reshape(-1, 4),
    )  # fmt: skip


def to_json(table: PoseTable) -> Json:
    """Write a table of skeleton `aic14`.

    What the format cannot hold: scores, track ids, areas, image sizes; coordinates are rounded to whole pixels.

    Raises:
        DatasetError: an image has no name, by which the format identifies it.
    """
    images = []
    for position, frame in enumerate(table.frames):
        if not frame.name:
            raise DatasetError(f"{table.source or table.name}: image {position} has no name; the format needs one")
        people, boxes = {}, {}
        rows = table.rows_of(position)
        for number, row in enumerate(range(*rows.indices(len(table))), start=1):
            flags = [
                _THEIRS[min(int(flag), 2)] if here else 3
                for flag, here in zip(table.visibility[row], table.present[row], strict=True)
            ]
            points = np.where(table.present[row][:, None], table.xy[row], 0).round().astype(int)
            people[f"human{number}"] = np.column_stack([points, flags]).ravel().tolist()
            if np.isfinite(table.xyxy[row]).all():
                boxes[f"human{number}"] = table.xyxy[row].round().astype(int).tolist()
        images.append({"image_id": frame.name, "keypoint_annotations": people, "human_annotations": boxes})
    return images
