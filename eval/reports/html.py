"""A report as one HTML page that needs nothing else: no network, no scripts."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape

from videopose.metrics.breakdown import KINDS

from .document import (
    Facts,
    Report,
    Table,
    shown,
)

_COLOURS = (
    "#1b6ca8", "#d1495b", "#3a8b5c", "#b8792a", "#6d4c9f", "#2a9d8f", "#8a5a44", "#c2559d", "#5b7c99", "#7a9a01",
    "#a63d40", "#3d5a80", "#947bd3", "#4f772d", "#e07a5f",
)  # fmt: skip
_KIND_COLOURS = dict(zip(KINDS, ("#3a8b5c", "#a9c25d", "#e0b13c", "#d98032", "#c44536", "#7d8597"), strict=True))

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .7rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
.scroll { overflow-x: auto; }
svg { max-width: 100%; height: auto; } svg text { fill: currentColor; font-size: 12px; }
.legend span { display: inline-block; margin-right: 1rem; white-space: nowrap; }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; border-radius: 2px; }
figure { display: inline-block; margin: .5rem; } figcaption { font-size: .8rem; }
"""


def as_html(report: Report) -> str:
    """Format a report as an HTML page."""
    explanation: Facts = report.document.get("explanation", {})
    parts = [f"<h1>{escape(report.title)}</h1>"]
    parts += [_table(table) for table in report.tables]
    if report.notes:
        parts.append(
            "<h2>Where the protocols differ</h2><ul>" + "".join(f"<li>{escape(n)}</li>" for n in report.notes) + "</ul>"
        )
    if report.curves:
        parts.append("<h2>Precision over recall</h2>" + _curves(report.curves))
    if explanation:
        parts.append("<h2>Kinds of errors</h2>" + _bars(explanation["kinds"]) + _bars(explanation["groups"]))
    if report.thumbnails:
        parts.append("<h2>Worst frames</h2><p>Truth in green, predictions in orange.</p>" + figures(report.thumbnails))
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "".join(
        f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{shown(value)}</td>" for value in values) + "</tr>"
        for name, values in table.rows
    )
    return f'<div class="scroll"><table><tr><th>{escape(table.title)}</th>{head}</tr>{rows}</table></div>'


def _curves(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    width, height, margin = 560, 320, 40
    span_x, span_y = width - 2 * margin, height - 2 * margin
    lines = []
    for colour, (name, (recall, precision)) in zip(_cycled(len(curves)), curves.items(), strict=True):
        points = " ".join(
            f"{margin + x * span_x:.1f},{height - margin - y * span_y:.1f}"
            for x, y in zip(recall, precision, strict=True)
        )
        lines.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{points}">'
            f"<title>{escape(name)}</title></polyline>"
        )
    axes = "".join(
        f'<line x1="{margin}" x2="{width - margin}" y1="{y:.0f}" y2="{y:.0f}" stroke="#8885"/>'
        f'<text x="{margin - 8}" y="{y + 4:.0f}" text-anchor="end">{tick:g}</text>'
        f'<text x="{margin + tick * span_x:.0f}" y="{height - margin + 18}" text-anchor="middle">{tick:g}</text>'
        for tick in (0, 0.25, 0.5, 0.75, 1)
        for y in (height - margin - tick * span_y,)
    )
    legend = _legend(dict(zip(curves, _cycled(len(curves)), strict=True)))
    title = "<title>Precision over recall</title>"
    svg = f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}">{title}{axes}{"".join(lines)}</svg>'
    return svg + legend


def _cycled(count: int) -> list[str]:
    return [_COLOURS[position % len(_COLOURS)] for position in range(count)]


def _legend(colours: Mapping[str, str]) -> str:
    spans = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>' for name, colour in colours.items()
    )
    return f'<p class="legend">{spans}</p>'


def _bars(rows: Mapping[str, Mapping[str, float]]) -> str:
    label, bar, height = 150, 420, 20
    parts = []
    known = {name: row for name, row in rows.items() if math.isfinite(row["good"])}
    for position, (name, row) in enumerate(known.items()):
        x, y = float(label), position * height
        parts.append(f'<text x="{label - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        for kind in KINDS:
            share = row[kind]
            parts.append(
                f'<rect x="{x:.1f}" y="{y + 3}" width="{share * bar:.1f}" height="{height - 6}" '
                f'fill="{_KIND_COLOURS[kind]}">'
                f"<title>{escape(name)}, {kind}: {100 * share:.1f} %</title></rect>"
            )
            x += share * bar
    size = f'viewBox="0 0 {label + bar + 10} {len(known) * height + 4}" width="{label + bar + 10}"'
    return f'<svg role="img" {size}><title>Kinds of errors</title>{"".join(parts)}</svg>' + _legend(_KIND_COLOURS)


def figures(images: Sequence[tuple[str, bytes]]) -> str:
    """Format images, a caption and JPEG bytes each, as figures that hold their own data."""
    return "".join(
        f'<figure><img alt="{escape(caption)}" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for caption, jpeg in images
    )
