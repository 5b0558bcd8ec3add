"""MOT Challenge text: a line per box and frame, `frame, id, left, top, width, height, confidence, x, y, z`.

Frames are numbered from 1. In ground truth of 8 or 9 columns (MOT16 on) the seventh says whether a line counts, the
eighth is the class and the ninth how much of the person is seen; in that of MOT15 (10 columns) there is no class. In
results the seventh is the confidence, -1 = not given. Values are separated by commas, semicolons, tabs or blanks.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.cursor import text_of
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.head import Head
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import make_skeleton
from videopose.types import F64, I64, UNTRACKED, Bool

SKELETON = make_skeleton("boxes", [], [])
"""No keypoints at all: the format knows boxes only."""

PEDESTRIAN = 1
CLASSES = range(1, 14)
"""Pedestrian, person on vehicle, car, bicycle, motorbike, other vehicle, static person, distractor, three kinds of
occluder, reflection, crowd."""

DISTRACTORS = (2, 7, 8, 12)
"""Classes whose boxes excuse a prediction: person on vehicle, static person, distractor, reflection."""

MOT20_DISTRACTORS = (*DISTRACTORS, 6)
"""MOT20 excuses other vehicles too."""

_CLASS_COLUMNS = (8, 9)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of a file, in the order of frames; lines of one frame keep theirs.

    Attributes:
        source: the file.
        number: (L,) of each line, from 1.
        columns: (L,) how many values it has.
        values: (L, 10) these values; NaN = not given.
    """

    source: str
    number: I64
    columns: I64
    values: F64

    @property
    def kind(self) -> I64:
        """(L,) class, -1 in lines that have none."""
        has_class = np.isin(self.columns, _CLASS_COLUMNS)
        return np.where(has_class, np.nan_to_num(self.values[:, 7], nan=-1), -1).astype(np.int64)

    @property
    def is_truth(self) -> bool:
        """Whether these look like ground truth with classes: flags 0 and 1, and classes of the benchmark."""
        return (
            len(self.number) > 0
            and bool(np.isin(self.columns, _CLASS_COLUMNS).all())
            and bool(np.isin(self.values[:, 6], (0, 1)).all() and np.isin(self.values[:, 7], CLASSES).all())
        )

    def table(self, rows: Bool, *, crowd: Bool | None = None, is_truth: bool = False) -> PoseTable:
        """Build a table of some of the lines; its frames go from 1 to the last one mentioned in any line."""
        last = int(self.values[:, 0].max(initial=0))
        values = self.values[rows]
        ids = values[:, 1].astype(np.int64)
        score = np.where(values[:, 6] == -1, np.nan, values[:, 6])
        return make_table(
            Path(self.source).stem, SKELETON, [FrameEntry(number=number) for number in range(1, last + 1)],
            values[:, 0].astype(np.int64) - 1, source=self.source, first_number=1,
            xyxy=np.concatenate([values[:, 2:4], values[:, 2:4] + values[:, 4:6]], axis=1),
            score=np.full(len(values), np.nan) if is_truth else score, crowd=None if crowd is None else crowd[rows],
            track_id=np.where(ids < 0, UNTRACKED, ids), posed=np.zeros(len(values), bool),
        )  # fmt: skip


def matches(head: Head) -> bool:
    """Check whether a file is MOT text: by its ending, or by a number at the start of its first line that is not blank.

    A file without such a line is a sequence in which nobody is seen.
    """
    if not head.is_text or head.is_json:
        return False
    first = next((line for line in head.text.splitlines() if line.strip()), "0")
    return head.suffix == ".txt" or re.match(r"\s*[-+]?[\d.]", first) is not None


def read(path: Path) -> PoseTable:
    """Read a file.

    Of ground truth, pedestrians that count are people and distractors are crowd regions; all other lines are not there,
    as in the benchmarks, which is said.

    Raises:
        DatasetError: a line is not of this format; its number is named.
    """
    lines = read_lines(path)
    if not lines.is_truth:
        return lines.table(np.ones(len(lines.number), bool))
    counted = (lines.values[:, 6] != 0) & (lines.kind == PEDESTRIAN)
    excusing = np.isin(lines.kind, DISTRACTORS)
    left_out = int((~counted & ~excusing).sum())
    if left_out:
        _log.warning("%s: %d lines are left out: their flag is 0 or they are no pedestrians", path, left_out)
    return lines.table(counted | excusing, crowd=excusing, is_truth=True)


def read_lines(path: Path) -> Lines:
    """Read the lines of a file. Blank lines, separators at the end and byte order marks mean nothing.

    Raises:
        DatasetError: the file cannot be read, or a line is not of this format; its number is named.
    """
    try:
        text = text_of(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a MOT text file ({error})") from error
    rows = [
        (number, _numbers(line, path, number)) for number, line in enumerate(text.splitlines(), start=1) if line.strip()
    ]
    values = np.full((len(rows), 10), np.nan)
    for row, (_, given) in enumerate(rows):
        values[row, : len(given)] = given
    order = np.argsort(values[:, 0], kind="stable")
    numbers, columns = (np.array(each, np.int64) for each in ([n for n, _ in rows], [len(v) for _, v in rows]))
    return Lines(str(path), numbers[order], columns[order], values[order])


def _numbers(line: str, path: Path, number: int) -> list[float]:
    """Read one line; `1, 2;3`-like mixtures are not numbers and are named as such."""
    separator = next((sign for sign in (";", ",", "\t") if sign in line), None)
    texts = [text.strip() for text in line.split(separator)]
    while texts and not texts[-1]:
        texts.pop()
    if not 6 <= len(texts) <= 10:  # six: the confidence is not given
        raise DatasetError(f"{path}: line {number} has {len(texts)} columns; 7 to 10 are needed")
    try:
        values = [float(text) for text in texts]
    except ValueError as error:
        raise DatasetError(f"{path}: line {number}: {error}; every column is a number") from error
    if not all(math.isfinite(value) for value in values):
        raise DatasetError(f"{path}: line {number} holds a value that is not finite")
    if values[0] < 1 or values[0] % 1 or values[1] % 1 or abs(values[1]) > 2**53 or values[0] > 2**31:
        raise DatasetError(f"{path}: line {number}: frame and id are whole numbers, frames from 1")
    if min(values[4:6]) < 0:
        raise DatasetError(
            f"{path}: line {number}: a box of {values[4]:g}x{values[5]:g} pixels; sizes are not negative"
        )
    return values


def to_text(table: PoseTable) -> str:
    """Write a table's boxes; those not given are put around the keypoints.

    What the format cannot hold: keypoints, image names and sizes, times.

    Raises:
        DatasetError: a person has neither box nor keypoints.
    """
    table = in_frame_order(table)
    boxes = table.boxes()
    missing = np.flatnonzero(~np.isfinite(boxes).all(axis=1))
    if len(missing):
        raise DatasetError(
            f"{table.source or table.name}: person {missing[0]} has neither a box nor keypoints; MOT text needs one"
        )
    size = boxes[:, 2:] - boxes[:, :2]
    score = np.where(np.isfinite(table.score), table.score, 1.0)
    numbers = np.array([frame.number or 0 for frame in table.frames], np.int64)
    lines = [
        f"{frame + 1},{track_id},{_plain(x)},{_plain(y)},{_plain(w)},{_plain(h)},{_plain(confidence)},-1,-1,-1\n"
        for frame, track_id, (x, y), (w, h), confidence in zip(
            numbers[table.frame], table.track_id, boxes[:, :2], size, score, strict=True
        )
    ]
    return "".join(lines)


def _plain(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
