"""The result as a table, Parquet or CSV: a row per person and frame, the same numbers as the JSON.

A frame in which nobody is seen has one row without a person, so every decoded frame appears. The header stands in the
Parquet file's metadata under `videopose`, and in the first line of the CSV behind `# `.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from videopose.errors import DatasetError
from videopose.io.result import ResultHeader, ResultWriter, header_facts, header_from, whole_file
from videopose.io.result_json import frame_facts
from videopose.skeletons import Skeleton
from videopose.types import Frame, Poses, Record

_ROWS_AT_ONCE = 4096
_META = b"videopose"
_PERSON = ("track_id", "score", "x1", "y1", "x2", "y2")

Row = list[Any]
"""Numbers, or None in a row without a person."""


def columns(skeleton: Skeleton) -> list[str]:
    """Name the columns: frame, time, the person's facts, then x, y and score of each keypoint."""
    points = [f"{name}_{part}" for name in skeleton.keypoints for part in ("x", "y", "score")]
    return ["index", "time", *_PERSON, *points]


def _rows(record: Record, width: int) -> list[Row]:
    facts = frame_facts(record)
    start = [facts["index"], facts["time"]]
    people = [
        [*start, person["track_id"], person["score"], *person["box"], *(v for kp in person["keypoints"] for v in kp)]
        for person in facts["people"]
    ]
    return people or [start + [None] * (width - len(start))]


def _records(rows: Iterator[Row], skeleton: Skeleton, source: str) -> Iterator[Record]:
    last = -1
    for (index, time), group in groupby(rows, key=lambda row: (row[0], row[1])):
        if index <= last:
            raise DatasetError(f"{source}: frame {index} comes after frame {last}. Put the rows in order")
        last = index
        people = [row[2:] for row in group if row[2] is not None]
        poses = Poses.empty(len(skeleton))
        if people:
            table = np.array(people, np.float64)
            poses = Poses(
                keypoints=table[:, len(_PERSON) :].reshape(len(people), -1, 3).astype(np.float32),
                score=table[:, 1].astype(np.float32),
                xyxy=table[:, 2:6].astype(np.float32),
                track_id=np.array([person[0] for person in people], np.int64),
            )
        yield Record(Frame(index, time, None), poses=poses)


def _header_text(header: ResultHeader) -> str:
    return json.dumps(header_facts(header), separators=(",", ":"), ensure_ascii=False)


def _header_from_text(text: str, path: Path) -> ResultHeader:
    try:
        facts = json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}: its header is damaged. Give a result of videopose run") from error
    return header_from(facts, str(path))


def _check_columns(found: list[str], skeleton: Skeleton, path: Path) -> None:
    wanted = columns(skeleton)
    missing = [name for name in wanted if name not in found]
    if missing or found != wanted:
        what = f"column {missing[0]!r} is missing" if missing else "its columns are not in the documented order"
        raise DatasetError(f"{path}: {what}. Give a result of videopose run")


@contextmanager
def write_parquet(path: Path, header: ResultHeader) -> Iterator[ResultWriter]:
    """Open a Parquet result for writing.

    Raises:
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    names = columns(header.skeleton)
    integers = {"index", "track_id"}
    schema = pa.schema(
        [(name, pa.int64() if name in integers else pa.float64()) for name in names],
        metadata={_META: _header_text(header).encode()},
    )
    with whole_file(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as table:
        writer = _ParquetWriter(table, schema)
        yield writer
        writer.flush()


class _ParquetWriter:
    def __init__(self, table: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._table = table
        self._schema = schema
        self._rows: list[Row] = []

    def write(self, record: Record) -> None:
        self._rows += _rows(record, len(self._schema))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            values = zip(*self._rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(values, self._schema, strict=True)]
            self._table.write_table(pa.table(arrays, schema=self._schema))
            self._rows = []


def read_parquet_header(path: Path) -> ResultHeader:
    """Read the header from a Parquet result's metadata.

    Raises:
        DatasetError: the file is no result, or is damaged.
    """
    metadata = _parquet(path).schema_arrow.metadata or {}
    if _META not in metadata:
        raise DatasetError(f"{path}: a Parquet file, but not a result of videopose run")
    header = _header_from_text(metadata[_META].decode(), path)
    _check_columns(_parquet(path).schema_arrow.names, header.skeleton, path)
    return header


def read_parquet_records(path: Path) -> Iterator[Record]:
    """Read the frames of a Parquet result back, a row group at a time.

    Raises:
        DatasetError: the file is damaged.
    """
    skeleton = read_parquet_header(path).skeleton
    return _records(_parquet_rows(path), skeleton, str(path))


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DatasetError(f"{path}: not a Parquet file, or cut off. Give a result of videopose run") from error


def _parquet_rows(path: Path) -> Iterator[Row]:
    for batch in _parquet(path).iter_batches(_ROWS_AT_ONCE):
        yield from (list(row) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))


@contextmanager
def write_csv(path: Path, header: ResultHeader) -> Iterator[ResultWriter]:
    """Open a CSV result for writing.

    Raises:
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    with whole_file(path) as file:
        file.write(f"# {_header_text(header)}\n{','.join(columns(header.skeleton))}\n".encode())
        yield _CsvWriter(file, len(columns(header.skeleton)))


class _CsvWriter:
    def __init__(self, file: IO[bytes], width: int) -> None:
        self._file = file
        self._width = width

    def write(self, record: Record) -> None:
        for row in _rows(record, self._width):
            self._file.write((",".join("" if value is None else repr(value) for value in row) + "\n").encode())


def read_csv_header(path: Path) -> ResultHeader:
    """Read the header from the first line of a CSV result.

    Raises:
        DatasetError: the file is no result, or is damaged.
    """
    try:
        with path.open(encoding="utf-8") as file:
            first, names = file.readline(), file.readline()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a CSV file. Give a result of videopose run") from error
    if not first.startswith("# {"):
        raise DatasetError(f"{path}: a CSV file, but not a result of videopose run: its first line is no header")
    header = _header_from_text(first[2:], path)
    _check_columns(names.strip().split(","), header.skeleton, path)
    return header


def read_csv_records(path: Path) -> Iterator[Record]:
    """Read the frames of a CSV result back, a row at a time.

    Raises:
        DatasetError: the file is damaged; the message names the line.
    """
    skeleton = read_csv_header(path).skeleton
    return _records(_csv_rows(path, len(columns(skeleton))), skeleton, str(path))


def _csv_rows(path: Path, width: int) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        for number, texts in enumerate(csv.reader(file), start=1):
            if number <= 2:  # the header and the names of the columns
                continue
            try:
                if len(texts) != width:
                    raise ValueError(f"{len(texts)} values instead of {width}")
                values: Row = [float(text) if text else None for text in texts]
                yield [int(texts[0]), values[1], int(texts[2]) if texts[2] else None, *values[3:]]
            except ValueError as error:
                raise DatasetError(f"{path}: line {number} is damaged ({error}). Write the result again") from error
