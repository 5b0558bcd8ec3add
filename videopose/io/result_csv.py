"""The result as a CSV file; see `result_table` for its columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from videopose.errors import DatasetError
from videopose.io.number_text import decimal_texts, integer_texts, lines
from videopose.io.result import ResultHeader, ResultWriter, atomic_write
from videopose.io.result_table import cell_texts, check_columns, header_from_text, header_text, rows_of, schema
from videopose.io.rows import (
    PIXEL_DECIMALS,
    SCORE_DECIMALS,
    Block,
    FrameBuffer,
    Rows,
    blocks_from,
    records_of,
)
from videopose.types import Poses, Record

_BYTES_AT_ONCE = 1 << 20
_FIRST_ROW = 3
"""The number of the first line with a row: the header and the names of the columns come before."""


@contextmanager
def write_csv(path: Path, header: ResultHeader) -> Iterator[ResultWriter]:
    """Open a CSV result for writing.

    Raises:
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    with atomic_write(path) as file:
        names = io.StringIO()
        csv.writer(names, lineterminator="\n").writerow(cell_texts(header.skeleton))
        file.write(f"# {_guarded(header_text(header))}\n{names.getvalue()}".encode())
        writer = _CsvWriter(file, len(header.skeleton))
        yield writer
        writer.flush()


def _guarded(text: str) -> str:
    """Write the first sign of JSON texts as a code where a spreadsheet would take a cell for a formula."""
    return re.sub(r'"([=+@-])', lambda found: f'"\\u{ord(found[1]):04x}', text)


class _CsvWriter:
    def __init__(self, file: IO[bytes], num_keypoints: int) -> None:
        self._file = file
        self._buffer = FrameBuffer(num_keypoints)
        self._nobody = b"," * (6 + 3 * num_keypoints - 1)

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


def _people_texts(people: Poses) -> list[bytes]:
    keypoints = people.keypoints.astype(np.float64)
    width = keypoints.shape[1]
    ends = [b","] * (width - 1) + [b""] * (width > 0)
    points = []
    for position, end in enumerate(ends):
        points.append(decimal_texts(keypoints[:, position, :2], PIXEL_DECIMALS, b","))
        points.append(decimal_texts(keypoints[:, position, 2], SCORE_DECIMALS, end))
    return lines(
        integer_texts(people.track_id, b","),
        decimal_texts(people.score.astype(np.float64), SCORE_DECIMALS, b","),
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
    try:
        cells = next(csv.reader([names.strip()]), [])
    except csv.Error as error:
        raise DatasetError(f"{path}: the names of its columns are damaged ({error})") from error
    check_columns(cells, cell_texts(header.skeleton), path)
    return header


def read_csv_records(path: Path) -> Iterator[Record]:
    """Read the frames of a CSV result back, a megabyte at a time.

    Raises:
        DatasetError: the file is damaged; the message names the line.
    """
    fields = schema(read_csv_header(path).skeleton)
    return records_of(blocks_from(_parts(path, fields)), str(path))


def _parts(path: Path, fields: pa.Schema) -> Iterator[Rows]:
    with path.open("rb") as file:
        for _ in range(_FIRST_ROW - 1):
            file.readline()
        number = _FIRST_ROW
        while part := file.readlines(_BYTES_AT_ONCE):
            try:
                yield rows_of(_table(b"".join(part), fields))
            except (pa.ArrowException, ValueError):  # something is unusual or wrong: Python reads it, or says where
                yield rows_of(_table_line_by_line(part, fields, path, number))
            number += len(part)


def _table(text: bytes, fields: pa.Schema) -> pa.Table:
    return pa_csv.read_csv(
        pa.BufferReader(text),
        pa_csv.ReadOptions(column_names=fields.names, use_threads=False, block_size=len(text) + 1),
        pa_csv.ParseOptions(),
        pa_csv.ConvertOptions(column_types=fields, null_values=[""]),
    ).combine_chunks()


def _table_line_by_line(part: list[bytes], fields: pa.Schema, path: Path, number: int) -> pa.Table:
    rows = []
    for line, data in enumerate(part, start=number):
        try:
            texts = next(csv.reader(io.StringIO(data.decode())), [])
            if len(texts) != len(fields):
                raise ValueError(f"{len(texts)} values instead of {len(fields)}")
            index, time, track_id, *numbers = texts
            rows.append(
                [
                    int(index),
                    float(time),
                    int(track_id) if track_id else None,
                    *(float(text) if text else None for text in numbers),
                ]
            )
        except (ValueError, csv.Error) as error:
            raise DatasetError(f"{path}: line {line} is damaged ({error}). Write the result again") from error
    arrays = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), fields, strict=True)]
    return pa.table(arrays, schema=fields)
