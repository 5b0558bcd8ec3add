"""What the page draws: people frame by frame, the timeline of every id, the curve of a keypoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from videopose.annotation.sheet import Sheet
from videopose.types import F64, I64

MAX_FRAMES = 256
"""Frames whose people are sent at once."""
MAX_RUNS = 4000
"""Spans of one kind and person that are sent."""

JsonObject = dict[str, Any]


def people(sheet: Sheet, first: int, last: int) -> JsonObject:
    """Return the people of some frames: numbers in image pixels, flags as small integers.

    Args:
        sheet: the state.
        first: index of the first frame.
        last: of the last one; at most `MAX_FRAMES` are answered.
    """
    last = min(last, first + MAX_FRAMES - 1)
    low, high = np.searchsorted(sheet.index, [first, last + 1]).tolist()
    frames: JsonObject = {}
    for frame in sheet.index[low:high].tolist():
        rows = np.array(sheet.rows_of(frame), np.int64)
        points = (
            np.round(sheet.keypoints[rows].astype(np.float64), 2).reshape(len(rows), 3 * len(sheet.skeleton)).tolist()
        )
        frames[str(frame)] = [
            {
                "id": int(sheet.track_id[row]), "score": round(float(sheet.score[row]), 3), "k": flat,
                "v": sheet.visibility[row].tolist(), "e": np.flatnonzero(sheet.edited[row]).tolist(),
                "ok": int(sheet.accepted[row]),
            }
            for row, flat in zip(rows.tolist(), points, strict=True)
        ]  # fmt: skip
    return {"first": first, "last": last, "frames": frames}


def tracks(sheet: Sheet) -> list[JsonObject]:
    """Return every person's spans: where they are there, accepted and edited, with their mean score."""
    rows = sheet.rows(None)
    rows = rows[sheet.track_id[rows] >= 0]
    rows = rows[np.lexsort((sheet.frame[rows], sheet.track_id[rows]))]
    ids, place = sheet.track_id[rows], np.searchsorted(sheet.index, sheet.frame[rows])
    cuts = np.flatnonzero(np.diff(ids)) + 1
    out = []
    for group, places in zip(np.split(rows, cuts), np.split(place, cuts), strict=True):
        if len(group):
            out.append(
                {
                    "id": int(sheet.track_id[group[0]]), "count": len(group),
                    "score": round(float(sheet.score[group].mean()), 3), "runs": _runs(sheet, places),
                    "accepted": _runs(sheet, places[sheet.accepted[group]]),
                    "edited": _runs(sheet, places[sheet.edited[group].any(axis=1)]),
                }
            )  # fmt: skip
    return out


def _runs(sheet: Sheet, places: I64) -> list[list[int]]:
    """Join places among the result's frames into spans of frame indices."""
    if not len(places):
        return []
    cuts = np.flatnonzero(np.diff(places) > 1)
    begins, ends = np.concatenate([[0], cuts + 1]), np.concatenate([cuts, [len(places) - 1]])
    spans = np.stack([sheet.index[places[begins]], sheet.index[places[ends]]], axis=1)
    return [[int(a), int(b)] for a, b in spans[:MAX_RUNS]]


def curve(sheet: Sheet, track_id: int, keypoint: int | None) -> JsonObject:
    """Return speed (sizes of the person per second) and score along time, of a keypoint or of the whole body.

    Args:
        sheet: the state.
        track_id: whose.
        keypoint: its number; None = the middle of the body.
    """
    rows = sheet.rows(track_id)
    if keypoint is None:
        xy = sheet.xyxy[rows].reshape(-1, 2, 2).mean(axis=1).astype(np.float64)
        score = sheet.score[rows].astype(np.float64)
    else:
        xy = sheet.keypoints[rows, keypoint, :2].astype(np.float64)
        score = sheet.keypoints[rows, keypoint, 2].astype(np.float64)
    time = sheet.time[np.searchsorted(sheet.index, sheet.frame[rows])]
    sides = np.maximum(sheet.xyxy[rows, 2:] - sheet.xyxy[rows, :2], 1).astype(np.float64)
    speed: F64 = np.zeros(len(rows))
    if len(rows) > 1:
        size = np.sqrt(sides.prod(axis=1))
        speed[1:] = np.hypot(*np.diff(xy, axis=0).T) / np.maximum(np.diff(time), 1e-6) / size[1:]
    return {"frames": sheet.frame[rows].tolist(), "speed": speed.round(3).tolist(), "score": score.round(3).tolist()}
