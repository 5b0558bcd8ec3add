"""Run a function over many inputs in processes, results in the order of the inputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Input = TypeVar("Input")
Output = TypeVar("Output")

_WORTH_A_POOL = 8  # fewer inputs are done sooner than processes are started


def run_all(function: Callable[[Input], Output], inputs: Sequence[Input], workers: int | None = None) -> list[Output]:
    """Apply a function to every input.

    Args:
        function: importable by name, so that another process can find it.
        inputs: small things to send there, such as paths.
        workers: processes; one per core by default, 1 = this one.

    Returns:
        One result per input, in order. An error of any input is raised here, that of the earliest input first.
    """
    count = os.cpu_count() or 1 if workers is None else workers
    if count <= 1 or (workers is None and len(inputs) < _WORTH_A_POOL):
        return [function(each) for each in inputs]
    with ProcessPoolExecutor(min(count, len(inputs))) as pool:
        return list(pool.map(function, inputs, chunksize=max(1, len(inputs) // (4 * count))))
