"""What was done by hand, as a result says it in its provenance: marks of keypoints, and what was accepted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from videopose.annotation.log import Line
from videopose.annotation.plans import runs_of
from videopose.annotation.sheet import ABSENT, HIDDEN, SEEN, Sheet
from videopose.errors import DatasetError
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.io.result import JsonObject, ResultHeader
from videopose.types import Bool, Poses

KEY = "edits"
"""Where the provenance says it: a list, one entry per time that edits were applied."""


def marks_of(sheet: Sheet) -> JsonObject:
    """List what was done by hand: per person, spans of frames with the keypoints that were edited or hidden there."""
    rows = sheet.rows(None)
    return {
        "edited": _spans(sheet, sheet.edited, rows),
        "hidden": _spans(sheet, sheet.visibility == HIDDEN, rows),
        "accepted": [{key: each[key] for key in ("track_id", "frames")} for each in _spans(sheet, None, rows)],
    }


def _spans(sheet: Sheet, mark: Bool | None, rows: np.ndarray) -> list[JsonObject]:
    """List the spans of rows with the same marked keypoints; without `mark`, those of accepted rows."""
    marked = rows[sheet.accepted[rows] if mark is None else mark[rows].any(axis=1)]
    groups: dict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
    for row in marked.tolist():
        parts = () if mark is None else tuple(np.flatnonzero(mark[row]).tolist())
        groups[int(sheet.track_id[row]), parts].append(int(sheet.frame[row]))
    out = []
    for (track_id, parts), frames in groups.items():
        for first, last in runs_of(sheet, np.array(frames, np.int64)):
            out.append({"track_id": track_id, "frames": [first, last], "keypoints": list(parts)})
    return sorted(out, key=lambda each: (each["frames"][0], each["track_id"], each["keypoints"]))


def edited_header(sheet: Sheet, facts: JsonObject) -> ResultHeader:
    """Return the header of the edited result.

    Args:
        sheet: after the edits.
        facts: the log's checksum, or the operations themselves.
    """
    before = sheet.header.provenance.get(KEY, [])
    entry = {**facts, **marks_of(sheet)}
    return replace(sheet.header, provenance={**sheet.header.provenance, KEY: [*before, entry]})


def edited_keypoints(header: ResultHeader, index: int, poses: Poses) -> Bool:
    """Return which keypoints of a frame's people were placed by hand, (N, K), as the result's provenance says it.

    Raises:
        DatasetError: the provenance is damaged.
    """
    out = np.zeros(poses.keypoints.shape[:2], bool)
    try:
        for entry in header.provenance.get(KEY, []):
            for mark in entry.get("edited", []):
                if mark["frames"][0] <= index <= mark["frames"][1]:
                    out[np.ix_(poses.track_id == mark["track_id"], mark["keypoints"])] = True
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise DatasetError(f"{header.video.path}: provenance.{KEY} is damaged. Apply the edits again") from error
    return out


def presses_a_minute(lines: Iterable[Line], seconds: float) -> float:
    """Return how many keys were pressed per minute of video."""
    return sum(line.presses for line in lines) / max(seconds / 60, 1e-9)


def to_table(sheet: Sheet, name: str, *, frames: Sequence[int] | None = None) -> PoseTable:
    """Convert a sheet to a table for exchange formats: what an annotator says of visibility goes with it.

    Args:
        sheet: the state.
        name: of the sequence.
        frames: those wanted; None for all.
    """
    wanted = sheet.index.tolist() if frames is None else sorted(frames)
    size_hw = sheet.header.video.size_hw if all(sheet.header.video.size_hw) else None
    times = {frame: float(sheet.time[sheet.position(frame)]) for frame in wanted}
    entries = [FrameEntry(number=frame, time=times[frame], size_hw=size_hw) for frame in wanted]
    rows_by_frame = [sheet.rows_of(frame) for frame in wanted]
    rows = np.array([row for rows in rows_by_frame for row in rows], np.int64)
    keypoints, flags = sheet.keypoints[rows].astype(np.float64), sheet.visibility[rows].astype(np.int64)
    absent = (flags == ABSENT) | (keypoints == 0).all(axis=2)
    said = (flags == HIDDEN) | (flags == SEEN)
    return make_table(
        name, sheet.skeleton, entries, np.repeat(np.arange(len(wanted)), [len(each) for each in rows_by_frame]),
        xy=np.where(absent[..., None], np.nan, keypoints[..., :2]).round(2),
        keypoint_score=np.where(absent, np.nan, keypoints[..., 2]).round(4),
        visibility=np.where(said & ~absent, flags, -1), score=sheet.score[rows].astype(np.float64).round(4),
        xyxy=sheet.xyxy[rows].astype(np.float64).round(2), track_id=sheet.track_id[rows], header=sheet.header,
    )  # fmt: skip
