"""The planner: which worker does what next, and what follows from a failure. It knows no clock, no file, no process.

Every decision is a function of the units, how long they are thought to take, and what was said of them so far; so a
thousand machines are simulated in seconds, by the very code that steers them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Literal

Kind = Literal["open", "unit", "join"]

TRIES = 3
"""How often a task is begun whose worker dies; then its clip has failed."""

TWICE = 0.05
"""Share of all work that is left when tasks begin to be done twice; the first result wins, both are the same."""

PER_WORKER = 64
"""Units all clips together are cut into, for each worker: the last one to finish is late by half of one."""


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work for one worker.

    Attributes:
        clip: number of the clip.
        kind: open = find out what there is to do; unit = compute a part; join = link, smooth and write.
        unit: which part.
        seconds: how long it may take; only ratios matter.
    """

    clip: int
    kind: Kind
    unit: Hashable = None
    seconds: float = field(default=0.0, compare=False)


@dataclass(slots=True)
class _Clip:
    left: float
    pending: deque[Task] = field(default_factory=deque)
    missing: set[Task] = field(default_factory=set)
    is_over: bool = False


class Planner:
    """Says what each worker does next.

    A worker stays with its clip while that has units; then it begins the longest clip nobody has begun, then helps with
    the clip most is left of, and in the end does again what another worker may be slow with.

    Attributes:
        begun: how many tasks were begun.
        planned: how many different ones.
    """

    def __init__(self, weights: Sequence[float], *, tries: int = TRIES, twice: float = TWICE) -> None:
        """Store the clips.

        Args:
            weights: how long each clip may take; only ratios matter.
            tries: how often a task is begun whose worker dies.
            twice: share of all work that is left when tasks begin to be done twice.
        """
        self._tries, self._twice = tries, twice
        self._clips = [_Clip(weight) for weight in weights]
        self._untouched = [(-weight, number) for number, weight in enumerate(weights)]
        heapify(self._untouched)
        self._total = self._left = float(sum(weights))
        self._over = 0
        self._joins: deque[Task] = deque()
        self._fullest: list[tuple[float, int]] = []
        self._home: dict[int, int] = {}
        self._running: dict[Task, list[int]] = {}
        self._oldest: deque[Task] = deque()
        self._lost: dict[Task, int] = {}
        self.begun = self.planned = 0

    @property
    def is_over(self) -> bool:
        """Whether every clip is done or has failed."""
        return self._over == len(self._clips)

    @property
    def share_done(self) -> float:
        """Share of all work that is done, 0 to 1."""
        return 1 - self._left / self._total if self._total else 1.0

    def pick(self, worker: int) -> Task | None:
        """Choose what a worker that has nothing to do begins now; None if it must wait."""
        task = self._next(worker)
        if task is None:
            task = self._again(worker)
        if task is None:
            return None
        self.begun += 1
        self._home[worker] = task.clip
        if task not in self._running:
            self._running[task] = []
            self._oldest.append(task)
        self._running[task].append(worker)
        return task

    def _next(self, worker: int) -> Task | None:
        if self._joins:
            return self._joins.popleft()
        home = self._home.get(worker)
        if home is not None and self._clips[home].pending:
            return self._clips[home].pending.popleft()
        if self._untouched:
            weight, number = heappop(self._untouched)
            self.planned += 1
            return Task(number, "open", None, -weight)
        while self._fullest:
            weight, number = heappop(self._fullest)
            pending = self._clips[number].pending
            if not pending:
                continue
            now = -sum(task.seconds for task in pending)
            if now > weight:  # others have taken some of it since
                heappush(self._fullest, (now, number))
                continue
            task = pending.popleft()
            if pending:
                heappush(self._fullest, (now + task.seconds, number))
            return task
        return None

    def _again(self, worker: int) -> Task | None:
        """Choose what has been running longest, once little is left."""
        if self._left > self._twice * self._total:
            return None
        for _ in range(len(self._oldest)):
            task = self._oldest[0]
            workers = self._running.get(task)
            self._oldest.popleft()
            if workers is None:
                continue
            self._oldest.append(task)
            if len(workers) == 1 and worker not in workers and task.kind == "unit":
                return task
        return None

    def opened(self, clip: int, units: Iterable[tuple[Hashable, float]]) -> None:
        """Record what a clip is cut into, or is cut into anew; what was planned of it before is forgotten.

        Args:
            clip: its number.
            units: parts that are not done, and how long each may take, in units of the clip's weight.
        """
        own = self._clips[clip]
        self._running.pop(Task(clip, "open"), None)
        if own.is_over:
            return
        tasks = [Task(clip, "unit", unit, seconds) for unit, seconds in units]
        left = sum(task.seconds for task in tasks)
        self._left, own.left = self._left + left - own.left, left
        kept = {task for task in tasks if task in own.missing}
        self.planned += len(tasks) - len(kept)
        own.missing = set(tasks)
        own.pending = deque(task for task in tasks if task not in self._running)
        if own.pending:
            heappush(self._fullest, (-sum(task.seconds for task in own.pending), clip))
        if not tasks:
            self._join(clip)

    def ended(self, task: Task) -> list[int]:
        """Record that a task is done; return the other workers that still do it, who can stop."""
        workers = self._running.pop(task, [])
        own = self._clips[task.clip]
        if own.is_over:
            return workers
        if task.kind == "join":
            self._close(task.clip)
        elif task in own.missing:
            own.missing.remove(task)
            self._left, own.left = self._left - task.seconds, own.left - task.seconds
            if task in own.pending:
                own.pending.remove(task)
            if not own.missing:
                self._join(task.clip)
        return workers

    def lost(self, task: Task, worker: int) -> bool:
        """Record that a worker died; its task is begun again, unless that happened too often: then the clip has failed.

        Returns:
            Whether the clip goes on.
        """
        workers = self._running.get(task, [])
        if worker in workers:
            workers.remove(worker)
        own = self._clips[task.clip]
        if own.is_over:
            return False
        self._lost[task] = self._lost.get(task, 0) + 1
        if self._lost[task] >= self._tries:
            self.close(task.clip)
            return False
        if not workers:
            self._running.pop(task, None)
            self._put_back(task)
        return True

    def later(self, task: Task, worker: int) -> None:
        """Record that a task could not be begun now, because somebody else is at it; it comes up again."""
        workers = self._running.get(task, [])
        if worker in workers:
            workers.remove(worker)
        if not workers and self._running.pop(task, None) is not None and not self._clips[task.clip].is_over:
            self._put_back(task, at_end=True)

    def _put_back(self, task: Task, *, at_end: bool = False) -> None:
        own = self._clips[task.clip]
        if task.kind == "open":
            heappush(self._untouched, (-task.seconds / (1 + at_end), task.clip))
            self.planned -= 1
        elif task.kind == "join":
            self._joins.append(task)
        elif task in own.missing:
            (own.pending.append if at_end else own.pending.appendleft)(task)
            heappush(self._fullest, (-sum(each.seconds for each in own.pending), task.clip))

    def close(self, clip: int) -> list[int]:
        """Record that nothing more is to be done for a clip; return the workers that still work on it."""
        tasks = [task for task in self._running if task.clip == clip]
        workers = [worker for task in tasks for worker in self._running.pop(task)]
        if not self._clips[clip].is_over:
            self._close(clip)
        return workers

    def is_running(self, task: Task, worker: int) -> bool:
        """Check whether what a worker does still counts."""
        return worker in self._running.get(task, ())

    def _close(self, clip: int) -> None:
        own = self._clips[clip]
        self._left -= own.left
        own.is_over = True
        own.pending.clear()
        own.missing.clear()
        self._joins = deque(task for task in self._joins if task.clip != clip) if self._joins else self._joins
        self._over += 1

    def _join(self, clip: int) -> None:
        task = Task(clip, "join")
        if task not in self._running and task not in self._joins:
            self.planned += 1
            self._joins.append(task)


def units_wanted(share: float, workers: int) -> int:
    """Return how many units a clip should be cut into.

    Args:
        share: of the clip in all work, 0 to 1.
        workers: how many there are.
    """
    return max(1, round(share * workers * PER_WORKER)) if workers > 1 else 1
