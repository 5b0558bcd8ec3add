"""Packages that only some uses need: imported when they are used, and named in one line where they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from videopose.errors import InputError


def load_optional(module: str, what: str, extra: str) -> ModuleType:
    """Import a package that is no dependency.

    Args:
        module: to be imported, as `matplotlib.figure`.
        what: needs it, for the message.
        extra: of our package that installs it.

    Raises:
        InputError: it is not installed; the message says how it is.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise InputError(f"{what} needs {package}: pip install 'videopose[{extra}]' ({error})") from error
