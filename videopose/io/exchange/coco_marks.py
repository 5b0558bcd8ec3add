"""What a result knows and COCO has no keys for: keys of our own, which COCO's tools pass over.

`keypoint_scores` and `keypoint_source` stand in an annotation, the header of the result in `info.videopose`.
"""

from __future__ import annotations

import numpy as np

from videopose.io.exchange.cursor import Cursor, Json
from videopose.io.exchange.table import PoseTable
from videopose.io.result import SCHEMA, ResultHeader, header_facts, header_from
from videopose.types import F64, SEEN, SOURCES


def read_header(top: Cursor) -> ResultHeader | None:
    """Return the header of the result that a file was written from, None if it was none.

    Raises:
        DatasetError: it is damaged.
    """
    info = top.get("info")
    facts = info.get("videopose") if info is not None and isinstance(info.value, dict) else None
    return (
        None
        if facts is None or not isinstance(facts.value, dict)
        else header_from({"schema": SCHEMA, **facts.value}, top.file)
    )


def read_scores(entry: Cursor, num_keypoints: int) -> F64:
    """Return (K,) scores of keypoints, NaN where an annotation has none.

    Raises:
        DatasetError: these are not K numbers.
    """
    scores = entry.get("keypoint_scores")
    return np.full(num_keypoints, np.nan) if scores is None else scores.numbers(num_keypoints)


def read_source(entry: Cursor, num_keypoints: int) -> list[int]:
    """Return where K keypoints come from; all are seen where an annotation does not say.

    Raises:
        DatasetError: these are not K of the known words.
    """
    listed = entry.get("keypoint_source")
    if listed is None:
        return [SEEN] * num_keypoints
    words = [each.text() for each in listed.items()]
    if len(words) != num_keypoints or not set(words) <= set(SOURCES):
        listed.fail(f"is not a list of {num_keypoints} words, each one of {', '.join(SOURCES)}")
    return [SOURCES.index(word) for word in words]


def person_marks(table: PoseTable, row: int) -> Json:
    """Return the keys of our own that a person's annotation gets; those that say nothing are left out."""
    marks: Json = {}
    if np.isfinite(table.keypoint_score[row]).any():
        marks["keypoint_scores"] = np.nan_to_num(table.keypoint_score[row]).tolist()
    if table.keypoint_source[row].any():
        marks["keypoint_source"] = [SOURCES[each] for each in table.keypoint_source[row].tolist()]
    return marks


def file_marks(table: PoseTable) -> Json:
    """Return the keys of our own that stand above the images."""
    if table.header is None:
        return {}
    facts = header_facts(table.header)
    del facts["schema"]  # which would make the file look like a result
    return {"info": {"videopose": facts}}
