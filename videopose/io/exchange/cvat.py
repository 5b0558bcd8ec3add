"""CVAT's XML for video, version 1.1: a track of skeletons per person, a keyframe in every frame.

Hidden keypoints are `occluded`, absent ones and frames without the person `outside`. What is uploaded goes by the names
of label and keypoints: the task needs a skeleton label `person` whose points are called as the keypoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.head import Head
from videopose.io.exchange.individuals import skeleton_of_names
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.io.result import atomic_write
from videopose.types import FILLED, UNTRACKED

_LABEL = "person"


def matches(head: Head) -> bool:
    """Check whether a file is CVAT's XML."""
    return head.suffix == ".xml" and "<annotations" in head.text


def write(table: PoseTable, path: Path) -> None:
    """Write a file of tracks; people without an id get a track for each pose.

    Raises:
        DatasetError: an image is before the first frame of its video.
    """
    table = in_frame_order(table)
    table = table[~table.crowd]
    text = "\n".join(_lines(table))
    with atomic_write(path) as file:
        file.write(text.encode() + b"\n")


def _lines(table: PoseTable) -> Iterator[str]:
    frames = 1 + max((frame.number or 0 for frame in table.frames), default=-1)
    size = next((frame.size_hw for frame in table.frames if frame.size_hw is not None), None)
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield "<annotations><version>1.1</version><meta><task>"
    yield f"<name>{_escaped(table.name)}</name><size>{frames}</size><mode>interpolation</mode><flipped>False</flipped>"
    yield f"<labels><label><name>{_LABEL}</name><type>skeleton</type></label>"
    for name in table.skeleton.keypoints:
        yield f"<label><name>{_escaped(name)}</name><type>points</type><parent>{_LABEL}</parent></label>"
    yield "</labels>"
    if size is not None:
        yield f"<original_size><width>{size[1]}</width><height>{size[0]}</height></original_size>"
    yield "</task></meta>"
    for rows in _tracks(table):
        track_id = int(table.track_id[rows[0]])
        yield f'<track id="{track_id}" label="{_LABEL}" source="auto">'
        numbers = [table.frames[int(table.frame[row])].number or 0 for row in rows]
        for place, (row, number) in enumerate(zip(rows, numbers, strict=True)):
            yield from _skeleton(table, row, number, outside=False)
            following = numbers[place + 1] if place + 1 < len(rows) else frames
            if number + 1 < following:
                yield from _skeleton(table, row, number + 1, outside=True)
        yield "</track>"
    yield "</annotations>"


def _tracks(table: PoseTable) -> Iterator[list[int]]:
    """Return the rows of each track, in order of their first frames."""
    rows: dict[int, list[int]] = {}
    for row, track_id in enumerate(table.track_id.tolist()):
        rows.setdefault(track_id if track_id != UNTRACKED else -row - 2, []).append(row)
    yield from rows.values()


def _skeleton(table: PoseTable, row: int, number: int, *, outside: bool) -> Iterator[str]:
    yield f'<skeleton frame="{number}" keyframe="1" z_order="0">'
    present, visibility = table.present[row], table.visibility[row]
    hidden = (visibility == 1) | ((visibility < 0) & (table.keypoint_source[row] == FILLED))
    middle = np.nan_to_num(np.nanmean(table.xy[row], axis=0)) if present.any() else np.zeros(2)
    for name, (x, y), here, is_hidden in zip(
        table.skeleton.keypoints,
        np.where(present[:, None], table.xy[row], middle).tolist(),
        present,
        hidden,
        strict=True,
    ):
        gone = int(outside or not here)
        yield (
            f'<points label={quoteattr(name)} keyframe="1" outside="{gone}" occluded="{int(is_hidden and here)}" '
            f'points="{round(x, 9)!r},{round(y, 9)!r}"></points>'
        )
    yield "</skeleton>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def read(path: Path) -> PoseTable:
    """Read the skeletons of a file, of tracks or of images. A track's number is its id.

    Between keyframes nothing is interpolated.

    Raises:
        DatasetError: the file is damaged, declares entities, or has no skeletons.
    """
    try:
        data = path.read_bytes()
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise DatasetError(f"{path}: declares document types or entities, which are not read")
        top = ElementTree.fromstring(data)
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise DatasetError(f"{path}: not XML, or damaged ({error})") from error
    people = [(int_of(path, track, "id"), int_of(path, each, "frame"), each)
              for track in top.iter("track") for each in track.findall("skeleton")]  # fmt: skip
    images = {}
    for image in top.iter("image"):
        number = int_of(path, image, "id")
        images[number] = image.get("name") or ""
        people += [(UNTRACKED, number, each) for each in image.findall("skeleton")]
    if not people:
        raise DatasetError(f"{path}: has no skeletons; annotate people with a skeleton label")
    return _table(path, people, images, top)


def _table(
    path: Path, people: list[tuple[int, int, ElementTree.Element]], images: dict[int, str], top: ElementTree.Element
) -> PoseTable:
    names = list(dict.fromkeys(str(point.get("label")) for _, _, each in people for point in each.findall("points")))
    size = top.findtext("./meta/task/size") or ""
    count = int(size) if size.isdigit() and len(size) < 8 else 0
    numbers = sorted({number for _, number, _ in people} | set(images) | set(range(count)))
    place = {number: row for row, number in enumerate(numbers)}
    side = [top.findtext(f"./meta/task/original_size/{name}") or "" for name in ("height", "width")]
    size_hw = (int(side[0]), int(side[1])) if all(each.isdigit() for each in side) else None
    kept = []
    for track_id, number, each in people:
        points = {str(point.get("label")): point for point in each.findall("points")}
        xy, visibility = np.full((len(names), 2), np.nan), np.zeros(len(names), np.int64)
        for column, name in enumerate(names):
            point = points.get(name)
            if point is not None and point.get("outside", "0") != "1":
                xy[column] = _xy(path, point)
                visibility[column] = 1 if point.get("occluded") == "1" else 2
        if visibility.any():
            kept.append((place[number], track_id, xy, visibility))
    shape = (len(kept), len(names))
    return make_table(
        path.name.split(".")[0], skeleton_of_names(path, names),
        [FrameEntry(name=images.get(number, ""), number=number, size_hw=size_hw) for number in numbers],
        [each[0] for each in kept], source=str(path), placed=not images, track_id=[each[1] for each in kept],
        xy=np.array([each[2] for each in kept]).reshape(*shape, 2),
        visibility=np.array([each[3] for each in kept]).reshape(shape),
    )  # fmt: skip


def int_of(path: Path, element: ElementTree.Element, name: str) -> int:
    """Return a whole number of at most nine digits that stands in an attribute.

    Raises:
        DatasetError: it is none.
    """
    text = element.get(name, "")
    if not text.removeprefix("-").isdigit() or len(text) > 10:
        raise DatasetError(f"{path}: <{element.tag}> has {name}={text!r}; a whole number is needed")
    return int(text)


def _xy(path: Path, point: ElementTree.Element) -> list[float]:
    try:
        x, y = map(float, point.get("points", "").split(","))
    except ValueError as error:
        raise DatasetError(f"{path}: <points> of {point.get('label')!r} are not two numbers ({error})") from error
    if not (np.isfinite(x) and np.isfinite(y)):
        raise DatasetError(f"{path}: <points> of {point.get('label')!r} are not finite")
    return [x, y]
