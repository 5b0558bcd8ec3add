"""The journal on disk: finished chunks of records that outlive a kill, beside the result they will become.

`<result>.partial/` holds `journal.json` (what the run is: video, config, weights), `000000.arrow`, `000001.arrow` …
(a chunk each: written, brought to the disk, renamed) and, once every frame is there, `end.json`, which says how many
records there are and what the chunks' checksums are. A journal is believed only as far as all of that agrees.

Several workers leave chunks in folders of their own, `units/` (`videopose.io.journal_units`); whoever holds the lock
takes over what follows on.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from videopose.errors import ConfigError, DatasetError, InputError, InUseError, VideoPoseError
from videopose.io.identity import difference
from videopose.io.journal_chunk import RUN_BYTES, Chunk, check_chunk, read_table, records_from, write_chunk
from videopose.io.journal_units import UNITS, Known, known_chunks, link
from videopose.io.lock import refuse_link
from videopose.io.result import JsonObject, cannot_write, sync_folder
from videopose.io.sealed import canonical, read_sealed, write_sealed
from videopose.skeletons import Skeleton
from videopose.types import Gap, Record

logger = logging.getLogger(__name__)

SCHEMA = "videopose-journal/3"

_OURS = re.compile(rf"(journal\.json|end\.json|lock|\d{{6,}}\.arrow)(\.part)?|{UNITS}|\..*")
"""Names of a journal's files; those that begin with a dot are the system's."""


class JournalStore:
    """The chunks of one run.

    Making one only looks; the folder is changed once there is something to keep, or by `prepare`.

    Attributes:
        folder: where they lie.
        run: what stands for the run in the head of its chunks.

    Args:
        folder: where they lie; made when the first chunk is written.
        identity: what the chunks are of: everything that changes them. Compared when a run goes on.
        clip: what the run reads, for messages; not compared.
        skeleton: of the poses, which get it back when they are read.
        restart: take what is there for nothing, whatever it is of.

    Raises:
        ConfigError: the folder holds the journal of another run; the message names what differs.
        InputError: the folder is a link, or holds files that no run has left.
    """

    def __init__(
        self,
        folder: Path,
        identity: JsonObject,
        *,
        clip: str = "",
        skeleton: Skeleton | None = None,
        restart: bool = False,
    ) -> None:
        self.folder, self._skeleton = folder, skeleton
        self._identity: JsonObject = json.loads(json.dumps(identity))  # as it will be read back: tuples are lists
        self.run = mark_of(self._identity)
        self._clip = clip
        self._restart = restart
        self._is_prepared = False
        self._chunks: list[Chunk] = []
        self._end: JsonObject | None = None
        self._look()

    def _look(self) -> bool:
        """Find out what is there; say whether it is of this run."""
        check_folder(self.folder)
        self._chunks, self._end = [], None
        if self._restart or not self._is_identified():
            return False
        self._chunks = list(self._whole_chunks())
        self._end = self._read_end()
        return True

    def _is_identified(self) -> bool:
        """Check whether the folder knows which run it is of, which must then be this one."""
        return check_identity(self.folder, self._identity, self._clip)

    def _whole_chunks(self) -> Iterator[Chunk]:
        """Return chunks 0, 1, 2 … up to the first that is missing or damaged; what comes after that is of no use."""
        last = -1
        for number in range(len(list(self.folder.glob("*.arrow")))):
            try:
                chunk = check_chunk(self._chunk_path(number), self.run, number)
            except DatasetError as error:
                logger.warning("%s: it and what follows are computed again", error.args[0].partition(". Type")[0])
                return
            if chunk.first <= last:
                logger.warning("%s: repeats frames before it; it is computed again", chunk.path)
                return
            last = chunk.last
            yield chunk

    def _chunk_path(self, number: int) -> Path:
        return self.folder / f"{number:06}.arrow"

    def _read_end(self) -> JsonObject | None:
        """Read the end marker; None if there is none, or it is not the end of the chunks that are there."""
        end = read_sealed(self.folder / "end.json")
        is_theirs = end is not None and end.get("records") == self.num_records and end.get("chunks") == self._checksums
        return end if is_theirs else None

    @property
    def _checksums(self) -> list[int]:
        return [chunk.checksum for chunk in self._chunks]

    @property
    def num_records(self) -> int:
        """Return the number of records kept."""
        return sum(chunk.num_records for chunk in self._chunks)

    @property
    def num_chunks(self) -> int:
        """Return the number of chunks kept."""
        return len(self._chunks)

    @property
    def next_index(self) -> int:
        """The index of the first frame that is not kept; 0 at the beginning."""
        return self._chunks[-1].last + 1 if self._chunks else 0

    def index_before(self, count: int) -> int:
        """Return the index of the kept record `count` places before the first missing one; 0 if there are fewer."""
        indices: list[int] = []
        for chunk in reversed(self._chunks):
            if len(indices) >= count:
                break
            indices = read_table(chunk, self.run)["index"].to_pylist() + indices
        return indices[-count] if 0 < count <= len(indices) else (0 if count else self.next_index)

    @property
    def is_complete(self) -> bool:
        """Whether every frame of the video is kept."""
        return self._end is not None

    def __iter__(self) -> Iterator[Record]:
        """Return the kept records from the first on, a chunk in memory at a time.

        Raises:
            DatasetError: a chunk was damaged since it was checked.
        """
        for chunk in list(self._chunks):
            yield from records_from(read_table(chunk, self.run), self._skeleton)

    def gaps(self) -> list[Gap]:
        """Return all gaps that are kept: those before each record, and those at the end of the video."""
        tables = (read_table(chunk, self.run) for chunk in self._chunks)
        found = [gap for table in tables for row in table["gaps"].to_pylist() for gap in row]
        return [Gap(**gap) for gap in (*found, *(self._end["gaps"] if self._end is not None else ()))]

    def prepare(self, *, keep_units: bool = False) -> None:
        """Read the folder again, take over what workers have left, and delete what is of no use.

        Only for the holder of its lock. Files go in an order in which what is left is, after every one of them, a
        journal that can be gone on with.

        Args:
            keep_units: leave workers' chunks that do not follow on where they are: others will fill the hole.

        Raises:
            InUseError: shards are at work there.
        """
        _sweep(gone_folder(self.folder))
        is_ours = self._look()
        if is_ours and not self.is_complete:
            self._take_over(known_chunks(self.folder, self.run))
        if is_ours and not keep_units:
            _refuse_while_leased(self.folder)
        if not (is_ours and keep_units):
            shutil.rmtree(self.folder / UNITS, ignore_errors=True)
        kept = {"lock", UNITS, *(chunk.path.name for chunk in self._chunks), *(["journal.json"] if is_ours else [])}
        kept |= {"end.json"} if self.is_complete else set()
        useless = {path.name for path in _files(self.folder) if not path.name.startswith(".")} - kept
        if not is_ours and not self._restart and any(name.endswith((".arrow", "end.json")) for name in useless):
            logger.warning("%s: does not say which run it is of; it is thrown away", self.folder)
        for name in sorted(useless, key=_order_of_removal):
            (self.folder / name).unlink(missing_ok=True)
        self._restart, self._is_prepared = False, True

    def _take_over(self, known: Known) -> None:
        """Link workers' chunks into the journal, as far as each follows on the one before."""
        while (path := known.chunks.get((len(self._chunks), self.next_index - 1))) is not None:
            number = len(self._chunks)
            try:
                link(path, self._chunk_path(number))
                self._chunks.append(check_chunk(self._chunk_path(number), self.run, number))
            except (DatasetError, OSError) as error:
                logger.warning("%s: cannot be taken over (%s); it is computed again", path, error)
                return
        gaps = known.ends.get((len(self._chunks), self.next_index - 1))
        if gaps is not None:
            self._is_prepared = True
            self.finish(gaps)

    def begin(self) -> None:
        """Make the folder, which then says which run it is of, so that workers may leave chunks there."""
        self._begin()

    def append(self, records: Sequence[Record]) -> None:
        """Keep a chunk; when this returns, it outlives a power cut.

        Raises:
            VideoPoseError: the disk is full or the folder cannot be written to. What is kept stays.
        """
        if not records:
            return
        self._begin()
        number = len(self._chunks)
        with self._explain_disk_error():
            self._chunks.append(write_chunk(self._chunk_path(number), self.run, number, records))

    def finish(self, gaps: Sequence[Gap]) -> None:
        """Mark the journal as complete: every frame is kept.

        Args:
            gaps: frames lost behind the last record.
        """
        self._begin()
        end: JsonObject = {
            "records": self.num_records,
            "chunks": self._checksums,
            "gaps": [asdict(gap) for gap in gaps],
        }
        self._write_sealed("end.json", end)
        self._end = end

    def remove(self) -> None:
        """Delete the journal: its result is whole. It loses its name before its files."""
        self._chunks, self._end, self._is_prepared = [], None, False
        gone = gone_folder(self.folder)
        _sweep(gone)
        try:
            self.folder.rename(gone)
        except OSError:  # not there; or, on Windows, the lock in it is open
            shutil.rmtree(self.folder, ignore_errors=True)
        _sweep(gone)

    def _begin(self) -> None:
        if not self._is_prepared:
            self.prepare()
        if (self.folder / "journal.json").exists():
            return
        try:
            self.folder.mkdir(exist_ok=True)
            sync_folder(self.folder.parent)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        self._write_sealed("journal.json", {"schema": SCHEMA, "clip": self._clip, "identity": self._identity})

    def _write_sealed(self, name: str, facts: JsonObject) -> None:
        with self._explain_disk_error():
            write_sealed(self.folder / name, facts)

    def _explain_disk_error(self) -> _ResumableError:
        return _ResumableError(self)


def mark_of(identity: JsonObject) -> bytes:
    """Return what stands for a run in the head of its chunks."""
    return hashlib.sha256(canonical(json.loads(json.dumps(identity)))).digest()[:RUN_BYTES]


def check_identity(folder: Path, identity: JsonObject, clip: str = "") -> bool:
    """Check whether a folder knows which run its chunks are of, which must then be this one.

    Args:
        folder: a journal's.
        identity: of the run that would use it.
        clip: what that run reads, for the message.

    Raises:
        ConfigError: they are of another run; the message names what differs.
    """
    begun = read_sealed(folder / "journal.json")
    if begun is None:
        return False
    if begun.get("schema") != SCHEMA:
        raise ConfigError(
            f"{folder}: an unfinished run of another version of videopose. Finish it there, or start over "
            "with --restart"
        )
    changes = difference(begun["identity"], json.loads(json.dumps(identity)))
    if changes:
        more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
        of = f" of {begun['clip']}" if begun["clip"] not in ("", clip) else ""
        raise ConfigError(
            f"{folder}: an unfinished run{of} was begun with other settings: {changes[0]}{more}. "
            "Type its command again to go on with it, or start over with --restart"
        )
    return True


def _refuse_while_leased(folder: Path) -> None:
    """Raise `InUseError` if shards are at work there: they hold no lock, and their units would be deleted."""
    if any((folder / UNITS).glob("*-*.lease")):
        raise InUseError(
            f"{folder}: shards are at work on it, or were when they ended. Go on with --shard, or start over with "
            "--restart"
        )


class _ResumableError:
    """Adds to an error of the disk that nothing is lost."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, VideoPoseError):
            kept = f"the {self._store.num_records} frames done so far are kept; type the same command again to go on"
            raise VideoPoseError(f"{error}; {kept}") from error


def check_folder(folder: Path) -> None:
    """Raise `InputError` unless a journal may lie there: it is no link, and holds nothing that no run has left."""
    refuse_link(folder)
    foreign = next((path.name for path in _files(folder) if not _OURS.fullmatch(path.name)), None)
    if foreign is not None:
        raise InputError(
            f"{folder}: a run would keep its own files there, but it holds {foreign}. Move it, or choose another -o"
        )


def clip_of(folder: Path) -> str:
    """Return the clip of the unfinished run in a folder; empty if there is none or it does not say."""
    return str((read_sealed(folder / "journal.json") or {}).get("clip", ""))


def gone_folder(folder: Path) -> Path:
    """Return what a journal is called while its files are deleted."""
    return folder.with_name(folder.name + ".gone")


def _sweep(gone: Path) -> None:
    """Delete a journal that lost its name, if that is what lies there."""
    if gone.is_dir() and not gone.is_symlink() and all(_OURS.fullmatch(path.name) for path in gone.iterdir()):
        shutil.rmtree(gone, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _order_of_removal(name: str) -> tuple[int, int]:
    """Sort the end marker first, then chunks from the last to the first, then what says of which run they are."""
    if name.endswith(".arrow"):
        return 1, -int(name.partition(".")[0])
    return (2, 0) if name == "journal.json" else (0, 0)
