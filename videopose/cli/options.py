"""Command-line options out of typed options: names, types, ranges and help are those of the model's fields."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo


def options_of(model: type[BaseModel]) -> list[click.Option]:
    """Build an option for every field of a flat model; one that is not given is None, so that defaults stay there.

    A text field is shown as NAME. The help ends with the default in brackets, where there is one.
    """
    return [_option(name, field) for name, field in model.model_fields.items()]


def _option(name: str, field: FieldInfo) -> click.Option:
    kinds = typing.get_args(field.annotation) or (field.annotation,)
    kind = next(each for each in kinds if each is not type(None))
    said = field.description or ""
    if not field.is_required() and field.default is not None:
        shown = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
        said = f"{said.removesuffix('.')} [{shown}]."
    return click.Option(
        [f"--{name.replace('_', '-')}"],
        type=click.Choice(kinds) if isinstance(kind, str) else _type(kind, _limits(field)),
        required=field.is_required(),
        metavar="NAME" if kind is str else None,
        help=said,
    )


def _limits(field: FieldInfo) -> dict[str, Any]:  # Any: arguments of click's ranges
    limits: dict[str, Any] = {}
    for mark in field.metadata:
        for key, side in (("ge", "min"), ("gt", "min"), ("le", "max"), ("lt", "max")):
            if hasattr(mark, key):
                limits |= {side: getattr(mark, key), f"{side}_open": key in ("gt", "lt")}
    return limits


def _type(kind: Any, limits: Mapping[str, Any]) -> Any:  # Any: what a field and an option may be annotated with
    if kind is Path:
        return click.Path(path_type=Path)
    if limits and kind in (int, float):
        return click.IntRange(**limits) if kind is int else click.FloatRange(**limits)
    return kind
