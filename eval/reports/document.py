"""What a report is made of, and its plain forms: a table on the terminal and a JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Facts = dict[str, Any]
"""A JSON object."""


@dataclass(frozen=True)
class Table:
    """Numbers under columns.

    Attributes:
        title: over the table.
        columns: heads.
        rows: a name and a value per column; NaN is shown as a dash.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Report:
    """A score with everything that explains it.

    Attributes:
        title: of the page.
        document: everything, as JSON.
        tables: what is shown.
        curves: name -> recall and precision after each step.
        notes: sentences under the tables.
        thumbnails: captions and JPEG bytes of the worst frames.
    """

    title: str
    document: Facts
    tables: tuple[Table, ...]
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    thumbnails: tuple[tuple[str, bytes], ...] = ()


def as_text(report: Report) -> str:
    """Format the tables for a terminal."""
    blocks = [_table_text(table) for table in report.tables]
    if report.notes:
        blocks.append("\n".join(f"- {note}" for note in report.notes))
    return "\n\n".join(blocks)


def _table_text(table: Table) -> str:
    names = max([len(name) for name, _ in table.rows] + [len(table.title)])
    widths = [max(len(column), 6) for column in table.columns]
    head = f"{table.title:{names}}  " + "  ".join(
        f"{column:>{width}}" for column, width in zip(table.columns, widths, strict=True)
    )
    lines = [
        f"{name:{names}}  " + "  ".join(f"{shown(value):>{width}}" for value, width in zip(values, widths, strict=True))
        for name, values in table.rows
    ]
    return "\n".join([head, "-" * len(head), *lines])


def shown(value: float) -> str:
    """Write a number as tables do: one decimal, counts without, a dash for what cannot be said."""
    if not math.isfinite(value):
        return "-"
    return f"{value:.0f}" if value == int(value) and abs(value) >= 1000 else f"{value:.1f}"


def as_json(report: Report) -> str:
    """Write the document; what cannot be said is null."""
    return json.dumps(_plain(report.document), indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:  # Any: what JSON can say, and NaN
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
