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
from videopose.io.result_dataset import pose_dataset
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
        read: gives its records, from the first on, each time it is called with the path.
    """

    path: Path
    header: ResultHeader
    read: Callable[[Path], Iterator[Record]]

    def __iter__(self) -> Iterator[Record]:
        for record in self.read(self.path):
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

    def to_arrays(self, *, min_score: float = 0.0) -> ResultArrays:
        """Return the whole result as arrays, (frames, people, K, 3) keypoints with NaN where somebody is absent.

        Args:
            min_score: keypoints with a lower score are NaN.
        """
        return to_arrays(self, self.header.skeleton, min_score=min_score)

    def to_table(self, *, min_score: float = 0.0) -> pa.Table:
        """Return a long table: a row per frame, person and keypoint; see `videopose.io.result_arrays.to_table`.

        Args:
            min_score: keypoints with a lower score are null.
        """
        return to_table(self, self.header.skeleton, min_score=min_score)

    def to_xarray(self, *, min_score: float = 0.0) -> Any:  # Any: an xarray.Dataset, which is no dependency
        """Return a dataset laid out as the package movement has its poses; see `videopose.io.result_dataset`.

        Args:
            min_score: keypoints with a lower score are NaN.

        Raises:
            InputError: xarray is not installed.
        """
        arrays = self.to_arrays(min_score=min_score)
        return pose_dataset(
            arrays.keypoints[..., :2], arrays.keypoints[..., 2], arrays.time, arrays.track_id.tolist(),
            self.header.skeleton.keypoints, rate=float(self.header.video.frame_rate), source=str(self.path),
        )  # fmt: skip

    def to_dataframe(self, *, min_score: float = 0.0) -> Any:  # Any: a pandas.DataFrame, which is no dependency
        """Return `to_table` as a pandas DataFrame.

        Args:
            min_score: keypoints with a lower score are NaN.

        Raises:
            InputError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise InputError("to_dataframe needs pandas: pip install pandas. Without it, to_table() and to_arrays()")
        return self.to_table(min_score=min_score).to_pandas()


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
    """Open a result of our own for reading; its records are read when it is iterated over.

    Raises:
        DatasetError: there is no such file, or it is not a result.
        InputError: the suffix names no format.
    """
    file = Path(path)
    check_suffix(file)
    try:
        form = FORMATS[file.suffix.lower()]
        return StoredResult(file, form.read_header(file), form.read_records)
    except OSError as error:
        why = error.strerror or " ".join(str(error).split())
        raise DatasetError(f"{file}: cannot be read ({why}). Check the path") from error
