"""Compare trackers on saved poses against true tracks: the table of `videopose track --compare`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.geometry.keypoints import boxes_around
from videopose.io.exchange.formats import read_table, recognise
from videopose.io.exchange.mapping import to_skeleton
from videopose.io.results import read_result
from videopose.skeletons import Skeleton
from videopose.stages.shots import GivenShots
from videopose.types import F32, I64, Poses, Record
from videopose.workflows.retrack import (
    check_saved,
    known_shots,
    retrack_options,
    retrack_records,
)

from ..protocols.tracking_scoring import TrueFrame, count_video

COLUMNS = ("HOTA", "IDF1", "MOTA", "switches", "fragmentations", "AP")


def compare(poses: Path, trackers: Sequence[str], truth: Path, overrides: Iterable[str] = ()) -> str:
    """Track a result with each tracker, score it, and lay out a table.

    Args:
        poses: a result; its ids are ignored.
        trackers: names.
        truth: a result with true ids, or a PoseTrack file; frames pair by index.
        overrides: `key=value`, for all trackers.

    Raises:
        UnknownNameError: no tracker has one of the names.
        InputError: a tracker needs images, which a result does not hold.
        DatasetError: a file cannot be read, or the two hold no common frame.
    """
    stored = read_result(poses)
    skeleton = stored.header.skeleton
    records = list(stored)
    true_frames = _read_truth(truth, skeleton)
    common = [record.frame.index for record in records if record.frame.index in true_frames]
    if not common:
        raise DatasetError(f"{truth}: has no frame in common with {poses}; frames pair by their index")
    nobody = Poses.empty(len(skeleton))
    rows = []
    for name in trackers:
        options = retrack_options(name, overrides)
        check_saved(poses, options)
        started = time.perf_counter()
        shots = GivenShots(known_shots(stored.header, options.tracker.shots))
        tracked = {each.frame.index: each.poses for each in retrack_records(shots(records), options, skeleton)}
        seconds = time.perf_counter() - started
        counts = count_video(
            [true_frames[index] for index in common], [tracked.get(index) or nobody for index in common], skeleton
        )
        numbers = counts.numbers()
        speed = f"{_people(records) / seconds:.0f}"
        rows.append([name, *(_shown(column, numbers[column]) for column in COLUMNS), speed])
    return table(["tracker", *COLUMNS, "poses/s"], rows)


def _shown(column: str, value: float) -> str:
    return f"{value:.0f}" if column in ("switches", "fragmentations") else f"{value:.1f}"


def _people(records: Iterable[Record]) -> int:
    return sum(len(record.poses) for record in records if record.poses is not None)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table: first column to the left, the others to the right."""
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (head, *rows)
    ]
    return "\n".join(lines)


def _read_truth(path: Path, skeleton: Skeleton) -> dict[int, TrueFrame]:
    """Read true people by frame index: a result says it, in other formats frames are counted from 0."""
    own = recognise(path) == "videopose"
    sequence = to_skeleton(read_table(path), skeleton, derive=False)
    frames = {}
    for number, entry in enumerate(sequence.frames):
        rows = (sequence.frame == number) & (sequence.track_id >= 0) & ~sequence.crowd
        seen = np.isfinite(sequence.xy[rows]).all(axis=-1) & (np.nan_to_num(sequence.keypoint_score[rows], nan=1) > 0)
        visible = np.where(seen, np.maximum(sequence.visibility[rows], 1), 0)
        keypoints = np.concatenate([np.nan_to_num(sequence.xy[rows]), visible[..., None]], axis=2).astype(np.float32)
        index = entry.number if own and entry.number is not None else number
        frames[index] = _true_frame(sequence.track_id[rows], keypoints)
    return frames


def _true_frame(track_id: I64, keypoints: F32) -> TrueFrame:
    labelled = (keypoints[..., 2] > 0).any(axis=1)
    return TrueFrame(track_id[labelled], keypoints[labelled], boxes_around(keypoints[labelled], padding=1.2))
