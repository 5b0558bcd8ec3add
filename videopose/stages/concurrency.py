"""Threads under streams: one that runs ahead of its consumer, several that work on items at once."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from videopose.errors import InputError

T = TypeVar("T")
R = TypeVar("R")


def prefetch(items: Iterable[T], depth: int = 8) -> Generator[T, None, None]:
    """Run ahead of the consumer in a thread of its own, by at most `depth` items.

    What goes wrong there is raised here, in its place in the stream. When the consumer stops early, the thread
    finishes the item at hand, closes the source and ends.
    """
    if depth < 1:
        raise InputError(f"prefetch depth {depth}: give 1 or more")
    free = threading.Semaphore(depth)
    ready: queue.SimpleQueue[_Item[T]] = queue.SimpleQueue()
    stop = threading.Event()
    worker = threading.Thread(target=_fill, args=(items, free, ready, stop), name="prefetch", daemon=True)
    worker.start()
    try:
        while True:
            item = ready.get()
            free.release()
            if item.error is not None:
                raise item.error
            if item.is_last:
                return
            yield cast(T, item.value)
    finally:
        stop.set()
        free.release()
        worker.join()


def map_concurrently(work: Callable[[T], R], items: Iterable[T], at_once: int = 2) -> Generator[R, None, None]:
    """Map a function over items concurrently, in threads; the results come in the items' order.

    While the consumer holds an answer, and while the last of an item's work leaves processors free, the next item is
    under way. Items are pulled in the consumer's thread. When the consumer stops early, what is under way is finished
    and thrown away.

    Args:
        work: from an item to its answer; it runs in up to `at_once` threads at the same time.
        items: what is to be done; at most `at_once` are held.
        at_once: 1 = one after the other.
    """
    if at_once < 1:
        raise InputError(f"{at_once} items at once: give 1 or more")
    running: deque[Future[R]] = deque()
    with ThreadPoolExecutor(at_once, thread_name_prefix="overlapped") as pool:
        try:
            for item in items:
                running.append(pool.submit(work, item))
                if len(running) == at_once:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for left in running:
                left.cancel()


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T | None = None
    error: BaseException | None = None
    is_last: bool = False


def _fill(
    items: Iterable[T], free: threading.Semaphore, ready: queue.SimpleQueue[_Item[T]], stop: threading.Event
) -> None:
    stream = iter(items)
    try:
        while free.acquire() and not stop.is_set():
            try:
                ready.put(_Item(next(stream)))
            except StopIteration:
                ready.put(_Item(is_last=True))
                return
    except BaseException as error:  # noqa: BLE001 - not swallowed: it is raised in the consumer's thread
        ready.put(_Item(error=error))
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
