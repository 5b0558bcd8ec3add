"""Our own result documents (`videopose/1` as JSON, Parquet or CSV) as tables, and tables as results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.head import Head
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.io.result import Layout, ResultHeader
from videopose.io.results import read_result, write_result
from videopose.types import F64, UNTRACKED, Frame, Poses, Record, VideoInfo

ASSUMED_RATE = Fraction(25)
"""Frames per second where a file does not say."""

_IDS = 2**31
"""Track ids from here up fit no other tool's column."""

_PIXEL_DECIMALS, _SCORE_DECIMALS = 2, 4  # of the file: what single precision adds behind them is not in it


def matches(head: Head) -> bool:
    """Check whether a file is a result as JSON: by the name of the schema."""
    return head.mentions("videopose/1")


def is_table(head: Head, suffix: str) -> bool:
    """Check whether a file is a result as a table: by its ending, which other tables of text share."""
    return head.suffix == suffix and not (suffix == ".csv" and head.text.startswith("scorer,"))


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
    people = Poses.concatenate([Poses.empty(len(stored.header.skeleton)), *parts])
    keypoints = people.keypoints.astype(np.float64)
    absent = (keypoints == 0).all(axis=2)
    return make_table(
        path.name.split(".")[0], stored.header.skeleton, frames,
        np.repeat(np.arange(len(parts)), [len(part) for part in parts]), source=str(path),
        xy=np.where(absent[..., None], np.nan, keypoints[..., :2].round(_PIXEL_DECIMALS)),
        keypoint_score=np.where(absent, np.nan, keypoints[..., 2].round(_SCORE_DECIMALS)),
        header=stored.header, derived=_derived(stored.header.provenance.get("derived_keypoints")),
        score=people.score.astype(np.float64).round(_SCORE_DECIMALS),
        xyxy=people.xyxy.astype(np.float64).round(_PIXEL_DECIMALS), track_id=people.track_id,
        keypoint_source=people.sources,
    )  # fmt: skip


def _derived(names: object) -> frozenset[str]:
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _check(poses: Poses, path: Path, index: int) -> None:
    for name in ("keypoints", "score", "xyxy"):
        if not np.isfinite(getattr(poses, name)).all():
            raise DatasetError(f"{path}: frame {index}: {name} holds a number that is not finite")


def write(table: PoseTable, path: Path, *, layout: Layout = "wide") -> None:
    """Write a table as a result; the suffix chooses JSON, Parquet or CSV.

    A keypoint that is absent becomes 0, 0 with score 0. The header is that of the result the table was read from;
    else frames are taken to come at 25 per second, and a size that is not known is left out.

    What the format cannot hold: visibility, head boxes, areas, ignore regions, image names.

    Raises:
        InputError: the suffix names no format, or one that has no such layout.
        DatasetError: an image is before the first frame of its video.
    """
    table = in_frame_order(fitted(table)[0])
    with write_result(path, result_header(table), layout=layout) as writer:
        for record in records_from(table):
            writer.write(record)


def result_header(table: PoseTable) -> ResultHeader:
    """Return the header of the result a table was read from; of another table, what is known and assumed of it."""
    derived = {"derived_keypoints": sorted(table.derived)}
    if table.header is not None:
        extra = derived if table.derived or "derived_keypoints" in table.header.provenance else {}
        return replace(table.header, skeleton=table.skeleton, provenance={**table.header.provenance, **extra})
    sizes = [frame.size_hw for frame in table.frames if frame.size_hw is not None]
    frames = 1 + max((frame.number or 0 for frame in table.frames), default=-1)
    video = VideoInfo(table.source, sizes[0] if sizes else (0, 0), ASSUMED_RATE, frames)
    return ResultHeader(video, table.skeleton, {"converted_from": table.source, **derived})


def of_video(table: PoseTable, video: VideoInfo, times: Sequence[float], *, first: int | None = None) -> PoseTable:
    """Return of which video a table's images are: its header and the times of its frames are the video's.

    Args:
        table: of labels or predictions.
        video: what the header is to say.
        times: (F,) presentation time of each of its frames, seconds.
        first: as of `frame_indices`.

    Raises:
        DatasetError: an image is of a frame the video does not have.
    """
    table = in_frame_order(table, first=first, count=len(times))
    frames = []
    for frame in table.frames:
        index = frame.number or 0
        if index >= len(times):
            raise DatasetError(
                f"{table.source}: has an image of frame {index}, but {video.path} has frames 0-{len(times) - 1}"
            )
        frames.append(replace(frame, time=times[index], size_hw=video.size_hw))
    header = table.header or ResultHeader(video, table.skeleton, {"converted_from": table.source})
    return replace(table, frames=tuple(frames), header=replace(header, video=video))


def fitted(table: PoseTable) -> tuple[PoseTable, list[str]]:
    """Fit values into the ranges of a result, whose schema says what it may hold.

    Scores of a file in which one is above 1 are divided by the highest; those below 0 become 0. Ids below -1 or from
    2^31 on get new numbers behind the highest of the others.

    Returns:
        The table and a sentence for each kind of change.
    """
    said: list[str] = []
    score = _within_one(table.score, "scores of people", said)
    keypoint_score = _within_one(table.keypoint_score, "scores of keypoints", said)
    ids = table.track_id
    odd = (ids < UNTRACKED) | (ids >= _IDS)
    if odd.any():
        new, place = np.unique(ids[odd], return_inverse=True)
        start = int(ids[~odd].max(initial=UNTRACKED)) + 1
        ids = ids.copy()
        ids[odd] = start + place
        said.append(f"track ids out of range are numbered anew, {len(new)} of them from {start} on")
    return replace(table, score=score, keypoint_score=keypoint_score, track_id=ids), said


def _within_one(score: F64, what: str, said: list[str]) -> F64:
    highest, lowest = np.nanmax(score, initial=0.0), np.nanmin(score, initial=0.0)
    if highest > 1:
        said.append(f"{what} are divided by the highest, {highest:g}, to lie in 0 to 1")
        score = score / highest
    if lowest < 0:
        said.append(f"{what} below 0 become 0")
    return np.maximum(score, 0.0)  # keeps NaN


def records_from(table: PoseTable) -> Iterator[Record]:
    """Return a table's frames as records, as `write` writes them; `in_frame_order` comes before."""
    here = np.expand_dims(table.present, -1)
    keypoints = np.concatenate([table.xy, np.nan_to_num(table.keypoint_score, nan=1.0)[..., None]], axis=2)
    keypoints = np.where(here, keypoints, 0.0).astype(np.float32)
    boxes = np.nan_to_num(table.boxes())
    score = np.where(np.isfinite(table.score), table.score, _mean_score(table))
    for position, frame in enumerate(table.frames):
        rows = table.rows_of(position)
        index = position if frame.number is None else frame.number
        time = frame.time if frame.time is not None else float(index / ASSUMED_RATE)
        poses = Poses(
            keypoints[rows], score[rows].astype(np.float32), boxes[rows].astype(np.float32), table.track_id[rows],
            source=table.keypoint_source[rows] if table.keypoint_source[rows].any() else None,
        )  # fmt: skip
        yield Record(Frame(index, time, None), poses=poses)


def _mean_score(table: PoseTable) -> F64:
    known = np.isfinite(table.keypoint_score)
    total = np.where(known, table.keypoint_score, 0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), 1.0)
