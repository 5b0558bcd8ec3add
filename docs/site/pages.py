"""Pages of the site that are made from code: commands from click, options from pydantic, examples from Python files."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import videopose
from videopose import catalog
from videopose.cli.main import cli
from videopose.config import Options
from videopose.training.run import TrainOptions

RECIPES = ("topdown", "temporal", "tubes")


def commands() -> str:
    """Return every command with what it does, its arguments and its options."""
    return "\n".join(_command(cli, ["videopose"]))


def _command(command: click.Command, words: list[str]) -> Iterator[str]:
    context = click.Context(command, info_name=" ".join(words))
    if len(words) > 1:
        yield f"\n{'#' * min(len(words), 3)} {' '.join(words)}\n"
        usage = " ".join(command.collect_usage_pieces(context))
        yield f"```text\n{' '.join(words)} {usage}\n```\n"
        yield _paragraphs(command.help or "")
        rows = [row for parameter in command.params if (row := _parameter(parameter, context))]
        if rows:
            yield "\n| option | what it does |\n|---|---|\n" + "\n".join(rows) + "\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _command(inner, [*words, name])


def _paragraphs(text: str) -> str:
    return inspect.cleandoc(text).replace("\b\n", "").replace("<", "&lt;")


def _parameter(parameter: click.Parameter, context: click.Context) -> str | None:
    record = parameter.get_help_record(context)
    if record is None:
        return None
    names, said = record
    return f"| `{_cell(names)}` | {_cell(said).replace('<', '&lt;')} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def options() -> str:
    """Return the options of pipelines and of trainings: dotted name, default, what it does."""
    parts = []
    for name in RECIPES:
        model = catalog.recipe(name).PipelineOptions
        parts += [f"\n## Pipelines of the recipe `{name}`\n", *_section(model, "", shown := set())]
        assert shown
    parts += ["\n## Trainings\n", *_section(TrainOptions, "", set())]
    return "\n".join(parts)


def _section(model: type[BaseModel], prefix: str, shown: set[str]) -> Iterator[str]:
    inner: list[tuple[str, type[BaseModel]]] = []
    said = _docs_of(model)
    rows = []
    for name, field in model.model_fields.items():
        nested = _nested(field)
        if nested is not None:
            inner.append((f"{prefix}{name}", nested))
        else:
            rows.append(f"| `{prefix}{name}` | {_default(field)} | {_cell(said.get(name, field.description or ''))} |")
        shown.add(f"{prefix}{name}")
    if prefix:
        yield f"\n### `{prefix.rstrip('.')}`\n"
        yield _cell(inspect.getdoc(model) or "").replace("<", "&lt;") + "\n"
    if rows:
        yield "| option | default | what it is |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    for name, nested in inner:
        yield from _section(nested, f"{name}.", shown)


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Options)), None)


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True) if not field.is_required() else PydanticUndefined
    if value is PydanticUndefined:
        return "needed"
    text = "none" if value is None or value in ("", (), []) else str(value)
    return f"`{_cell(text if len(text) < 60 else text[:57] + '…')}`"


def _docs_of(model: type[BaseModel]) -> dict[str, str]:
    """Read the strings that stand below the fields of a class and of its bases."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if kind in (BaseModel, object) or not issubclass(kind, BaseModel):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        assert isinstance(body, ast.ClassDef)
        for field, after in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(field.target, ast.Name):
                value = ast.literal_eval(after.value)
                found[field.target.id] = str(value)
    return found


def api() -> str:
    """Return directives for every public name of the package."""
    names = [name for name in dir(videopose) if not name.startswith("_")]
    functions = [name for name in names if not inspect.isclass(getattr(videopose, name))]
    classes = [name for name in names if name not in functions]
    lines = ["\n## Functions\n", *(f"::: videopose.{name}\n" for name in functions)]
    lines += ["\n## Classes\n", *(f"::: videopose.{name}\n" for name in classes)]
    return "\n".join(lines)


GENERATED: dict[str, Callable[[], str]] = {"commands": commands, "options": options, "api": api}
"""What stands in a page as `<!-- generated: NAME -->`."""


def page_of_example(path: Path) -> str:
    """Return a Python file in percent format as a page: its text as text, its code as code, its images below."""
    parts = re.split(r"^# %%(.*)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    page = []
    for head, body in zip(parts[1::2], parts[2::2], strict=True):
        if "[markdown]" in head:
            page.append(re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE))
        else:
            page.append(f"```python\n{body.strip()}\n```")
    page.append(f"This page is the file `docs/examples/{path.name}`; every editor that knows `# %%` cells opens it.")
    return "\n\n".join(page) + "\n"
