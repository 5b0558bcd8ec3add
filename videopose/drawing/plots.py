"""Curves over time: angles, trajectories, scores and speeds of one person in one figure, by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from videopose.optional import load_optional
from videopose.types import F64, I64

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which people who see few colours can tell apart."""

Figure = Any
"""A `matplotlib.figure.Figure`: an optional package, without types where it is not installed."""


def empty_figure(panels: int, *, title: str, panel_height: float = 1.7) -> tuple[Figure, list[Any]]:
    """Return a figure with panels one above the other over one time axis.

    Raises:
        InputError: matplotlib is not installed.
    """
    figures = load_optional("matplotlib.figure", "a plot", "plot")
    figure = figures.Figure(figsize=(10, 0.9 + panel_height * panels), dpi=110, layout="constrained")
    axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0].tolist()
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    axes[-1].set_xlabel("time, s")
    for each in axes:
        each.grid(color="0.9")
        each.set_axisbelow(True)
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def draw_curves(axes: Any, time: F64, curves: Mapping[str, F64], *, label: str) -> None:  # Any: matplotlib's Axes
    """Draw curves over time; where a value is not known, a curve has a hole, and a lone value is a dot."""
    for number, (name, values) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        axes.plot(time, values, color=colour, linewidth=1.4, label=name)
        known = np.isfinite(values)
        alone = known & ~np.concatenate([[False], known[:-1]]) & ~np.concatenate([known[1:], [False]])
        axes.plot(time[alone], values[alone], ".", color=colour, markersize=4)
    axes.set_ylabel(label)
    if len(curves) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8, borderaxespad=0.2)


def draw_timeline(axes: Any, time: F64, rows: Mapping[str, I64]) -> None:  # Any: matplotlib's Axes
    """Draw where a person is seen, filled in or corrected: a bar per kind, over (T,) numbers that are 0 for no.

    Args:
        axes: of the panel.
        time: (T,) seconds.
        rows: (T,) each, by name, from the top.
    """
    step = float(np.median(np.diff(time))) if len(time) > 1 else 0.04
    for place, (_, present) in enumerate(rows.items()):
        axes.broken_barh(_runs(time, present > 0, step), (len(rows) - place - 0.9, 0.8), color=_COLOURS[place])
    axes.set_yticks(np.arange(len(rows)) + 0.5, list(rows)[::-1])
    axes.set_ylim(0, len(rows))


def _runs(time: F64, there: Any, step: float) -> list[tuple[float, float]]:  # Any: (T,) of bools
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    return [(time[first] - step / 2, time[last - 1] - time[first] + step) for first, last in edges.reshape(-1, 2)]


def figure_bytes(figures: list[Figure], suffix: str, *, title: str) -> bytes:
    """Return figures as one file: `.png` one below the other, `.html` a page with drawings in it that needs no network.

    The same figures give the same bytes.
    """
    if suffix == ".html":
        drawings = "\n".join(_svg(figure) for figure in figures)
        head = f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title>"
        return f"{head}<style>svg{{max-width:100%;height:auto}}</style>\n{drawings}\n".encode()
    images = [_pixels(figure) for figure in figures]
    width = max(image.shape[1] for image in images)
    sheet = np.concatenate(
        [np.pad(each, ((0, 0), (0, width - each.shape[1]), (0, 0)), constant_values=255) for each in images]
    )
    image = load_optional("PIL.Image", "a plot", "plot").fromarray(sheet)
    out = io.BytesIO()
    image.save(out, format="png")
    return out.getvalue()


def _svg(figure: Figure) -> str:
    matplotlib = load_optional("matplotlib", "a plot", "plot")
    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "videopose", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _pixels(figure: Figure) -> np.ndarray:
    canvas = load_optional("matplotlib.backends.backend_agg", "a plot", "plot").FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def is_plot(path: Path) -> bool:
    """Check whether a file's ending is that of a plot."""
    return path.suffix.lower() in (".png", ".html")
