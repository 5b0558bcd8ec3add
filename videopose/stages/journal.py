"""The stage that makes a run survive: what the networks gave is kept on disk, a chunk of frames at a time.

Batches, and with them the last bit of every number, must be the same whether a run was interrupted or not. So a chunk
ends where a window ends. Networks that look at nothing outside a window run on over the chunks; those that look at
neighbours of a frame run on each chunk, and the neighbours of its ends, as on a video of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Protocol

from videopose.stages.pipeline import Stage, TemporalContext
from videopose.types import Record

CHUNK = 64
"""Frames a chunk, or the next whole number of windows: what a kill can cost."""


class Store(Protocol):
    """Where chunks are kept: a whole journal, or a part of one."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to compute."""
        ...

    @property
    def next_index(self) -> int:
        """The index of the first frame that is not kept."""
        ...

    def __iter__(self) -> Iterator[Record]:
        """Return the kept records."""
        ...

    def append(self, records: Sequence[Record], /) -> None:
        """Keep a chunk."""
        ...


def chunk_size(context: TemporalContext, chunk: int = CHUNK) -> int:
    """Return how many records a chunk has: a whole number of the networks' windows."""
    return -(-chunk // context.window) * context.window


@dataclass(frozen=True)
class Journal:
    """Run the networks over what is not yet kept, keep it, and give every record from the first on.

    Records the store has already are not run again: the ones right before the first missing record serve as its
    neighbours in the past, the others are passed over. The reader may therefore begin at the first missing frame, or as
    many records ahead of it as the networks look back.

    Attributes:
        networks: the costly stages; they end with `DropImages`.
        store: where the chunks are.
        context: how far the networks look.
        chunk: records a chunk, at least.
        check: called before a chunk is kept; raises where what was read is no longer what the chunks are of.
        most: chunks to compute; None for all there are.
    """

    networks: Stage
    store: Store
    context: TemporalContext = field(default_factory=TemporalContext)
    chunk: int = CHUNK
    check: Callable[[], None] = lambda: None
    most: int | None = None

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Return the kept records, then the new ones as the networks give them."""
        yield from self.store
        if self.store.is_complete:
            return
        size = chunk_size(self.context, self.chunk)
        source = _Source(records, self.context.before, known=self.store.next_index)
        stretch, left = (self.most and self.most * size, 1) if self.context.is_closed else (size, self.most)
        while left != 0 and source.has_more():
            left = None if left is None else left - 1
            past = len(source.past)
            outputs = self.networks(source.stretch(stretch, self.context.after))
            try:
                yield from self._kept(islice(outputs, past, stretch and past + stretch), size)
            finally:
                _close(outputs)  # a thread of the networks may still look into the source

    def _kept(self, records: Iterator[Record], size: int) -> Iterator[Record]:
        """Return records and keep them, a chunk at a time."""
        chunk = []
        for record in records:
            chunk.append(record)
            yield record
            if len(chunk) == size:
                self.check()
                self.store.append(chunk)
                chunk = []
        if chunk:
            self.check()
            self.store.append(chunk)


def _close(stream: Iterator[Record]) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()


class _Source:
    """The incoming records, cut into stretches that overlap by their neighbours."""

    def __init__(self, records: Iterable[Record], before: int, *, known: int) -> None:
        self._records = iter(records)
        self._ahead: deque[Record] = deque()
        self.past: deque[Record] = deque(maxlen=before)
        while self.has_more() and self._ahead[0].frame.index < known:
            self.past.append(self._ahead.popleft())

    def has_more(self) -> bool:
        """Pull one record ahead, if there is one."""
        return bool(self._look(1))

    def _look(self, size: int) -> list[Record]:
        self._ahead.extend(islice(self._records, max(0, size - len(self._ahead))))
        return list(islice(self._ahead, size))

    def stretch(self, size: int | None, after: int) -> Iterator[Record]:
        """Return the neighbours before, `size` records of our own (None = all there are), and the neighbours after."""
        yield from list(self.past)
        for _ in count() if size is None else range(size):
            if not self.has_more():
                return
            record = self._ahead.popleft()
            self.past.append(record)
            yield record
        yield from self._look(after)
