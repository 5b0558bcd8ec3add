"""A result as arrays and tables: what statistics and plots begin with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from videopose.shapes import ShowsShapes
from videopose.skeletons import Skeleton
from videopose.types import F32, F64, I64, SEEN, SOURCES, U8, UNTRACKED, Record


@dataclass(frozen=True, eq=False, repr=False)
class ResultArrays(ShowsShapes):
    """A whole result, one row per frame and one column per person.

    Attributes:
        index: (F,) frame indices, increasing.
        time: (F,) presentation times, seconds.
        track_id: (P,) ids, increasing; people of no track have no column.
        keypoints: (F, P, K, 3) x, y in image pixels and score; NaN where a person or a keypoint is absent.
        score: (F, P) pose scores; NaN likewise.
        xyxy: (F, P, 4) boxes in image pixels; NaN likewise.
        num_untracked: poses left out because they belong to no track.
        source: (F, P, K) where keypoints come from, as in `Poses`; SEEN where a person is absent.
    """

    index: I64
    time: F64
    track_id: I64
    keypoints: F32
    score: F32
    xyxy: F32
    num_untracked: int
    source: U8


def to_arrays(records: Iterable[Record], skeleton: Skeleton, *, min_score: float = 0.0) -> ResultArrays:
    """Stack the records of a result into arrays.

    Args:
        records: of one result, in order.
        skeleton: of its poses.
        min_score: keypoints with a lower score are NaN.
    """
    kept = list(records)
    ids = [np.zeros(0, np.int64) if record.poses is None else record.poses.track_id for record in kept]
    every = np.concatenate(ids) if ids else np.zeros(0, np.int64)
    track_id = np.unique(every[every != UNTRACKED])
    frames, people = len(kept), len(track_id)
    keypoints = np.full((frames, people, len(skeleton), 3), np.nan, np.float32)
    score, xyxy = np.full((frames, people), np.nan, np.float32), np.full((frames, people, 4), np.nan, np.float32)
    source = np.full(keypoints.shape[:3], SEEN, np.uint8)
    for row, record in enumerate(kept):
        if record.poses is None:
            continue
        poses = record.poses[record.poses.track_id != UNTRACKED]
        columns = np.searchsorted(track_id, poses.track_id)
        keypoints[row, columns], score[row, columns], xyxy[row, columns] = poses.keypoints, poses.score, poses.xyxy
        source[row, columns] = poses.sources
    keypoints[~keypoints.any(axis=3) | (keypoints[..., 2] < min_score)] = np.nan  # 0, 0 with score 0: absent
    index = np.array([record.frame.index for record in kept], np.int64)
    time = np.array([record.frame.time for record in kept], np.float64)
    return ResultArrays(index, time, track_id, keypoints, score, xyxy, int((every == UNTRACKED).sum()), source)


def to_table(records: Iterable[Record], skeleton: Skeleton, *, min_score: float = 0.0) -> pa.Table:
    """Convert the records of a result to a long table: a row per frame, person and keypoint.

    Columns: `frame`, `time` (seconds), `track_id` (-1 = of no track), `person_score`, `keypoint` (its name), `x`, `y`
    (image pixels), `score`, `source` (seen, filled or corrected). Where a keypoint is absent or its score is below
    `min_score`, x, y and score are null.
    Frames in which nobody is seen have no row.
    """
    names = pa.array(list(skeleton.keypoints))
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("frame", "time", "track_id", "person_score", "keypoint", "x", "y", "score", "source")
    }
    for record in records:
        if record.poses is None or not len(record.poses):
            continue
        n, k = record.poses.keypoints.shape[:2]
        columns["frame"].append(np.full(n * k, record.frame.index, np.int64))
        columns["time"].append(np.full(n * k, record.frame.time, np.float64))
        columns["track_id"].append(np.repeat(record.poses.track_id, k))
        columns["person_score"].append(np.repeat(record.poses.score, k))
        columns["keypoint"].append(np.tile(np.arange(k, dtype=np.int32), n))
        for axis, name in enumerate(("x", "y", "score")):
            columns[name].append(record.poses.keypoints[..., axis].ravel())
        columns["source"].append(record.poses.sources.ravel().astype(np.int32))
    types = (np.int64, np.float64, np.int64, np.float32, np.int32, np.float32, np.float32, np.float32, np.int32)
    joined = {
        name: np.concatenate(parts) if parts else np.zeros(0, dtype)
        for (name, parts), dtype in zip(columns.items(), types, strict=True)
    }
    absent = ~(joined["x"].astype(bool) | joined["y"].astype(bool) | joined["score"].astype(bool))
    absent |= joined["score"] < min_score
    arrays = {name: pa.array(values, mask=absent if name in ("x", "y", "score") else None)
              for name, values in joined.items()}  # fmt: skip
    arrays["keypoint"] = pa.DictionaryArray.from_arrays(arrays["keypoint"], names)
    arrays["source"] = pa.DictionaryArray.from_arrays(arrays["source"], pa.array(SOURCES))
    return pa.table(arrays)
