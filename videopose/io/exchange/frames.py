"""Which frame of a video an image is: one rule for converting, boxes, scoring, labels and drawing (docs/formats.md).

0. Where the video is known to have just as many frames as there are images, the images are its frames, in the order of
   what follows.
1. The last number in the images' file names, where all have one and no two the same. It is counted from 0, or from
   `first` if that is given. Names that run 1, 2, 3 … without a hole count from 1.
2. Without such numbers, the place of the name in natural order (`9.png` before `10.png`).
3. Without names, the image's number as the format counts: MOT from 1, results and lists of results from 0.

The order in which a file lists its images means nothing.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.table import PoseTable
from videopose.types import I64

_log = logging.getLogger(__name__)

_MAX_DIGITS = 15
"""Longer numbers in names are checksums or dates with times, not frames."""


def frame_indices(
    table: PoseTable, *, first: int | None = None, count: int | None = None, needs_numbers: bool = False
) -> I64:
    """Return the frame of each image of a table, counted from 0.

    Args:
        table: whose images these are.
        first: what the video's first frame is called in the images' names; told by the names if not given.
        count: how many frames the video has, if that is known.
        needs_numbers: refuse names without numbers: they are not all of the video, so their order says nothing.

    Returns:
        (F,) indices, none of them twice.

    Raises:
        DatasetError: a number is before the first frame, two images are of one frame, or there are no numbers.
    """
    names = [frame.name for frame in table.frames]
    listed = [frame.number for frame in table.frames]
    if names and all(names) and not table.placed:
        numbers = _numbers_in(names)
        if numbers is None:
            return _by_name(table, names, needs_numbers=needs_numbers)
        base = _base(numbers) if first is None else first
    elif None not in listed:
        numbers = np.array(listed, np.int64).reshape(-1)
        base = table.first_number
    else:
        return np.arange(len(names))
    indices = numbers - base
    if first is None and count == len(numbers) > 0 and not table.placed:
        indices = np.argsort(np.argsort(numbers))
    if names and all(names) and not table.placed:
        _say(table, numbers, indices, is_given=first is not None)
    if len(indices) and indices.min() < 0:
        at = int(indices.argmin())
        raise DatasetError(
            f"{table.source}: image {names[at] or numbers[at]} is before the first frame, which is called {base}; "
            "frames are whole numbers from there on"
        )
    return indices


def in_frame_order(
    table: PoseTable, *, first: int | None = None, count: int | None = None, needs_numbers: bool = False
) -> PoseTable:
    """Sort a table by the frames of its images, each of which gets its frame as its number.

    Args:
        table: to be sorted.
        first: as of `frame_indices`.
        count: likewise.
        needs_numbers: likewise.

    Raises:
        DatasetError: as `frame_indices`.
    """
    indices = frame_indices(table, first=first, count=count, needs_numbers=needs_numbers)
    order = np.argsort(indices, kind="stable")
    frames = [replace(table.frames[row], number=int(indices[row])) for row in order]
    return replace(table.on_frames(frames, np.argsort(order)), first_number=0, placed=True)


def frame_name(index: int) -> str:
    """Return how the image of a video's frame is called in files whose images have names, as CVAT calls it."""
    return f"frame_{index:06d}.png"


def _numbers_in(names: list[str]) -> I64 | None:
    """Return the last number of each name, None unless all have one and no two the same."""
    found = [re.findall(r"\d+", PurePosixPath(name.replace("\\", "/")).stem) for name in names]
    if not all(found) or any(len(each[-1].lstrip("0")) > _MAX_DIGITS for each in found):
        return None
    numbers = [int(each[-1]) for each in found]
    return np.array(numbers, np.int64) if len(set(numbers)) == len(numbers) else None


def _by_name(table: PoseTable, names: list[str], *, needs_numbers: bool) -> I64:
    if needs_numbers:
        bare = next((name for name in names if not re.search(r"\d", PurePosixPath(name).stem)), None)
        if bare is not None:
            raise DatasetError(f"{table.source}: image {bare!r} has no frame number; name images as 000012.jpg")
        raise DatasetError(f"{table.source}: has two images of one frame; give the labels of one video")
    order = sorted(range(len(names)), key=lambda row: _natural(names[row]))
    return np.argsort(order, kind="stable")


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Build a sort key in which numbers inside names count as numbers, of whatever length."""
    parts = re.split(r"(\d+)", name)
    return [(len(p.lstrip("0")), p.lstrip("0")) if p.isdigit() else (-1, p) for p in parts]


def _base(numbers: I64) -> int:
    """Return 1 for names that run 1, 2, 3 … without a hole, which count from 1; else 0."""
    least, most = int(numbers.min()), int(numbers.max())
    return 1 if least == 1 and most == len(numbers) > 1 else 0


def _say(table: PoseTable, numbers: I64, indices: I64, *, is_given: bool) -> None:
    """Log where an image's frame is not what its name or its id says at first sight."""
    moved = np.flatnonzero(numbers != indices)
    if len(moved) and not is_given:
        at = int(moved[numbers[moved].argmin()])
        _log.warning("%s: image %s is taken for frame %d", table.source, table.frames[at].name, indices[at])
    wrong = [
        frame
        for frame, number, index in zip(table.frames, numbers.tolist(), indices.tolist(), strict=True)
        if frame.number is not None and frame.number not in (number, index)
    ]
    if wrong:
        _log.warning(
            "%s: ids and names of %d images disagree on the frame (id %d is %s); the names are taken",
            *(table.source, len(wrong), wrong[0].number, wrong[0].name),
        )
