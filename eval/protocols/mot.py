"""Box tracking: CLEAR MOT, IDF1 and HOTA by intersection over union, over folders of sequences."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import Field

from videopose.config import Options
from videopose.errors import DatasetError, UnknownNameError, nearest_name
from videopose.geometry.boxes import iou
from videopose.io.exchange.formats import read_table, recognise
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.table import FrameEntry, PoseTable
from videopose.metrics.clear import ClearCounts, count_box_clear
from videopose.metrics.hota import HotaSums, sum_hota
from videopose.metrics.identity import IdentityCounts, count_identity
from videopose.metrics.similarity import coco_box_overlap
from videopose.types import F64, I64, UNTRACKED, Bool

from . import base
from .mot_benchmark import (
    BENCHMARKS,
    excused,
    read_truth,
    refuse_other_classes,
    unique_ids,
)
from .parallel import run_all
from .tables import numbered_as, onto_frames, padded_rows

_log = logging.getLogger(__name__)
_SUFFIXES = (".txt", ".json", ".parquet", ".csv")
_PADDING = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class SequenceCounts:
    """All counts of one sequence, one channel."""

    name: str
    clear: ClearCounts
    identity: IdentityCounts
    hota: HotaSums


class MotOptions(Options):
    """When a box is an object's, and whose rules hold."""

    threshold: float = Field(default=0.5, gt=0, le=1, description="Overlap from which on a box can be an object's.")
    workers: int | None = Field(default=None, ge=1, description="Processes [one per core].")
    benchmark: str | None = Field(default=None, description="MOT15, MOT16, MOT17 or MOT20 [told by names and columns].")


@dataclass(frozen=True)
class Scored(base.Scored):
    """The result of one set of sequences.

    Attributes:
        sequences: counts of each, in the order of their names.
        numbers: per cent, then counts; NaN = cannot be said.
    """

    sequences: tuple[SequenceCounts, ...]
    numbers: dict[str, float]

    @property
    def num_units(self) -> int:
        """Number of sequences."""
        return len(self.sequences)

    @property
    def headline(self) -> base.Numbers:
        """The usual shares, per cent."""
        return _headline(self.numbers)

    def recount(self) -> base.Recount:
        """Build the function that counts the usual shares of drawn sequences."""
        return lambda times: _headline(numbers(self.sequences, times.tolist()))


_HEADLINE = ("mota", "motp", "precision", "recall", "idf1", "hota", "deta", "assa", "loca")


def _headline(found: base.Numbers) -> base.Numbers:
    return {name: value for name, value in found.items() if name in _HEADLINE}


def score_folders(
    truth: Path,
    predictions: Path,
    *,
    threshold: float = 0.5,
    origin: str | None = None,
    workers: int | None = None,
    benchmark: str | None = None,
) -> Scored:
    """Score tracked boxes against ground truth.

    Args:
        truth: a file, or a folder with a file or a folder `SEQUENCE/gt/gt.txt` per sequence; MOT text, or any format
            with boxes and ids.
        predictions: likewise; files are paired by their names without suffix.
        threshold: overlap from which on a prediction can be an object.
        origin: format of the truth, recognised by default.
        workers: processes; one per core by default.
        benchmark: whose rules hold for MOT text, `MOT15` … `MOT20`; told by names and columns by default.

    Raises:
        UnknownNameError: there is no such benchmark.
        DatasetError: a file is missing or breaks its format, or ids are missing or repeated in a frame.
    """
    if benchmark is not None and benchmark not in BENCHMARKS:
        raise UnknownNameError(f"no benchmark is named {benchmark!r}. {nearest_name(benchmark, BENCHMARKS)}")
    jobs = [(*pair, threshold, origin, benchmark) for pair in _pairs(truth, predictions)]
    counts = run_all(_score_files, jobs, workers)
    return Scored(tuple(counts), numbers(counts))


def _pairs(truth: Path, predictions: Path) -> list[tuple[str, Path, Path]]:
    """Pair files by the name of their sequence: name, truth, predictions."""
    if truth.is_file():
        return [("", truth, predictions)]
    files = [(path.stem, path) for path in sorted(truth.glob("*")) if path.suffix in _SUFFIXES]
    files = files or [(path.parent.parent.name, path) for path in sorted(truth.glob("*/gt/gt.txt"))]
    if not files:
        raise DatasetError(f"{truth}: no ground truth here; a folder with one file per sequence is needed")
    pairs = []
    for name, file in files:
        found = sorted(path for path in predictions.glob(f"{name}.*") if path.is_file())
        if not found:
            raise DatasetError(f"{predictions}: has no file {name}.*, which {truth} asks for")
        pairs.append((name, file, found[0]))
    return pairs


def _score_files(job: tuple[str, Path, Path, float, str | None, str | None]) -> SequenceCounts:
    name, truth, predicted, threshold, origin, benchmark = job
    if (origin or recognise(truth)) == "mot":
        return replace(_score_benchmark(truth, predicted, threshold, benchmark), name=name or truth.stem)
    real = read_table(truth, origin)
    found = numbered_as(read_table(predicted, category=real.category), real)
    return score_sequence(real, onto_frames(found, real), threshold)


def _score_benchmark(file: Path, predicted: Path, threshold: float, benchmark: str | None) -> SequenceCounts:
    """Score one sequence as MOT Challenge does; boxes behind the last labelled frame are wrong, which is said."""
    truth = read_truth(file, benchmark)
    if recognise(predicted) == "mot":
        refuse_other_classes(predicted)
    found = in_frame_order(read_table(predicted))
    found = found[~found.crowd]
    length = max(truth.length, 1 + max((frame.number or 0 for frame in found.frames), default=-1))
    frames = [FrameEntry(number=number) for number in range(1, length + 1)]
    found = found.on_frames(frames, np.array([frame.number for frame in found.frames], np.int64))
    behind = int((found.frame >= truth.length).sum())
    if behind:
        _log.warning(
            "%s: %d boxes behind the last frame of %s, %d, count as wrong", predicted, behind, file, truth.length
        )
    truth = replace(truth, table=truth.table.on_frames(frames, np.arange(len(truth.table.frames))))
    _check(found)
    found = found[~excused(truth, found)]
    return score_sequence(truth.table[truth.counts], found, threshold)


def score_sequence(truth: PoseTable, predicted: PoseTable, threshold: float = 0.5) -> SequenceCounts:
    """Count everything one sequence contributes.

    Predictions that lie mostly in an ignored region (`crowd`) and are no object's are left out.

    Raises:
        DatasetError: a box or an id is missing, or an id stands twice in a frame.
    """
    for table in (truth, predicted):
        _check(table)
    regions = truth[truth.crowd]
    truth = truth[~truth.crowd]
    predicted = predicted[~_in_regions(truth, predicted, regions, threshold)]
    left, right = padded_rows(truth), padded_rows(predicted)
    overlap = np.zeros((len(left), 1, left.shape[1], right.shape[1]))
    for position in range(len(truth.frames)):
        rows, columns = left[position] >= 0, right[position] >= 0
        pairs = iou(truth.boxes()[left[position][rows]], predicted.boxes()[right[position][columns]])
        overlap[position, 0][np.ix_(rows, columns)] = pairs
    sides = (left >= 0)[:, None], (right >= 0)[:, None], _ids(truth, left), _ids(predicted, right)
    near = overlap >= threshold
    return SequenceCounts(
        truth.name,
        count_box_clear(overlap[:, 0], left >= 0, right >= 0, sides[2], sides[3], threshold),
        count_identity(near, *sides),
        sum_hota(overlap, *sides),
    )


def _check(table: PoseTable) -> None:
    people = ~table.crowd
    if (table.track_id[people] == UNTRACKED).any():
        raise DatasetError(f"{table.source}: somebody has no track id; tracking cannot be scored without")
    if not np.isfinite(table.boxes()[people]).all():
        raise DatasetError(f"{table.source}: somebody has no box; tracking of boxes cannot be scored without")
    unique_ids(table)


def _in_regions(truth: PoseTable, predicted: PoseTable, regions: PoseTable, threshold: float) -> Bool:
    inside = np.zeros(len(predicted), bool)
    if not len(regions):
        return inside
    for position in np.unique(regions.frame):
        rows = predicted.rows_of(int(position))
        boxes = predicted.boxes()[rows]
        ignored = regions.boxes()[regions.rows_of(int(position))]
        covered = coco_box_overlap(boxes, ignored, np.ones(len(ignored), bool)).max(axis=1, initial=0) > 0.5
        owned = iou(boxes, truth.boxes()[truth.rows_of(int(position))]).max(axis=1, initial=0) >= threshold
        inside[rows] = covered & ~owned
    return inside


def _ids(table: PoseTable, rows: I64) -> I64:
    ids = table.track_id[rows] if len(table) else np.zeros(rows.shape, np.int64)
    return np.where(rows >= 0, ids, _PADDING)


def numbers(counts: Sequence[SequenceCounts], times: Sequence[int] | None = None) -> dict[str, float]:
    """Convert counts to per cent and sums.

    Args:
        counts: of the sequences.
        times: how often each counts, once by default; a bootstrap draws these.
    """
    repeat = [1] * len(counts) if times is None else times
    clear, identity, hota = ClearCounts.zero(1), IdentityCounts.zero(1), HotaSums.zero(1)
    for each, weight in zip(counts, repeat, strict=True):
        for _ in range(weight):
            clear, identity, hota = clear + each.clear, identity + each.identity, hota + each.hota
    shares: dict[str, F64] = {
        "mota": clear.mota(), "motp": clear.motp(), "precision": clear.precision(), "recall": clear.recall(),
        "idf1": identity.idf1(), "idp": identity.precision(), "idr": identity.recall(),
    } | {name.lower(): value for name, value in hota.numbers().items()}  # fmt: skip
    sums = ("objects", "detections", "misses", "false_positives", "switches", "fragmentations")
    return {name: 100 * float(value[0]) for name, value in shares.items()} | {
        name: float(getattr(clear, name)[0]) for name in sums
    }


def _score(
    truth: Path, predictions: Path, options: MotOptions, /, *, origin: str | None = None, explain: bool = False
) -> Scored:
    return score_folders(
        truth, predictions, threshold=options.threshold, origin=origin, workers=options.workers,
        benchmark=options.benchmark,
    )  # fmt: skip


PROTOCOL = base.Protocol(
    "mot",
    "Box tracking: MOTA, IDF1 and HOTA by overlap, as MOT Challenge's kit counts them.",
    MotOptions,
    _score,
)
