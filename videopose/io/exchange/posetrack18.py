"""PoseTrack 2018 and 2021: one COCO-like JSON per sequence with `images`, `annotations` and `categories`.

2021 adds ignore regions and person boxes to the same layout. A keypoint written 0, 0, 0 is absent.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from videopose.io.exchange import coco
from videopose.io.exchange.coco import image_entries, image_ids, position_of
from videopose.io.exchange.cursor import Cursor, Json, read_json
from videopose.io.exchange.head import Head
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import SKELETONS, Skeleton, make_skeleton
from videopose.types import F64, I64, UNTRACKED, Bool

KEYPOINTS = (
    "nose", "head_bottom", "head_top", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
"""The format's 17 columns; ears are never labelled in the challenge's own files."""

_ALIASES = {"neck": "head_bottom", "head": "head_top"}


def matches(head: Head) -> bool:
    """Check whether a file is laid out as COCO's, with a neck and without areas; 2018 and 2021 are not told apart."""
    return coco.is_annotated(head) and '"head_bottom"' in head.whole and '"area"' not in head.whole


def read(path: Path) -> PoseTable:
    """Read a sequence.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    return from_json(read_json(path))


def from_json(top: Cursor, *, is_annotated: bool = True) -> PoseTable:
    """Build the table from a parsed file. Ears that are absent everywhere are left out of the skeleton.

    Args:
        top: of the file.
        is_annotated: annotations must be there; a file of a test set has none.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    names = _keypoint_names(top)
    frames, position = _frames(top)
    frame, rows, scores, columns = [], [], [], _Columns()
    listed = top.key("annotations") if is_annotated else top.get("annotations")
    for entry in () if listed is None else listed.items():
        frame.append(position_of(entry, position))
        rows.append(entry.key("keypoints").numbers(3 * len(names)))
        listed = entry.get("scores")
        empty = listed is None or listed.value == []
        scores.append(np.full(len(names), np.nan) if listed is None or empty else listed.numbers(len(names)))
        columns.add(entry)
    triples = np.array(rows, np.float64).reshape(-1, len(names), 3)
    score = np.array(scores, np.float64).reshape(-1, len(names))
    absent = (triples == 0).all(axis=2)
    skeleton, chosen = _skeleton(names, absent)
    visibility = np.where(absent, 0, np.where(triples[..., 2] > 0, 2, 1))  # the third number is 2017's `is_visible`
    return make_table(
        Path(top.file).stem, skeleton, frames, frame, source=top.file,
        xy=np.where(absent[..., None], np.nan, triples[..., :2])[:, chosen],
        keypoint_score=np.where(absent, np.nan, score)[:, chosen],
        visibility=visibility[:, chosen],
        **columns.arrays(),
    )  # fmt: skip


class _Columns:
    """The fields of an annotation that do not depend on the skeleton, collected row by row."""

    def __init__(self) -> None:
        self.track_id: list[int] = []
        self.score: list[float] = []
        self.boxes: dict[str, list[F64]] = {"bbox": [], "bbox_head": []}

    def add(self, entry: Cursor) -> None:
        track_id, score = entry.get("track_id"), entry.get("score")
        self.track_id.append(UNTRACKED if track_id is None else track_id.integer())
        self.score.append(np.nan if score is None else score.number())
        for name, boxes in self.boxes.items():
            box = entry.get(name)
            boxes.append(np.full(4, np.nan) if box is None or box.value == [] else box.numbers(4))

    def arrays(self) -> dict[str, Json]:
        corners = {name: np.array(boxes, np.float64).reshape(-1, 4) for name, boxes in self.boxes.items()}
        for box in corners.values():
            box[:, 2:] += box[:, :2]
        return {
            "track_id": self.track_id,
            "score": self.score,
            "xyxy": corners["bbox"],
            "head_xyxy": corners["bbox_head"],
        }


def _keypoint_names(top: Cursor) -> tuple[str, ...]:
    categories = list(top.key("categories").items())
    if len(categories) != 1:
        top.key("categories").fail(f"has {len(categories)} entries; exactly one, the person, is needed")
    listed = categories[0].key("keypoints")
    names = tuple(_ALIASES.get(each.text(), each.text()) for each in listed.items())
    if len(set(names)) != len(names):
        listed.fail("names a keypoint twice")
    if not names:
        listed.fail("is empty; the names of the keypoints are needed")
    return names


def _frames(top: Cursor) -> tuple[list[FrameEntry], dict[int, int]]:
    """Read COCO's `images` and what PoseTrack adds: whether a frame is labelled, and regions that do not count."""
    frames, position = image_entries(top)
    for place, entry in enumerate(top.key("images").items()):
        labelled = entry.get("is_labeled")
        frames[place] = replace(
            frames[place],
            labelled=None if labelled is None else bool(labelled.value),
            ignore_regions=_regions(entry),
        )
    return frames, position


def _regions(entry: Cursor) -> tuple[tuple[tuple[float, float], ...], ...]:
    xs, ys = entry.get("ignore_regions_x"), entry.get("ignore_regions_y")
    if xs is None or ys is None:
        return ()
    regions = []
    left, right = list(xs.items()), list(ys.items())
    if len(left) != len(right):
        ys.fail(f"has {len(right)} regions, ignore_regions_x {len(left)}")
    for x, y in zip(left, right, strict=True):
        across = [each.number() for each in x.items()]
        down = [each.number() for each in y.items()]
        if len(across) != len(down):
            y.fail(f"has {len(down)} corners, ignore_regions_x {len(across)}")
        regions.append(tuple(zip(across, down, strict=True)))
    return tuple(regions)


def _skeleton(names: tuple[str, ...], absent: Bool) -> tuple[Skeleton, I64]:
    """Choose the skeleton: a named one if it has the same keypoints, and the columns in its order."""
    unused = {
        name
        for name, gone in zip(names, np.atleast_1d(absent.all(axis=0)), strict=True)
        if gone and name.endswith("_ear")
    }
    kept = [name for name in names if name not in unused or names != KEYPOINTS]
    for skeleton in SKELETONS.values():
        if set(skeleton.keypoints) == set(kept):
            return skeleton, np.array([names.index(name) for name in skeleton.keypoints])
    skeleton = make_skeleton(f"file{len(kept)}", kept, [])
    return skeleton, np.array([names.index(name) for name in kept])


def to_json(table: PoseTable) -> Json:
    """Write a table in this format; keypoints that are none of its 17 are left out.

    What the format cannot hold: frame times.
    """
    images, annotations = [], []
    identity = image_ids(table)
    for position, frame in enumerate(table.frames):
        images.append(_image(table, frame, identity[position]))
    columns = [table.skeleton.keypoints.index(name) if name in table.skeleton.keypoints else -1 for name in KEYPOINTS]
    within = 0
    for row in range(len(table)):
        position = int(table.frame[row])
        within = within + 1 if row and table.frame[row - 1] == position else 0
        annotations.append(_annotation(table, row, identity[position], within, columns))
    category = {"id": 1, "name": "person", "supercategory": "person", "keypoints": list(KEYPOINTS), "skeleton": _EDGES}
    return {"images": images, "annotations": annotations, "categories": [category]}


_EDGES = [
    [KEYPOINTS.index(SKELETONS["posetrack15"].keypoints[end]) + 1 for end in edge]
    for edge in SKELETONS["posetrack15"].edges
]


def _image(table: PoseTable, frame: FrameEntry, identity: int) -> Json:
    image: Json = {
        "id": identity, "frame_id": identity, "file_name": frame.name, "nframes": len(table.frames),
        "vid_id": table.name.split("_")[0],
    }  # fmt: skip
    if frame.labelled is not None:
        image["is_labeled"] = frame.labelled
    if frame.size_hw is not None:
        image["height"], image["width"] = frame.size_hw
    if frame.ignore_regions:
        image["ignore_regions_x"] = [[x for x, _ in region] for region in frame.ignore_regions]
        image["ignore_regions_y"] = [[y for _, y in region] for region in frame.ignore_regions]
    return image


def _annotation(table: PoseTable, row: int, image_id: int, within: int, columns: list[int]) -> Json:
    triples: list[float | int] = []
    scores: list[float] = []
    for column in columns:
        x, y = table.xy[row, column].tolist() if column >= 0 else (np.nan, np.nan)
        if not np.isfinite(x):
            triples += [0, 0, 0]
            scores.append(0.0)
            continue
        triples += [x, y, int(table.visibility[row, column] != 1)]
        score = float(table.keypoint_score[row, column])
        scores.append(score if np.isfinite(score) else 0.0)
    entry: Json = {"id": image_id * 100 + within, "image_id": image_id, "category_id": 1, "keypoints": triples}
    if np.isfinite(table.keypoint_score[row]).any():
        entry["scores"] = scores
    if table.track_id[row] != UNTRACKED:
        entry["track_id"] = int(table.track_id[row])
    if np.isfinite(table.score[row]):
        entry["score"] = float(table.score[row])
    for key, box in (("bbox", table.xyxy[row]), ("bbox_head", table.head_xyxy[row])):
        if np.isfinite(box).all():
            entry[key] = [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]
    return entry
