"""What the results that are tables have in common, Parquet and CSV: a row per person and frame, as in the JSON.

A frame in which nobody is seen has one row without a person, so every decoded frame appears. A keypoint that is absent
has no numbers. The header stands in the Parquet file's metadata under `videopose`, and in the first line of the CSV
behind `# `. The other layout, a row per keypoint, is in `result_long`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from videopose.errors import DatasetError
from videopose.io.result import ResultHeader, header_facts, header_from
from videopose.io.rows import Rows
from videopose.skeletons import Skeleton
from videopose.types import F64, SEEN, SOURCES, U8

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOX = ("x1", "y1", "x2", "y2")
_PARTS = ("x", "y", "score", "source")


def columns(skeleton: Skeleton, *, old: bool = False) -> list[str]:
    """List the columns: frame, time, the person's facts, then x, y, score and source of each keypoint.

    Args:
        skeleton: of the keypoints.
        old: as they were before keypoints said where they come from.
    """
    if old:
        return ["index", "time", "track_id", "score", *_BOX, *_points(skeleton, _PARTS[:3])]
    return ["frame", "time", "track_id", "score", "source", *_BOX, *_points(skeleton, _PARTS)]


def _points(skeleton: Skeleton, parts: tuple[str, ...]) -> list[str]:
    return [f"{name}_{part}" for name in skeleton.keypoints for part in parts]


def schema(skeleton: Skeleton, *, old: bool = False) -> pa.Schema:
    """Return the columns with their types."""
    words = set() if old else {"source", *_points(skeleton, _PARTS[3:])}
    integers = ("index", "frame", "track_id")
    return pa.schema(
        [
            (name, pa.int64() if place < 3 and name in integers else pa.string() if name in words else pa.float64())
            for place, name in enumerate(columns(skeleton, old=old))
        ]
    )


def header_text(header: ResultHeader) -> str:
    """Write the header in one line."""
    return json.dumps(header_facts(header), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def cell_texts(names: list[str]) -> list[str]:
    """Write names as a CSV's cells: one that a spreadsheet would compute begins with an apostrophe."""
    return [f"'{name}" if name[:1] in _FORMULA else name for name in map(_one_line, names)]


def _one_line(name: str) -> str:
    return " ".join(name.splitlines())


def header_from_text(text: str, path: Path) -> ResultHeader:
    """Read the header back.

    Raises:
        DatasetError: it is damaged.
    """
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:  # not JSON, or thousands of digits or brackets
        raise DatasetError(f"{path}: its header is damaged. Give a result of videopose run") from error
    if not isinstance(facts, dict):
        raise DatasetError(f"{path}: its header is damaged. Give a result of videopose run")
    return header_from(facts, str(path))


def check_columns(found: list[str], known: list[list[str]], path: Path) -> int:
    """Find which of some lists of columns a file has.

    Returns:
        Its place among them.

    Raises:
        DatasetError: it has none of them.
    """
    if found in known:
        return known.index(found)
    missing = [[name for name in wanted if name not in found] for wanted in known]
    least = min(missing, key=len)
    what = f"column {least[0]!r} is missing" if least else "its columns are not in the documented order"
    raise DatasetError(f"{path}: {what}. Give a result of videopose run")


def rows_of(table: pa.RecordBatch | pa.Table) -> Rows:
    """Split the columns of a file, of this release or an older one.

    Raises:
        ValueError: a row has no frame or no time, or a source is unknown.
    """
    frame, time, track_id, *others = table.columns
    if frame.null_count or time.null_count:
        raise ValueError("a row has no frame or no time")
    is_person = np.asarray(track_id.is_valid())
    numbers = _numbers([each for each in others if pa.types.is_floating(each.type)])
    num_keypoints = (numbers.shape[1] - 5) // 3
    words = [each for each in others if not pa.types.is_floating(each.type)]
    source = np.full((len(numbers), num_keypoints), SEEN, np.uint8)
    if words:
        source = np.stack([source_numbers(each) for each in words], axis=1)[:, 1:]
    return Rows(
        np.asarray(frame), np.asarray(time), is_person, np.asarray(track_id.fill_null(0)), numbers, source
    )  # fmt: skip


def _numbers(columns: list[pa.Array | pa.ChunkedArray]) -> F64:
    """Stack the columns of numbers; a keypoint without any is absent, and becomes 0, 0 with score 0."""
    out = np.stack([np.asarray(column) for column in columns], axis=1)  # null becomes NaN
    points = columns[5:]
    for place in range(0, len(points), 3):
        if all(column.null_count for column in points[place : place + 3]):
            empty = np.logical_and.reduce([~np.asarray(column.is_valid()) for column in points[place : place + 3]])
            out[empty, 5 + place : 8 + place] = 0.0
    return out


def source_numbers(words: pa.Array | pa.ChunkedArray) -> U8:
    """Convert the words of a column to numbers; none is `seen`.

    Raises:
        ValueError: a word is unknown.
    """
    given = words.cast(pa.string()).fill_null(SOURCES[SEEN])
    numbers = pc.index_in(given, pa.array(SOURCES))
    if numbers.null_count:
        wrong = given.filter(numbers.is_null())[0].as_py()
        raise ValueError(f"source {wrong!r} is not one of {', '.join(SOURCES)}")
    return np.asarray(numbers).astype(np.uint8)
