"""One run at a time for one result. The lock dies with the process that holds it, however that ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from videopose.errors import InputError
from videopose.io.result import cannot_write

if sys.platform != "win32":
    import fcntl


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a journal's folder; the folder is made, and goes away again if nothing came to lie in it.

    Where the system has no advisory locks (Windows), nothing is locked.

    Raises:
        InputError: another process holds the lock.
        VideoPoseError: the folder cannot be made.
    """
    path = folder / "lock"
    try:
        folder.mkdir(exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise cannot_write(path, error) from error
    with file:
        _lock(file, folder)
        try:
            yield
        finally:
            with suppress(OSError):  # the folder is gone with the finished journal, or chunks lie in it
                if not any(other != path for other in folder.iterdir()):
                    path.unlink()
                    folder.rmdir()


def _lock(file: IO[str], folder: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{folder}: another run is writing this result. Wait for it, or choose another place with -o"
        ) from error
