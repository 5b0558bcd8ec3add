"""What the image protocols share: bring predictions onto the truth's images and put people into pairs."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.errors import DatasetError
from videopose.io.exchange.formats import read_table
from videopose.io.exchange.frames import frame_indices
from videopose.io.exchange.table import PoseTable
from videopose.types import F64, I64

_log = logging.getLogger(__name__)

CROWD_AREA = 0.53
"""CrowdPose has no masks: a person's area is this share of the box."""

SUFFIXES = (".json", ".mat", ".txt", ".parquet", ".csv")
"""Endings of files that a folder is searched for."""


def read_pair(truth: Path, predictions: Path, origin: str | None = None) -> tuple[PoseTable, PoseTable]:
    """Read a ground truth and its predictions, both on the frames of the truth.

    Raises:
        DatasetError: a file breaks its format, or the two are not about the same images.
    """
    real = read_table(truth, origin)
    return real, onto_frames(numbered_as(read_table(predictions, category=real.category), real), real)


def read_pairs(truth: Path, predictions: Path, origin: str | None = None) -> list[tuple[PoseTable, PoseTable]]:
    """Read a file and its predictions, or all files below a folder, each with the predictions of its name.

    A sequence's name is its file's, for JHMDB its folder's, whose files are all called alike.

    Raises:
        DatasetError: a file breaks its format, predictions are missing, or the two are not about the same images.
    """
    if not truth.is_dir():
        return [read_pair(truth, predictions, origin)]
    files = sorted(path for path in truth.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise DatasetError(f"{truth}: no ground truth here; files ending in {', '.join(SUFFIXES)} are looked for")
    pairs = []
    for file in files:
        real = read_table(file, origin)
        found = next((path for path in sorted(predictions.glob(f"{real.name}.*")) if path.suffix in SUFFIXES), None)
        if found is None:
            raise DatasetError(f"{predictions}: has no file {real.name}.*, which {file} asks for")
        pairs.append((real, onto_frames(numbered_as(read_table(found, category=real.category), real), real)))
    return pairs


def onto_frames(predicted: PoseTable, truth: PoseTable) -> PoseTable:
    """Return predictions the frames of the truth: by image id, else by image name, else by position.

    Raises:
        DatasetError: a prediction is of an image the truth does not have.
    """
    if predicted.frames == truth.frames:
        return predicted
    if not predicted.frames:  # an empty list of results: nobody was found anywhere
        return replace(predicted, frames=truth.frames)
    for identity in (_numbers, _names):
        here, there = identity(predicted), identity(truth)
        if here is None or there is None:
            continue
        position = {each: place for place, each in enumerate(there)}
        if len(position) < len(there) or not position.keys() & set(here):
            continue
        unknown = [each for each in here if each not in position]
        if unknown:
            raise DatasetError(
                f"{predicted.source}: image {unknown[0]!r} is not in {truth.source}, "
                f"nor are {len(unknown) - 1} others of {len(here)}"
            )
        return predicted.on_frames(truth.frames, np.array([position[each] for each in here], np.int64))
    if len(predicted.frames) != len(truth.frames):
        raise DatasetError(
            f"{predicted.source}: has {len(predicted.frames)} images and {truth.source} {len(truth.frames)}, "
            "and neither ids nor names tell which is which"
        )
    return replace(predicted, frames=truth.frames)


def numbered_as(predicted: PoseTable, truth: PoseTable) -> PoseTable:
    """Match the frames of a video's result to the images of the truth, by the rule of `io.exchange.frames`.

    Frames of the result that are no images of the truth are left out, which is said. Results that are not a video's
    are left alone.

    Raises:
        DatasetError: none of the frames is an image of the truth.
    """
    if not _is_of_video(predicted):
        return predicted
    given = frame_indices(predicted)
    is_whole = np.array_equal(np.sort(given), np.arange(len(given)))
    wanted = frame_indices(truth, count=len(given) if is_whole else None)
    position = {index: place for place, index in enumerate(wanted.tolist())}
    place = np.array([position.get(index, -1) for index in given.tolist()], np.int64)
    if len(place) and (place < 0).all():
        raise DatasetError(
            f"{predicted.source}: none of its {len(place)} frames is an image of {truth.source}, whose frames are "
            f"{wanted.min(initial=0)} to {wanted.max(initial=0)}, counted from 0"
        )
    if (place < 0).any():
        _log.warning(
            "%s: %d of %d frames are no images of %s and are not scored",
            *(predicted.source, (place < 0).sum(), len(place), truth.source),
        )
    return replace(predicted.on_frames(truth.frames, place), placed=truth.placed, first_number=truth.first_number)


def _is_of_video(table: PoseTable) -> bool:
    """Check whether frames are counted, as in our results and in MOT text, rather than named or numbered at will."""
    numbered = all(frame.number is not None and not frame.name for frame in table.frames)
    return numbered and (table.first_number > 0 or all(frame.time is not None for frame in table.frames))


def _numbers(table: PoseTable) -> list[int] | None:
    numbers = [frame.number for frame in table.frames if frame.number is not None]
    return numbers if len(numbers) == len(table.frames) else None


def _names(table: PoseTable) -> list[str] | None:
    names = [PurePosixPath(frame.name).name for frame in table.frames]
    return names if all(names) else None


def paired_rows(truth: PoseTable, predicted: PoseTable) -> I64:
    """Return each true person the row of its prediction, for protocols that know who is who; -1 = none.

    Where a frame has as many predictions as true people, they correspond by order, as the single-person benchmarks
    have it; elsewhere the pairs of least summed distance are taken.
    """
    rows = np.full(len(truth), -1)
    for position in np.unique(truth.frame):
        left, right = (range(*table.rows_of(int(position)).indices(len(table))) for table in (truth, predicted))
        if len(left) == len(right):
            rows[left.start : left.stop] = right
        elif len(right):
            cost = _mean_distance(truth.xy[left.start : left.stop], predicted.xy[right.start : right.stop])
            chosen, partner = linear_sum_assignment(cost)
            rows[left.start + chosen] = right.start + partner
    return rows


def _mean_distance(truth: F64, predicted: F64) -> F64:
    apart = np.linalg.norm(truth[:, None] - predicted[None], axis=-1)
    both = np.isfinite(apart)
    mean = np.where(both, apart, 0).sum(axis=-1) / np.maximum(both.sum(axis=-1), 1)
    return np.where(both.any(axis=-1), mean, 1e9)


def pair_up(truth: PoseTable, predicted: PoseTable) -> F64:
    """Return (N, K, 2) predicted keypoints in the rows of the truth; NaN where there is no prediction."""
    rows = paired_rows(truth, predicted)
    out = np.full(truth.xy.shape, np.nan)
    out[rows >= 0] = predicted.xy[rows[rows >= 0]]
    return out


def visible_truth(truth: PoseTable) -> F64:
    """Return (N, K, 3) x, y and 1 or 0: labelled. A flag that was not given means labelled if there are coordinates."""
    labelled = truth.present & (truth.visibility != 0)
    return np.concatenate([np.nan_to_num(truth.xy), labelled[..., None].astype(np.float64)], axis=2)


def padded_rows(table: PoseTable) -> I64:
    """Return (F, N) rows of the people in each frame, in order; -1 = padding."""
    count = np.bincount(table.frame, minlength=len(table.frames))
    rows = np.full((len(table.frames), count.max(initial=0)), -1)
    within = np.arange(len(table)) - np.repeat(np.cumsum(count) - count, count)
    rows[table.frame, within] = np.arange(len(table))
    return rows
