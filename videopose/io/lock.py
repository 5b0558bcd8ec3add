"""One run at a time for one result. The lock dies with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from videopose.errors import InputError, InUseError
from videopose.io.result import cannot_write

if sys.platform != "win32":
    import fcntl

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS})
"""What file systems without locks say."""

_TRIES = 20
"""How often the lock is taken anew, because the run that held it took its folder away meanwhile."""


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a journal's folder; the folder is made, and goes away again if nothing came to lie in it.

    Where the system has no advisory locks (Windows, some network file systems), nothing is locked.

    Raises:
        InUseError: another process holds the lock.
        InputError: the folder is a link.
        VideoPoseError: the folder cannot be made.
    """
    path = folder / "lock"
    with _locked(path) as file:
        try:
            yield
        finally:
            with suppress(OSError):  # the folder is gone with the finished journal, or chunks lie in it
                if _names(path, file) and not any(other != path for other in folder.iterdir()):
                    path.unlink()
                    folder.rmdir()
            if sys.platform != "win32":
                with suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_UN)  # a process forked meanwhile has the file open too


def _locked(path: Path) -> IO[bytes]:
    """Open the file and lock it; what is locked is what the name stands for."""
    for _ in range(_TRIES):
        refuse_link(path.parent)
        try:
            path.parent.mkdir(exist_ok=True)
            file = os.fdopen(os.open(path, _FLAGS, 0o666), "r+b")
        except FileNotFoundError as error:
            if path.parent.parent.is_dir():
                continue  # the run before took its folder away between the two lines
            raise cannot_write(path, error) from error
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            _lock(file, path.parent)
            if _names(path, file):
                return file
        except BaseException:
            file.close()
            raise
        file.close()
    raise InputError(f"{path.parent}: other runs keep writing this result. Choose another place with -o")


def refuse_link(folder: Path) -> None:
    """Raise `InputError` where the folder is a link: nothing is written to where somebody else made it lead."""
    if folder.is_symlink():
        raise InputError(f"{folder}: is a link, and a run keeps its own files there. Remove it, or choose another -o")


def _names(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _lock(file: IO[bytes], folder: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InUseError(
            f"{folder}: another run is writing this result. Wait for it, or choose another place with -o"
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise cannot_write(folder, error) from error
