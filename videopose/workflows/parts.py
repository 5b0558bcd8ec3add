"""Parts of a run, computed apart from one another: how far it reaches, one unit of it, and what the whole is of.

These functions are friends of `Run`: they use what it keeps from its users, who iterate over it and need none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from videopose.errors import InputError
from videopose.io.base import VideoReader
from videopose.io.journal_store import JournalStore, check_identity, mark_of
from videopose.io.journal_units import Unit, UnitStore
from videopose.io.result import JsonObject
from videopose.stages.journal import Journal, chunk_size
from videopose.types import Record
from videopose.workflows.recipe import LoadedNetworks
from videopose.workflows.running import Run, journal_folder


@dataclass(frozen=True)
class Extent:
    """How far the costly half of a run reaches, and in what steps.

    Attributes:
        num_frames: selected frames, if none is missing.
        first: index of the first of them.
        every: from one to the next.
        size: records a chunk.
        before: records the networks need before one.
        after: records they need after one.
        decoding_start: from the index of a frame to that of the frame decoding begins at to reach it.
    """

    num_frames: int
    first: int
    every: int
    size: int
    before: int
    after: int
    decoding_start: Callable[[int], int]


def use_networks(run: Run, networks: LoadedNetworks) -> None:
    """Set the networks of a run, which are loaded already.

    Raises:
        InputError: they are not those the run says it is of.
    """
    networks.check(run._used)
    run._loaded = networks


def identity_of(run: Run) -> JsonObject:
    """Return what everybody who computes a part of a run must have in common."""
    return run._used


def extent_of(run: Run) -> Extent:
    """Find out how far a run reaches; loads its networks, which know how far they look."""
    context, reader = run._networks().context, run._reader
    return Extent(
        num_frames=reader.num_frames,
        first=reader.index_of(0),
        every=int(run._asked["every"]),
        size=chunk_size(context),
        before=context.before,
        after=context.after,
        decoding_start=reader.decoding_start,
    )


def prepare_journal(run: Run) -> JournalStore:
    """Get the journal of a run's result ready for units. Only for the holder of its lock.

    Raises:
        ConfigError: the folder holds the journal of another run.
        VideoPoseError: the folder cannot be written to.
    """
    assert run._store is not None, "a run with an output has a journal"
    run._store.prepare(keep_units=True)
    run._store.begin()
    return run._store


def compute_unit(run: Run, output: Path, unit: Unit, owner: str) -> UnitStore:
    """Compute the chunks of a unit into a folder of their own, as far as nobody has done so before.

    Args:
        run: of the same clip and options, whatever its own output.
        output: the result the chunks are for.
        unit: which chunks.
        owner: who computes them; no two at a time have one name.

    Raises:
        VideoPoseError: as the stages do; the disk is full or the folder cannot be written to.
    """
    folder = journal_folder(output)
    if not check_identity(folder, run._used, str(run.clip)):
        raise InputError(f"{folder}: is gone, or does not say which run it is of. Type the same command again")
    store = UnitStore(folder, mark_of(run._used), unit, owner)
    if store.is_complete:
        return store
    networks = run._networks()
    journal = Journal(networks, store, networks.context, check=run._watched.check, most=store.num_missing)
    every = int(run._asked["every"])
    for _ in run._posed(journal, records_behind(run._reader, store.next_index - 1, networks.context.before, every)):
        pass
    if not store.is_complete:  # the video is over
        last = store.next_index - 1
        store.finish([gap for gap in run._reader.gaps if gap.first > last])
    return store


def records_behind(reader: VideoReader, last: int, before: int, every: int = 1) -> Iterator[Record]:
    """Read on behind a record, with as many records before as are asked for, if the video has them.

    Frames that cannot be decoded are no records, so how far back to begin shows on the way.

    Args:
        reader: of the video.
        last: index of the record; -1 for none, and everything is read.
        before: records before the next one.
        every: from one selected frame to the next.
    """
    reach = before
    while True:
        since = max(0, last + 1 if not before else last - (reach - 1) * every)
        stream = iter(reader.records(since=since if last >= 0 else 0))
        past: list[Record] = []
        head: Record | None = None
        for record in stream:
            if record.frame.index > last:
                head = record
                break
            past.append(record)
        if len(past) >= before or since <= reader.index_of(0) or last < 0:
            break
        reach *= 2
    yield from past[max(0, len(past) - before) :]
    if head is not None:
        yield head
        yield from stream
