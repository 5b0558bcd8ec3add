"""COCO keypoints: annotation files (CrowdPose's too) and result lists, with `track_id` where people are tracked.

The annotations are what CVAT and FiftyOne import: `track_id` stands beside the keypoints and among the `attributes`,
and frames of a video, which have no file names, are called as CVAT calls them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.geometry.boxes import area as box_area
from videopose.io.exchange.cursor import Cursor, Json, read_json
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import SKELETONS, Skeleton, make_skeleton
from videopose.types import F64, UNTRACKED

_ALIASES = {"neck": "head_bottom", "head": "head_top", "top_head": "head_top"}  # CrowdPose's names
_BY_COUNT = {17: "coco17", 14: "crowdpose14", 19: "body19", 15: "posetrack15", 16: "mpii16", 13: "penn13"}


def read(path: Path) -> PoseTable:
    """Read an annotation file or a result list; all its images make one table.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    top = read_json(path)
    return results_from_json(top) if isinstance(top.value, list) else annotations_from_json(top)


def annotations_from_json(top: Cursor) -> PoseTable:
    """Build a table from an annotation file.

    People without a `keypoints` key have none labelled. Categories without keypoints other than `person` are skipped.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    skeleton, category = _category(top)
    frames, position = image_entries(top)
    k = len(skeleton)
    rows: dict[str, list[Json]] = {
        name: [] for name in ("frame", "triples", "box", "head", "area", "crowd", "track_id", "score")
    }
    for entry in top.key("annotations").items():
        kind = entry.get("category_id")
        if kind is not None and category is not None and kind.integer() != category:
            continue
        rows["frame"].append(position_of(entry, position))
        listed = entry.get("keypoints")
        rows["triples"].append(np.zeros(3 * k) if listed is None or listed.value == [] else listed.numbers(3 * k))
        rows["box"].append(_box(entry, "bbox"))
        rows["head"].append(_box(entry, "bbox_head"))
        size, crowd = entry.get("area"), entry.get("iscrowd")
        rows["area"].append(np.nan if size is None else size.number())
        rows["crowd"].append(crowd is not None and bool(crowd.integer()))
        rows["track_id"].append(_track_id(entry))
        score = entry.get("score")
        rows["score"].append(np.nan if score is None else score.number())
    triples = np.array(rows["triples"], np.float64).reshape(len(rows["frame"]), k, 3)
    absent = (triples == 0).all(axis=2)
    return make_table(
        Path(top.file).stem, skeleton, frames, rows["frame"], source=top.file,
        xy=np.where(absent[..., None], np.nan, triples[..., :2]), visibility=triples[..., 2].astype(np.int64),
        xyxy=np.array(rows["box"]).reshape(-1, 4), head_xyxy=np.array(rows["head"]).reshape(-1, 4), area=rows["area"],
        crowd=rows["crowd"], track_id=rows["track_id"], score=rows["score"],
    )  # fmt: skip


def results_from_json(top: Cursor, skeleton: Skeleton | None = None) -> PoseTable:
    """Build a table from a result list; its frames are the images it mentions, in order of their ids.

    Args:
        top: the parsed list.
        skeleton: of the keypoints; told by their number if not given.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    rows: list[tuple[int, F64, float, F64, int]] = []
    for entry in top.items():
        listed = entry.get("keypoints")
        if listed is None:
            count = 0
        else:
            skeleton = skeleton or _skeleton_of(listed)
            count = 3 * len(skeleton)
        triples = np.zeros(0) if listed is None else listed.numbers(count)
        score = entry.get("score")
        rows.append(
            (
                entry.key("image_id").integer(), triples, np.nan if score is None else score.number(),
                _box(entry, "bbox"), _track_id(entry),
            )
        )  # fmt: skip
    skeleton = skeleton or make_skeleton("boxes", [], [])
    if any(len(row[1]) != 3 * len(skeleton) for row in rows):
        top.fail("gives keypoints for some people only; give them for all or for none")
    numbers = sorted({row[0] for row in rows})
    place = {number: position for position, number in enumerate(numbers)}
    triples = np.array([row[1] for row in rows], np.float64).reshape(len(rows), len(skeleton), 3)
    absent = (triples == 0).all(axis=2)
    return make_table(
        Path(top.file).stem, skeleton, [FrameEntry(number=number) for number in numbers],
        [place[row[0]] for row in rows], source=top.file,
        xy=np.where(absent[..., None], np.nan, triples[..., :2]),
        keypoint_score=np.where(absent, np.nan, triples[..., 2]), score=[row[2] for row in rows],
        xyxy=np.array([row[3] for row in rows]).reshape(-1, 4), track_id=[row[4] for row in rows],
    )  # fmt: skip


def _skeleton_of(listed: Cursor) -> Skeleton:
    count = len(listed.value) // 3 if isinstance(listed.value, list) else 0
    if not isinstance(listed.value, list) or len(listed.value) % 3 or count not in _BY_COUNT:
        listed.fail(
            f"has {len(listed.value) if isinstance(listed.value, list) else 'no'} entries; "
            f"three per keypoint are needed, for {', '.join(map(str, sorted(_BY_COUNT)))} keypoints"
        )
    return SKELETONS[_BY_COUNT[count]]


def _category(top: Cursor) -> tuple[Skeleton, int | None]:
    listed = top.get("categories")
    people = [] if listed is None else [entry for entry in listed.items() if entry.get("keypoints") is not None]
    if not people:
        for entry in top.key("annotations").items():
            keypoints = entry.get("keypoints")
            if keypoints is not None:
                return _skeleton_of(keypoints), None
        return make_skeleton("boxes", [], []), _person_category(listed)
    names = tuple(_ALIASES.get(each.text(), each.text()) for each in people[0].key("keypoints").items())
    identity = people[0].key("id").integer()
    for skeleton in SKELETONS.values():
        if skeleton.keypoints == names:
            return skeleton, identity
    if len(set(names)) != len(names):
        people[0].key("keypoints").fail("names a keypoint twice")
    return make_skeleton(f"file{len(names)}", list(names), []), identity


def _person_category(listed: Cursor | None) -> int | None:
    for entry in [] if listed is None else listed.items():
        name = entry.get("name")
        if name is not None and name.value == "person":
            return entry.key("id").integer()
    return None


def image_entries(top: Cursor) -> tuple[list[FrameEntry], dict[int, int]]:
    """Read `images`, of COCO or of any layout made after it.

    Returns:
        One entry per image, and the position of each image's id among them.

    Raises:
        DatasetError: an image has no id of its own.
    """
    frames: list[FrameEntry] = []
    position: dict[int, int] = {}
    for entry in top.key("images").items():
        identity = entry.key("id").integer()
        if identity in position:
            entry.key("id").fail(f"is {identity}, which an earlier image has too")
        position[identity] = len(frames)
        name, height, width = entry.get("file_name"), entry.get("height"), entry.get("width")
        crowding, time = entry.get("crowdIndex"), entry.get("time")
        frames.append(
            FrameEntry(
                name=name.text() if name else "",
                number=identity,
                size_hw=(height.integer(), width.integer()) if height and width else None,
                crowd_index=crowding.number() if crowding else None,
                time=time.number() if time else None,
            )
        )
    return frames, position


def position_of(entry: Cursor, position: dict[int, int]) -> int:
    """Return the position of the image an annotation names by `image_id`.

    Raises:
        DatasetError: there is no such image.
    """
    image = entry.key("image_id")
    if image.integer() not in position:
        image.fail(f"is {image.value}; no image has that id")
    return position[image.integer()]


def _box(entry: Cursor, name: str) -> F64:
    box = entry.get(name)
    if box is None or box.value == []:
        return np.full(4, np.nan)
    corners = box.numbers(4)
    corners[2:] += corners[:2]
    return corners


def _track_id(entry: Cursor) -> int:
    attributes = entry.get("attributes")
    found = entry.get("track_id") or (attributes.get("track_id") if attributes is not None else None)
    return UNTRACKED if found is None else found.integer()


def annotations_to_json(table: PoseTable) -> Json:
    """Write a table as an annotation file. Scores of keypoints are not part of it; visibility is, 2 if not known."""
    identity = image_ids(table)
    images = [_image(frame, number) for frame, number in zip(table.frames, identity, strict=True)]
    boxes = np.nan_to_num(table.boxes())
    annotations = [_annotation(table, row, identity[int(table.frame[row])], boxes[row]) for row in range(len(table))]
    category = {
        "id": 1, "name": "person", "supercategory": "person", "keypoints": list(table.skeleton.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in table.skeleton.edges],
    }  # fmt: skip
    return {"images": images, "annotations": annotations, "categories": [category]}


def image_ids(table: PoseTable) -> list[int]:
    """Return every frame an id: the file's numbers where all have one and no two the same, else 1, 2, 3 and so on."""
    numbers = [frame.number for frame in table.frames if frame.number is not None]
    if len(set(numbers)) != len(table.frames):
        return list(range(1, len(table.frames) + 1))
    return numbers


def _image(frame: FrameEntry, identity: int) -> Json:
    image: Json = {"id": identity, "file_name": frame.name or f"frame_{identity:06d}.png"}
    if frame.size_hw is not None:
        image["height"], image["width"] = frame.size_hw
    if frame.crowd_index is not None:
        image["crowdIndex"] = frame.crowd_index
    if frame.time is not None:
        image["time"] = frame.time
    return image


def _annotation(table: PoseTable, row: int, image_id: int, box: F64) -> Json:
    size = float(table.area[row]) if np.isfinite(table.area[row]) else float(box_area(box))
    triples = _triples(table, row, np.where(table.visibility[row] >= 0, table.visibility[row], 2))
    entry: Json = {
        "id": row + 1, "image_id": image_id, "category_id": 1, "keypoints": triples,
        "num_keypoints": sum(flag > 0 for flag in triples[2::3]), "bbox": _xywh(box), "area": size,
        "iscrowd": int(table.crowd[row]),
    }  # fmt: skip
    if np.isfinite(table.head_xyxy[row]).all():
        entry["bbox_head"] = _xywh(table.head_xyxy[row])
    if np.isfinite(table.score[row]):
        entry["score"] = float(table.score[row])
    if table.track_id[row] != UNTRACKED:
        entry["track_id"] = int(table.track_id[row])
        entry["attributes"] = {"track_id": int(table.track_id[row])}
    return entry


def _xywh(box: F64) -> list[float]:
    return [round(value, 9) for value in (*box[:2].tolist(), *(box[2:] - box[:2]).tolist())]


def _triples(table: PoseTable, row: int, third: F64) -> list[float]:
    here = table.present[row]
    columns = np.column_stack([np.where(here[:, None], table.xy[row], 0.0), np.where(here, third, 0)])
    return [
        int(value) if position % 3 == 2 and value == int(value) else value
        for position, value in enumerate(columns.ravel().tolist())
    ]


def results_to_json(table: PoseTable) -> Json:
    """Write a table as a result list; the third number of a keypoint is its score, 1 if it has none.

    What the format cannot hold: images without people, their names and sizes, visibility, areas and head boxes.

    Raises:
        DatasetError: a person has no score, without which a result cannot be ranked.
    """
    identity = image_ids(table)
    entries = []
    for row in range(len(table)):
        scores = table.keypoint_score[row]
        known = np.isfinite(scores)
        overall = float(table.score[row])
        if not np.isfinite(overall):
            if not known.any():
                raise DatasetError(
                    f"{table.source or table.name}: person {row} has no score; a result list needs one to rank by"
                )
            overall = float(scores[known].mean())
        entry: Json = {
            "image_id": identity[int(table.frame[row])], "category_id": 1,
            "keypoints": _triples(table, row, np.where(known, scores, 1.0)), "score": overall,
        }  # fmt: skip
        if np.isfinite(table.xyxy[row]).all():
            entry["bbox"] = _xywh(table.xyxy[row])
        if table.track_id[row] != UNTRACKED:
            entry["track_id"] = int(table.track_id[row])
        entries.append(entry)
    return entries
