"""Leases in a shared folder: who is at work on what, without a lock that a network file system may not have.

A holder changes its lease again and again. Whoever finds one unchanged for long, by a clock of its own that nobody
sets, takes it. No time of day is compared, so clocks may differ and jump. A lease saves work and guards nothing: two
who hold one by mistake write the same bytes into folders of their own.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60.0
"""Seconds without a change after which a lease is taken to be left behind."""

BEATS = 6
"""Changes of a lease in that time."""


@dataclass
class Leases:
    """The leases of one worker, and what it has seen of others'.

    Attributes:
        owner: name of the worker, of it alone.
        patience: seconds after which an unchanged lease is free.
        clock: seconds that only go up.
    """

    owner: str
    patience: float = PATIENCE
    clock: Callable[[], float] = time.monotonic
    _seen: dict[Path, tuple[str, float]] = field(default_factory=dict)

    def take(self, path: Path) -> Lease | None:
        """Acquire a lease; None if somebody else has it.

        Raises:
            OSError: the folder cannot be written to.
        """
        if _create(path, self._text(0)):
            self._seen.pop(path, None)
            return Lease(path, self)
        text = _read(path)
        if text is None:  # given back between the two lines
            return None
        before, since = self._seen.get(path, (None, 0.0))
        if text != before:
            self._seen[path] = (text, self.clock())
            return None
        if self.clock() - since < self.patience or not self._remove(path, text):
            return None
        del self._seen[path]
        return Lease(path, self) if _create(path, self._text(0)) else None

    def _remove(self, path: Path, text: str) -> bool:
        """Move a lease that was left behind out of the way; only one of those who try does."""
        away = path.with_name(f"{path.name}.{self.owner}.left")
        try:
            path.rename(away)
        except OSError:
            return False
        is_right = _read(away) == text
        if not is_right:  # somebody was quicker, and this is its new one
            with suppress(OSError):
                os.link(away, path)
        away.unlink(missing_ok=True)
        return is_right

    def _text(self, beat: int) -> str:
        return json.dumps({"owner": self.owner, "beat": beat})


class Lease:
    """A lease that is held, and kept alive by a thread while it is."""

    def __init__(self, path: Path, leases: Leases) -> None:
        self._path, self._leases = path, leases
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._is_ours():
            self._path.unlink(missing_ok=True)

    def _beat(self) -> None:
        beat = 0
        while not self._over.wait(self._leases.patience / BEATS):
            beat += 1
            if not self._is_ours():
                return  # somebody thought we had died; both may go on
            part = self._path.with_name(f"{self._path.name}.{self._leases.owner}.part")
            with suppress(OSError):  # a beat that is lost is not missed
                part.write_text(self._leases._text(beat), encoding="ascii")
                part.replace(self._path)

    def _is_ours(self) -> bool:
        text = _read(self._path)
        return text is not None and f'"{self._leases.owner}"' in text


def _create(path: Path, text: str) -> bool:
    """Create a file with its text at once; False if there is one."""
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    part.write_text(text, encoding="ascii")
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError:  # no links on this file system
        try:
            with path.open("x", encoding="ascii") as file:
                file.write(text)
        except FileExistsError:
            return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
