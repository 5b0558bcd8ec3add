"""Write the files a PoseTrack submission needs, and check them rule by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError, InputError, UnknownNameError, nearest_name
from videopose.io.exchange.formats import read_frames, read_table, write_table
from videopose.io.exchange.frames import frame_indices
from videopose.io.exchange.mapping import to_skeleton
from videopose.io.exchange.table import PoseTable
from videopose.types import I64, UNTRACKED

from ..protocols import posetrack
from ..protocols.posetrack_cleanup import CORRECTED, FATAL, pair_frames
from ..protocols.posetrack_numbers import SKELETON, numbers
from ..protocols.posetrack_sequence import score_sequence
from .rules import MAX_TRACK_ID, Verdict, check_folder

__all__ = ["PROFILES", "Made", "Verdict", "check", "make", "tune"]

PROFILES = ("estimation", "tracking")
"""What is ranked by AP keeps every keypoint, what is ranked by MOTA only those above a threshold."""

THRESHOLDS: tuple[float, ...] = tuple(round(0.05 * step, 2) for step in range(19))
"""Keypoint scores that are tried when tuning: 0, 0.05 … 0.9."""

DEFAULT_THRESHOLD = 0.3
"""For the tracking profile without tuning."""


@dataclass(frozen=True)
class Made:
    """What was written.

    Attributes:
        files: in the order of the ground truth.
        threshold: keypoint score below which keypoints were dropped; 0 = none was.
        notes: what had to be changed or derived.
    """

    files: tuple[Path, ...]
    threshold: float
    notes: tuple[str, ...]


def make(
    results: Sequence[Path],
    truth: Path,
    profile: str,
    output: Path,
    *,
    threshold: float | None = None,
    tuned_on: Path | None = None,
) -> Made:
    """Write one PoseTrack 2018 file per sequence of the ground truth.

    Args:
        results: files or folders in any format that is read; a file belongs to the sequence of its name.
        truth: folder of ground truth, whose file names, frames and image ids are taken.
        profile: `estimation` or `tracking`.
        output: folder to write to.
        threshold: keypoint score for the tracking profile.
        tuned_on: folder of a validation set, to choose the threshold by; see `tune`.

    Raises:
        UnknownNameError: there is no such profile.
        InputError: a threshold is given for the estimation profile, which keeps every keypoint.
        DatasetError: a sequence has no result, or a result does not fit its sequence.
    """
    if profile not in PROFILES:
        raise UnknownNameError(f"no profile is named {profile!r}. {nearest_name(profile, PROFILES)}")
    if profile == "estimation" and (threshold is not None or tuned_on is not None):
        raise InputError("the estimation profile keeps every keypoint; leave out --threshold and --tune")
    cut = 0.0
    if profile == "tracking":
        cut = tune(tuned_on) if tuned_on is not None else DEFAULT_THRESHOLD if threshold is None else threshold
    sequences = sorted(truth.glob("*.json"))
    if not sequences:
        raise DatasetError(f"{truth}: no ground truth here; a folder with one .json per sequence is needed")
    found = _by_name(results)
    missing = [file.stem for file in sequences if file.stem not in found]
    if missing:
        raise DatasetError(f"no result is named {missing[0]!r}, nor {len(missing) - 1} others that {truth} asks for")
    output.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    notes: set[str] = set()
    for file in sequences:
        table, said = _sequence(read_table(found[file.stem]), read_frames(file), cut)
        notes.update(said)
        files.append(output / file.name)
        notes.update(write_table(table, files[-1], "posetrack18"))
    return Made(tuple(files), cut, tuple(sorted(notes)))


def _by_name(results: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in results:
        if not path.exists():
            raise DatasetError(f"{path}: no such file or folder; results to submit are needed")
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in inside:
            name = file.name.split(".")[0]
            if file.suffix.lower() not in (".json", ".parquet", ".csv"):
                continue
            if name in found:
                raise InputError(f"{file} and {found[name]} are both results of {name}; give one")
            found[name] = file
    return found


def _sequence(predicted: PoseTable, truth: PoseTable, cut: float) -> tuple[PoseTable, list[str]]:
    said: list[str] = []
    if any(frame.name for frame in predicted.frames):
        predicted = pair_frames(truth, predicted, CORRECTED, Counter())
    else:
        predicted = _by_number(predicted, truth, said)
    table = to_skeleton(predicted, SKELETON)
    if table.derived:
        said.append(f"keypoints derived, not measured: {', '.join(sorted(table.derived))}")
    table = _with_scores(table, said)
    table = cut_keypoints(table, cut)
    return replace(table, track_id=_small_ids(table, said)), said


def _by_number(predicted: PoseTable, truth: PoseTable, said: list[str]) -> PoseTable:
    """Match the frames of a video result to those of the sequence, by the rule of `io.exchange.frames`."""
    given = frame_indices(predicted)
    is_whole = np.array_equal(np.sort(given), np.arange(len(given)))
    position = {
        index: place for place, index in enumerate(frame_indices(truth, count=len(given) if is_whole else None))
    }
    beyond = [index for index in given.tolist() if index not in position]
    if beyond:
        raise DatasetError(
            f"{predicted.source}: has a frame {beyond[-1]}, which none of the {len(truth.frames)} images of "
            f"{truth.source} is"
        )
    if len(given) < len(truth.frames):
        said.append("frames that the result does not have are written without people")
    return predicted.on_frames(truth.frames, np.array([position[index] for index in given.tolist()], np.int64))


def _with_scores(table: PoseTable, said: list[str]) -> PoseTable:
    missing = table.present & np.isnan(table.keypoint_score)
    if not missing.any():
        return table
    said.append("keypoints without a score were given their person's")
    score = np.where(missing, np.nan_to_num(table.score, nan=1.0)[:, None], table.keypoint_score)
    return replace(table, keypoint_score=score)


def cut_keypoints(table: PoseTable, threshold: float) -> PoseTable:
    """Drop keypoints whose score is below a threshold, and people left without any."""
    gone = table.keypoint_score < threshold
    table = replace(
        table,
        xy=np.where(gone[..., None], np.nan, table.xy),
        keypoint_score=np.where(gone, np.nan, table.keypoint_score),
        visibility=np.where(gone, 0, table.visibility),
    )
    return table[table.present.any(axis=1)]


def _small_ids(table: PoseTable, said: list[str]) -> I64:
    """Number the tracks 0, 1, 2 … by first appearance if an id is out of range; the untracked get ids of their own."""
    ids = table.track_id
    within = (ids >= 0) & (ids <= MAX_TRACK_ID)
    if within.all():
        return ids
    untracked = ids == UNTRACKED
    if untracked.any():
        said.append("people without a track id were given one each")
    keys = np.where(untracked, ids.min(initial=0) - 1 - np.arange(len(ids)), ids)
    first = np.unique(keys, return_index=True, return_inverse=True)
    number = np.argsort(np.argsort(first[1], kind="stable"), kind="stable")[first[2]]
    if len(number) and number.max() > MAX_TRACK_ID:
        raise DatasetError(
            f"{table.source}: has {number.max() + 1} tracks; a submission may number {MAX_TRACK_ID + 1}. "
            "Drop short tracks first"
        )
    return number


def tune(validation: Path) -> float:
    """Choose the keypoint score below which dropping keypoints maximises the kit's MOTA on a validation set.

    Args:
        validation: folder with `results` and their `truth`, each a folder with a file per sequence.

    Returns:
        The best of `THRESHOLDS`, the lowest of several equally good ones.

    Raises:
        DatasetError: a folder or a file is missing, or MOTA cannot be computed.
    """
    results, truth = validation / "results", validation / "truth"
    for folder in (results, truth):
        if not folder.is_dir():
            raise DatasetError(f"{folder}: is no folder; a validation set has folders `results` and `truth`")
    pairs = []
    for real_file, found_file in posetrack.pair_files(truth, results):
        real, found = (to_skeleton(read_table(path), SKELETON) for path in (real_file, found_file))
        pairs.append((real, _with_scores(found, [])))
    scores = [_mota((real, cut_keypoints(found, cut)) for real, found in pairs) for cut in THRESHOLDS]
    if not np.isfinite(scores).any():
        raise DatasetError(f"{results}: MOTA cannot be computed, so no threshold can be chosen; are there track ids?")
    return THRESHOLDS[int(np.nanargmax(scores))]


def _mota(pairs: Iterable[tuple[PoseTable, PoseTable]]) -> float:
    counts = [score_sequence(real, found, FATAL, identities=False) for real, found in pairs]
    return numbers(counts, FATAL)["mota"]["total"]


def check(folder: Path, truth: Path | None = None) -> list[Verdict]:
    """Check for every rule of the challenge whether the files of a folder keep it.

    Raises:
        DatasetError: there is nothing to check.
    """
    return check_folder(folder, truth)
