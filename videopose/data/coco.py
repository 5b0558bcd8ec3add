"""The COCO keypoint layout, which LSP's and most others' conversions follow too: images, annotations, categories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from videopose.data.samples import LabelledImage, PersonLabel
from videopose.errors import DatasetError
from videopose.skeletons import Skeleton
from videopose.types import I64

ALIASES = {"neck": "head_bottom", "upper_neck": "head_bottom", "top_head": "head_top", "head": "head_top"}
"""What data sets call keypoints -> what we call them."""


def read_coco(annotations: Path, images: Path, skeleton: Skeleton) -> list[LabelledImage]:
    """Read a COCO-layout file of people.

    Keypoints are placed by name (`categories[0].keypoints`); a category without keypoints gives boxes only. People
    marked `iscrowd` or `ignore` become ignore regions.

    Args:
        annotations: the JSON file.
        images: folder the `file_name`s are relative to.
        skeleton: the target order of keypoints.

    Returns:
        One entry per image that the file lists, in its order, also without people.

    Raises:
        DatasetError: the file is not JSON, a key is missing, or an annotation names an unknown image; the message
            says which entry and which key. None of its keypoints is one of the skeleton's.
    """
    document = load_json(annotations)
    try:
        names = _keypoint_names(document)
        columns = target_columns(names, skeleton)
        if names and not len(columns[0]):
            raise DatasetError(
                f"{annotations}: skeleton {skeleton.name} has none of its keypoints ({', '.join(names)})"
            )
        people: dict[int, list[PersonLabel]] = {int(image["id"]): [] for image in document["images"]}
        for position, entry in enumerate(document["annotations"]):
            image_id = int(entry["image_id"])
            if image_id not in people:
                raise DatasetError(
                    f"{annotations}: annotations[{position}] names image {image_id}, not listed in images"
                )
            people[image_id].append(_person(entry, columns, len(skeleton)))
        return [
            LabelledImage(
                key=str(image["id"]),
                path=images / str(image["file_name"]),
                size_hw=(int(image["height"]), int(image["width"])),
                people=tuple(people[int(image["id"])]),
            )
            for image in document["images"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{annotations}: not in COCO's layout: {type(error).__name__} {error}") from error


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DatasetError: the file cannot be read or is not a JSON object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"{path}: cannot read the annotations: {error.strerror or error}") from error
    except ValueError as error:
        raise DatasetError(f"{path}: not valid JSON ({error}); is the file complete?") from error
    if not isinstance(document, dict):
        raise DatasetError(f"{path}: an annotation file is a JSON object, not a {type(document).__name__}")
    return document


def _keypoint_names(document: Mapping[str, Any]) -> list[str]:
    categories = document.get("categories") or [{}]
    return [str(name) for name in categories[0].get("keypoints", [])]


def target_columns(names: list[str], skeleton: Skeleton) -> tuple[I64, I64]:
    """Pair a file's keypoint names with a skeleton's, aliases understood.

    Returns:
        Positions in `names` and, of equal length, positions in the skeleton; names it does not have are left out.
    """
    known = [(index, ALIASES.get(name, name)) for index, name in enumerate(names)]
    pairs = [(index, skeleton.keypoints.index(name)) for index, name in known if name in skeleton.keypoints]
    rows = np.array(pairs, np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def _person(entry: Mapping[str, Any], columns: tuple[I64, I64], num_keypoints: int) -> PersonLabel:
    box = np.array(entry["bbox"], np.float32)
    box[2:] += box[:2]
    keypoints = np.zeros((num_keypoints, 3), np.float32)
    if "keypoints" in entry and len(columns[0]):
        keypoints[columns[1]] = np.array(entry["keypoints"], np.float32).reshape(-1, 3)[columns[0]]
    weight = np.ones(num_keypoints, np.float32)
    if "keypoint_prob" in entry:
        weight[columns[1]] = np.array(entry["keypoint_prob"], np.float32)[columns[0]]
    return PersonLabel(
        xyxy=box,
        keypoints=keypoints,
        weight=weight,
        area=float(entry.get("area", (box[2] - box[0]) * (box[3] - box[1]))),
        ignore=bool(entry.get("iscrowd", 0) or entry.get("ignore", 0)),
        key=str(entry.get("id", "")),
    )
