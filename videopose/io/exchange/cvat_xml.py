"""Read CVAT's own XML, "CVAT for video 1.1" and "CVAT for images 1.1": skeletons with visibility and ids."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import SKELETONS, Skeleton, make_skeleton
from videopose.types import UNTRACKED

_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class _Person:
    """A skeleton in a frame: x, y and visibility of each keypoint by name."""

    frame: int
    track_id: int
    points: dict[str, tuple[float, float, int]]


def read(path: Path) -> PoseTable:
    """Read skeletons; a keypoint that is outside is absent, one that is occluded is hidden.

    Frames of a track between its keyframes are those CVAT has written; a skeleton that is outside is nobody.

    Raises:
        DatasetError: the file is no CVAT XML, or is damaged; track and frame are named.
    """
    root = _parsed(path)
    people = [*_tracks(root, path), *_images(root, path)]
    names = list(dict.fromkeys(name for person in people for name in person.points))
    skeleton = _skeleton(names)
    numbers = {int(image.get("id", "-1")): image.get("name", "") for image in root.iter("image")}
    size = root.find(".//original_size")
    size_hw = None if size is None else (_whole(size.findtext("height")), _whole(size.findtext("width")))
    frames = sorted({person.frame for person in people} | set(numbers))
    place = {frame: position for position, frame in enumerate(frames)}
    entries = [FrameEntry(number=frame, labelled=True, size_hw=size_hw) for frame in frames]
    xy = np.full((len(people), len(skeleton), 2), np.nan)
    visibility = np.zeros((len(people), len(skeleton)), np.int64)
    for row, person in enumerate(people):
        for name, (x, y, flag) in person.points.items():
            column = skeleton.keypoints.index(name)
            visibility[row, column] = flag
            if flag:
                xy[row, column] = x, y
    return make_table(
        path.stem, skeleton, entries, [place[person.frame] for person in people], source=str(path), xy=xy,
        visibility=visibility, track_id=[person.track_id for person in people],
    )  # fmt: skip


def _parsed(path: Path) -> ElementTree.Element:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DatasetError(f"{path}: is larger than {_MAX_BYTES >> 20} MB. Export fewer frames at once")
        text = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error}). Check the path") from error
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise DatasetError(f"{path}: defines entities, which CVAT never does. Export the labels again")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise DatasetError(f"{path}: not usable XML ({error}). Export the labels again") from error
    if root.tag != "annotations":
        raise DatasetError(f"{path}: begins with <{root.tag[:40]}>, not <annotations>. Give CVAT for video 1.1")
    return root


def _tracks(root: ElementTree.Element, path: Path) -> Iterator[_Person]:
    for track in root.iter("track"):
        track_id = _number(track.get("id"), f"{path}: track id")
        for skeleton in track.iter("skeleton"):
            frame = _number(skeleton.get("frame"), f"{path}: track {track_id}: frame")
            person = _person(skeleton, frame, track_id, f"{path}: track {track_id}: frame {frame}")
            if skeleton.get("outside") != "1" and any(flag for *_, flag in person.points.values()):
                yield person


def _images(root: ElementTree.Element, path: Path) -> Iterator[_Person]:
    for image in root.iter("image"):
        frame = _number(image.get("id"), f"{path}: image id")
        for skeleton in image.iter("skeleton"):
            yield _person(skeleton, frame, UNTRACKED, f"{path}: image {frame}")


def _person(skeleton: ElementTree.Element, frame: int, track_id: int, where: str) -> _Person:
    points: dict[str, tuple[float, float, int]] = {}
    for point in skeleton.iter("points"):
        name = point.get("label", "")
        try:
            x, y = (float(number) for number in point.get("points", "").split(";")[0].split(","))
        except ValueError as error:
            raise DatasetError(f"{where}: {name!r} is at {point.get('points', '')[:40]!r}, not at x,y") from error
        if not (math.isfinite(x) and math.isfinite(y)) or name in points:
            raise DatasetError(f"{where}: {name!r} stands twice, or is at no finite place")
        flag = 0 if point.get("outside") == "1" else 1 if point.get("occluded") == "1" else 2
        points[name] = x, y, flag
    return _Person(frame, track_id, points)


def _number(text: str | None, where: str) -> int:
    if text is None or not text.isdigit() or len(text) > 9:
        raise DatasetError(f"{where} is {str(text)[:20]!r}, not a whole number")
    return int(text)


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 7 else 0


def _skeleton(names: list[str]) -> Skeleton:
    """Return the known skeleton of these keypoints, in whatever order; else one of them in the file's order."""
    for skeleton in SKELETONS.values():
        if set(skeleton.keypoints) == set(names):
            return skeleton
    return make_skeleton(f"file{len(names)}", names, [])
