"""COCO keypoints: annotation files (CrowdPose's and COCO-WholeBody's too) and result lists, also of tracked people.

The annotations are what CVAT and FiftyOne import: `track_id` stands beside the keypoints and among the `attributes`,
and frames of a video, which have no file names, are called as CVAT calls them.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.geometry.boxes import area as box_area
from videopose.io.exchange.coco_marks import file_marks, person_marks, read_header, read_scores, read_source
from videopose.io.exchange.coco_people import annotated_people, listed_people, skeleton_by_count
from videopose.io.exchange.coco_wholebody import SKELETON as WHOLE_BODY
from videopose.io.exchange.coco_wholebody import are_wholebody, keypoint_keys, read_triples
from videopose.io.exchange.cursor import Cursor, Json, read_json
from videopose.io.exchange.frames import frame_indices, frame_name
from videopose.io.exchange.head import Head
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import Skeleton, make_skeleton
from videopose.types import F64, FILLED, I64, UNTRACKED

_log = logging.getLogger(__name__)
_MAX_NAME = 255


def is_annotated(head: Head) -> bool:
    """Check whether a file is laid out as COCO's annotations, which PoseTrack 2018 and CrowdPose have in common."""
    return not head.is_list and head.mentions("annotations", "images")


def is_results(head: Head) -> bool:
    """Check whether a file is a list of results: any list but AI Challenger's."""
    return head.is_list and not head.mentions("keypoint_annotations")


def read(path: Path, category: int | None = None) -> PoseTable:
    """Read an annotation file or a result list; all its images make one table.

    Args:
        path: of the file.
        category: number of the people's category in a result list, if the ground truth gives it.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    top = read_json(path)
    is_list = isinstance(top.value, list)
    return results_from_json(top, category=category) if is_list else annotations_from_json(top)


def annotations_from_json(top: Cursor) -> PoseTable:
    """Build a table from an annotation file.

    A keypoint whose flag is 0 is not labelled, whatever coordinates stand beside it. People without a `keypoints` key
    have none labelled. What is of another category than people is left out (`coco_people`).

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    people, skeleton, category = annotated_people(top)
    whole = are_wholebody(people)
    skeleton = WHOLE_BODY if whole else skeleton
    frames, position = image_entries(top)
    header = read_header(top)
    k = len(skeleton)
    rows: dict[str, list[Json]] = {
        name: []
        for name in (
            "frame",
            "triples",
            "box",
            "head",
            "area",
            "crowd",
            "track_id",
            "score",
            "zero_id",
            "scores",
            "source",
        )
    }
    for entry in people:
        rows["frame"].append(position_of(entry, position))
        listed = entry.get("keypoints")
        nothing = listed is None or listed.value == []
        plain = np.zeros(3 * k) if listed is None or nothing or whole else listed.numbers(3 * k)
        rows["triples"].append(read_triples(entry) if whole else plain)
        rows["box"].append(_box(entry, "bbox"))
        rows["head"].append(_box(entry, "bbox_head"))
        size, crowd = entry.get("area"), entry.get("iscrowd")
        rows["area"].append(np.nan if size is None else _not_negative(size))
        rows["crowd"].append(crowd is not None and crowd.truth())
        rows["track_id"].append(_track_id(entry))
        score = entry.get("score")
        rows["score"].append(np.nan if score is None else score.number())
        rows["zero_id"].append(_identity(entry) == 0)
        rows["scores"].append(read_scores(entry, k))
        rows["source"].append(read_source(entry, k))
    triples = np.array(rows["triples"], np.float64).reshape(len(rows["frame"]), k, 3)
    labelled = triples[..., 2] > 0
    return make_table(
        Path(top.file).stem, skeleton, frames, rows["frame"], source=top.file, category=category,
        xy=np.where(labelled[..., None], triples[..., :2], np.nan),
        visibility=np.where(labelled, np.ceil(triples[..., 2]).clip(1, 2), 0).astype(np.int64),
        xyxy=np.array(rows["box"]).reshape(-1, 4), head_xyxy=np.array(rows["head"]).reshape(-1, 4), area=rows["area"],
        crowd=rows["crowd"], track_id=rows["track_id"], score=rows["score"], zero_id=rows["zero_id"],
        blank=_blank(people, labelled[:, : skeleton.num_body].sum(axis=1)), unscorable=_repeated(top), header=header,
        keypoint_score=np.where(labelled, np.array(rows["scores"], np.float64).reshape(labelled.shape), np.nan),
        placed=header is not None, keypoint_source=rows["source"],
    )  # fmt: skip


def _blank(people: list[Cursor], labelled: I64) -> list[bool]:
    """Find whose `num_keypoints` is 0; where it is not given, who has no labelled keypoint."""
    given = [entry.get("num_keypoints") for entry in people]
    said = [None if each is None else each.integer() for each in given]
    wrong = [row for row, number in enumerate(said) if number is not None and bool(number) != bool(labelled[row])]
    if wrong:
        first = people[wrong[0]]
        _log.warning(
            "%s: num_keypoints contradicts the flags of %d people, first %s: %d, but %d are labelled; who counts when "
            "scored goes by num_keypoints, as in COCO's tool",
            *(first.file, len(wrong), first.where, said[wrong[0]], labelled[wrong[0]]),
        )
    if sum(bool(each.value) for entry in people for each in (entry.get("ignore"),) if each is not None):
        _log.warning("%s: `ignore` has no effect, as in COCO's tool; only iscrowd has", people[0].file)
    return [number == 0 if number is not None else labelled[row] == 0 for row, number in enumerate(said)]


def _identity(entry: Cursor) -> Json:
    found = entry.get("id")
    return None if found is None else found.value


def _repeated(top: Cursor) -> str:
    """Return a sentence about the first entry whose id an earlier one has; "" if there is none."""
    seen: dict[Json, str] = {}
    for entry in top.key("annotations").items():
        identity = _identity(entry)
        if not isinstance(identity, int | float | str):
            continue
        if identity in seen:
            return f"{top.file}: {entry.where}.id is {identity}, which {seen[identity]} has too; give each its own"
        seen[identity] = entry.where
    return ""


def results_from_json(top: Cursor, skeleton: Skeleton | None = None, *, category: int | None = None) -> PoseTable:
    """Build a table from a result list; its frames are the images it mentions, in order of their ids.

    Args:
        top: the parsed list.
        skeleton: of the keypoints; told by their number if not given.
        category: of people; see `coco_people.listed_people`.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    rows: list[tuple[int, F64, float, F64, int]] = []
    people = listed_people(top, category)
    whole = skeleton is None and are_wholebody(people)
    for entry in people:
        listed = entry.get("keypoints")
        if listed is None:
            count = 0
        else:
            skeleton = skeleton or (WHOLE_BODY if whole else skeleton_by_count(listed))
            count = 3 * len(skeleton)
        plain = np.zeros(0) if listed is None or whole else listed.numbers(count)
        triples = read_triples(entry) if whole and listed is not None else plain
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
                name=_file_name(name),
                number=identity,
                size_hw=_size(height, width),
                crowd_index=crowding.number() if crowding else None,
                time=time.number() if time else None,
            )
        )
    return frames, position


def _file_name(name: Cursor | None) -> str:
    """Return an image's file name, whose last part has at most 255 characters on every system."""
    if name is None:
        return ""
    if len(name.text().replace("\\", "/").rpartition("/")[2]) > _MAX_NAME:
        name.fail(f"has {len(name.text())} characters; a file's name has at most {_MAX_NAME}")
    return name.text()


def _size(height: Cursor | None, width: Cursor | None) -> tuple[int, int] | None:
    """Return an image's size; 0 by 0, which some tools write, is not known."""
    if height is None or width is None:
        return None
    for side in (height, width):
        if side.integer() < 0:
            side.fail(f"is {side.value}; a size is not negative")
    size = height.integer(), width.integer()
    return size if all(size) else None


def _not_negative(size: Cursor) -> float:
    value = size.number()
    if value < 0:
        size.fail(f"is {value}; an area is not negative")
    return value


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
    if (corners[2:] < 0).any():
        box.fail(f"has a size of {corners[2]:g}x{corners[3]:g} pixels; a box is x, y, width, height")
    corners[2:] += corners[:2]
    return corners


def _track_id(entry: Cursor) -> int:
    attributes = entry.get("attributes")
    found = entry.get("track_id") or (attributes.get("track_id") if attributes is not None else None)
    return UNTRACKED if found is None else found.integer()


def annotations_to_json(table: PoseTable) -> Json:
    """Write a table as an annotation file.

    Where visibility is not known, a keypoint that was seen or corrected is 2, and one that was filled in is 1, hidden.
    What COCO has no keys for has keys of our own (`coco_marks`).
    """
    identity = image_ids(table)
    indices = [0] * len(identity) if all(frame.name for frame in table.frames) else frame_indices(table).tolist()
    images = [_image(*each) for each in zip(table.frames, identity, indices, strict=True)]
    boxes = np.nan_to_num(table.boxes())
    annotations = [_annotation(table, row, identity[int(table.frame[row])], boxes[row]) for row in range(len(table))]
    whole = table.skeleton.keypoints == WHOLE_BODY.keypoints
    listed = table.skeleton.part("body") if whole else table.skeleton
    category = {
        "id": 1, "name": "person", "supercategory": "person", "keypoints": list(listed.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in listed.edges],
    }  # fmt: skip
    return {**file_marks(table), "images": images, "annotations": annotations, "categories": [category]}


def image_ids(table: PoseTable) -> list[int]:
    """Return every frame an id: the file's numbers where all have one and no two the same, else 1, 2, 3 and so on."""
    numbers = [frame.number for frame in table.frames if frame.number is not None]
    if len(set(numbers)) != len(table.frames):
        return list(range(1, len(table.frames) + 1))
    return numbers


def _image(frame: FrameEntry, identity: int, index: int) -> Json:
    image: Json = {"id": identity, "file_name": frame.name or frame_name(index)}
    if frame.size_hw is not None:
        image["height"], image["width"] = frame.size_hw
    if frame.crowd_index is not None:
        image["crowdIndex"] = frame.crowd_index
    if frame.time is not None:
        image["time"] = frame.time
    return image


def _annotation(table: PoseTable, row: int, image_id: int, box: F64) -> Json:
    size = float(table.area[row]) if np.isfinite(table.area[row]) else float(box_area(box))
    assumed = np.where(table.keypoint_source[row] == FILLED, 1, 2)
    triples = _triples(table, row, np.where(table.visibility[row] >= 0, table.visibility[row], assumed))
    entry: Json = {
        "id": row + 1, "image_id": image_id, "category_id": 1, **keypoint_keys(triples, table.skeleton),
        "num_keypoints": sum(flag > 0 for flag in triples[2::3][: table.skeleton.num_body]), "bbox": _xywh(box),
        "area": size, "iscrowd": int(table.crowd[row]), "segmentation": [], **person_marks(table, row),
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
            **keypoint_keys(_triples(table, row, np.where(known, scores, 1.0)), table.skeleton), "score": overall,
        }  # fmt: skip
        if np.isfinite(table.xyxy[row]).all():
            entry["bbox"] = _xywh(table.xyxy[row])
        if table.track_id[row] != UNTRACKED:
            entry["track_id"] = int(table.track_id[row])
        entries.append(entry)
    return entries
