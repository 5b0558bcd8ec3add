"""Measure smoothing of whole tracks: on simulated detections of real trajectories, and on what the networks give.

    python -m videopose.eval.benchmarks.smoothing --data DIR --out eval/benchmarks/results/smoothing.json

Tracks are the true ones, so nothing but cleaning is measured. Neither the trajectories (every third video) nor the
clips (JHMDB val) were learned from.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from videopose.data.detection_noise import LEVELS, DetectedVideo, simulate, true_ids
from videopose.data.jhmdb import LabelledClip, read_jhmdb
from videopose.data.samples import read_clip
from videopose.data.true_videos import SKELETON, read_truth, split
from videopose.estimators.build import PoseOptions, create_estimator
from videopose.estimators.topdown import TopDownEstimator
from videopose.geometry.boxes import clip as clip_boxes
from videopose.geometry.keypoints import boxes_around
from videopose.learned_tracking import learned_smoother
from videopose.metrics.pck import PckCounts, count_pck, torso_length
from videopose.metrics.sums import Sums
from videopose.metrics.temporal import TemporalSums, sum_track
from videopose.skeletons import Skeleton
from videopose.tracking.cleaning.smoothing import smooth
from videopose.tracking.options import SmoothingOptions
from videopose.tracking.similarity import person_size
from videopose.tracking.track_table import TrackTable, collect
from videopose.types import F32, F64, I64, Bool, Detections, Frame, Poses, Record

SEEDS = (0, 1, 2)
CLIP_RATE = 25.0
"""Frames per second given to JHMDB's frames, whose files say nothing to be relied on."""

METHODS: tuple[str, ...] = get_args(SmoothingOptions.model_fields["method"].annotation)


@dataclass(frozen=True, eq=False)
class TruePerson:
    """One person of a video, as annotated.

    Attributes:
        track_id: of the estimates that are theirs.
        frame: (T,) frame numbers.
        keypoints: (T, K, 3) x, y in image pixels and visibility.
    """

    track_id: int
    frame: I64
    keypoints: F32


@dataclass(frozen=True, eq=False)
class Case:
    """A video's estimates with true ids, and who is in it."""

    table: TrackTable
    people: tuple[TruePerson, ...]
    skeleton: Skeleton


@dataclass(frozen=True, eq=False)
class Score(Sums):
    """Sums over cases.

    Attributes:
        temporal: acceleration error, by person size.
        pck: at 0.2 of the torso; a pose that is not there is wrong.
        seen: distances summed and counted over keypoints of poses that were estimated, person sizes.
        filled: the same, over poses filled into gaps.
    """

    temporal: TemporalSums
    pck: PckCounts
    seen: F64
    filled: F64

    def numbers(self) -> dict[str, float]:
        """Return errors in percent of the person's size, PCK in percent."""
        return {
            "position_error": 100 * float(self.seen[0] / self.seen[1]),
            "filled_error": 100 * float(self.filled[0] / self.filled[1]) if self.filled[1] else float("nan"),
            "acceleration_error": 100 * self.temporal.numbers()["acceleration_error"],
            "pck": 100 * float(self.pck.pooled()[0]),
        }


def clean(case: Case, options: SmoothingOptions | None) -> TrackTable:
    """Clean a copy of a case's tracks; None leaves everything as it was estimated."""
    if options is None:
        return case.table
    copy = replace(case.table, keypoints=case.table.keypoints.copy())
    filled, _ = smooth(copy, options, case.skeleton, learned_smoother(options, case.skeleton))
    return collect(copy.records(filled))


def score(case: Case, cleaned: TrackTable) -> Score:
    """Compare cleaned tracks with the truth."""
    parts = [_score_person(case, person, cleaned) for person in case.people]
    return sum(parts[1:], start=parts[0])


def _score_person(case: Case, person: TruePerson, cleaned: TrackTable) -> Score:
    truth = person.keypoints.astype(np.float64)
    labelled = truth[..., 2] > 0
    predicted = _rows_at(cleaned, person)
    size = np.full(len(truth), np.nanmedian(person_size(boxes_around(person.keypoints, padding=1.2))), np.float64)
    distance = np.linalg.norm(predicted - truth[..., :2], axis=-1) / size[:, None]
    counted = labelled & np.isfinite(distance)
    estimated = np.isfinite(_rows_at(case.table, person)[:, :1, 0])
    places = np.where(labelled[..., None], truth[..., :2], np.nan)
    return Score(
        sum_track(predicted, places, size, person.frame, case.skeleton.flip_index),
        count_pck(predicted, truth, torso_length(truth, case.skeleton), [0.2]),
        _sum(distance, counted & estimated),
        _sum(distance, counted & ~estimated),
    )


def _sum(values: F64, counted: Bool) -> F64:
    return np.array([values[counted].sum(), counted.sum()], np.float64)


def _rows_at(table: TrackTable, person: TruePerson) -> F64:
    """Return (T, K, 2) what a table says of a person in their frames, NaN where it says nothing."""
    out = np.full((*person.keypoints.shape[:2], 2), np.nan)
    rows = np.flatnonzero((table.track_id == person.track_id) & np.isin(table.frame, person.frame))
    out[np.searchsorted(person.frame, table.frame[rows])] = table.keypoints[rows, :, :2]
    return out


def simulated_case(video: DetectedVideo) -> Case:
    """Return simulated detections the ids of the people they are of."""
    ids = true_ids(video)
    records = [
        Record(Frame(number, seconds, None), poses=replace(poses, track_id=ids[number]))
        for number, (seconds, poses) in enumerate(zip(video.truth.time.tolist(), video.poses, strict=True))
    ]
    people = []
    for track in sorted({track for present in video.truth.track for track in present.tolist()}):
        frames = [number for number, present in enumerate(video.truth.track) if track in present.tolist()]
        rows = [video.truth.keypoints[number][video.truth.track[number].tolist().index(track)] for number in frames]
        people.append(TruePerson(track, np.array(frames, np.int64), np.stack(rows)))
    return Case(collect(records), tuple(people), SKELETON)


def estimated_case(clip: LabelledClip, estimator: TopDownEstimator, seed: int) -> Case:
    """Estimate the annotated person of a clip, in boxes that waver as a detector's do.

    Args:
        clip: with truth in the estimator's skeleton.
        estimator: single-frame.
        seed: of the boxes.
    """
    rng = np.random.default_rng([seed, zlib.crc32(clip.name.encode())])
    boxes = boxes_around(clip.keypoints, padding=1.2)
    side = boxes[:, 2:] - boxes[:, :2]
    wavering = boxes + rng.normal(0, 0.03, boxes.shape) * np.tile(side, 2)
    boxes = clip_boxes(wavering.astype(np.float32), clip.size_hw)
    known = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    images = [torch.from_numpy(image).permute(2, 0, 1) for image in read_clip(clip.path)]
    found = estimator.estimate(
        [images[row] for row in known], [Detections(boxes[row : row + 1], np.ones(1, np.float32)) for row in known]
    )
    poses = dict(zip(known.tolist(), found, strict=True))
    nobody = Poses.empty(len(estimator.skeleton))
    records = [
        Record(Frame(row, row / CLIP_RATE, None), poses=replace(poses[row], track_id=np.ones(1, np.int64)))
        if row in poses
        else Record(Frame(row, row / CLIP_RATE, None), poses=nobody)
        for row in range(len(clip.keypoints))
    ]
    return Case(collect(records), (TruePerson(1, known, clip.keypoints[known]),), estimator.skeleton)


def with_losses(case: Case, seed: int, share: float) -> Case:
    """Remove poses, in runs of 5 frames on average; the first and the last of a person stay."""
    rng = np.random.default_rng([seed, len(case.table)])
    lost = np.zeros(len(case.table), bool)
    for first in np.flatnonzero(rng.random(len(lost)) < share / 5).tolist():
        lost[first : first + int(rng.geometric(1 / 5))] = True
    lost[[0, -1]] = False
    table = case.table
    rows = {name: getattr(table, name)[~lost] for name in ("frame", "keypoints", "score", "xyxy", "track_id")}
    return replace(case, table=replace(table, **rows))


Input = tuple[str, int, list[Case]]
"""Name, seed, videos."""


def inputs(data_dir: Path, estimator: TopDownEstimator) -> Iterator[Input]:
    """Return what is measured, simulated and real."""
    _, held_out = split(read_truth(data_dir / "tracks/bonn_train.json"))
    for name, level in LEVELS.items():
        for seed in SEEDS:
            yield f"simulated, {name} noise", seed, [simulated_case(simulate(video, level, seed)) for video in held_out]
    clips = read_jhmdb(data_dir / "jhmdb/annotations.json", data_dir / "jhmdb/clips", estimator.skeleton)
    for seed in SEEDS:
        cases = [estimated_case(clip, estimator, seed) for clip in clips if clip.split == "val"]
        yield "JHMDB val", seed, cases
        yield "JHMDB val, a fifth of the poses lost", seed, [with_losses(case, seed, 0.2) for case in cases]


def measure(measured: Iterable[Input], weights: str = "") -> list[dict[str, object]]:
    """Run every method on every input; means over the seeds and their greatest difference.

    Args:
        measured: as `inputs` gives them.
        weights: a refiner's checkpoint instead of the shipped one.
    """
    rows: dict[tuple[str, str], list[dict[str, float]]] = {}
    for name, seed, cases in measured:
        for method in ("raw", *METHODS):
            values = {"method": method, "weights": weights}
            options = None if method == "raw" else SmoothingOptions.model_validate(values)
            cleaned = [clean(case, options) for case in cases]
            parts = [score(case, table) for case, table in zip(cases, cleaned, strict=True)]
            numbers = sum(parts[1:], start=parts[0]).numbers()
            rows.setdefault((name, method), []).append(numbers)
            shown = " ".join(f"{key} {value:.2f}" for key, value in numbers.items())
            sys.stderr.write(f"{name}, seed {seed}, {method}: {shown}\n")
    return [_row(*key, numbers) for key, numbers in rows.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with tracks/ and jhmdb/")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--weights", default="", help="a refiner's checkpoint instead of the shipped one")
    options = parser.parse_args(arguments)
    estimator = create_estimator(PoseOptions(nms_oks=1.0), torch.device("cpu"))
    rows = measure(inputs(options.data, estimator), options.weights)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"seeds": list(SEEDS), "rows": rows}, indent=1) + "\n", encoding="utf-8")


def _row(name: str, method: str, numbers: list[dict[str, float]]) -> dict[str, object]:
    """Return means over the seeds, and their greatest difference."""
    row: dict[str, object] = {"input": name, "method": method}
    for key in numbers[0]:
        values = [each[key] for each in numbers]
        if np.isfinite(values).all():
            row[key] = round(float(np.mean(values)), 3)
            row[f"{key}_spread"] = round(float(np.ptp(values)), 3)
    return row


if __name__ == "__main__":
    main()
