"""One result on the desk: its state under the log of edits, and everything the page asks of it."""

from __future__ import annotations

import secrets
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videopose.annotation.doubts import Doubt, find_doubts, summary
from videopose.annotation.history import REDO, UNDO, Change, History
from videopose.annotation.log import EditLog, Line, log_of
from videopose.annotation.marks import presses_a_minute
from videopose.annotation.plans import OverlapError
from videopose.annotation.relink import relink
from videopose.annotation.sheet import Sheet
from videopose.errors import InputError
from videopose.io.base import VideoReader
from videopose.io.lock import exclusive_lock
from videopose.io.results import read_result
from videopose.types import VideoInfo
from videopose.workflows.running import journal_folder

JsonObject = dict[str, Any]
"""What is sent to the page."""

LISTED = 300
"""Doubtful moments that are sent at once."""


class StaleError(InputError):
    """The page has not seen the latest edits.

    Attributes:
        lines: those it has not seen.
    """

    def __init__(self, lines: list[Line]) -> None:
        super().__init__(f"{len(lines)} edits were made meanwhile. Look at them first")
        self.lines = lines


@dataclass
class Progress:
    """How far a session is: `running` networks, `loading`, `ready` or `failed`.

    Attributes:
        phase: see above.
        done: frames of the run.
        total: likewise.
        error: why it failed.
    """

    phase: str = "loading"
    done: int = 0
    total: int = 0
    error: str = ""


@dataclass(eq=False)
class Session:
    """A result and its log, held by a lock so that nobody else writes them. Methods may be called from any thread.

    Attributes:
        clip: the video.
        result: its poses.
        info: of the video.
        times: (F,) seconds of every frame of the video.
        progress: how far loading is.
        nonce: tells this session's frames from those of another one at the same address.
    """

    clip: Path
    result: Path
    info: VideoInfo
    times: list[float]
    progress: Progress = field(default_factory=Progress)
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    _stack: ExitStack = field(default_factory=ExitStack)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _history: History | None = None
    _log: EditLog | None = None
    _uuids: dict[str, int] = field(default_factory=dict)
    _doubts: tuple[int, list[Doubt]] | None = None

    @staticmethod
    def of(clip: Path, result: Path, reader: VideoReader) -> Session:
        """Prepare a session; `load` reads the result."""
        return Session(clip, result, reader.info, reader.times())

    def load(self) -> None:
        """Lock the result, read it and replay its log.

        Raises:
            InputError: another process holds the result, or the log is of another one.
            DatasetError: the result or the log is damaged.
        """
        self._stack.enter_context(exclusive_lock(journal_folder(self.result)))
        stored = read_result(self.result)
        history = History(Sheet.read(stored))
        if len(history.sheet.index) and history.sheet.index[-1] >= len(self.times):
            raise InputError(
                f"{self.result}: has frame {history.sheet.index[-1]}, and {self.clip} only {len(self.times)} frames. "
                "Give the video the result was made of"
            )
        log = EditLog.open(log_of(self.result), self.result, "begin-of-log")
        history.replay(log.lines, str(log.path))
        with self._lock:
            self._history, self._log = history, log
            self._uuids = {line.uuid: line.seq for line in log.lines}
            self.progress = Progress("ready")

    def close(self) -> None:
        """Release the result."""
        with self._lock:
            if self._log is not None:
                self._log.close()
                self._log = None
            self._stack.close()

    @property
    def history(self) -> History:
        """Return the state.

        Raises:
            InputError: the result is not there yet.
        """
        if self._history is None:
            raise InputError("the result is not ready yet. Wait until it is")
        return self._history

    @property
    def lock(self) -> threading.RLock:
        """Return what is held while the state is read or changed."""
        return self._lock

    def edit(self, request: JsonObject) -> JsonObject:
        """Do one operation: plan it, bring its line to the disk, change the state, answer.

        Args:
            request: `uuid`, the `seq` of the last line the page has seen, `op`, `args` and `presses`.

        Raises:
            StaleError: the page has not seen the latest lines.
            VideoPoseError: the operation makes no sense here, or the disk is full.
        """
        with self._lock:
            history, uuid = self.history, request.get("uuid")
            if isinstance(uuid, str) and uuid in self._uuids:
                return self._answer(self._lines()[self._uuids[uuid]], None)
            self.check_fresh(request)
            args, presses = request.get("args", {}), request.get("presses", 0)
            if not isinstance(args, dict):
                raise InputError(f"args is {type(args).__name__}; an operation's fields are a JSON object")
            change = history.plan(str(request.get("op")), args, "the page")
            return self.do(change, str(uuid), presses if isinstance(presses, int) else 0)

    def do(self, change: Change, uuid: str, presses: int = 0) -> JsonObject:
        """Write the line of a planned change, and change the state; the lock is held."""
        history, log = self.history, self._log
        if log is None:
            raise InputError("the desk is being closed")
        line = history.line(change, uuid, presses)
        log.append(line)
        history.do(change)
        self._uuids[line.uuid] = line.seq
        return self._answer(line, change)

    def check_fresh(self, request: JsonObject) -> None:
        """Raise `StaleError` unless a request has seen the latest line."""
        seq = request.get("seq")
        if not isinstance(seq, int) or isinstance(seq, bool) or not -1 <= seq <= self.history.seq:
            raise InputError(f"seq is {str(seq)[:20]!r}, and the last line has {self.history.seq}")
        if seq < self.history.seq:
            raise StaleError(self._lines()[seq + 1 :])

    def _lines(self) -> list[Line]:
        return [] if self._log is None else self._log.lines

    def _answer(self, line: Line, change: Change | None) -> JsonObject:
        span = None if change is None else change.step.frames(self.history.sheet)
        return {"line": _brief(line), "seq": self.history.seq, "changed": span, **self._stacks()}

    def _stacks(self) -> JsonObject:
        history = self.history
        return {
            "undo": history.done[-1].operation.op if history.done else None,
            "redo": history.undone[-1].operation.op if history.undone else None,
        }

    def state(self) -> JsonObject:
        """Return what the page shows once: video, skeleton, how far loading is, and the last line's number."""
        height, width = self.info.size_hw
        facts: JsonObject = {
            "clip": self.clip.name, "result": self.result.name, "frames": len(self.times), "width": width,
            "height": height, "frame_rate": float(self.info.frame_rate), "nonce": self.nonce,
            "phase": self.progress.phase,
            "done": self.progress.done, "total": self.progress.total, "error": self.progress.error, "seq": -1,
        }  # fmt: skip
        if self.progress.phase != "ready":
            return facts
        with self._lock:
            sheet = self.history.sheet
            gaps = [{"first": gap.first, "last": gap.last, "reason": gap.reason} for gap in sheet.header.gaps]
            skeleton = sheet.skeleton
            return facts | self._stacks() | {
                "seq": self.history.seq, "log": log_of(self.result).name, "gaps": gaps,
                "next_id": int(sheet.track_id.max(initial=0)) + 1,
                "keypoints": list(skeleton.keypoints), "edges": [list(edge) for edge in skeleton.edges],
                "flip": skeleton.flip_index.tolist(),
                "presses_a_minute": round(presses_a_minute(self._lines(), self._seconds()), 2),
            }  # fmt: skip

    def _seconds(self) -> float:
        return self.info.duration or len(self.times) / float(self.info.frame_rate)

    def lines_since(self, seq: int) -> JsonObject:
        """Return the lines after one, large ones without their poses."""
        with self._lock:
            lines = [_brief(line) for line in self._lines()[max(seq + 1, 0) :][:1000]]
            return {"seq": self.history.seq, "lines": lines, **self._stacks()}

    def doubts(self) -> JsonObject:
        """Return the doubtful moments that are open, the most doubtful first."""
        with self._looking:  # one at a time; the next one finds the answer there
            with self._lock:
                seq = self.history.seq
                if self._doubts is not None and self._doubts[0] == seq:
                    found = self._doubts[1]
                    sheet = None
                else:
                    sheet = self.history.sheet.copy()
            if sheet is not None:
                found = find_doubts(sheet)
                self._doubts = seq, found
        listed = [each.facts() for each in found[:LISTED]]
        return {"seq": seq, "open": len(found), "kinds": summary(found), "items": listed}

    def relink(self, request: JsonObject) -> JsonObject:
        """Return what linking anew would change; nothing is changed."""
        with self._lock:
            self.check_fresh(request)
            seq, sheet = self.history.seq, self.history.sheet.copy()
        runs = relink(sheet)
        frames = sum(len(sheet.rows(run["track_id"], run["first"], run["last"])) for run in runs)
        return {"seq": seq, "runs": runs, "poses": frames}


def _brief(line: Line) -> JsonObject:
    """Return a line without the poses it brings along."""
    args = {key: value for key, value in line.args.items() if key not in ("poses", "runs")}
    return {"seq": line.seq, "uuid": line.uuid, "time": line.time, "op": line.op, "args": args}


def refusal(error: Exception) -> JsonObject:
    """Return what the page is told of an operation that cannot be done."""
    facts: JsonObject = {"error": str(error)}
    if isinstance(error, OverlapError):
        facts["overlap"] = [list(span) for span in error.spans]
    if isinstance(error, StaleError):
        facts |= {"lines": [_brief(line) for line in error.lines], "seq": error.lines[-1].seq}
    return facts


__all__ = ["REDO", "UNDO", "Progress", "Session", "StaleError", "refusal"]
