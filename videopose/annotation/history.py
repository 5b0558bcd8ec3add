"""The state of a result under a log of edits: operations done, undone and done again, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from videopose.annotation import operations
from videopose.annotation.log import BEGIN, Line, Uuid, now
from videopose.annotation.operations import Operation
from videopose.annotation.poses import plan
from videopose.annotation.sheet import Delta, Sheet
from videopose.errors import DatasetError, InputError

UNDO, REDO = "undo", "redo"


@dataclass(frozen=True)
class Step:
    """An operation that was done.

    Attributes:
        seq: number of its line.
        operation: what was asked.
        deltas: what it changed.
    """

    seq: int
    operation: Operation
    deltas: tuple[Delta, ...]

    def frames(self, sheet: Sheet) -> tuple[int, int] | None:
        """Return the first and last frame in which anything changed; None = nowhere."""
        spans = [sheet.frame[each.rows] for each in self.deltas if len(each.rows)]
        if not spans:
            return None
        return min(int(rows.min()) for rows in spans), max(int(rows.max()) for rows in spans)


@dataclass(frozen=True)
class Change:
    """What a line is about to do: planned, and not yet done.

    Attributes:
        op: `undo`, `redo` or the name of the operation.
        step: the operation that is done, undone or done again.
        args: what the log says of it.
    """

    op: str
    step: Step
    args: dict[str, Any]


class History:
    """A sheet and the operations on it.

    Attributes:
        sheet: the state after all of them.
        done: operations that hold, in order.
        undone: operations that were taken back, the latest last; any new operation clears them.
        seq: number of the last line.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self.seq = -1

    def plan(self, op: str, args: Mapping[str, Any], where: str) -> Change:
        """Plan what the next line changes; nothing is done yet.

        Args:
            op: name of an operation, `undo` or `redo`.
            args: its fields; for `undo` and `redo` the `seq` of the operation meant, or nothing for the last one.
            where: for messages.

        Raises:
            DatasetError: there is no such operation, or its fields are wrong.
            InputError: it cannot be done here.
        """
        if op in (UNDO, REDO):
            stack = self.done if op == UNDO else self.undone
            if not stack:
                raise InputError(f"{where}: there is nothing to {op}")
            if set(args) - {"seq"} or args.get("seq", stack[-1].seq) != stack[-1].seq:
                raise InputError(f"{where}: the next operation to {op} is number {stack[-1].seq}")
            return Change(op, stack[-1], {"seq": stack[-1].seq})
        operation = operations.parse(op, args, where)
        step = Step(self.seq + 1, operation, tuple(plan(self.sheet, operation)))
        return Change(op, step, operations.arguments(operation))

    def line(self, change: Change, uuid: Uuid, presses: int = 0) -> Line:
        """Write the line that says so.

        Raises:
            InputError: the uuid or the number of key presses makes no sense.
        """
        try:
            return Line(seq=self.seq + 1, uuid=uuid, time=now(), op=change.op, args=change.args, presses=presses)
        except ValidationError as error:
            found = error.errors()[0]
            raise InputError(f"{found['loc'][0]}: {found['msg']}. Give 8 to 64 letters and digits") from error

    def do(self, change: Change) -> None:
        """Do what was planned last."""
        self.seq += 1
        if change.op == UNDO:
            self.undone.append(self.done.pop())
            self.sheet.revert(change.step.deltas)
        else:
            if change.op == REDO:
                self.undone.pop()
            else:
                self.undone.clear()
            self.sheet.apply(change.step.deltas)
            self.done.append(change.step)

    def replay(self, lines: Iterable[Line], source: str) -> None:
        """Do what a log says.

        Raises:
            DatasetError: a line cannot be done: the log is of another result.
        """
        for line in lines:
            if line.op == BEGIN:
                self.seq = line.seq
                continue
            where = f"{source}: line {line.seq + 1}"
            try:
                self.do(self.plan(line.op, line.args, where))
            except InputError as error:
                raise DatasetError(f"{where}: cannot be done ({error}). Are these edits of this result?") from error
