"""What became of many clips: the closing table, the summary in JSON, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from videopose.fleet.job import Report
from videopose.io.result import JsonObject, atomic_write

SCHEMA = "videopose-summary/1"

_WIDEST = 48
"""Characters of a clip's name in the table; the end of a path says more than its beginning."""


def summary(reports: Sequence[Report], *, clips: int, seconds: float) -> JsonObject:
    """Return what became of all clips.

    Args:
        reports: of the clips that are over.
        clips: how many there were to do.
        seconds: from beginning to end.
    """
    states = [report.state for report in reports]
    return {
        "schema": SCHEMA,
        "totals": {
            "clips": clips,
            "done": states.count("done"),
            "finished_before": states.count("finished before"),
            "failed": states.count("failed"),
            "not_reached": clips - len(reports),
            "frames": sum(report.frames for report in reports if report.state == "done"),
            "seconds": round(seconds, 3),
        },
        "clips": [report.facts() for report in reports],
    }


def write_summary(path: Path, facts: JsonObject) -> None:
    """Write a summary as JSON; it appears when it is whole.

    Raises:
        VideoPoseError: the file cannot be written.
    """
    with atomic_write(path) as file:
        file.write((json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))


def table(reports: Sequence[Report], *, clips: int, seconds: float) -> str:
    """Format the closing table, a line a clip; failed ones stand last, with their reason.

    Example:
        >>> print(table([Report("a.mp4", "a.poses.json", "done", 250, 2, 0, 9.5)], clips=1, seconds=9.6))
        clip   frames  people  gaps  seconds
        a.mp4     250       2     0      9.5
        1 of 1 clips done, 250 frames in 10 s
    """
    rows = [("clip", "frames", "people", "gaps", "seconds")]
    good = [report for report in reports if report.state != "failed"]
    rows += [(_short(each.clip), str(each.frames), str(each.people), str(each.gaps), _time_of(each)) for each in good]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    lines = lines if good else []
    lines += [f"FAILED  {report.clip}: {report.error}" for report in reports if report.state == "failed"]
    return "\n".join([*lines, _closing(reports, clips, seconds)])


def _time_of(report: Report) -> str:
    return "before" if report.state == "finished before" else f"{report.seconds:.1f}"


def _short(name: str) -> str:
    return name if len(name) <= _WIDEST else "…" + name[1 - _WIDEST :]


def _closing(reports: Sequence[Report], clips: int, seconds: float) -> str:
    states = [report.state for report in reports]
    parts = [f"{states.count('done')} of {clips} clips done"]
    parts += [f"{states.count('finished before')} finished before"] * ("finished before" in states)
    parts += [f"{states.count('failed')} failed"] * ("failed" in states)
    parts += [f"{clips - len(reports)} not reached"] * (clips > len(reports))
    frames = sum(report.frames for report in reports if report.state == "done")
    minutes, rest = divmod(round(seconds), 60)
    return f"{', '.join(parts)}, {frames} frames in {f'{minutes} min ' if minutes else ''}{rest} s"


def exit_code(reports: Sequence[Report]) -> int:
    """Return 1 if a clip failed, else 0."""
    return int(any(report.state == "failed" for report in reports))
