"""The result as a Parquet file; see `result_table` for its columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from videopose.errors import DatasetError
from videopose.io.result import ResultHeader, ResultWriter, atomic_write
from videopose.io.result_table import check_columns, columns, header_from_text, header_text, rows_of, schema
from videopose.io.rows import ROWS_AT_ONCE, FrameBuffer, Rows, blocks_from, records_of, rows_from
from videopose.types import Record

_META = b"videopose"


@contextmanager
def write_parquet(path: Path, header: ResultHeader) -> Iterator[ResultWriter]:
    """Open a Parquet result for writing.

    Raises:
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    fields = schema(header.skeleton).with_metadata({_META: header_text(header).encode()})
    # Measured coordinates hardly ever repeat, so a dictionary of them only costs time and room.
    repeating = ["index", "time", "track_id"]
    with (
        atomic_write(path) as file,
        pq.ParquetWriter(file, fields, compression="zstd", use_dictionary=repeating) as table,
    ):
        writer = _ParquetWriter(table, fields, len(header.skeleton))
        yield writer
        writer.flush()


class _ParquetWriter:
    def __init__(self, table: pq.ParquetWriter, fields: pa.Schema, num_keypoints: int) -> None:
        self._table = table
        self._fields = fields
        self._buffer = FrameBuffer(num_keypoints)

    def write(self, record: Record) -> None:
        if self._buffer.add(record):
            self.flush()

    def flush(self) -> None:
        rows = rows_from(self._buffer.take())
        if not len(rows.index):
            return
        nobody = ~rows.is_person
        mask = nobody if nobody.any() else None
        people = [pa.array(column, mask=mask) for column in (rows.track_id, *np.ascontiguousarray(rows.numbers.T))]
        arrays = [pa.array(rows.index), pa.array(rows.time), *people]
        self._table.write_table(pa.table(arrays, schema=self._fields))


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
    check_columns(fields.names, columns(header.skeleton), path)
    for wanted, found in zip(schema(header.skeleton), fields, strict=True):
        if wanted.type != found.type:
            raise DatasetError(
                f"{path}: column {found.name!r} holds {found.type}, not {wanted.type}. Give a result of videopose run"
            )
    return header


def read_parquet_records(path: Path) -> Iterator[Record]:
    """Read the frames of a Parquet result back, some thousand rows at a time.

    Raises:
        DatasetError: the file is damaged.
    """
    return records_of(blocks_from(_parts(path)), str(path))


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DatasetError(f"{path}: not a Parquet file, or cut off. Give a result of videopose run") from error


def _parts(path: Path) -> Iterator[Rows]:
    try:
        for batch in _parquet(path).iter_batches(ROWS_AT_ONCE, use_threads=False):
            yield rows_of(batch)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DatasetError(f"{path}: damaged ({' '.join(str(error).split())}). Write the result again") from error
