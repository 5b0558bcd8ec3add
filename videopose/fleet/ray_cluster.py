"""Workers that are actors of a Ray cluster, or of one that Ray starts on this machine.

Orders and answers travel, never frames: every machine sees the same folders under the same names, which a probe file
proves. Who may join a cluster is Ray's business: its token authentication is left as it is set.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import ray
import torch

from videopose.errors import InputError
from videopose.fleet.executor import Answer, Order
from videopose.fleet.job import Job
from videopose.fleet.place import Place, complaint, write_probe
from videopose.fleet.worker import Worker


class Actor:
    """What lives on the other side: a worker, in the folder the driver is in."""

    def __init__(self, job: Job, folder: str, threads: int, probe: tuple[str, str]) -> None:
        self._complaint = complaint(folder, *probe)
        if not self._complaint:
            os.chdir(folder)
        torch.set_num_threads(threads)
        cv2.setNumThreads(0 if threads == 1 else threads)
        self._worker = Worker(job)

    def do(self, order: Order) -> Answer:
        """Do what is ordered, if this machine sees the driver's files."""
        return Answer(error=self._complaint) if self._complaint else self._worker.do(order)


class RayExecutor:
    """Actors of Ray, each with its networks loaded.

    Args:
        job: what is asked of every clip.
        workers: how many actors.
        place: what each takes of the cluster.
        shared: a folder of results, which all machines must see.

    Raises:
        InputError: there is no cluster at the address.
    """

    plans_alone = True

    def __init__(self, job: Job, workers: int, place: Place, shared: Path) -> None:
        _connect(place, workers)
        self._job = replace(job, device="cuda") if place.gpus and job.device == "auto" else job
        self._place, self._probe = place, write_probe(shared)
        self._actors: list[Any] = [None] * workers  # Any: Ray's handles have no types of their own
        self._asked: dict[Any, int] = {}

    @property
    def workers(self) -> int:
        """How many there are."""
        return len(self._actors)

    def grow(self, memory: int) -> None:
        """Change nothing: how many fit is the cluster's business."""

    def submit(self, worker: int, order: Order) -> None:
        """Send an order to an actor, which is created if it is not there."""
        if self._actors[worker] is None:
            self._actors[worker] = self._created()
        self._asked[self._actors[worker].do.remote(order)] = worker

    def wait(self, seconds: float) -> list[tuple[int, Answer]]:
        """Wait for answers; an actor that died is replaced."""
        if not self._asked:
            time.sleep(seconds)
            return []
        ready, _ = ray.wait(list(self._asked), num_returns=1, timeout=seconds)
        return [(worker, self._heard(ref, worker)) for ref in ready for worker in [self._asked.pop(ref)]]

    def _heard(self, ref: Any, worker: int) -> Answer:
        try:
            answer: Answer = ray.get(ref)
        except ray.exceptions.RayError as error:
            self.cancel(worker)
            return Answer(error=f"the worker died ({str(error).strip().splitlines()[-1]})", is_lost=True)
        return answer

    def cancel(self, worker: int) -> None:
        """Kill an actor; another takes its place when there is something to do."""
        actor, self._actors[worker] = self._actors[worker], None
        self._asked = {ref: number for ref, number in self._asked.items() if number != worker}
        if actor is not None:
            ray.kill(actor)

    def close(self) -> None:
        """Kill all actors and leave the cluster; one that was started here ends."""
        for worker in range(len(self._actors)):
            self.cancel(worker)
        Path(self._probe[0]).unlink(missing_ok=True)
        ray.shutdown()

    def _created(self) -> Any:
        place = self._place
        options: dict[str, Any] = {
            "num_cpus": place.cpus,
            "num_gpus": place.gpus,
            "resources": dict(place.resources),
            "max_restarts": 0,
        }
        create = ray.remote(**options)(Actor)
        return create.remote(self._job, str(Path.cwd()), max(1, int(place.cpus)), self._probe)


def _connect(place: Place, workers: int) -> None:
    """Join a cluster, or start one that is as large as the workers need."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_worker_niceness", "0")  # of a cluster that is started here: nothing else is its purpose
    own: dict[str, Any] = {
        "num_cpus": max(1, round(workers * place.cpus)),
        "resources": _times(place.resources, workers),
    }
    try:
        ray.init(
            address=place.address or "local", include_dashboard=None if place.address else False, log_to_driver=False,
            configure_logging=False, **({} if place.address else own),
        )  # fmt: skip
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = place.address or "this machine"
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"--cluster ray: no cluster at {where} ({reason}). Check the address, or start one") from error


def _times(resources: Mapping[str, float], workers: int) -> dict[str, float]:
    return {name: amount * workers for name, amount in resources.items()}
