"""MOT Challenge text: a line per box and frame, `frame, id, left, top, width, height, confidence, x, y, z`.

Frames are numbered from 1. In ground truth (nine columns) the seventh says whether a line counts, the eighth is the
class and the ninth how much of the person is seen; in results it is the confidence.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import make_skeleton
from videopose.types import UNTRACKED

SKELETON = make_skeleton("boxes", [], [])
"""No keypoints at all: the format knows boxes only."""

_GROUND_TRUTH_COLUMNS = 9
_PEDESTRIAN = 1


def read(path: Path) -> PoseTable:
    """Read a file; frames go from 1 to the last one mentioned.

    Lines of ground truth that do not count, or are no pedestrian, become crowd regions: to be ignored, not missed.

    Raises:
        DatasetError: a line is not of this format; its number is named.
    """
    rows: list[list[float]] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, line in enumerate(csv.reader(file), start=1):
                if line and not (len(line) == 1 and not line[0].strip()):
                    rows.append(_numbers(line, path, number))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: not a MOT text file ({error})") from error
    table = np.array([row[:7] for row in rows], np.float64).reshape(-1, 7)
    truth = bool(rows) and all(len(row) == _GROUND_TRUTH_COLUMNS for row in rows)
    counts = [not truth or (row[6] != 0 and row[7] == _PEDESTRIAN) for row in rows]
    frames = [FrameEntry(number=number) for number in range(1, int(table[:, 0].max(initial=0)) + 1)]
    boxes = table[:, 2:6].copy()
    boxes[:, 2:] += boxes[:, :2]
    ids = table[:, 1].astype(np.int64)
    return make_table(
        path.stem, SKELETON, frames, table[:, 0].astype(np.int64) - 1, source=str(path),
        xyxy=boxes, score=np.full(len(rows), np.nan) if truth else table[:, 6], crowd=~np.array(counts, bool),
        track_id=np.where(ids < 0, UNTRACKED, ids), posed=np.zeros(len(rows), bool),
    )  # fmt: skip


def _numbers(line: list[str], path: Path, number: int) -> list[float]:
    if not 7 <= len(line) <= 10:
        raise DatasetError(f"{path}: line {number} has {len(line)} columns; 7 to 10 are needed")
    try:
        values = [float(text) for text in line]
    except ValueError as error:
        raise DatasetError(f"{path}: line {number}: {error}; every column is a number") from error
    if not all(math.isfinite(value) for value in values):
        raise DatasetError(f"{path}: line {number} holds a value that is not finite")
    if values[0] < 1 or values[0] % 1 or values[1] % 1 or abs(values[1]) > 2**53 or values[0] > 2**31:
        raise DatasetError(f"{path}: line {number}: frame and id are whole numbers, frames from 1")
    return values


def to_text(table: PoseTable) -> str:
    """Write a table's boxes; those not given are put around the keypoints.

    What the format cannot hold: keypoints, image names and sizes, times.

    Raises:
        DatasetError: a person has neither box nor keypoints.
    """
    boxes = table.boxes()
    missing = np.flatnonzero(~np.isfinite(boxes).all(axis=1))
    if len(missing):
        raise DatasetError(
            f"{table.source or table.name}: person {missing[0]} has neither a box nor keypoints; MOT text needs one"
        )
    size = boxes[:, 2:] - boxes[:, :2]
    score = np.where(np.isfinite(table.score), table.score, 1.0)
    lines = [
        f"{frame + 1},{track_id},{_plain(x)},{_plain(y)},{_plain(w)},{_plain(h)},{_plain(confidence)},-1,-1,-1\n"
        for frame, track_id, (x, y), (w, h), confidence in zip(
            table.frame, table.track_id, boxes[:, :2], size, score, strict=True
        )
    ]
    return "".join(lines)


def _plain(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
