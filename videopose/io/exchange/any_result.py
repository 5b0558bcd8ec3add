"""Results of every format that is read, behind one function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from videopose.io import results
from videopose.io.exchange.formats import format_named, read_table, recognise
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.own_result import fitted, records_from, result_header
from videopose.io.results import StoredResult
from videopose.types import Record

_OWN = ("videopose", "csv", "parquet")


def read_result(path: str | Path, *, format: str | None = None) -> StoredResult:
    """Open a result for reading: our own, or a file of any format that `videopose convert` reads.

    Our own is read when it is iterated over, a file of another format at once. Times and frame rate a format does not
    hold are 25 frames per second.

    Args:
        path: of the file.
        format: its name as of `videopose convert --list`; recognised if not given.

    Raises:
        UnknownNameError: there is no such format.
        DatasetError: there is no such file, or it breaks its format.
        InputError: the format needs a package that is not installed.
    """
    file = Path(path)
    if format is not None:
        format_named(format)
    elif file.suffix.lower() in results.FORMATS and not file.exists():
        return results.read_result(file)
    name = format or recognise(file)
    if name in _OWN:
        return results.read_result(file)
    table = in_frame_order(fitted(read_table(file, name))[0])
    records = tuple(records_from(table))
    return StoredResult(file, result_header(table), _Kept(records))


class _Kept:
    """Gives records that are in memory."""

    def __init__(self, records: tuple[Record, ...]) -> None:
        self._records = records

    def __call__(self, _path: Path) -> Iterator[Record]:
        return (replace(record) for record in self._records)
