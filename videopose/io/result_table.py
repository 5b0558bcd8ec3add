"""What the results that are tables have in common, Parquet and CSV: a row per person and frame, as in the JSON.

A frame in which nobody is seen has one row without a person, so every decoded frame appears. The header stands in the
Parquet file's metadata under `videopose`, and in the first line of the CSV behind `# `.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from videopose.errors import DatasetError
from videopose.io.result import ResultHeader, header_facts, header_from
from videopose.io.rows import Rows
from videopose.skeletons import Skeleton

INTEGERS = ("index", "track_id")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PERSON = ("track_id", "score", "x1", "y1", "x2", "y2")


def columns(skeleton: Skeleton) -> list[str]:
    """List the columns: frame, time, the person's facts, then x, y and score of each keypoint."""
    points = [f"{name}_{part}" for name in skeleton.keypoints for part in ("x", "y", "score")]
    return ["index", "time", *_PERSON, *points]


def schema(skeleton: Skeleton) -> pa.Schema:
    """Return the columns with their types."""
    return pa.schema([(name, pa.int64() if name in INTEGERS else pa.float64()) for name in columns(skeleton)])


def header_text(header: ResultHeader) -> str:
    """Write the header in one line."""
    return json.dumps(header_facts(header), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def cell_texts(skeleton: Skeleton) -> list[str]:
    """List the columns as a CSV's first cells: one that a spreadsheet would compute begins with an apostrophe."""
    return [f"'{name}" if name[:1] in _FORMULA else name for name in map(_one_line, columns(skeleton))]


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


def check_columns(found: list[str], wanted: list[str], path: Path) -> None:
    """Raise `DatasetError` unless the columns are the documented ones."""
    missing = [name for name in wanted if name not in found]
    if missing or found != wanted:
        what = f"column {missing[0]!r} is missing" if missing else "its columns are not in the documented order"
        raise DatasetError(f"{path}: {what}. Give a result of videopose run")


def rows_of(table: pa.RecordBatch | pa.Table) -> Rows:
    """Split the columns of a file.

    Raises:
        ValueError: a row has no index or no time.
    """
    index, time, track_id, *numbers = table.columns
    if index.null_count or time.null_count:
        raise ValueError("a row has no index or no time")
    is_person = np.asarray(track_id.is_valid())
    return Rows(
        np.asarray(index),
        np.asarray(time),
        is_person,
        np.asarray(track_id.fill_null(0)),
        np.stack([np.asarray(column) for column in numbers], axis=1),  # null becomes NaN
    )
