"""A result as one HTML page for those who only look: counts, timeline, plots, doubtful moments, settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from videopose.annotation.doubts import Doubt, find_doubts, summary
from videopose.annotation.sheet import Sheet
from videopose.annotation.steps import measure_steps
from videopose.drawing.people import draw_people, track_color
from videopose.errors import VideoError
from videopose.io.base import VideoReader
from videopose.io.disk import refusals_said
from videopose.io.reader import open_video
from videopose.io.result import ResultHeader, atomic_write
from videopose.io.results import read_result
from videopose.types import F64, I64, U8
from videopose.workflows.outputs import check_output

from .html import STYLE, figures

_WIDTH, _LEFT, _ROW = 960, 60, 18
_POINTS = 600
"""Points of a curve; more cannot be told apart."""
_APART = 5
"""Frames without a person that part a curve."""
_PEOPLE = 60
"""People who get a row or a curve of their own."""
_LISTED, _SHOWN = 60, 12
"""Doubtful moments in the table, and those with an image."""
_THUMBNAIL = 280


def write(clip: Path, poses: Path, output: Path, *, overwrite: bool = False, **reading: Any) -> str:
    """Write the page of a result.

    Args:
        clip: the video.
        poses: its result.
        output: where to write.
        overwrite: replace a file that is there.
        **reading: how the clip is read, as `open_video` takes it.

    Returns:
        A sentence for the user.

    Raises:
        InputError: the output exists or is an input.
        DatasetError: the result is damaged.
        VideoError: the clip cannot be read.
    """
    check_output(output, (clip, poses), overwrite=overwrite)
    sheet = Sheet.read(read_result(poses))
    with open_video(clip, **reading) as reader, refusals_said(output):
        text = of_sheet(clip.name, sheet, sheet.header, lambda: reader)
    with atomic_write(output) as file:
        file.write(text.encode())
    ids = np.unique(sheet.track_id[sheet.track_id >= 0])
    return f"{len(sheet.index)} frames, {len(ids)} people"


def of_sheet(name: str, sheet: Sheet, header: ResultHeader, open_reader: Callable[[], VideoReader]) -> str:
    """Build the page: HTML without scripts, which needs nothing from anywhere.

    Args:
        name: of the clip.
        sheet: the state of the result.
        header: what is said of it.
        open_reader: opens the video, for the images of doubtful moments.
    """
    doubts = find_doubts(sheet)
    parts = [f"<h1>{escape(name)}</h1>", _counts(sheet, header, doubts), "<h2>People</h2>", _people(sheet)]
    parts += ["<h2>Timeline</h2>", _timeline(sheet), "<h2>Scores</h2>", _curves(sheet, _scores(sheet), "score", 1.0)]
    parts += ["<h2>Speeds</h2>", _curves(sheet, _speeds(sheet), "sizes of the person per second", None)]
    parts += [
        "<h2>Doubtful moments</h2>",
        _doubts(sheet, doubts, open_reader),
        "<h2>How it was made</h2>",
        _settings(header),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _rows(cells: Sequence[Sequence[object]], head: Sequence[str]) -> str:
    top = "".join(f"<th>{escape(each)}</th>" for each in head)
    rows = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in cells)
    return f'<div class="scroll"><table><tr>{top}</tr>{rows}</table></div>'


def _counts(sheet: Sheet, header: ResultHeader, doubts: Sequence[Doubt]) -> str:
    video, rows = header.video, sheet.rows(None)
    kinds = ", ".join(f"{count} {kind}" for kind, count in summary(doubts).items()) or "none"
    lost = "; ".join(f"{gap.first}-{gap.last} ({gap.reason})" for gap in header.gaps) or "none"
    facts = [
        ("frames", f"{len(sheet.index)} of {video.frames or 'an unknown number'}"),
        ("duration", "unknown" if video.duration is None else f"{video.duration:.2f} s"),
        ("size", f"{video.size_hw[1]} x {video.size_hw[0]}"),
        ("people", len(np.unique(sheet.track_id[rows][sheet.track_id[rows] >= 0]))),
        ("poses", len(rows)),
        ("mean score", f"{sheet.score[rows].mean():.3f}" if len(rows) else "-"),
        ("frames that cannot be decoded", lost),
        ("doubtful moments", kinds),
        (
            "placed by hand",
            f"{int(sheet.edited[rows].sum())} keypoints; {int(sheet.accepted[rows].sum())} poses accepted",
        ),
    ]
    return _rows(facts, ("", ""))


def _tracks(sheet: Sheet) -> Iterator[tuple[int, I64]]:
    """Return every person with an id and their rows, by frame."""
    rows = sheet.rows(None)
    rows = rows[sheet.track_id[rows] >= 0]
    rows = rows[np.lexsort((sheet.frame[rows], sheet.track_id[rows]))]
    for group in np.split(rows, np.flatnonzero(np.diff(sheet.track_id[rows])) + 1):
        if len(group):
            yield int(sheet.track_id[group[0]]), group


def _people(sheet: Sheet) -> str:
    cells = []
    for track_id, rows in _tracks(sheet):
        time = sheet.time[np.searchsorted(sheet.index, sheet.frame[rows[[0, -1]]])]
        span = int(
            np.searchsorted(sheet.index, sheet.frame[rows[-1]]) - np.searchsorted(sheet.index, sheet.frame[rows[0]])
        )
        share = f"{100 * len(rows) / (span + 1):.0f} %"
        cells.append(
            (track_id, len(rows), f"{time[0]:.2f}", f"{time[1]:.2f}", share, f"{sheet.score[rows].mean():.3f}")
        )
    return _rows(cells, ("id", "frames", "from, s", "to, s", "there", "mean score"))


def _x(sheet: Sheet, frames: Any) -> F64:  # Any: (T,) frame indices
    first, last = int(sheet.index[0]), int(sheet.index[-1])
    return np.asarray(_LEFT + (np.asarray(frames) - first) / max(last - first, 1) * (_WIDTH - _LEFT - 10), np.float64)


def _colour(track_id: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*track_color(track_id))


def _timeline(sheet: Sheet) -> str:
    parts = []
    tracks = list(_tracks(sheet))
    for row, (track_id, rows) in enumerate(tracks[:_PEOPLE]):
        places = np.searchsorted(sheet.index, sheet.frame[rows])
        parts.append(f'<text x="{_LEFT - 8}" y="{row * _ROW + 13}" text-anchor="end">{track_id}</text>')
        for run in np.split(sheet.frame[rows], np.flatnonzero(np.diff(places) > 1) + 1):
            x1, x2 = _x(sheet, [run[0], run[-1] + 1]).tolist()
            parts.append(
                f'<rect x="{x1:.1f}" y="{row * _ROW + 3}" width="{max(x2 - x1, 1):.1f}" height="12" '
                f'fill="{_colour(track_id)}">'
                f"<title>{track_id}: frames {run[0]}-{run[-1]}</title></rect>"
            )
    more = f"<p>{len(tracks) - _PEOPLE} more people are not shown.</p>" if len(tracks) > _PEOPLE else ""
    return _svg("Timeline", "".join(parts), min(len(tracks), _PEOPLE) * _ROW + 6) + more


def _svg(title: str, inside: str, height: int) -> str:
    return f'<svg role="img" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"><title>{title}</title>{inside}</svg>'


def _scores(sheet: Sheet) -> dict[int, tuple[I64, F64]]:
    return {track_id: (sheet.frame[rows], sheet.score[rows].astype(np.float64)) for track_id, rows in _tracks(sheet)}


def _speeds(sheet: Sheet) -> dict[int, tuple[I64, F64]]:
    """Return each person's speed, in parts of their size per second."""
    table, _ = sheet.table()
    if not (table.track_id >= 0).any():
        return {}
    steps = measure_steps(table)
    time = table.pose_time
    speed = steps.length / np.maximum(time[steps.after] - time[steps.before], 1e-6)
    ids, frames = table.track_id[steps.after], table.index[table.frame[steps.after]]
    return {int(each): (frames[ids == each], speed[ids == each]) for each in np.unique(ids)}


def _curves(sheet: Sheet, curves: dict[int, tuple[I64, F64]], unit: str, top: float | None) -> str:
    height = 170
    values = np.concatenate([each for _, each in curves.values()]) if curves else np.zeros(1)
    most = top if top is not None else max(float(np.quantile(values, 0.99)), 1e-3)
    parts = [
        f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y:.0f}" y2="{y:.0f}" stroke="#8885"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{share * most:.2g}</text>'
        for share in (0, 0.5, 1)
        for y in (height - 10 - share * (height - 30),)
    ]
    for track_id, (frames, line) in list(curves.items())[:_PEOPLE]:
        for part in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames) > _APART) + 1):
            some = part[:: max(1, len(frames) // _POINTS)]
            x, y = _x(sheet, frames[some]), height - 10 - np.minimum(line[some] / most, 1.05) * (height - 30)
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
            parts.append(
                f'<polyline fill="none" stroke="{_colour(track_id)}" stroke-width="1.3" points="{points}">'
                f"<title>{track_id}</title></polyline>"
            )
    return f"<p>{escape(unit)}</p>" + _svg(escape(unit), "".join(parts), height)


def _doubts(sheet: Sheet, doubts: Sequence[Doubt], open_reader: Callable[[], VideoReader]) -> str:
    if not doubts:
        return "<p>None.</p>"
    cells = [
        (each.facts()["title"], each.frame, f"{sheet.time[sheet.position(each.frame)]:.2f}",
         ", ".join(map(str, each.ids)), each.text)
        for each in doubts[:_LISTED]
    ]  # fmt: skip
    reader = open_reader()
    images = [found for each in doubts[:_SHOWN] if (found := _thumbnail(sheet, each, reader)) is not None]
    more = f"<p>{len(doubts) - _LISTED} more are not listed.</p>" if len(doubts) > _LISTED else ""
    return figures(images) + _rows(cells, ("kind", "frame", "s", "ids", "why")) + more


def _thumbnail(sheet: Sheet, doubt: Doubt, reader: VideoReader) -> tuple[str, bytes] | None:
    """Draw the people of a moment, cut out around whom it is about; None where the frame cannot be decoded."""
    try:
        image = reader[doubt.frame].image
    except VideoError:
        return None
    assert image is not None, "a reader gives images"
    pixels: U8 = np.ascontiguousarray(image.permute(1, 2, 0).numpy()).copy()
    people = sheet.people(doubt.frame)
    draw_people(pixels, people, sheet.skeleton)
    boxes = people.xyxy[np.isin(people.track_id, doubt.ids)]
    if len(boxes):
        height, width = pixels.shape[:2]
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        pad = 0.5 * float((high - low).max()) + 8
        x1, y1 = np.clip(low - pad, 0, [width - 1, height - 1]).astype(int).tolist()
        x2, y2 = np.clip(high + pad, [x1 + 1, y1 + 1], [width, height]).astype(int).tolist()
        pixels = pixels[y1:y2, x1:x2]
    scale = _THUMBNAIL / pixels.shape[1]
    size = (_THUMBNAIL, max(1, min(2 * _THUMBNAIL, round(pixels.shape[0] * scale))))
    shown = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return f"frame {doubt.frame}: {doubt.text}", encoded.tobytes()


def _settings(header: ResultHeader) -> str:
    text = json.dumps(header.provenance, indent=1, ensure_ascii=False, default=str)
    if len(text) > 200_000:
        text = text[:200_000] + "\n…"
    skeleton = f"<p>Skeleton {escape(header.skeleton.name)}: {escape(', '.join(header.skeleton.keypoints))}.</p>"
    return f"{skeleton}<details><summary>Provenance</summary><pre>{escape(text)}</pre></details>"
