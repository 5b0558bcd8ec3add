"""Shards: the same command on many machines over one shared folder, as Slurm arrays and CI matrices start them.

Every shard plans all clips, in an order of its own, and does itself what nobody else is at. What is done, and by whom,
stands in the journals' folders; the one that finds all units of a clip done joins it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from videopose.errors import VideoPoseError
from videopose.fleet.executor import Answer, Order
from videopose.fleet.job import Job, said
from videopose.fleet.layout import Done
from videopose.fleet.leases import PATIENCE, Lease, Leases
from videopose.fleet.worker import Worker
from videopose.io.journal_units import UNITS, Unit
from videopose.io.sealed import read_sealed, write_sealed
from videopose.workflows.running import journal_folder

PAUSE = 1.0
"""Seconds to wait where others are at everything that is left."""

_OTHERS = 1e-6
"""Weight of clips that another shard begins with."""


class ShardExecutor:
    """This very process as the one worker of a shard.

    Args:
        job: what is asked of every clip.
        owner: name of the shard's process, of it alone.
        patience: seconds after which a shard that shows no sign of life is given up; None for `PATIENCE`.
        pause: seconds to wait where others are at everything that is left; None for `PAUSE`.
    """

    plans_alone = False
    workers = 1

    def __init__(self, job: Job, owner: str, *, patience: float | None = None, pause: float | None = None) -> None:
        self._worker, self._leases = Worker(job), Leases(owner, patience or PATIENCE)
        self._pause = pause or PAUSE
        self._order: Order | None = None

    def submit(self, worker: int, order: Order) -> None:
        """Remember what to do; `wait` does it."""
        self._order = order

    def wait(self, seconds: float) -> list[tuple[int, Answer]]:
        """Do what was ordered, unless somebody else has done it or is at it."""
        order, self._order = self._order, None
        if order is None:
            time.sleep(seconds)
            return []
        try:
            answer = self._do(order)
        except (VideoPoseError, OSError) as error:
            answer = Answer(error=said(error), is_lost=True)
        if answer.is_busy:
            time.sleep(self._pause)
        return [(0, answer)]

    def _do(self, order: Order) -> Answer:
        folder = journal_folder(order.clip.output) / UNITS
        if order.kind == "open":
            return self._worker.do(order)
        if order.unit is not None and (known := _known(folder, order.unit)) is not None:
            return Answer(done=known)
        lease = self._lease(folder, "join" if order.unit is None else str(order.unit))
        if lease is not None:
            with lease:
                answer = self._leased(folder, order)
            if not answer.error or folder.parent.is_dir():
                return answer
        elif folder.parent.is_dir():
            return Answer(is_busy=True)
        return self._worker.do(replace(order, kind="join", unit=None))  # somebody has joined it, so it is finished

    def _lease(self, folder: Path, name: str) -> Lease | None:
        """Acquire a lease; None if somebody else has it, or the folder is gone."""
        try:
            folder.mkdir(exist_ok=True)
            return self._leases.take(folder / f"{name}.lease")
        except FileNotFoundError:
            return None

    def _leased(self, folder: Path, order: Order) -> Answer:
        """Do what nobody else is at, and leave word of it."""
        if order.unit is None:
            for left in folder.glob("*-*.lease"):  # all units are done, so nobody is at one
                left.unlink(missing_ok=True)
        answer = self._worker.do(order)
        if answer.done is not None and order.unit is not None:
            done = answer.done
            facts = {"chunks": done.chunks, "last": done.last, "has_ended": done.has_ended}
            write_sealed(_marker(folder, order.unit), facts)
        return answer

    def cancel(self, worker: int) -> None:
        """Drop what was ordered."""
        self._order = None

    def grow(self, memory: int) -> None:
        """Stay alone: other shards are other processes."""

    def close(self) -> None:
        """Do nothing: the process ends by itself, and its leases end with it."""


def _marker(folder: Path, unit: Unit) -> Path:
    return folder / f"{unit}.done.json"


def _known(folder: Path, unit: Unit) -> Done | None:
    """Return what another shard says of a unit it has done."""
    facts = read_sealed(_marker(folder, unit))
    return None if not facts else Done(int(facts["chunks"]), int(facts["last"]), bool(facts["has_ended"]))


def own_first(weights: Sequence[float], shard: int, shards: int) -> list[float]:
    """Return weights by which each shard begins with clips of its own, and helps with the others' afterwards.

    Args:
        weights: of all clips, the same for all shards.
        shard: number of this one, from 1 on.
        shards: how many there are.

    Example:
        >>> own_first([4.0, 4.0, 2.0], 2, 2)
        [4e-06, 4.0, 2e-06]
    """
    return [weight if number % shards == shard - 1 else weight * _OTHERS for number, weight in enumerate(weights)]
