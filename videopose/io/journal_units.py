"""Chunks that workers compute ahead of one another, each in a folder of its own beside the journal they will belong to.

`<result>.partial/units/<first>-<stop>@<after>.<owner>/` holds chunks of one unit, as a worker has left them, and
`end.json` where the video ended with them. A chunk is known by its number and by the frame before it: the same two,
the same bytes, whoever computed it. So what several workers have done, or one that died, is put together without asking
how.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from videopose.errors import DatasetError
from videopose.io.journal_chunk import Chunk, check_chunk, write_chunk
from videopose.io.lock import refuse_link
from videopose.io.result import cannot_write, sync_folder
from videopose.io.sealed import read_sealed, write_sealed
from videopose.types import Gap, Record

UNITS = "units"
"""Folder inside a journal's folder, where workers have theirs."""

_NAME = re.compile(r"(\d{6,})-(\d{6,}|end)@(-?\d+)\.([\w-]+)")


@dataclass(frozen=True, slots=True)
class Unit:
    """A run of whole chunks of a journal.

    Attributes:
        first: number of the first chunk.
        stop: number after the last chunk; None for the end of the video, wherever that is.
        after: index of the record before the first chunk; -1 for none.
    """

    first: int
    stop: int | None
    after: int

    def __str__(self) -> str:
        return f"{self.first:06}-{'end' if self.stop is None else f'{self.stop:06}'}@{self.after}"


@dataclass(frozen=True)
class Known:
    """Chunks and ends that lie about.

    Attributes:
        chunks: (number, index of the record before) -> file.
        ends: (number of chunks, index of the last record) -> gaps behind it.
    """

    chunks: dict[tuple[int, int], Path] = field(default_factory=dict)
    ends: dict[tuple[int, int], list[Gap]] = field(default_factory=dict)


def known_chunks(journal: Path, run: bytes, at: int | None = None) -> Known:
    """Find every whole chunk of a run that lies in its journal or in a worker's folder.

    Args:
        journal: the journal's folder.
        run: what stands for the run in its chunks.
        at: look only where a chunk of this number lies, or the end of the video.
    """
    known = Known()
    folders = [(0, -1, journal)]
    for folder in sorted((journal / UNITS).glob("*@*")) if (journal / UNITS).is_dir() else ():
        named = _NAME.fullmatch(folder.name)
        if named is not None and not folder.is_symlink():
            folders.append((int(named[1]), int(named[3]), folder))
    for number, after, folder in folders:
        count = number
        if at is not None and not any((folder / name).exists() for name in (f"{at:06}.arrow", "end.json")):
            continue
        for chunk in _whole_chunks(folder, run, number, after):
            known.chunks.setdefault((chunk.number, after), chunk.path)
            count, after = chunk.number + 1, chunk.last
        end = read_sealed(folder / "end.json") if folder != journal else None
        if end is not None and end.get("chunks") == count and end.get("last") == after:
            known.ends[count, after] = [Gap(**gap) for gap in end["gaps"]]
    return known


def _whole_chunks(folder: Path, run: bytes, number: int, after: int) -> Iterator[Chunk]:
    """Return a folder's chunks from a number on, up to the first that is missing or damaged."""
    while (path := folder / f"{number:06}.arrow").exists():
        try:
            chunk = check_chunk(path, run, number)
        except DatasetError:
            return
        if chunk.first <= after:
            return
        yield chunk
        number, after = number + 1, chunk.last


def link(source: Path, target: Path) -> None:
    """Link a whole file under a second name, or copy it where a file system has no links; the first name stays.

    Raises:
        OSError: the file system refuses.
    """
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:  # no links there, or not for this user
        shutil.copyfile(source, part)
    part.replace(target)
    sync_folder(target.parent)


class UnitStore:
    """Keeps the chunks of one unit, as a journal keeps those of a video.

    What others have left of the same chunks is taken over when it is made.

    Args:
        journal: the journal's folder, which is there.
        run: what stands for the run in its chunks.
        unit: which chunks.
        owner: who computes it; no two at a time have one name.

    Raises:
        InputError: the folder of units is a link.
        VideoPoseError: the disk is full or the folder cannot be written to.
    """

    def __init__(self, journal: Path, run: bytes, unit: Unit, owner: str) -> None:
        self.unit, self._run = unit, run
        self.folder = journal / UNITS / f"{unit}.{owner}"
        self._number, self._last = unit.first, unit.after
        self.has_ended = False
        known = known_chunks(journal, run, unit.first)
        try:
            refuse_link(self.folder.parent)
            self.folder.parent.mkdir(exist_ok=True)  # not those above: a journal that is gone stays gone
            self.folder.mkdir(exist_ok=True)
            while self.num_missing != 0 and (path := known.chunks.get((self._number, self._last))) is not None:
                own = self.folder / f"{self._number:06}.arrow"
                if path != own:
                    link(path, own)
                self._last = check_chunk(own, run, self._number).last
                self._number += 1
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        gaps = known.ends.get((self._number, self._last))
        if gaps is not None and self.num_missing != 0:
            self.finish(gaps)

    @property
    def num_missing(self) -> int | None:
        """How many chunks are still to be computed; None for all there are."""
        return None if self.unit.stop is None else self.unit.stop - self._number

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to compute."""
        return self.has_ended or self.num_missing == 0

    @property
    def next_index(self) -> int:
        """The index after the last record that is kept."""
        return self._last + 1

    @property
    def num_chunks(self) -> int:
        """How many chunks the video has up to here."""
        return self._number

    def __iter__(self) -> Iterator[Record]:
        return iter(())  # they are read when the video is joined

    def append(self, records: Sequence[Record]) -> None:
        """Keep a chunk; when this returns, it outlives a power cut.

        Raises:
            VideoPoseError: the disk is full or the folder cannot be written to.
        """
        chunk = write_chunk(self.folder / f"{self._number:06}.arrow", self._run, self._number, records)
        self._number, self._last = self._number + 1, chunk.last

    def finish(self, gaps: Sequence[Gap]) -> None:
        """Mark that the video ends here.

        Args:
            gaps: frames lost behind the last record.
        """
        end = {"chunks": self._number, "last": self._last, "gaps": [asdict(gap) for gap in gaps]}
        write_sealed(self.folder / "end.json", end)
        self.has_ended = True
