"""Figures of a result: one per person, of what happened to it over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videopose.drawing.plots import draw_curves, draw_timeline, empty_figure, figure_bytes, is_plot
from videopose.errors import InputError
from videopose.geometry.joint_angles import ANGLES, speeds
from videopose.io.result import atomic_write
from videopose.io.results import StoredResult
from videopose.types import CORRECTED, FILLED, SEEN, pose_source
from videopose.workflows.angles import PersonAngles

_MOST_PEOPLE = 40
"""Figures in one file; an image of more would be too long to be looked at."""

_FOLLOWED = ("wrist", "ankle")
"""Keypoints whose way is drawn beside that of the box's middle."""


def check_plot(path: Path) -> None:
    """Raise `InputError` unless a plot can be written under a name."""
    if not is_plot(path):
        raise InputError(f"{path}: plots are written as .png or .html, by the suffix; choose one of them")


def plot_angles(path: Path, stored: StoredResult, people: Sequence[PersonAngles]) -> None:
    """Draw each person's angles over time.

    Raises:
        InputError: the suffix is unknown, matplotlib is missing, or there are too many people.
    """
    check_plot(path)
    _check_number(path, len(people))
    time = stored.to_arrays().time
    figures = []
    for person in people:
        groups = _groups(person)
        title = f"{Path(stored.header.video.path).name}, person {person.track_id}, facing {person.facing}"
        figure, axes = empty_figure(len(groups), title=title)
        for panel, (name, curves) in zip(axes, groups.items(), strict=True):
            draw_curves(panel, time[person.rows], curves, label=f"{name}, °")
        figures.append(figure)
    _save(path, figures, Path(stored.header.video.path).name)


def _groups(person: PersonAngles) -> dict[str, dict[str, np.ndarray]]:
    """Arrange angles in panels: both sides of a joint or a segment in one, what has no sides together."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, values in person.degrees.items():
        side, _, joint = name.partition("_")
        flexion = "" if ANGLES[name].measure == "horizontal" else f" {ANGLES[name].measure}"
        group, label = (f"{joint}{flexion}", side) if side in ("left", "right") else ("body", name)
        groups.setdefault(group, {})[label] = values
    return groups


def plot_result(path: Path, stored: StoredResult, ids: Sequence[int] = ()) -> None:
    """Draw for each person: where it was, its scores, its speed, and when it was seen, filled in or corrected.

    Args:
        path: to write, `.png` or `.html`.
        stored: a result with tracked people.
        ids: of whom; everybody if empty.

    Raises:
        InputError: the suffix is unknown, nobody has such an id, matplotlib is missing, or there are too many people.
    """
    check_plot(path)
    arrays = stored.to_arrays()
    known = arrays.track_id.tolist()
    wrong = [each for each in ids if each not in known]
    if wrong or not known:
        who = f"has the id {wrong[0]}" if wrong else "is tracked"
        raise InputError(f"{stored.path}: nobody {who}. Known ids: {', '.join(map(str, known)) or 'none'}")
    chosen = [known.index(each) for each in (ids or known)]
    _check_number(path, len(chosen))
    names = stored.header.skeleton.keypoints
    followed = {name: place for place, name in enumerate(names) if name.endswith(_FOLLOWED)}
    figures = []
    for column in chosen:
        title = f"{Path(stored.header.video.path).name}, person {known[column]}"
        figure, axes = empty_figure(5, title=title)
        box = arrays.xyxy[:, column].astype(np.float64)
        middle = (box[:, :2] + box[:, 2:]) / 2
        points = arrays.keypoints[:, column].astype(np.float64)
        for axis, label in enumerate(("x", "y")):
            ways = {"middle": middle[:, axis], **{name: points[:, place, axis] for name, place in followed.items()}}
            draw_curves(axes[axis], arrays.time, ways, label=f"{label}, pixels")
        axes[1].invert_yaxis()  # as in the image
        scores = {"person": arrays.score[:, column].astype(np.float64), "keypoints, least": _least(points)}
        draw_curves(axes[2], arrays.time, scores, label="score")
        axes[2].set_ylim(0, 1.05)
        pace = np.hypot(*(speeds(each, arrays.time, turn=None) for each in middle.T))
        draw_curves(axes[3], arrays.time, {"middle": pace}, label="speed, px/s")
        there = np.isfinite(arrays.score[:, column])
        source = np.where(there, pose_source(arrays.source[:, column]), 255)
        kinds = {"seen": SEEN, "filled": FILLED, "corrected": CORRECTED}
        draw_timeline(axes[4], arrays.time, {name: (source == kind).astype(np.int64) for name, kind in kinds.items()})
        figures.append(figure)
    _save(path, figures, Path(stored.header.video.path).name)


def _least(points: np.ndarray) -> np.ndarray:
    """Return the lowest keypoint score of each frame; NaN where nobody is."""
    scores = np.where(np.isfinite(points[..., 2]), points[..., 2], np.inf).min(axis=1)
    return np.where(np.isfinite(scores), scores, np.nan)


def _check_number(path: Path, people: int) -> None:
    if people > _MOST_PEOPLE:
        raise InputError(
            f"{path}: {people} people are too many for one plot ({_MOST_PEOPLE} fit); choose some with --id"
        )


def _save(path: Path, figures: list[object], title: str) -> None:
    data = figure_bytes(figures, path.suffix.lower(), title=title)
    with atomic_write(path) as file:
        file.write(data)
