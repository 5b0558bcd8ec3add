"""Write and read results by suffix: `.json`, `.parquet` or `.csv`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from videopose.errors import DatasetError, InputError
from videopose.io import result_csv, result_json, result_parquet
from videopose.io.result import Layout, ResultHeader, ResultWriter
from videopose.io.result_arrays import ResultArrays, to_arrays, to_table
from videopose.types import Record


@dataclass(frozen=True)
class _Format:
    write: Callable[[Path, ResultHeader], AbstractContextManager[ResultWriter]]
    write_long: Callable[[Path, ResultHeader], AbstractContextManager[ResultWriter]] | None
    read_header: Callable[[Path], ResultHeader]
    read_records: Callable[[Path], Iterator[Record]]


FORMATS: dict[str, _Format] = {
    ".json": _Format(result_json.write_json, None, result_json.read_json_header, result_json.read_json_records),
    ".parquet": _Format(
        result_parquet.write_parquet, partial(result_parquet.write_parquet, layout="long"),
        result_parquet.read_parquet_header, result_parquet.read_parquet_records,
    ),
    ".csv": _Format(
        result_csv.write_csv, partial(result_csv.write_csv, layout="long"), result_csv.read_csv_header,
        result_csv.read_csv_records,
    ),
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class StoredResult:
    """A result in a file. Iterating reads its records, one at a time, every time anew.

    Attributes:
        path: of the file.
        header: what is true of all of it.
    """

    path: Path
    header: ResultHeader

    def __iter__(self) -> Iterator[Record]:
        for record in FORMATS[self.path.suffix.lower()].read_records(self.path):
            if record.poses is not None:
                record = replace(record, poses=replace(record.poses, skeleton=self.header.skeleton))
            yield record

    def __repr__(self) -> str:
        video, height, width = self.header.video, *self.header.video.size_hw
        frames = "" if video.frames is None else f", {video.frames} frames"
        return f"StoredResult({str(self.path)!r}, of {video.path!r}, {width} x {height}{frames})"

    def _repr_html_(self) -> str:
        """Show a result in a notebook: its people, from when to when."""
        arrays = self.to_arrays()
        rows = "".join(
            f"<tr><td>{track_id}</td><td>{len(seen)}</td><td>{arrays.time[seen[0]]:.2f}</td>"
            f"<td>{arrays.time[seen[-1]]:.2f}</td><td>{np.nanmean(arrays.score[:, column]):.2f}</td></tr>"
            for column, track_id in enumerate(arrays.track_id)
            if len(seen := np.flatnonzero(np.isfinite(arrays.score[:, column])))
        )
        head = "".join(f"<th>{name}</th>" for name in ("track_id", "frames", "from, s", "to, s", "mean score"))
        return f"<p>{escape(repr(self))}</p><table><tr>{head}</tr>{rows}</table>"

    def to_arrays(self) -> ResultArrays:
        """Return the whole result as arrays, (frames, people, K, 3) keypoints with NaN where somebody is absent."""
        return to_arrays(self, self.header.skeleton)

    def to_table(self) -> pa.Table:
        """Return a long table: a row per frame, person and keypoint; see `videopose.io.result_arrays.to_table`."""
        return to_table(self, self.header.skeleton)

    def to_dataframe(self) -> Any:  # Any: a pandas.DataFrame, which is no dependency
        """Return `to_table` as a pandas DataFrame.

        Raises:
            InputError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise InputError("to_dataframe needs pandas: pip install pandas. Without it, to_table() and to_arrays()")
        return self.to_table().to_pandas()


def check_suffix(path: Path) -> None:
    """Raise `InputError` unless the suffix names a format results are written in."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: results are written as {', '.join(FORMATS)}, by the suffix; choose one of them")


def write_result(path: Path, header: ResultHeader, *, layout: Layout = "wide") -> AbstractContextManager[ResultWriter]:
    """Open a result for writing; the file appears when the block ends well.

    Args:
        path: the suffix chooses the format.
        header: what stands above the frames.
        layout: of a table: wide has a row per person, long a row per keypoint.

    Raises:
        InputError: the suffix names no format, or one that has no such layout.
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    check_suffix(path)
    chosen = FORMATS[path.suffix.lower()]
    if layout == "wide":
        return chosen.write(path, header)
    if chosen.write_long is None:
        raise InputError(f"{path}: the long layout is one of tables. Choose .csv or .parquet, or leave out the layout")
    return chosen.write_long(path, header)


def read_result(path: str | Path) -> StoredResult:
    """Open a result for reading; its records are read when it is iterated over.

    Raises:
        DatasetError: there is no such file, or it is not a result.
        InputError: the suffix names no format.
    """
    file = Path(path)
    check_suffix(file)
    try:
        return StoredResult(file, FORMATS[file.suffix.lower()].read_header(file))
    except OSError as error:
        why = error.strerror or " ".join(str(error).split())
        raise DatasetError(f"{file}: cannot be read ({why}). Check the path") from error
