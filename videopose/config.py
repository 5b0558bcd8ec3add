"""YAML into typed, frozen models, with strict keys and dotted overrides.

YAML holds values; a pydantic model per section holds names, types, defaults and one-line docs. An unknown key is an
error that names the file, the key and the nearest valid one. A file may name one `base:` beside it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from videopose.errors import ConfigError, nearest_name

Value = Any
"""A YAML value: what it may be is the model's business, which is why it is `Any` here."""


class Options(BaseModel):
    """The base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Value]:
    """Read a mapping from a YAML file, laid over its `base:` if it names one.

    Raises:
        ConfigError: the file cannot be read, is not YAML or is not a mapping, or bases go round in a circle.
    """
    return _read_over_base(path, seen=())


def _read_over_base(path: Path, seen: tuple[Path, ...]) -> dict[str, Value]:
    if path.resolve() in seen:
        raise ConfigError(f"{path}: its `base:` leads back to itself; name another file or none")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the config: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where is not None else ""
        raise ConfigError(f"{path}: not valid YAML{line}; check indentation and quotes") from error
    if values is None:
        values = {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path}: a config is a mapping of names to values, not {type(values).__name__}")
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise ConfigError(f"{path}: base must be the name of one file beside it, not {base!r}")
    return merge(_read_over_base(path.parent / base, (*seen, path.resolve())), values)


def merge(low: Mapping[str, Value], high: Mapping[str, Value]) -> dict[str, Value]:
    """Lay one nested mapping over another; lists and scalars are replaced whole."""
    out = dict(low)
    for key, value in high.items():
        below = out.get(key)
        out[key] = merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return out


def parse_overrides(overrides: Iterable[str]) -> dict[str, Value]:
    """Turn `a.b=value` strings into a nested mapping; values are read as YAML.

    Raises:
        ConfigError: an override has no `=`, an empty key, or a value that is not YAML.

    Example:
        >>> parse_overrides(["tracker.max_age=1.5", "pose.flip_test=true"])
        {'tracker': {'max_age': 1.5}, 'pose': {'flip_test': True}}
    """
    tree: dict[str, Value] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(f"--set {override}: write it as key=value or section.key=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {override}: {text!r} is not a YAML value") from error
        for part in reversed(parts):
            value = {part: value}
        tree = merge(tree, value)
    return tree


def validate(model: type[Model], values: Mapping[str, Value], *, source: str) -> Model:
    """Build a model from values.

    Args:
        model: the section's type.
        values: nested mapping, as from `read_yaml`.
        source: where the values come from, for messages.

    Raises:
        ConfigError: an unknown key (the nearest valid one is named) or a value of the wrong kind.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(model, problem, source) for problem in error.errors())) from error


def _explain(model: type[BaseModel], problem: Mapping[str, Any], source: str) -> str:
    location = [str(part) for part in problem["loc"]]
    dotted = ".".join(location)
    if problem["type"] == "extra_forbidden":
        section = _section_at(model, location[:-1])
        hint = nearest_name(location[-1], section.model_fields) if section is not None else ""
        prefix = "".join(f"{part}." for part in location[:-1])
        hint = hint.replace("Did you mean ", f"Did you mean {prefix}")
        return f"{source}: {dotted} is not an option. {hint}".rstrip()
    return f"{source}: {dotted} = {problem['input']!r}: {problem['msg']}"


def _section_at(model: type[BaseModel], path: list[str]) -> type[BaseModel] | None:
    section: type[BaseModel] | None = model
    for part in path:
        if section is None or part not in section.model_fields:
            continue  # a tag of a union or an index of a list stands in the location, but is no field
        section = _model_in(section.model_fields[part].annotation)
    return section


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, list, tuple, typing.Annotated):
        found = (_model_in(argument) for argument in typing.get_args(annotation))
        return next((section for section in found if section is not None), None)
    return None


def load(model: type[Model], path: Path, overrides: Iterable[str] = ()) -> Model:
    """Read a YAML file, lay `key=value` overrides over it and build the model.

    Raises:
        ConfigError: as `read_yaml`, `parse_overrides` and `validate`.
    """
    overrides = list(overrides)
    values = merge(read_yaml(path), parse_overrides(overrides))
    return validate(model, values, source=f"{path}" + (" with --set" if overrides else ""))


def dump(options: BaseModel) -> str:
    """Write a model as YAML, every value spelled out; `load` reads it back to an equal model."""
    return str(yaml.safe_dump(options.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
