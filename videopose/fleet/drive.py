"""The loop between the planner and the workers: it gives orders, hears answers, and holds the locks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from videopose.errors import VideoPoseError
from videopose.fleet.executor import Answer, Executor, Order
from videopose.fleet.inputs import Input
from videopose.fleet.job import Report, failed
from videopose.fleet.layout import Done, Layout
from videopose.fleet.plan import TRIES, Planner, Task, units_wanted
from videopose.io.identity import clip_files
from videopose.io.journal_store import check_folder
from videopose.io.journal_units import Unit
from videopose.io.lock import exclusive_lock
from videopose.workflows.running import journal_folder

_LISTEN = 0.5
"""Seconds between two looks at the workers."""


class Listener(Protocol):
    """Receives what happens."""

    def ended(self, report: Report) -> None:
        """Note what became of a clip."""
        ...

    def working(self, share: float, doing: Sequence[str]) -> None:
        """Note how far everything is.

        Args:
            share: of all work that is done, 0 to 1.
            doing: what each worker does.
        """
        ...


@dataclass
class _Progress:
    """What is known of one clip."""

    layout: Layout | None = None
    done: dict[Unit, Done] = field(default_factory=dict)
    seconds: float = 0.0
    lock: ExitStack | None = None
    complaint: str = ""


class Fleet:
    """Runs clips on the workers of an executor.

    Args:
        clips: what is to be done.
        executor: who does it.
        listener: who hears of it.
        owner: beginning of the workers' names, of this call alone.
        cut_for: how many workers there will be; clips are cut for so many.
        weights: how long each clip may take, in ratio to others; None to go by the bytes of their files.
        order: weights by which clips are begun, heaviest first; None for those.
    """

    def __init__(
        self,
        clips: Sequence[Input],
        executor: Executor,
        listener: Listener,
        *,
        owner: str,
        cut_for: int,
        weights: Sequence[float] | None = None,
        order: Sequence[float] | None = None,
    ) -> None:
        self._clips, self._executor, self._listener, self._owner = clips, executor, listener, owner
        self._weights = list(weights if weights is not None else map(weight_of, clips))
        self._share = [weight / sum(self._weights) for weight in self._weights]
        self._weights = list(order) if order is not None else self._weights
        self._cut_for = cut_for
        self._planner = Planner(self._weights)
        self._known = [_Progress() for _ in clips]
        self._at: dict[int, Task] = {}
        self._orders = 0
        self._has_grown = False

    def run(self) -> None:
        """Work until every clip is done or has failed; what is under way when it is interrupted stays kept."""
        try:
            while not self._planner.is_over:
                self._give_orders()
                for worker, answer in self._executor.wait(_LISTEN):
                    self._hear(worker, answer)
                self._listener.working(self._planner.share_done, [self._doing(worker) for worker in sorted(self._at)])
        finally:
            self._executor.close()
            for known in self._known:
                self._unlock(known)

    def _give_orders(self) -> None:
        for worker in range(self._executor.workers):
            while worker not in self._at and (task := self._planner.pick(worker)) is not None:
                if task.kind == "open" and not self._may_begin(task):
                    continue
                if task.kind == "join":
                    self._unlock(self._known[task.clip])
                self._at[worker] = task
                self._executor.submit(worker, self._order(task, worker))

    def _order(self, task: Task, worker: int) -> Order:
        self._orders += 1
        return Order(
            task.kind,
            self._clips[task.clip],
            f"{self._owner}-{worker}-{self._orders}",
            unit=task.unit if isinstance(task.unit, Unit) else None,
            wanted=units_wanted(self._share[task.clip], self._cut_for),
            alone=self._executor.plans_alone,
        )

    def _may_begin(self, task: Task) -> bool:
        """Make the folder of a result and lock its journal, unless others share it; report what is against it."""
        clip, known = self._clips[task.clip], self._known[task.clip]
        try:
            clip.output.parent.mkdir(parents=True, exist_ok=True)
            if self._executor.plans_alone and known.lock is None:
                folder = journal_folder(clip.output)
                check_folder(folder)
                lock = ExitStack()
                lock.enter_context(exclusive_lock(folder))
                known.lock = lock
        except (VideoPoseError, OSError) as error:
            self._over(task.clip, failed(clip, error))
            return False
        return True

    def _hear(self, worker: int, answer: Answer) -> None:
        task = self._at.pop(worker, None)
        if not self._has_grown and not answer.is_lost:
            self._executor.grow(answer.memory)
            self._has_grown = True
        if task is None or not self._planner.is_running(task, worker):
            return
        known = self._known[task.clip]
        known.seconds += answer.seconds
        if answer.is_lost:
            known.complaint = answer.error or known.complaint
            if not self._planner.lost(task, worker):
                self._fail(task.clip, f"{known.complaint} (tried {TRIES} times)")
        elif answer.is_busy:
            self._planner.later(task, worker)
        elif answer.error:
            self._fail(task.clip, answer.error)
        elif answer.report is not None:
            self._over(task.clip, answer.report)
        elif task.kind == "open":
            known.layout = answer.layout
            self._plan(task.clip)
        else:
            assert isinstance(task.unit, Unit), "what is neither opened nor joined is a unit"
            assert answer.done is not None, "a unit that did not fail is done"
            known.done[task.unit] = answer.done
            self._plan(task.clip)
            self._cancel(self._planner.ended(task), but=worker)

    def _plan(self, clip: int) -> None:
        """Update the planner's units, the first time and whenever there turn out to be others."""
        layout, known = self._known[clip].layout, self._known[clip]
        units = (None if layout is None else layout.units(known.done)) or []
        second = self._weights[clip] / max(1, 1 if layout is None else layout.num_frames)
        parts = [(unit, second * (1 if layout is None else layout.frames_of(unit))) for unit in units]
        self._planner.opened(clip, parts)

    def _fail(self, clip: int, why: str) -> None:
        given, seconds = self._clips[clip], self._known[clip].seconds
        self._over(clip, Report(given.clip, str(given.output), "failed", seconds=seconds, error=why))

    def _over(self, clip: int, report: Report) -> None:
        self._cancel(self._planner.close(clip))
        self._unlock(self._known[clip])
        if report.state == "done":
            report = Report(
                report.clip, report.output, "done", report.frames, report.people, report.gaps,
                report.seconds + self._known[clip].seconds,
            )  # fmt: skip
        self._listener.ended(report)

    def _cancel(self, workers: Sequence[int], but: int | None = None) -> None:
        for worker in workers:
            if worker != but and self._at.pop(worker, None) is not None:
                self._executor.cancel(worker)

    def _unlock(self, known: _Progress) -> None:
        if known.lock is not None:
            known.lock.close()
            known.lock = None

    def _doing(self, worker: int) -> str:
        task = self._at[worker]
        words = {"open": "opens", "join": "joins"}.get(task.kind, "computes")
        if isinstance(task.unit, Unit):
            words += f" chunks {task.unit.first}-{'' if task.unit.stop is None else task.unit.stop - 1} of"
        return f"worker {worker} {words} {self._clips[task.clip].clip}"


def weight_of(clip: Input) -> float:
    """Estimate how long a clip takes, in ratio to others, without opening it: by the bytes of its files."""
    try:
        return float(max(1, sum(Path(path).stat().st_size for path in clip_files(clip.clip))))
    except (OSError, VideoPoseError):
        return 1.0  # what is wrong with it is said when it is opened
