"""MOT Challenge's own rules: which lines of a ground truth count, which excuse a prediction, how long a sequence is."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.errors import DatasetError
from videopose.geometry.boxes import iou
from videopose.io.exchange import mot
from videopose.io.exchange.table import PoseTable
from videopose.types import Bool

BENCHMARKS = ("MOT15", "MOT16", "MOT17", "MOT20")
_EPS = float(np.finfo(np.float64).eps)  # the kit's lenience at its thresholds


@dataclass(frozen=True, eq=False)
class Truth:
    """All boxes of a ground truth, and what they are there for.

    Attributes:
        table: every line, in the order of frames.
        counts: (N,) to be found.
        excuses: (N,) a prediction matched with it is taken away.
        is_matched: predictions are matched with these boxes before scoring; never in MOT15.
        length: frames of the sequence, as its `seqinfo.ini` or its last line says.
    """

    table: PoseTable
    counts: Bool
    excuses: Bool
    is_matched: bool
    length: int


def benchmark_of(path: Path) -> str | None:
    """Find a benchmark by the names of a ground truth's file and folders; None if they do not say.

    MOT15 is called `2DMOT2015` as well.
    """
    for part in reversed(path.absolute().parts):
        found = re.match(r"(MOT(?:15|16|17|20)|2DMOT2015)(?![0-9])", part, re.IGNORECASE)
        if found:
            return "MOT15" if "2015" in found[1] else found[1].upper()
    return None


def read_truth(path: Path, benchmark: str | None = None) -> Truth:
    """Read a ground truth.

    Args:
        path: of the file.
        benchmark: whose rules hold; told by the names, and by the columns, if not given.

    Raises:
        DatasetError: a line is not of this format, has a class the benchmarks do not know, or an id stands twice.
    """
    lines = mot.read_lines(path)
    benchmark = benchmark or benchmark_of(path)
    kind, flag = lines.kind, lines.values[:, 6]
    has_class = (kind >= 0) & (benchmark != "MOT15")
    strange = np.flatnonzero(has_class & ~np.isin(kind, mot.CLASSES))
    if len(strange):
        raise DatasetError(
            f"{path}: line {lines.number[strange[0]]} is of class {kind[strange[0]]}; classes go from 1 to 13"
        )
    distractors = mot.MOT20_DISTRACTORS if benchmark == "MOT20" else mot.DISTRACTORS
    table = lines.table(np.ones(len(kind), bool), is_truth=True)
    unique_ids(table)
    return Truth(
        table,
        (flag != 0) & (~has_class | (kind == mot.PEDESTRIAN)),
        has_class & np.isin(kind, distractors),
        bool(has_class.any()),
        max(_sequence_length(path), len(table.frames)),
    )


def refuse_other_classes(path: Path) -> None:
    """Refuse results of another class than pedestrians, as the kit does.

    Raises:
        DatasetError: a line is of a class above 1; its number is named.
    """
    lines = mot.read_lines(path)
    other = np.flatnonzero(np.nan_to_num(lines.values[:, 7], nan=-1) >= mot.PEDESTRIAN + 1)
    if len(other):
        raise DatasetError(
            f"{path}: line {lines.number[other[0]]} is of class {lines.values[other[0], 7]:g}; results hold "
            "pedestrians, class 1 or -1"
        )


def unique_ids(table: PoseTable) -> None:
    """Raise `DatasetError` if an id stands twice in a frame; untracked people do not count."""
    keys = np.stack([table.frame, table.track_id], axis=1)[~table.crowd & (table.track_id >= 0)]
    unique, times = np.unique(keys, axis=0, return_counts=True)
    if (times > 1).any():
        frame, track_id = unique[times > 1][0]
        raise DatasetError(f"{table.source}: track id {track_id} stands twice in frame {frame + 1}")


def excused(truth: Truth, predicted: PoseTable) -> Bool:
    """Find which predictions are taken away: those that belong to a distractor when matched with every line.

    Args:
        truth: its frames are those of the predictions.
        predicted: boxes.

    Source:
        Luiten et al., TrackEval, `MotChallenge2DBox.get_preprocessed_seq_data`: matched by the greatest sum of overlaps
        from one half on, whatever the class, lines with flag 0 included.
    """
    gone = np.zeros(len(predicted), bool)
    if not truth.is_matched:
        return gone
    real, found = truth.table.boxes(), predicted.boxes()
    for position in np.unique(truth.table.frame[truth.excuses]):
        left, right = truth.table.rows_of(int(position)), predicted.rows_of(int(position))
        overlap = iou(real[left], found[right])
        overlap[overlap < 0.5 - _EPS] = 0
        rows, columns = linear_sum_assignment(-overlap)
        near = overlap[rows, columns] > _EPS
        taken = columns[near][truth.excuses[left][rows[near]]]
        gone[right.start + taken] = True
    return gone


def _sequence_length(path: Path) -> int:
    """Read `seqLength` of the `seqinfo.ini` that stands beside a ground truth or above its folder `gt`; 0 = none."""
    for folder in (path.parent, path.parent.parent):
        file = folder / "seqinfo.ini"
        if file.is_file():
            parser = configparser.ConfigParser()
            try:
                parser.read(file, encoding="utf-8-sig")
                return max(parser.getint("Sequence", "seqLength", fallback=0), 0)
            except (configparser.Error, ValueError, UnicodeDecodeError) as error:
                raise DatasetError(f"{file}: seqLength cannot be read ({error})") from error
    return 0
