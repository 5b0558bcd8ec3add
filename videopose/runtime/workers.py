"""Batches side by side on a CPU: one thread of arithmetic each, instead of all threads on one batch after another.

Small networks do not fill several cores from inside; and while one worker cuts crops or decodes heatmaps, the others
compute, so the work around the networks hides behind them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Lock
from typing import TypeVar

import cv2
import torch

T = TypeVar("T")
R = TypeVar("R")


def run_batches(work: Callable[[T], R], batches: Sequence[T], device: torch.device) -> list[R]:
    """Map a function over batches without gradients; the results come in the batches' order.

    How people are split into batches is the caller's business and never depends on the number of workers, so results
    do not either. Any number of threads may call it at once. A process that was forked works on its batches one after
    another, because the libraries' threads did not come with it.

    Args:
        work: from a batch to its answer; it may run in several threads at once.
        batches: what is to be done.
        device: with a GPU, batches follow one another: the device is parallel by itself.
    """
    without_gradients = torch.inference_mode()(work)  # the mode holds in one thread alone, so each call enters it
    workers = torch.get_num_threads()
    if device.type != "cpu" or workers < 2 or len(batches) < 2:
        return [without_gradients(batch) for batch in batches]
    with _POOLS.lent(workers) as pool:
        return list(pool.map(without_gradients, batches))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute torch in the calling thread alone for the length of the block.

    Its threads wait for one another by counting up, which costs many times the work where others use the processor.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Pools:
    """The pool of the last asked number of workers; an older one is closed when the last who uses it is done.

    While any is in use, OpenCV computes in one thread: it has one number for the whole process, and left alone would
    spread each small crop over all cores and take them from the other workers. Afterwards it has the number it had.
    """

    def __init__(self, *, steers_opencv: bool = True) -> None:
        self._steers_opencv = steers_opencv
        self._lock = Lock()
        self._newest: tuple[int, ThreadPoolExecutor] | None = None
        self._users: dict[ThreadPoolExecutor, int] = {}
        self._opencv_threads = 0

    @contextmanager
    def lent(self, workers: int) -> Iterator[ThreadPoolExecutor]:
        """Return a pool of so many workers, which stays open for the length of the block."""
        with self._lock:
            pool = self._of(workers)
            if not self._users and self._steers_opencv:
                self._opencv_threads = cv2.getNumThreads()
                cv2.setNumThreads(0)  # 0 is one after another, and its own threads are left in peace; 1 would end them
            self._users[pool] = self._users.get(pool, 0) + 1
        try:
            yield pool
        finally:
            with self._lock:
                self._users[pool] -= 1
                if not self._users[pool]:
                    del self._users[pool]
                    self._close_if_old(pool)
                if not self._users and self._steers_opencv:
                    cv2.setNumThreads(self._opencv_threads)

    def _of(self, workers: int) -> ThreadPoolExecutor:
        if self._newest is not None and self._newest[0] == workers:
            return self._newest[1]
        old, self._newest = self._newest, (workers, _started(workers))
        if old is not None:
            self._close_if_old(old[1])
        return self._newest[1]

    def _close_if_old(self, pool: ThreadPoolExecutor) -> None:
        if pool not in self._users and (self._newest is None or self._newest[1] is not pool):
            pool.shutdown(wait=False)


def _started(workers: int) -> ThreadPoolExecutor:
    """Start all workers with one thread of arithmetic each.

    PyTorch hands the last number of threads anybody has set on to every thread that begins later, so what holds outside
    the workers is set again when all of them have begun.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="videopose", initializer=_compute_alone)
    all_there = Barrier(workers + 1)
    for _ in range(workers):
        pool.submit(all_there.wait)
    all_there.wait()
    torch.set_num_threads(workers)
    return pool


def _compute_alone() -> None:
    torch.get_num_threads()  # a thread's first question brings it the number that holds everywhere; its own comes after
    torch.set_num_threads(1)


_POOLS = _Pools()


def _begin_alone() -> None:
    """Drop, in a forked process, the threads that stayed in the parent: waiting for one would never end."""
    global _POOLS
    _POOLS = _Pools(steers_opencv=False)
    torch.set_num_threads(1)  # OpenMP's own threads stayed behind too
    cv2.setNumThreads(0)  # no other number: OpenCV would wait for the threads it had to end


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_alone)
