"""Batches side by side on a CPU: one thread of arithmetic each, instead of all threads on one batch after another.

Small networks do not fill several cores from inside; and while one worker cuts crops or decodes heatmaps, the others
compute, so the work around the networks hides behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import TypeVar

import cv2
import torch

T = TypeVar("T")
R = TypeVar("R")


def run_batches(work: Callable[[T], R], batches: Sequence[T], device: torch.device) -> list[R]:
    """Do the same work on every batch, recording no gradients; the answers come in the batches' order.

    How people are split into batches is the caller's business and never depends on the number of workers, so results
    do not either.

    Args:
        work: from a batch to its answer; it may run in several threads at once.
        batches: what is to be done.
        device: with a GPU, batches follow one another: the device is parallel by itself.
    """
    without_gradients = torch.inference_mode()(work)  # the mode holds in one thread alone, so each call enters it
    workers = torch.get_num_threads()
    if device.type != "cpu" or workers < 2 or len(batches) < 2:
        return [without_gradients(batch) for batch in batches]
    return list(_pool(workers).map(without_gradients, batches))


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    """Start all workers with one thread of arithmetic each.

    PyTorch hands the last number of threads anybody has set on to every thread that begins later, so what holds outside
    the workers is set again when all of them have begun. OpenCV has one number for the whole process; left alone, it
    would spread each small crop over all cores and take them from the other workers.
    """
    cv2.setNumThreads(1)
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
