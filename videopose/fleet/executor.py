"""What a worker is told and what it answers, and what every way of having workers offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from videopose.fleet.inputs import Input
from videopose.fleet.job import Report
from videopose.fleet.layout import Done, Layout
from videopose.fleet.plan import Kind
from videopose.io.journal_units import Unit


@dataclass(frozen=True, slots=True)
class Order:
    """One task for a worker: paths and small facts, never frames.

    Attributes:
        kind: open = find out what there is to do; unit = compute a part; join = link, smooth and write.
        clip: of which clip.
        owner: name of the worker and the try; no two have one name.
        unit: which part.
        wanted: into how many units the clip would best be cut.
        alone: nobody else plans this clip, so the units begin behind what is there already.
    """

    kind: Kind
    clip: Input
    owner: str
    unit: Unit | None = None
    wanted: int = 1
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order; the first that is not empty holds.

    Attributes:
        error: one line that says what is wrong.
        is_lost: nobody answered, or what went wrong may go well elsewhere; it is tried again, but not for ever.
        is_busy: somebody else is at it; it comes up again.
        report: the clip is over.
        done: the unit is there.
        layout: how the clip is cut; None if all its units are there.
        seconds: it took.
        memory: bytes a worker needs for such clips, as far as it knows.
    """

    error: str = ""
    is_lost: bool = False
    is_busy: bool = False
    report: Report | None = None
    done: Done | None = None
    layout: Layout | None = None
    seconds: float = 0.0
    memory: int = 0


class Executor(Protocol):
    """Workers somewhere, told apart by numbers from 0 on. A worker that dies is replaced under its number."""

    @property
    def workers(self) -> int:
        """How many there are."""
        ...

    @property
    def plans_alone(self) -> bool:
        """Whether nobody but the one who asks this executor works on the clips."""
        ...

    def submit(self, worker: int, order: Order) -> None:
        """Submit an order to a worker that is idle."""
        ...

    def wait(self, seconds: float) -> list[tuple[int, Answer]]:
        """Wait for answers, at most so long; each comes once."""
        ...

    def cancel(self, worker: int) -> None:
        """Stop what a worker does; it answers nothing and is idle again."""
        ...

    def grow(self, memory: int) -> None:
        """Start the other workers, now that it is known how many bytes one needs; 0 if that is not known."""
        ...

    def close(self) -> None:
        """Stop all workers at once. What they have kept stays kept."""
        ...
