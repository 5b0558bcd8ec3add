"""How containers of arrays show themselves."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


class ShowsShapes:
    """A container that prints as the shapes of its arrays: what is looked for in a debugger or a failed test."""

    __slots__ = ()

    def __repr__(self) -> str:
        values = ((each.name, getattr(self, each.name)) for each in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{name}={_shown(value)}' for name, value in values)})"


def _shown(value: Any) -> str:  # Any: whatever a field of a container holds
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}"
    if isinstance(value, tuple) and value and not isinstance(value[0], int | float):
        return f"({', '.join(map(_shown, value))})"
    return str(getattr(value, "name", None) or repr(value))
