"""The log of edits, `clip.poses.edits.jsonl`: a line per operation, on the disk before anybody hears that it was done.

The first line says of which result the edits are. A kill or a power cut can tear the last line, and no other: a torn
one was never answered for, and is dropped. A line says `seq` (0, 1, 2 …), `uuid` (chosen by whoever asked, so that
asking twice does it once), `time`, `op`, `args` and how many key `presses` it took.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError

from videopose.config import Options
from videopose.errors import DatasetError, InputError, VideoPoseError
from videopose.io.result import cannot_write, sync_folder

SCHEMA = "videopose-edits/1"
BEGIN = "begin"
"""Name of the first line's operation."""
MAX_LINE = 64 << 20
"""Bytes of a line; bounds memory for a file that is none."""

Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-zA-Z-]{8,64}$")]


class Line(Options):
    """One line of the log."""

    seq: Annotated[int, Field(ge=0)]
    uuid: Uuid
    time: Annotated[str, StringConstraints(max_length=40)]
    op: Annotated[str, StringConstraints(max_length=40)]
    args: dict[str, Any] = Field(default_factory=dict)
    presses: Annotated[int, Field(ge=0, lt=10**9)] = 0

    def text(self) -> bytes:
        """Write the line with its line break."""
        return json.dumps(self.model_dump(), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def log_of(result: Path) -> Path:
    """Return where the edits of a result are kept: `clip.poses.edits.jsonl` beside `clip.poses.json`."""
    return result.with_name(f"{result.stem}.edits.jsonl")


def sha256_of(path: Path) -> str:
    """Return a file's checksum.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error}). Check the path") from error


def now() -> str:
    """Return the time of day as the log has it, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_log(path: Path) -> tuple[list[Line], int]:
    """Read a log; a torn last line is left out.

    Returns:
        Its lines, and how many bytes they take.

    Raises:
        DatasetError: it is no log, or is damaged elsewhere than at its end.
    """
    lines: list[Line] = []
    size = 0
    try:
        with path.open("rb") as file:
            for text in iter(lambda: file.readline(MAX_LINE), b""):
                try:
                    line = _line(text)
                except ValueError as error:
                    if not file.read(1):
                        break  # torn: it was never answered for
                    where = f"{path}: line {len(lines) + 1}"
                    raise DatasetError(f"{where}: is damaged ({_first(error)}). Restore the log of edits") from error
                _check_order(line, lines, path)
                lines.append(line)
                size += len(text)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error}). Check the path") from error
    return lines, size


def _line(text: bytes) -> Line:
    if not text.endswith(b"\n"):
        raise ValueError("cut off")
    try:
        return Line.model_validate(json.loads(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _first(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(str(part) for part in found['loc']) or 'line'}: {found['msg']}"
    return str(error)


def _check_order(line: Line, before: Sequence[Line], path: Path) -> None:
    where = f"{path}: line {len(before) + 1}"
    if line.seq != len(before):
        raise DatasetError(f"{where}: has seq {line.seq}, not {len(before)}. Restore the log of edits")
    if (line.seq == 0) != (line.op == BEGIN) or (line.op == BEGIN and line.args.get("schema") != SCHEMA):
        raise DatasetError(f"{where}: is no {SCHEMA} log of edits. Give one that videopose desk has written")


def check_result(lines: Sequence[Line], path: Path, result: Path, sha256: str) -> None:
    """Raise `InputError` unless a log is of this very result."""
    if lines and lines[0].args.get("sha256") != sha256:
        raise InputError(
            f"{path}: holds edits of another {lines[0].args.get('result')}: {result} has changed since. "
            "Restore that result, or move the edits away"
        )


class EditLog:
    """A log open for writing. The caller holds a lock, so that it is the only one.

    Attributes:
        path: of the file.
        lines: those on the disk.
    """

    def __init__(self, path: Path, lines: list[Line], descriptor: int, size: int) -> None:
        self.path, self.lines = path, lines
        self._descriptor, self._size = descriptor, size

    @classmethod
    def open(cls, path: Path, result: Path, uuid: str) -> Self:
        """Open the log of a result, or begin it; a torn last line is cut away.

        Args:
            path: of the log.
            result: whose edits these are.
            uuid: of the first line, if there is none yet.

        Raises:
            InputError: the log is of another result.
            DatasetError: the log is damaged.
            VideoPoseError: it cannot be written.
        """
        sha256 = sha256_of(result)
        lines, size = read_log(path) if path.exists() else ([], 0)
        check_result(lines, path, result, sha256)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(path, flags, 0o666)
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
            sync_folder(path.parent)
        except OSError as error:
            raise cannot_write(path, error) from error
        log = cls(path, lines, descriptor, size)
        if not lines:
            facts = {"schema": SCHEMA, "result": result.name, "sha256": sha256}
            log.append(Line(seq=0, uuid=uuid, time=now(), op=BEGIN, args=facts))
        return log

    def append(self, line: Line) -> None:
        """Write a line and bring it to the disk; it is all there or, after an error, not at all.

        Raises:
            VideoPoseError: the disk is full, or fails.
        """
        text = line.text()
        if len(text) > MAX_LINE:
            raise VideoPoseError(
                f"{self.path}: an edit of {len(text) >> 20} MB is too large. Take fewer frames at once"
            )
        try:
            written = os.write(self._descriptor, text)
            if written < len(text):
                raise OSError("no room left on the disk")
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, self._size)
            raise cannot_write(self.path, error) from error
        self._size += len(text)
        self.lines.append(line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
