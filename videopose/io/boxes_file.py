"""Person boxes somebody else found: MOT `det.txt`, COCO json or PoseTrack json, by frame index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from videopose.errors import DatasetError
from videopose.geometry.keypoints import boxes_around
from videopose.io._images import natural_key
from videopose.types import Detections

_PERSON = 1
"""COCO's category of people, and PoseTrack's."""

Row = tuple[int, list[float], float]
"""Frame index, x1 y1 x2 y2, score."""

Json = Any
"""Whatever a JSON file holds, before it is checked."""


def read_boxes(path: Path) -> dict[int, Detections]:
    """Read boxes by frame index, best first.

    MOT counts frames from 1. A COCO results list (`[{"image_id", "bbox", "score"}]`) is taken to use the 0-based frame
    index as image id. A COCO or PoseTrack file with a list of images is taken to list all images of the video: sorted
    by file name, the first is frame 0. Boxes are those of the file, in image pixels; one that is not given is put
    around the keypoints. Scores are brought into [0, 1]; a missing one, or MOT's -1, is 1.

    Raises:
        DatasetError: the file cannot be read, is of none of these formats, or holds no box; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}). Check the path of the boxes") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a text file. Give a MOT det.txt, COCO json or PoseTrack json") from error
    is_json = text.lstrip()[:1] in ("{", "[")
    rows = list(_json_rows(text, path) if is_json else _mot_rows(text, path))
    if not rows:
        raise DatasetError(f"{path}: it holds no box of a person. Give a MOT det.txt, COCO json or PoseTrack json")
    by_frame: dict[int, list[Row]] = {}
    for row in rows:
        by_frame.setdefault(row[0], []).append(row)
    return {index: _detections(by_frame[index]) for index in sorted(by_frame)}


def _detections(rows: list[Row]) -> Detections:
    best_first = sorted(rows, key=lambda row: -row[2])
    xyxy = np.array([row[1] for row in best_first], np.float32)
    return Detections(xyxy, np.array([row[2] for row in best_first], np.float32))


def _mot_rows(text: str, path: Path) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), start=1):
        values = line.replace(",", " ").split()
        if not values:
            continue
        try:
            frame, _, x, y, width, height, *rest = (float(value) for value in values)
        except ValueError as error:
            raise DatasetError(
                f"{path}: line {number} is not `frame, id, x, y, width, height, score` but {line[:60]!r}"
            ) from error
        if frame < 1:
            raise DatasetError(
                f"{path}: line {number} is of frame {frame:g}, but MOT counts frames from 1; add 1 to all"
            )
        yield int(frame) - 1, _xyxy([x, y, width, height], f"{path}: line {number}"), _score(rest[0] if rest else -1)


def _json_rows(text: str, path: Path) -> Iterator[Row]:
    try:
        document: Json = json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}: not valid JSON in line {error.lineno}") from error
    if isinstance(document, list):
        index_of, people = None, document
    elif isinstance(document, dict) and "images" in document and "annotations" in document:
        names = [(str(image.get("file_name", image.get("id"))), image.get("id")) for image in document["images"]]
        names.sort(key=lambda pair: natural_key(Path(pair[0])))
        index_of, people = {identity: index for index, (_, identity) in enumerate(names)}, document["annotations"]
    else:
        raise DatasetError(f"{path}: neither a list of COCO results nor an object with `images` and `annotations`")
    for number, person in enumerate(people):
        where = f"{path}: entry {number}"
        try:
            if person.get("category_id", _PERSON) != _PERSON:
                continue
            image_id = person["image_id"]
            index = int(image_id) if index_of is None else index_of[image_id]
            yield index, _box_of(person, where), _score(float(person.get("score", -1)))
        except KeyError as error:
            raise DatasetError(f"{where}: {error.args[0]!r} is missing or names no image") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise DatasetError(f"{where}: not a person with image_id and bbox ({error})") from error


def _box_of(person: Json, where: str) -> list[float]:
    if person.get("bbox"):
        return _xyxy([float(value) for value in person["bbox"]], where)
    keypoints = np.array(person["keypoints"], np.float32).reshape(1, -1, 3)
    box: list[float] = boxes_around(keypoints, padding=1.2)[0].tolist()
    if not np.isfinite(box).all():
        raise DatasetError(f"{where}: neither a bbox nor a keypoint to put one around")
    return box


def _xyxy(xywh: list[float], where: str) -> list[float]:
    x, y, width, height = xywh
    if not np.isfinite(xywh).all() or width <= 0 or height <= 0:
        raise DatasetError(f"{where}: a box of {width:g}x{height:g} pixels at ({x:g}, {y:g}) holds nobody")
    return [x, y, x + width, y + height]


def _score(value: float) -> float:
    return 1.0 if value < 0 else min(value, 1.0)
