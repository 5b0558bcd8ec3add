"""Our own result documents (`videopose/1` as JSON, Parquet or CSV) as tables, and tables as results."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.io.result import ResultHeader
from videopose.io.results import read_result, write_result
from videopose.types import F64, Frame, Poses, Record, VideoInfo

_ASSUMED_RATE = Fraction(25)
_PIXEL_DECIMALS, _SCORE_DECIMALS = 2, 4  # of the file: what single precision adds behind them is not in it


def read(path: Path) -> PoseTable:
    """Read a result. A keypoint 0, 0 with score 0 is absent.

    Frames that could not be decoded have no entry, as in the file.

    Raises:
        DatasetError: the file is no result, or is damaged.
    """
    try:
        return _read(path)
    except (OverflowError, AttributeError) as error:
        raise DatasetError(f"{path}: is damaged ({error}). Write the result again") from error


def _read(path: Path) -> PoseTable:
    stored = read_result(path)
    size_hw = stored.header.video.size_hw if all(stored.header.video.size_hw) else None  # 0 x 0 = not known
    frames: list[FrameEntry] = []
    parts: list[Poses] = []
    for record in stored:
        if not np.isfinite(record.frame.time):
            raise DatasetError(f"{path}: frame {record.frame.index}: time is {record.frame.time}, not a finite number")
        frames.append(FrameEntry(number=record.frame.index, time=record.frame.time, size_hw=size_hw))
        parts.append(record.poses if record.poses is not None else Poses.empty(len(stored.header.skeleton)))
        _check(parts[-1], path, record.frame.index)
    people = Poses.empty(len(stored.header.skeleton))
    if parts:
        names = ("keypoints", "score", "xyxy", "track_id")
        people = Poses(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    keypoints = people.keypoints.astype(np.float64)
    absent = (keypoints == 0).all(axis=2)
    return make_table(
        path.name.split(".")[0], stored.header.skeleton, frames,
        np.repeat(np.arange(len(parts)), [len(part) for part in parts]), source=str(path),
        xy=np.where(absent[..., None], np.nan, keypoints[..., :2].round(_PIXEL_DECIMALS)),
        keypoint_score=np.where(absent, np.nan, keypoints[..., 2].round(_SCORE_DECIMALS)),
        derived=_derived(stored.header.provenance.get("derived_keypoints")),
        score=people.score.astype(np.float64).round(_SCORE_DECIMALS),
        xyxy=people.xyxy.astype(np.float64).round(_PIXEL_DECIMALS), track_id=people.track_id,
    )  # fmt: skip


def _derived(names: object) -> frozenset[str]:
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _check(poses: Poses, path: Path, index: int) -> None:
    for name in ("keypoints", "score", "xyxy"):
        if not np.isfinite(getattr(poses, name)).all():
            raise DatasetError(f"{path}: frame {index}: {name} holds a number that is not finite")


def write(table: PoseTable, path: Path) -> None:
    """Write a table as a result; the suffix chooses JSON, Parquet or CSV.

    A keypoint that is absent becomes 0, 0 with score 0. Without times, frames are taken to come at 25 per second.

    What the format cannot hold: visibility, head boxes, areas, ignore regions, image names.

    Raises:
        InputError: the suffix names no format.
    """
    sizes = [frame.size_hw for frame in table.frames if frame.size_hw is not None]
    video = VideoInfo(table.source, sizes[0] if sizes else (0, 0), _ASSUMED_RATE, len(table.frames))
    provenance = {"converted_from": table.source, "derived_keypoints": sorted(table.derived)}
    with write_result(path, ResultHeader(video, table.skeleton, provenance)) as writer:
        for record in records_from(table):
            writer.write(record)


def records_from(table: PoseTable) -> Iterator[Record]:
    """Return a table's frames as records, as `write` writes them."""
    here = np.expand_dims(table.present, -1)
    keypoints = np.concatenate([table.xy, np.nan_to_num(table.keypoint_score, nan=1.0)[..., None]], axis=2)
    keypoints = np.where(here, keypoints, 0.0).astype(np.float32)
    boxes = np.nan_to_num(table.boxes())
    score = np.where(np.isfinite(table.score), table.score, _mean_score(table))
    numbers = [frame.number for frame in table.frames]
    rising = None not in numbers and all(a < b for a, b in pairwise(numbers))  # type: ignore[operator]
    for position, frame in enumerate(table.frames):
        rows = table.rows_of(position)
        index = frame.number if rising and frame.number is not None else position
        time = frame.time if frame.time is not None else float(position / _ASSUMED_RATE)
        poses = Poses(
            keypoints[rows], score[rows].astype(np.float32), boxes[rows].astype(np.float32), table.track_id[rows]
        )
        yield Record(Frame(index, time, None), poses=poses)


def _mean_score(table: PoseTable) -> F64:
    known = np.isfinite(table.keypoint_score)
    total = np.where(known, table.keypoint_score, 0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), 1.0)
