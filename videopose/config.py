"""YAML into typed, frozen models, with strict keys and dotted overrides.

YAML holds values; a pydantic model per section holds names, types, defaults and one-line docs. An unknown key is an
error that names the file, the key and the nearest valid one. A file may name one `base:` beside it, or a shipped one.
"""

from __future__ import annotations

import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from videopose.errors import ConfigError, nearest_name

_MAX_DEPTH = 50
_MAX_VALUES = 100_000
_MAX_DIGITS = 40
_DIGITS = re.compile(r"[-+0-9_.,:eE]+|0[xob][0-9a-fA-F_]+")
_SHOWN = 200
"""Characters of a value in a message."""

Value = Any
"""A YAML value: what it may be is the model's business, which is why it is `Any` here."""


class Options(BaseModel):
    """The base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


@dataclass(frozen=True)
class NamesFile:
    """Marks an option that names a file.

    Attributes:
        words: values that are no file's name.
    """

    words: tuple[str, ...] = ()


InputPath = Annotated[str, NamesFile()]
"""The type of an option that names a file the answer depends on; empty = none. `input_paths` finds them all."""


def input_paths(options: BaseModel) -> dict[str, Path]:
    """List the files that options name, by the dotted key of the option.

    Example:
        >>> class Boxes(Options):
        ...     file: InputPath = "boxes.txt"
        >>> input_paths(Boxes())
        {'file': PosixPath('boxes.txt')}
    """
    return dict(_paths_in(options, ""))


def _paths_in(options: BaseModel, prefix: str) -> Iterator[tuple[str, Path]]:
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if isinstance(value, BaseModel):
            yield from _paths_in(value, f"{prefix}{name}.")
        elif value and any(isinstance(mark, NamesFile) and value not in mark.words for mark in field.metadata):
            yield f"{prefix}{name}", Path(value)


def beside(folder: Path, model: type[BaseModel], values: Mapping[str, Value]) -> dict[str, Value]:
    """Find the files a config names in its own folder; names of files that are not there stay as they are.

    Args:
        folder: of the config.
        model: the config's type, whose `NamesFile` options name files.
        values: of the config, unchecked.
    """
    out = dict(values)
    for name, field in model.model_fields.items():
        value, section = out.get(name), _model_in(field.annotation)
        if section is not None and isinstance(value, Mapping):
            out[name] = beside(folder, section, value)
        elif isinstance(value, str) and value and any(isinstance(mark, NamesFile) for mark in field.metadata):
            words = next(mark.words for mark in field.metadata if isinstance(mark, NamesFile))
            there = folder / value
            out[name] = str(there) if value not in words and there.is_file() else value
    return out


Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path, *, shipped: Path | None = None) -> dict[str, Value]:
    """Read a mapping from a YAML file, laid over its `base:` if it names one.

    Args:
        path: of the file.
        shipped: folder of the configs that `base:` names without a suffix, as in `base: pose_finish`.

    Raises:
        ConfigError: the file cannot be read, is not YAML or is not a mapping, or bases go round in a circle.
    """
    return _read_over_base(path, (), shipped)


def _read_over_base(path: Path, seen: tuple[Path, ...], shipped: Path | None) -> dict[str, Value]:
    if path.resolve() in seen:
        raise ConfigError(f"{path}: its `base:` leads back to itself; name another file or none")
    try:
        values = _parsed(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the config: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where is not None else ""
        raise ConfigError(f"{path}: not valid YAML{line}; check indentation and quotes") from error
    except ValueError as error:  # a value beyond what a config may hold
        raise ConfigError(f"{path}: {error}") from error
    if values is None:
        values = {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path}: a config is a mapping of names to values, not {type(values).__name__}")
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise ConfigError(f"{path}: base must be the name of one file beside it, not {_short(base)}")
    if base != Path(base).name:
        raise ConfigError(f"{path}: base is {_short(base)}, but must be a file beside it; name it without a folder")
    there = path.parent / base
    if shipped is not None and not there.suffix:
        known = sorted(file.stem for file in shipped.glob("*.yaml"))
        if base not in known:
            raise ConfigError(f"{path}: no shipped config is named {base!r}. {nearest_name(base, known)}")
        there = shipped / f"{base}.yaml"
    return merge(_read_over_base(there, (*seen, path.resolve()), shipped), values)


def _parsed(text: str) -> Value:
    """Parse YAML that a config may hold.

    Raises:
        YAMLError: it is not YAML.
        ValueError: it is nested too deeply, grows too large by its aliases, or holds a number that is none.
    """
    _check_size(text)
    values = yaml.safe_load(text)
    _check_numbers(values, "")
    return values


def _check_size(text: str) -> None:
    """Check the events of a YAML text before anything is built from them."""
    sizes = [0]  # of the collections that are open, aliases counted as what they stand for
    anchors: dict[str, int] = {}
    open_anchors: list[str | None] = []
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.append(1)
            open_anchors.append(event.anchor)
            if len(sizes) > _MAX_DEPTH:
                raise ValueError(f"line {line} is nested deeper than {_MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            size, name = sizes.pop(), open_anchors.pop()
            sizes[-1] += size
            if name is not None:
                anchors[name] = size
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                raise ValueError(f"line {line}: *{event.anchor} stands for itself or for nothing")
            sizes[-1] += anchors[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            sizes[-1] += 1
            if event.anchor is not None:
                anchors[event.anchor] = 1
            if event.implicit[0] and len(event.value) > _MAX_DIGITS and _DIGITS.fullmatch(event.value):
                raise ValueError(f"line {line} holds a number of {len(event.value)} digits; nothing needs so many")
        if sizes[-1] > _MAX_VALUES:
            raise ValueError(f"line {line}: it grows to more than {_MAX_VALUES} values")


def _check_numbers(value: Value, key: str) -> None:
    if isinstance(value, dict):
        for name, below in value.items():
            _check_numbers(below, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for below in value:
            _check_numbers(below, key)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{key + ' is ' if key else ''}{value}; a finite number is needed")


def _short(value: Value, show: Callable[[Value], str] = repr) -> str:
    """Return a value for a message, cut where it is long."""
    if isinstance(value, dict | list) and len(value) > _SHOWN:
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    text = show(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} … ({len(text)} characters)"


def merge(low: Mapping[str, Value], high: Mapping[str, Value]) -> dict[str, Value]:
    """Merge one nested mapping over another; lists and scalars are replaced whole."""
    out = dict(low)
    for key, value in high.items():
        below = out.get(key)
        out[key] = merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return out


def parse_overrides(overrides: Iterable[str]) -> dict[str, Value]:
    """Convert `a.b=value` strings to a nested mapping; values are read as YAML.

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
            value = _parsed(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {_short(override, str)}: {_short(text)} is not a YAML value") from error
        except ValueError as error:
            raise ConfigError(f"--set {key.strip()}: {error}") from error
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
        elsewhere = [key for key in _keys_in(model) if key.rpartition(".")[2] == location[-1]]
        if elsewhere and not hint.startswith("Did you mean"):
            hint = f"Did you mean {' or '.join(elsewhere)}?"
        return f"{source}: {dotted} is not an option. {hint}".rstrip()
    return f"{source}: {dotted} = {_short(problem['input'])}: {problem['msg']}"


def _keys_in(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """List the dotted keys of a model and its sections."""
    for name, field in model.model_fields.items():
        section = _model_in(field.annotation)
        yield from [f"{prefix}{name}"] if section is None else _keys_in(section, f"{prefix}{name}.")


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


def load(model: type[Model], path: Path, overrides: Iterable[str] = (), *, shipped: Path | None = None) -> Model:
    """Read a YAML file, lay `key=value` overrides over it and build the model.

    Raises:
        ConfigError: as `read_yaml`, `parse_overrides` and `validate`.
    """
    overrides = list(overrides)
    values = merge(read_yaml(path, shipped=shipped), parse_overrides(overrides))
    return validate(model, values, source=f"{path}" + (" with --set" if overrides else ""))


def dump(options: BaseModel) -> str:
    """Write a model as YAML, every value spelled out; `load` reads it back to an equal model."""
    return str(yaml.safe_dump(options.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
