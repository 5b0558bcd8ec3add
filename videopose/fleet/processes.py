"""Workers that are processes of this machine: replaced when they die, no more of them than memory holds."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import cv2
import torch

from videopose.errors import VideoPoseError
from videopose.fleet.executor import Answer, Order
from videopose.fleet.job import Job
from videopose.fleet.machine import free_memory, num_cores
from videopose.fleet.worker import Worker

logger = logging.getLogger(__name__)

START_METHOD = "spawn"
"""How processes begin. A forked one would lack the threads of the libraries."""

_LOOK = 0.5
"""Seconds between two looks of a worker whether its parent is alive."""


@dataclass
class _Member:
    process: BaseProcess
    pipe: Connection
    is_busy: bool = False


class ProcessExecutor:
    """Processes of this machine.

    Args:
        job: what is asked of every clip.
        workers: how many processes are wanted.
        threads: threads of each; None to share the cores out.
        gpus: numbers of the GPUs that workers take in turn; empty to leave the choice to the job.
        prepare: called first in each process; a function of a module.
    """

    plans_alone = True

    def __init__(
        self,
        job: Job,
        workers: int,
        *,
        threads: int | None = None,
        gpus: tuple[int, ...] = (),
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._job = replace(job, device="cuda") if gpus else job
        self._wanted, self._gpus, self._prepare = workers, gpus, prepare
        self._asked_threads = threads
        self._threads = threads or max(1, num_cores() // workers)
        self._members: list[_Member | None] = [None]

    @property
    def workers(self) -> int:
        """How many there are: one, until it is known how much memory a worker needs."""
        return len(self._members)

    def grow(self, memory: int) -> None:
        """Start as many workers as are wanted and memory holds."""
        fitting = self._wanted
        if memory:
            fitting = max(1, min(fitting, 1 + int(free_memory() // memory)))
        if fitting < self._wanted:
            logger.warning(
                "%d workers instead of %d: one needs about %.1f GB, and %.1f GB are free. Close other programs, or "
                "raise the limit of the container", fitting, self._wanted, memory / 1e9, free_memory() / 1e9,
            )  # fmt: skip
            self._threads = self._asked_threads or max(1, num_cores() // fitting)
            self.cancel(0)  # it begins again with its share of the cores
        self._members += [None] * (fitting - len(self._members))

    def submit(self, worker: int, order: Order) -> None:
        """Send an order to a worker, which begins with it if it does not run yet."""
        member = self._members[worker]
        if member is None or not member.process.is_alive():
            member = self._members[worker] = self._started(worker)
        member.is_busy = True
        try:
            member.pipe.send(order)
        except OSError:  # it has died since; `wait` finds that out
            logger.debug("worker %d has died before its order came", worker)

    def wait(self, seconds: float) -> list[tuple[int, Answer]]:
        """Wait for answers, and return deaths as answers that say so."""
        busy = {number: member for number, member in enumerate(self._members) if member is not None and member.is_busy}
        if not busy:
            time.sleep(seconds)
            return []
        ready = set(
            wait([each for member in busy.values() for each in (member.pipe, member.process.sentinel)], seconds)
        )
        return [
            (number, self._heard(number, member))
            for number, member in busy.items()
            if member.pipe in ready or member.process.sentinel in ready
        ]

    def _heard(self, number: int, member: _Member) -> Answer:
        member.is_busy = False
        try:
            if member.pipe.poll():
                answer: Answer = member.pipe.recv()
                return answer
        except (EOFError, OSError):
            pass
        member.process.join(timeout=5)
        code = member.process.exitcode
        self._members[number] = None
        return Answer(error=f"the worker died ({_cause(code)})", is_lost=True)

    def cancel(self, worker: int) -> None:
        """Kill a worker; another takes its place when there is something to do."""
        member, self._members[worker] = self._members[worker], None
        if member is not None:
            _end(member)

    def close(self) -> None:
        """Kill all workers."""
        for worker in range(len(self._members)):
            self.cancel(worker)

    def _started(self, number: int) -> _Member:
        context = multiprocessing.get_context(START_METHOD)
        ours, theirs = context.Pipe()
        gpu = self._gpus[number % len(self._gpus)] if self._gpus else None
        arguments = theirs, self._job, self._threads, gpu, os.getpid(), self._prepare
        create = context.Process  # type: ignore[attr-defined] # every context has it
        process: BaseProcess = create(target=_work, args=arguments, name=f"videopose-{number}", daemon=True)
        try:
            process.start()
        except OSError as error:
            raise VideoPoseError(
                f"a worker cannot be started ({error.strerror}). Ask for fewer with --workers"
            ) from error
        theirs.close()
        return _Member(process, ours)


def _work(
    pipe: Connection, job: Job, threads: int, gpu: int | None, parent: int, prepare: Callable[[], None] | None
) -> None:
    """Do what is ordered until nobody orders any more: the body of a worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends this process
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if prepare is not None:
        prepare()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(gpu)  # read when the first network is loaded
    torch.set_num_threads(threads)
    cv2.setNumThreads(0 if threads == 1 else threads)
    worker = Worker(job)
    while True:
        try:
            order: Order = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(worker.do(order))


def _end_with(parent: int) -> None:
    """End this process when its parent has ended, however that ended."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


def _end(member: _Member) -> None:
    member.pipe.close()
    member.process.kill()
    member.process.join()


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}: out of memory, or ended by somebody" if name == "SIGKILL" else name
    return f"exit code {code}"
