"""The result as a Parquet file; see `result_table` and `result_long` for its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from videopose.errors import DatasetError
from videopose.io.result import Layout, ResultHeader, ResultWriter, atomic_write
from videopose.io.result_long import check_has_keypoints, long_schema, long_table, rows_of_long
from videopose.io.result_table import check_columns, header_from_text, header_text, rows_of, schema
from videopose.io.rows import ROWS_AT_ONCE, FrameBuffer, Rows, blocks_from, records_of, rows_from
from videopose.skeletons import Skeleton
from videopose.types import SOURCES, U8, Bool, Record, pose_source

_META = b"videopose"


@contextmanager
def write_parquet(path: Path, header: ResultHeader, *, layout: Layout = "wide") -> Iterator[ResultWriter]:
    """Open a Parquet result for writing.

    Raises:
        InputError: the long layout is asked for people without keypoints.
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    if layout == "long":
        check_has_keypoints(header.skeleton)
    fields = long_schema() if layout == "long" else schema(header.skeleton)
    fields = fields.with_metadata({_META: header_text(header).encode()})
    # Measured coordinates hardly ever repeat, so a dictionary of them only costs time and room.
    repeating = [each.name for each in fields if each.type != pa.float64() or each.name == "time"]
    with (
        atomic_write(path) as file,
        pq.ParquetWriter(file, fields, compression="zstd", use_dictionary=repeating) as table,
    ):
        writer = _ParquetWriter(table, fields, header.skeleton, _long if layout == "long" else _wide)
        yield writer
        writer.flush()


class _ParquetWriter:
    def __init__(
        self,
        table: pq.ParquetWriter,
        fields: pa.Schema,
        skeleton: Skeleton,
        build: Callable[[Rows, Skeleton], pa.Table],
    ) -> None:
        self._table = table
        self._fields = fields
        self._skeleton = skeleton
        self._build = build
        self._buffer = FrameBuffer(len(skeleton))

    def write(self, record: Record) -> None:
        if self._buffer.add(record):
            self.flush()

    def flush(self) -> None:
        rows = rows_from(self._buffer.take())
        if len(rows.index):
            self._table.write_table(self._build(rows, self._skeleton).replace_schema_metadata(self._fields.metadata))


def _long(rows: Rows, skeleton: Skeleton) -> pa.Table:
    return long_table(rows, list(skeleton.keypoints))


def _wide(rows: Rows, skeleton: Skeleton) -> pa.Table:
    nobody = ~rows.is_person

    def column(values: np.ndarray, missing: Bool = nobody) -> pa.Array:
        return pa.array(np.ascontiguousarray(values), mask=missing if missing.any() else None)

    def words(numbers: U8) -> pa.Array:
        return pa.DictionaryArray.from_arrays(column(numbers.astype(np.int8)), pa.array(SOURCES)).cast(pa.string())

    arrays = [
        pa.array(rows.index), pa.array(rows.time), column(rows.track_id), column(rows.numbers[:, 0]),
        words(pose_source(rows.source)), *map(column, rows.numbers[:, 1:5].T),
    ]  # fmt: skip
    absent = rows.absent | nobody[:, None]
    for position in range(len(skeleton)):
        triple = rows.numbers[:, 5 + 3 * position : 8 + 3 * position]
        arrays += [column(values, absent[:, position]) for values in triple.T]
        arrays.append(words(rows.source[:, position]))
    return pa.table(arrays, schema=schema(skeleton))


def read_parquet_header(path: Path) -> ResultHeader:
    """Read the header from a Parquet result's metadata.

    Raises:
        DatasetError: the file is no result, or is damaged.
    """
    fields = _parquet(path).schema_arrow
    metadata = fields.metadata or {}
    if _META not in metadata:
        raise DatasetError(f"{path}: a Parquet file, but not a result of videopose run")
    header = header_from_text(metadata[_META].decode(), path)
    _variant(fields, header.skeleton, path)
    return header


def _variant(fields: pa.Schema, skeleton: Skeleton, path: Path) -> int:
    """Find which columns a file has: 0 a row per person, 1 the same as of an older release, 2 a row per keypoint."""
    schemas = [schema(skeleton), schema(skeleton, old=True), *([long_schema()] if len(skeleton) else [])]
    variant = check_columns(fields.names, [each.names for each in schemas], path)
    for wanted, found in zip(schemas[variant], fields, strict=True):
        if wanted.type != found.type and not (_is_word(wanted.type) and _is_word(found.type)):
            raise DatasetError(
                f"{path}: column {found.name!r} holds {found.type}, not {wanted.type}. Give a result of videopose run"
            )
    return variant


def _is_word(kind: pa.DataType) -> bool:
    return bool(kind == pa.string()) or (pa.types.is_dictionary(kind) and kind.value_type == pa.string())


def read_parquet_records(path: Path) -> Iterator[Record]:
    """Read the frames of a Parquet result back, some thousand rows at a time.

    Raises:
        DatasetError: the file is damaged.
    """
    return records_of(blocks_from(_parts(path, read_parquet_header(path).skeleton)), str(path))


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DatasetError(f"{path}: not a Parquet file, or cut off. Give a result of videopose run") from error


def _parts(path: Path, skeleton: Skeleton) -> Iterator[Rows]:
    try:
        file = _parquet(path)
        batches = file.iter_batches(ROWS_AT_ONCE, use_threads=False)
        is_long = _variant(file.schema_arrow, skeleton, path) == 2
        yield from rows_of_long(batches, list(skeleton.keypoints)) if is_long else map(rows_of, batches)
    except DatasetError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DatasetError(f"{path}: damaged ({' '.join(str(error).split())}). Write the result again") from error
