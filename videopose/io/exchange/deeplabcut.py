"""DeepLabCut's multi-animal tables, as CSV and HDF5: columns by scorer, individual, body part and coordinate.

A row per frame, from the first on. `movement`, SLEAP and napari read both.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.head import Head
from videopose.io.exchange.individuals import individuals_of, table_of, written_by_path
from videopose.io.exchange.table import PoseTable
from videopose.io.result import atomic_write
from videopose.optional import load_optional
from videopose.types import F64

SCORER = "videopose"
KEY = "df_with_missing"
"""The name of the table in DeepLabCut's HDF5 files."""

_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
_COORDS = ("x", "y", "likelihood")


def matches_csv(head: Head) -> bool:
    """Check whether a file begins as DeepLabCut's CSV does."""
    return head.suffix == ".csv" and head.text.startswith("scorer,")


def write_csv(table: PoseTable, path: Path) -> None:
    """Write a CSV; cells of absent keypoints are empty.

    Raises:
        DatasetError: nobody has a track id.
    """
    columns, values = _columns(table)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for level, name in enumerate(_LEVELS):
        writer.writerow([name, *(column[level] for column in columns)])
    for frame, row in enumerate(values.tolist()):
        writer.writerow([frame, *("" if value != value else value for value in row)])
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())


def _columns(table: PoseTable) -> tuple[Sequence[tuple[str, ...]], F64]:
    """Return the names of the columns and (F, columns) values."""
    people = individuals_of(table)
    names = [
        (SCORER, f"id{track_id}", keypoint, coord)
        for track_id in people.ids for keypoint in table.skeleton.keypoints for coord in _COORDS
    ]  # fmt: skip
    values = np.concatenate([people.xy, people.keypoint_score[..., None]], axis=3)
    return names, np.asarray(values.reshape(len(values), -1))


def read_csv(path: Path) -> PoseTable:
    """Read a CSV, of one animal or of several.

    Raises:
        DatasetError: the file is damaged; the line is named.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: not a CSV file of DeepLabCut ({error})") from error
    levels = [row for row in rows[:4] if row and row[0] in _LEVELS]
    columns = list(zip(*(row[1:] for row in levels), strict=False))
    names = [row[0] for row in levels]
    body = rows[len(levels) :]
    values = np.full((len(body), len(columns)), np.nan)
    index = []
    for line, row in enumerate(body):
        try:
            index.append(int(row[0]))
            values[line] = [float(cell) if cell else np.nan for cell in row[1:]]
        except (ValueError, IndexError) as error:
            where = f"{path}: line {line + 1 + len(levels)}"
            raise DatasetError(f"{where} is no row of numbers behind a frame ({error})") from error
    return _table(path, names, columns, index, values)


def _table(path: Path, levels: list[str], columns: list[tuple[str, ...]], index: list[int], values: F64) -> PoseTable:
    """Arrange columns by individual and body part."""
    if not {"bodyparts", "coords"} <= set(levels) or not columns or any(len(each) != len(levels) for each in columns):
        raise DatasetError(f"{path}: its first lines are not DeepLabCut's: {', '.join(_LEVELS)}")
    part, coord = levels.index("bodyparts"), levels.index("coords")
    who = levels.index("individuals") if "individuals" in levels else None
    place = {
        (each[who] if who is not None else "id1", each[part], each[coord]): row for row, each in enumerate(columns)
    }
    people, parts = (list(dict.fromkeys(key[level] for key in place)) for level in (0, 1))
    frames = max(index, default=-1) + 1
    if len(set(index)) != len(index) or min(index, default=0) < 0 or frames > 100 * len(index) + 10_000:
        raise DatasetError(f"{path}: its rows are not numbered by frames, each once")
    triples = np.full((frames, len(people), len(parts), 3), np.nan)
    for a, person in enumerate(people):
        for b, name in enumerate(parts):
            for c, which in enumerate(_COORDS):
                column = place.get((person, name, which))
                if column is not None:
                    triples[index, a, b, c] = values[:, column]
    return table_of(path, parts, people, triples[..., :2], triples[..., 2])


def write_h5(table: PoseTable, path: Path) -> None:
    """Write an HDF5 file. It is not read back: pandas keeps pickled objects in it, which would run when they are read.

    Raises:
        InputError: pandas or PyTables is not installed.
        DatasetError: nobody has a track id.
    """
    pandas = load_optional("pandas", "DeepLabCut's HDF5", "exports")
    load_optional("tables", "DeepLabCut's HDF5", "exports")
    columns, values = _columns(table)
    frame = pandas.DataFrame(values, columns=pandas.MultiIndex.from_tuples(columns, names=list(_LEVELS)))
    with written_by_path(path) as part:
        frame.to_hdf(part, key=KEY, mode="w", format="fixed")  # pandas 2 cannot read the tables of pandas 3
