"""Where a use case may write: the one check before the work begins."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from videopose.errors import InputError
from videopose.io.disk import refusals_said
from videopose.io.result import part_of

LONGEST_NAME = 255 - len(".partial")
"""Bytes an output's name may have, with room for that of its unfinished run."""


def check_length(output: Path) -> None:
    """Raise `InputError` where a file's name leaves no room for that of its unfinished run."""
    if len(os.fsencode(output.name)) > LONGEST_NAME:
        raise InputError(f"{output.name[:40]}…: the result's name would be too long. Choose a shorter one with -o")


def check_output(output: Path, inputs: Iterable[Path] = (), *, overwrite: bool = False) -> None:
    """Check that a file may be written, as far as that can be told before the work begins.

    Args:
        output: the file.
        inputs: files it is made from, which neither it nor what is written on the way to it may replace.
        overwrite: whether a file that is there may be replaced.

    Raises:
        InputError: it may not; the message says why and what to do.
    """
    check_length(output)
    with refusals_said(output):
        _check_place(output, inputs, overwrite=overwrite)


def _check_place(output: Path, inputs: Iterable[Path], *, overwrite: bool) -> None:
    written = [path for path in (output, part_of(output)) if path.exists()]
    if any(path.exists() and any(path.samefile(each) for each in written) for path in inputs):
        raise InputError(f"{output}: is what the result is made from. Choose another place with -o")
    if output.is_dir():
        raise InputError(f"{output}: is a folder. Choose another place with -o")
    if output.exists() and not overwrite:
        raise InputError(f"{output}: is already there. Add --overwrite to replace it, or choose another place with -o")
    if not output.parent.is_dir():
        raise InputError(f"{output}: there is no folder {output.parent}. Make it, or choose another place with -o")
