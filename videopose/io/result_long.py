"""The other layout of tables: a row per frame, person and keypoint, as data frames and plots like it.

The rows of a person stand together, one per keypoint in the skeleton's order. A frame in which nobody is seen has one
row without a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from videopose.errors import InputError
from videopose.io.result_table import source_numbers
from videopose.io.rows import Rows
from videopose.skeletons import Skeleton
from videopose.types import SOURCES

_WORDS = pa.dictionary(pa.int16(), pa.string())
COLUMNS = (
    "frame", "time", "track_id", "person_score", "keypoint", "x", "y", "score", "source", "x1", "y1", "x2", "y2"
)  # fmt: skip


def long_schema(*, as_text: bool = False) -> pa.Schema:
    """Return the columns with their types; words are numbered unless the file is text."""
    word = pa.string() if as_text else _WORDS
    kinds = {"frame": pa.int64(), "track_id": pa.int64(), "keypoint": word, "source": word}
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in COLUMNS])


def check_has_keypoints(skeleton: Skeleton) -> None:
    """Raise `InputError` where people have no keypoints, so that a table of keypoints would lose them."""
    if not len(skeleton):
        raise InputError("people without keypoints have no rows in the long layout. Write --layout wide")


def long_table(rows: Rows, names: list[str]) -> pa.Table:
    """Convert rows of people to rows of keypoints.

    Args:
        rows: of whole frames.
        names: of the K keypoints, as they are to stand in the file.
    """
    count = np.where(rows.is_person, len(names), 1)
    person = np.repeat(np.arange(len(count)), count)
    nobody = ~rows.is_person[person]
    keypoint = np.arange(len(person)) - np.repeat(np.cumsum(count) - count, count)
    points = rows.numbers[:, 5:].reshape(len(rows.numbers), len(names), 3)[person, keypoint]
    absent = nobody | rows.absent[person, keypoint]
    facts = rows.numbers[person, :5]
    source = pa.array(rows.source[person, keypoint].astype(np.int16), mask=nobody)
    columns = {
        "frame": pa.array(rows.index[person]),
        "time": pa.array(rows.time[person]),
        "track_id": pa.array(rows.track_id[person], mask=nobody),
        "person_score": pa.array(facts[:, 0], mask=nobody),
        "keypoint": pa.DictionaryArray.from_arrays(pa.array(keypoint.astype(np.int16), mask=nobody), pa.array(names)),
        "x": pa.array(np.ascontiguousarray(points[:, 0]), mask=absent),
        "y": pa.array(np.ascontiguousarray(points[:, 1]), mask=absent),
        "score": pa.array(np.ascontiguousarray(points[:, 2]), mask=absent),
        "source": pa.DictionaryArray.from_arrays(source, pa.array(SOURCES)),
    }
    box = {
        name: pa.array(np.ascontiguousarray(facts[:, 1 + side]), mask=nobody) for side, name in enumerate(COLUMNS[9:])
    }
    return pa.table({**columns, **box}, schema=long_schema())


def rows_of_long(parts: Iterable[pa.RecordBatch | pa.Table], names: list[str]) -> Iterator[Rows]:
    """Collect rows of keypoints into rows of people; a person's rows may lie in two parts.

    Args:
        parts: of one file, in order.
        names: of the K keypoints, as they stand in the file.

    Raises:
        ValueError: a row has no frame or no time, or a person's rows are not one per keypoint.
    """
    rest: pa.Table | None = None
    for part in parts:
        table = part if isinstance(part, pa.Table) else pa.Table.from_batches([part])
        table = table.set_column(4, "keypoint", table["keypoint"].cast(pa.string()))
        table = table.set_column(8, "source", table["source"].cast(pa.string()))
        table = table if rest is None else pa.concat_tables([rest, table])
        count = np.cumsum(np.asarray(table["track_id"].is_valid()))
        whole = 1 + int(np.flatnonzero(count % len(names) == 0)[-1]) if (count % len(names) == 0).any() else 0
        yield _people(table.slice(0, whole).combine_chunks(), names)
        rest = table.slice(whole)
    if rest is not None and len(rest):
        raise ValueError(f"the last person has {len(rest)} rows, not one for each of {len(names)} keypoints")


def _people(table: pa.Table, names: list[str]) -> Rows:
    if table["frame"].null_count or table["time"].null_count:
        raise ValueError("a row has no frame or no time")
    is_row = np.asarray(table["track_id"].is_valid())
    order = np.asarray(pc.index_in(table["keypoint"], pa.array(names)).fill_null(-1))[is_row].reshape(-1, len(names))
    if (order != np.arange(len(names))).any():
        raise ValueError("a person's rows are not one per keypoint in the skeleton's order")
    place = np.cumsum(is_row)
    starts = np.flatnonzero(~is_row | ((place - 1) % len(names) == 0))
    is_person = is_row[starts]
    frame, time, track_id = (np.asarray(table[name].fill_null(0)) for name in ("frame", "time", "track_id"))
    for name, each in (("frame", frame), ("track_id", track_id)):
        ids = each[is_row].reshape(-1, len(names))
        if (ids != ids[:, :1]).any():
            raise ValueError(f"a person's rows are of different {name}s")
    numbers = np.zeros((len(starts), 5 + 3 * len(names)))
    for side, name in enumerate(("person_score", *COLUMNS[9:])):
        numbers[:, side] = np.asarray(table[name])[starts]
    for axis, name in enumerate(("x", "y", "score")):
        values = np.where(np.asarray(table[name].is_valid()), np.asarray(table[name]), 0.0)
        numbers[is_person, 5 + axis :: 3] = values[is_row].reshape(-1, len(names))
    source = np.zeros((len(starts), len(names)), np.uint8)
    source[is_person] = source_numbers(table["source"])[is_row].reshape(-1, len(names))
    return Rows(frame[starts], time[starts], is_person, track_id[starts], numbers, source)
