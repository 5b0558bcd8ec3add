"""What the file system refuses becomes one line: a right that is missing, a name too long, a disk that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videopose.errors import InputError


@contextmanager
def refusals_said(path: Path) -> Iterator[None]:
    """Find which file could not be asked for or made.

    Args:
        path: named where the system does not say which file it speaks of.

    Raises:
        InputError: the file system refused.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{error.filename or path}: {error.strerror or error}. Check the rights of the file and its folder, or "
            "choose another place"
        ) from error
