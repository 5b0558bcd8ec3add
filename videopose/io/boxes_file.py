"""Person boxes somebody else found: MOT `det.txt`, COCO json or PoseTrack json, by frame index."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videopose.errors import DatasetError
from videopose.geometry.keypoints import boxes_around
from videopose.io.backends.images import natural_key
from videopose.types import Detections, VideoInfo

_log = logging.getLogger(__name__)

_MAY_LIE_OUTSIDE = 0.25
"""Share of boxes whose centre may be outside the image: trackers go on a little behind its border."""

_PERSON = 1
"""COCO's category of people, and PoseTrack's."""

Row = tuple[int, list[float], float]
"""Frame index, x1 y1 x2 y2, score."""

Json = Any
"""Whatever a JSON file holds, before it is checked."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a file says of the images its boxes are of.

    Attributes:
        count: how many images it lists; None if it lists none and only numbers frames.
        sizes_hw: (height, width) of those that say so, pixels.
    """

    count: int | None = None
    sizes_hw: frozenset[tuple[int, int]] = frozenset()


def read_boxes(path: Path) -> dict[int, Detections]:
    """Read boxes by frame index, best first.

    MOT counts frames from 1. A COCO results list (`[{"image_id", "bbox", "score"}]`) is taken to use the 0-based frame
    index as image id. A COCO or PoseTrack file with a list of images is taken to list all images of the video: sorted
    by file name, the first is frame 0. Boxes are those of the file, in image pixels; one that is not given is put
    around the keypoints. Scores are brought into [0, 1]; a missing one, or MOT's -1, is 1.

    Raises:
        DatasetError: the file cannot be read, is of none of these formats, or holds no box; the message says where.
    """
    return _read(path)[0]


def check_boxes(path: Path, video: VideoInfo) -> None:
    """Make sure that boxes are of this video, as far as frames and pixels can tell.

    Raises:
        DatasetError: there are boxes of frames the video does not have, the images listed are more or of another size,
            or many boxes lie outside the image; and as `read_boxes` does.
    """
    boxes, listed = _read(path)
    height, width = video.size_hw
    frames = video.frames
    if frames is not None and max(boxes) >= frames:
        raise DatasetError(
            f"{path}: has boxes for frame {max(boxes)}, counted from 0, but {video.path} has frames 0-{frames - 1}. "
            "Give boxes of this video; MOT counts frames from 1, a COCO results list from 0"
        )
    if frames is not None and listed.count is not None and listed.count > frames:
        raise DatasetError(
            f"{path}: lists {listed.count} images, but {video.path} has {frames} frames, matched in order. "
            "Give boxes of this video"
        )
    if frames is not None and listed.count is not None and listed.count < frames:
        # no error: containers claim frames they do not have, and a part of a video may be all somebody asks for
        _log.warning(
            "%s: lists %d images, %s has %d frames; images are matched in order, later frames have no boxes",
            *(path, listed.count, video.path, frames),
        )
    other = sorted(listed.sizes_hw - {video.size_hw})
    if other:
        raise DatasetError(
            f"{path}: is of images of {other[0][1]}x{other[0][0]} pixels, but {video.path} has {width}x{height}. "
            "Give boxes of this video"
        )
    xyxy = np.concatenate([people.xyxy for people in boxes.values()])
    centers = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    outside = int(((centers < 0) | (centers > (width, height))).any(1).sum())
    if outside > _MAY_LIE_OUTSIDE * len(xyxy):
        raise DatasetError(
            f"{path}: {outside} of {len(xyxy)} boxes lie outside the {width}x{height} pixels of {video.path}. "
            "Give boxes of this video, in pixels of the image as it is shown"
        )


def _read(path: Path) -> tuple[dict[int, Detections], Listed]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}). Check the path of the boxes") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a text file. Give a MOT det.txt, COCO json or PoseTrack json") from error
    listed = Listed()
    if text.lstrip()[:1] in ("{", "["):
        document = _parsed(text, path)
        listed = _listed(document)
        rows = list(_json_rows(document, path))
    else:
        rows = list(_mot_rows(text, path))
    if not rows:
        raise DatasetError(f"{path}: it holds no box of a person. Give a MOT det.txt, COCO json or PoseTrack json")
    by_frame: dict[int, list[Row]] = {}
    for row in rows:
        by_frame.setdefault(row[0], []).append(row)
    return {index: _detections(by_frame[index]) for index in sorted(by_frame)}, listed


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


def _parsed(text: str, path: Path) -> Json:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}: not valid JSON in line {error.lineno}") from error


def _listed(document: Json) -> Listed:
    images = document.get("images") if isinstance(document, dict) else None
    if not isinstance(images, list):
        return Listed()
    sizes = ((image.get("height"), image.get("width")) for image in images if isinstance(image, dict))
    return Listed(len(images), frozenset((int(h), int(w)) for h, w in sizes if h and w))


def _json_rows(document: Json, path: Path) -> Iterator[Row]:
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
