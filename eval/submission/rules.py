"""The rules of a PoseTrack submission, each with a name, a sentence and a check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.formats import read_frames, read_table
from videopose.io.exchange.table import PoseTable
from videopose.types import UNTRACKED, Bool

MAX_TRACK_ID = 999
"""The kit adds thousands to ids to tell sequences apart; the challenge asks for 0 to 999."""


@dataclass(frozen=True)
class Verdict:
    """Whether the files keep a rule.

    Attributes:
        rule: its name.
        what: the rule in words.
        kept: whether all files keep it.
        problems: the first few places where it is broken.
        count: how many places there are.
    """

    rule: str
    what: str
    kept: bool
    problems: tuple[str, ...]
    count: int


Check = Callable[[PoseTable, PoseTable | None], Iterator[str]]
"""Yields a sentence per place where a rule is broken; the truth is None if it was not given."""


def _frames(table: PoseTable, truth: PoseTable | None) -> Iterator[str]:
    if truth is None:
        return
    wanted, given = ([Path(frame.name).name for frame in each.frames] for each in (truth, table))
    if len(wanted) != len(given):
        yield f"has {len(given)} frames, the ground truth {len(wanted)}"
    elif wanted != given:
        first = next(place for place, (a, b) in enumerate(zip(wanted, given, strict=True)) if a != b)
        yield f"frame {first} is {given[first]!r}, not {wanted[first]!r}"


def _ids(table: PoseTable, _truth: PoseTable | None) -> Iterator[str]:
    for row in np.flatnonzero(table.track_id == UNTRACKED):
        yield f"{_where(table, row)}: a person has no track id"


def _id_range(table: PoseTable, _truth: PoseTable | None) -> Iterator[str]:
    for row in np.flatnonzero((table.track_id != UNTRACKED) & ~_in_range(table)):
        yield f"{_where(table, row)}: track id {table.track_id[row]}"


def _in_range(table: PoseTable) -> Bool:
    return (table.track_id >= 0) & (table.track_id <= MAX_TRACK_ID)


def _unique_ids(table: PoseTable, _truth: PoseTable | None) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()
    for row, key in enumerate(zip(table.frame.tolist(), table.track_id.tolist(), strict=True)):
        if key in seen and key[1] != UNTRACKED:
            yield f"{_where(table, row)}: track id {key[1]} stands twice"
        seen.add(key)


def _scores(table: PoseTable, _truth: PoseTable | None) -> Iterator[str]:
    for row in np.flatnonzero((table.present & ~np.isfinite(table.keypoint_score)).any(axis=1)):
        yield f"{_where(table, row)}: a keypoint has no score"


def _keypoints(table: PoseTable, _truth: PoseTable | None) -> Iterator[str]:
    missing = [name for name in ("head_bottom", "head_top", "nose") if name not in table.skeleton.keypoints]
    if missing:
        yield f"has no {', '.join(missing)}"
    for row in np.flatnonzero(~table.present.any(axis=1)):
        yield f"{_where(table, row)}: a person has no keypoint at all"


def _where(table: PoseTable, row: np.integer[Any] | int) -> str:
    position = int(table.frame[row])
    return f"frame {table.frames[position].name or position}"


RULES: dict[str, tuple[str, Check]] = {
    "frames": ("every frame of the ground truth is there, in its order", _frames),
    "track ids": ("every person has a track id", _ids),
    "id range": (f"track ids are whole numbers from 0 to {MAX_TRACK_ID}", _id_range),
    "unique ids": ("no id stands twice in a frame", _unique_ids),
    "scores": ("every keypoint has a score", _scores),
    "keypoints": ("people have keypoints, the head's among them", _keypoints),
}

NUM_PROBLEMS = 3
"""Places that are named per rule."""


def check_folder(folder: Path, truth: Path | None) -> list[Verdict]:
    """Check the files of a submission against every rule.

    Args:
        folder: one JSON per sequence.
        truth: folder of ground truth, for names and frames; those two rules are not judged without.

    Raises:
        DatasetError: there is nothing to check.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise DatasetError(f"{folder}: no .json file here; a submission is one per sequence")
    verdicts = [_names(folder, files, truth)] if truth is not None else []
    tables, damaged = [], []
    for file in files:
        try:
            tables.append(read_table(file))
        except DatasetError as error:
            damaged.append(str(error))
    verdicts.append(_verdict("format", "every file is a PoseTrack 2017 or 2018 document", damaged))
    expected = _truths(truth, {table.name for table in tables})
    for rule, (what, check) in RULES.items():
        problems = [
            f"{Path(table.source).name}: {problem}"
            for table in tables
            for problem in check(table, expected.get(table.name))
        ]
        if rule != "frames" or truth is not None:
            verdicts.append(_verdict(rule, what, problems))
    return verdicts


def _truths(truth: Path | None, names: set[str]) -> dict[str, PoseTable]:
    if truth is None:
        return {}
    return {file.stem: read_frames(file) for file in sorted(truth.glob("*.json")) if file.stem in names}


def _names(folder: Path, files: list[Path], truth: Path) -> Verdict:
    wanted, given = {file.name for file in truth.glob("*.json")}, {file.name for file in files}
    problems = [f"{name} is missing" for name in sorted(wanted - given)]
    problems += [f"{name} is no sequence of {truth.name}" for name in sorted(given - wanted)]
    return _verdict("names", f"files are named as in the ground truth, {len(wanted)} of them", problems)


def _verdict(rule: str, what: str, problems: list[str]) -> Verdict:
    return Verdict(rule, what, not problems, tuple(problems[:NUM_PROBLEMS]), len(problems))
