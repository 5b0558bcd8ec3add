"""The stage that makes a run survive: what the networks gave is kept on disk, a chunk of frames at a time.

The networks run on each chunk as on a video of its own. So the batches, and with them the last bit of every number,
are the same whether a run was interrupted or not, and a run that goes on gives the same bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from videopose.io.journal_store import JournalStore
from videopose.stages.flow import Stage
from videopose.types import Record

CHUNK = 64
"""Frames a chunk: what a kill can cost, against one batch that is not full at the end of each."""


@dataclass(frozen=True)
class Journal:
    """Run the networks over what is not yet kept, keep it, and give every record from the first on.

    Records the store has already are not run again: the ones right before the first missing record serve as its
    `before` neighbours, the others are passed over. The reader may therefore begin at the first missing frame, or
    `before` records ahead of it.

    Attributes:
        networks: the costly stages; they end with `DropImages`.
        store: where the chunks are.
        chunk: records a chunk.
        before: how many records of the past the networks look at.
        after: how many records of the future they look at.
    """

    networks: Stage
    store: JournalStore
    chunk: int = CHUNK
    before: int = 0
    after: int = 0

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Give the kept records, then the new ones as the networks give them."""
        yield from self.store
        if self.store.is_complete:
            return
        source = _Source(records, self.before, known=self.store.next_index)
        while source.has_more():
            kept = []
            past = len(source.past)
            outputs = self.networks(source.chunk(self.chunk, self.after))
            try:
                for record in islice(outputs, past, past + self.chunk):
                    kept.append(record)
                    yield record
            finally:
                _close(outputs)  # a thread of the networks may still look into the source
            self.store.append(kept)


def _close(stream: Iterator[Record]) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()


class _Source:
    """The incoming records, cut into chunks that overlap by their neighbours."""

    def __init__(self, records: Iterable[Record], before: int, *, known: int) -> None:
        self._records = iter(records)
        self._ahead: deque[Record] = deque()
        self.past: deque[Record] = deque(maxlen=before)
        while self.has_more() and self._ahead[0].frame.index < known:
            self.past.append(self._ahead.popleft())

    def has_more(self) -> bool:
        """Pull one record ahead, if there is one."""
        return bool(self._look(1))

    def _look(self, count: int) -> list[Record]:
        self._ahead.extend(islice(self._records, max(0, count - len(self._ahead))))
        return list(islice(self._ahead, count))

    def chunk(self, size: int, after: int) -> Iterator[Record]:
        """Give the neighbours before, `size` records of our own, and the neighbours after."""
        yield from list(self.past)
        for _ in range(size):
            if not self.has_more():
                return
            record = self._ahead.popleft()
            self.past.append(record)
            yield record
        yield from self._look(after)
