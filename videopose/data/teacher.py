"""A machine's labels: keypoints nobody labelled, filled in from a published network at a lower weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from videopose.config import Options
from videopose.data.coco import load_json, target_columns
from videopose.data.samples import LabelledImage, PersonLabel
from videopose.errors import DatasetError
from videopose.skeletons import Skeleton, skeleton_named
from videopose.types import F32, I64


class TeacherOptions(Options):
    """Where machine labels are and how far they are trusted."""

    file: str
    """JSON: person -> K x (x, y, score) in image pixels; or NPZ: `id` (annotations), `xy` in tenths of a pixel, `prob`
    in 255ths and, if there, `lr_swap`: people whose labels and machine's exchange left and right, who are left out."""
    skeleton: str = "coco17"
    key: str = "{file_name}"
    """How a person is called in the file; `{file_name}` and `{person}` (the annotation's id) are filled in."""
    keypoints: tuple[str, ...] | None = None
    """Which keypoints are taken; all if not given."""
    weight: float = 0.5
    """Multiplied with the machine's score; human labels have 1."""
    min_score: float = 0.4
    near_head: float | None = None
    """Take a keypoint only within this many head lengths of the labelled head's middle."""


def add_teacher(
    images: list[LabelledImage], folder: Path, options: TeacherOptions, skeleton: Skeleton
) -> list[LabelledImage]:
    """Fill keypoints nobody labelled with a machine's.

    Raises:
        DatasetError: the file is not of the stated layout.
    """
    path = folder / options.file
    guesses = _read_guesses(path, len(skeleton_named(options.skeleton)))
    wanted = options.keypoints or skeleton_named(options.skeleton).keypoints
    source, target = target_columns(list(skeleton_named(options.skeleton).keypoints), skeleton)
    chosen = np.array([skeleton.keypoints[index] in wanted for index in target], bool)
    columns = source[chosen], target[chosen]
    head = skeleton.keypoints.index("head_bottom"), skeleton.keypoints.index("head_top")
    filled, dropped = [], _left_out(path)
    for image in images:
        people = []
        for person in image.people:
            if person.key in dropped:
                continue
            guess = guesses.get(options.key.format(file_name=image.path.name, person=person.key))
            people.append(person if guess is None else _filled(person, guess, columns, options, head))
        filled.append(replace(image, people=tuple(people)))
    return filled


def _left_out(path: Path) -> set[str]:
    if path.suffix != ".npz":
        return set()
    with np.load(path) as arrays:
        return {str(key) for key in arrays["id"][arrays["lr_swap"]]} if "lr_swap" in arrays else set()


def _read_arrays(path: Path) -> Mapping[str, F32]:
    try:
        with np.load(path) as arrays:
            points, scores = arrays["xy"].astype(np.float32) / 10, arrays["prob"].astype(np.float32) / 255
            keys = arrays["id"].tolist()
        guesses = np.concatenate([points, scores[..., None]], -1)
    except (OSError, KeyError, ValueError) as error:
        raise DatasetError(f"{path}: not an archive of id, xy and prob: {error}") from error
    return {str(key): guess for key, guess in zip(keys, guesses, strict=True)}


def _read_guesses(path: Path, num_keypoints: int) -> Mapping[str, F32]:
    try:
        if path.suffix == ".npz":
            return _read_arrays(path)
        guesses = {str(key): np.array(value, np.float32) for key, value in load_json(path).items()}
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{path}: machine labels are lists of x, y, score: {error}") from error
    for key, guess in guesses.items():
        if guess.shape != (num_keypoints, 3):
            raise DatasetError(f"{path}: {key} has shape {guess.shape}, but ({num_keypoints}, 3) is needed")
    return guesses


def _filled(
    person: PersonLabel, guess: F32, columns: tuple[I64, I64], options: TeacherOptions, head: tuple[int, int]
) -> PersonLabel:
    source, target = columns
    free = (person.keypoints[target, 2] == 0) & (guess[source, 2] > options.min_score)
    if options.near_head is not None:
        free &= _near_head(person, guess[source, :2], head, options.near_head)
    keypoints, weight = person.keypoints.copy(), person.weight.copy()
    keypoints[target[free], :2] = guess[source[free], :2]
    keypoints[target[free], 2] = 2
    weight[target[free]] = options.weight * guess[source[free], 2]
    return replace(person, keypoints=keypoints, weight=weight)


def _near_head(person: PersonLabel, points: F32, head: tuple[int, int], factor: float) -> F32:
    """Find which points lie near the labelled head; none if the head is not labelled."""
    ends = person.keypoints[list(head)]
    if (ends[:, 2] == 0).any():
        return np.zeros(len(points), bool)
    length = float(np.linalg.norm(ends[0, :2] - ends[1, :2]))
    return np.asarray(np.linalg.norm(points - ends[:, :2].mean(0), axis=1) <= factor * length)
