"""Stages that write what passes through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from videopose.io.result import ResultHeader
from videopose.io.results import write_result
from videopose.types import Record


@dataclass(frozen=True)
class WriteResult:
    """Write a result file as records pass; it appears when the stream has ended, and not at all if it breaks off.

    Attributes:
        path: the suffix chooses the format.
        header: what stands above the frames.
    """

    path: Path
    header: ResultHeader

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Return the records as they are, once they are in the file's buffer."""
        with write_result(self.path, self.header) as writer:
            for record in records:
                writer.write(record)
                yield record
