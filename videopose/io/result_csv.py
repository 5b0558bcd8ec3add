"""The result as a CSV file; see `result_table` and `result_long` for its columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from videopose.errors import DatasetError
from videopose.io.number_text import chosen_texts, decimal_texts, emptied, integer_texts, lines
from videopose.io.result import Layout, ResultHeader, ResultWriter, atomic_write
from videopose.io.result_long import COLUMNS, check_has_keypoints, long_schema, long_table, rows_of_long
from videopose.io.result_table import cell_texts, check_columns, columns, header_from_text, header_text, rows_of, schema
from videopose.io.rows import (
    PIXEL_DECIMALS,
    SCORE_DECIMALS,
    Block,
    FrameBuffer,
    Rows,
    blocks_from,
    records_of,
    rounded_keypoints,
    rows_from,
)
from videopose.skeletons import Skeleton
from videopose.types import SOURCES, Poses, Record, pose_source

_BYTES_AT_ONCE = 1 << 20
_Part = TypeVar("_Part")
_READ: dict[pa.DataType, Callable[[str], Any]] = {pa.int64(): int, pa.float64(): float, pa.string(): str}
_FIRST_ROW = 3
"""The number of the first line with a row: the header and the names of the columns come before."""


@contextmanager
def write_csv(path: Path, header: ResultHeader, *, layout: Layout = "wide") -> Iterator[ResultWriter]:
    """Open a CSV result for writing.

    Raises:
        InputError: the long layout is asked for people without keypoints.
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    if layout == "long":
        check_has_keypoints(header.skeleton)
    with atomic_write(path) as file:
        names = io.StringIO()
        cells = list(COLUMNS) if layout == "long" else cell_texts(columns(header.skeleton))
        csv.writer(names, lineterminator="\n").writerow(cells)
        file.write(f"# {_guarded(header_text(header))}\n{names.getvalue()}".encode())
        writer = (_LongCsvWriter if layout == "long" else _CsvWriter)(file, header.skeleton)
        yield writer
        writer.flush()


def _guarded(text: str) -> str:
    """Write the first sign of JSON texts as a code where a spreadsheet would take a cell for a formula."""
    return re.sub(r'"([=+@-])', lambda found: f'"\\u{ord(found[1]):04x}', text)


class _CsvWriter:
    def __init__(self, file: IO[bytes], skeleton: Skeleton) -> None:
        self._file = file
        self._buffer = FrameBuffer(len(skeleton))
        self._nobody = b"," * (len(columns(skeleton)) - 3)

    def write(self, record: Record) -> None:
        if self._buffer.add(record):
            self.flush()

    def flush(self) -> None:
        block = self._buffer.take()
        self._file.writelines(self._lines(block))

    def _lines(self, block: Block) -> Iterator[bytes]:
        people = _people_texts(block.people)
        for row, (index, time) in enumerate(zip(block.index, block.time, strict=True)):
            start = f"{index},{time!r},".encode()
            for person in people[block.first[row] : block.first[row + 1]] or [self._nobody]:
                yield b"%b%b\n" % (start, person)


class _LongCsvWriter:
    def __init__(self, file: IO[bytes], skeleton: Skeleton) -> None:
        self._file = file
        self._buffer = FrameBuffer(len(skeleton))
        self._names = cell_texts(list(skeleton.keypoints))

    def write(self, record: Record) -> None:
        if self._buffer.add(record):
            self.flush()

    def flush(self) -> None:
        table = long_table(rows_from(self._buffer.take()), self._names)
        plain = table.cast(long_schema(as_text=True))
        pa_csv.write_csv(plain, self._file, pa_csv.WriteOptions(include_header=False, quoting_style="needed"))


def _people_texts(people: Poses) -> list[bytes]:
    keypoints = people.keypoints.astype(np.float64)
    absent = np.asarray(~rounded_keypoints(people.keypoints).any(axis=2))
    sources = people.sources
    width = keypoints.shape[1]
    points = []
    for position in range(width):
        end = b"," if position < width - 1 else b""
        empty = absent[:, position]
        x, y, score = keypoints[:, position].T
        points += [
            emptied(decimal_texts(x, PIXEL_DECIMALS, b","), empty, b","),
            emptied(decimal_texts(y, PIXEL_DECIMALS, b","), empty, b","),
            emptied(decimal_texts(score, SCORE_DECIMALS, b","), empty, b","),
            chosen_texts(sources[:, position], SOURCES, end),
        ]
    return lines(
        integer_texts(people.track_id, b","),
        decimal_texts(people.score.astype(np.float64), SCORE_DECIMALS, b","),
        chosen_texts(pose_source(sources), SOURCES, b","),
        decimal_texts(people.xyxy[:, :3].astype(np.float64), PIXEL_DECIMALS, b","),
        decimal_texts(people.xyxy[:, 3].astype(np.float64), PIXEL_DECIMALS, b"," if width else b""),
        *points,
    )


def read_csv_header(path: Path) -> ResultHeader:
    """Read the header from the first line of a CSV result.

    Raises:
        DatasetError: the file is no result, or is damaged.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first, names = file.readline(), file.readline()
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a CSV file. Give a result of videopose run") from error
    if not first.startswith("# {"):
        raise DatasetError(f"{path}: a CSV file, but not a result of videopose run: its first line is no header")
    header = header_from_text(first[2:], path)
    _variant(path, names, header.skeleton)
    return header


def _variant(path: Path, names: str, skeleton: Skeleton) -> int:
    """Find which columns a file has: 0 a row per person, 1 the same as of an older release, 2 a row per keypoint."""
    try:
        cells = next(csv.reader([names.strip()]), [])
    except csv.Error as error:
        raise DatasetError(f"{path}: the names of its columns are damaged ({error})") from error
    known = [cell_texts(columns(skeleton)), cell_texts(columns(skeleton, old=True))]
    return check_columns(cells, [*known, list(COLUMNS)] if len(skeleton) else known, path)


def read_csv_records(path: Path) -> Iterator[Record]:
    """Read the frames of a CSV result back, a megabyte at a time.

    Raises:
        DatasetError: the file is damaged; the message names the line.
    """
    skeleton = read_csv_header(path).skeleton
    with path.open(encoding="utf-8-sig", newline="") as file:
        file.readline()
        variant = _variant(path, file.readline(), skeleton)
    if variant < 2:
        return records_of(blocks_from(_parts(path, schema(skeleton, old=variant == 1), rows_of)), str(path))
    tables = _parts(path, long_schema(as_text=True), lambda table: table)
    return records_of(blocks_from(_people_of(path, tables, cell_texts(list(skeleton.keypoints)))), str(path))


def _people_of(path: Path, tables: Iterator[pa.Table], names: list[str]) -> Iterator[Rows]:
    try:
        yield from rows_of_long(tables, names)
    except (ValueError, pa.ArrowException) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path}: is damaged ({error}). Write the result again") from error


def _parts(path: Path, fields: pa.Schema, read: Callable[[pa.Table], _Part]) -> Iterator[_Part]:
    with path.open("rb") as file:
        for _ in range(_FIRST_ROW - 1):
            file.readline()
        number = _FIRST_ROW
        while part := file.readlines(_BYTES_AT_ONCE):
            try:
                yield read(_table(b"".join(part), fields))
            except (pa.ArrowException, ValueError):  # something is unusual or wrong: Python reads it, or says where
                yield read(_table_line_by_line(part, fields, path, number))
            number += len(part)


def _table(text: bytes, fields: pa.Schema) -> pa.Table:
    return pa_csv.read_csv(
        pa.BufferReader(text),
        pa_csv.ReadOptions(column_names=fields.names, use_threads=False, block_size=len(text) + 1),
        pa_csv.ParseOptions(),
        pa_csv.ConvertOptions(column_types=fields, null_values=[""], strings_can_be_null=True),
    ).combine_chunks()


def _table_line_by_line(part: list[bytes], fields: pa.Schema, path: Path, number: int) -> pa.Table:
    rows = []
    for line, data in enumerate(part, start=number):
        try:
            texts = next(csv.reader(io.StringIO(data.decode())), [])
            if len(texts) != len(fields):
                raise ValueError(f"{len(texts)} values instead of {len(fields)}")
            rows.append([_READ[field.type](text) if text else None for text, field in zip(texts, fields, strict=True)])
        except (ValueError, csv.Error) as error:
            raise DatasetError(f"{path}: line {line} is damaged ({error}). Write the result again") from error
    arrays = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), fields, strict=True)]
    return pa.table(arrays, schema=fields)
