"""Detection-like input made from annotated trajectories: what a pose estimator might have said about real people.

Every fault is drawn from a generator seeded by video, level and seed, so the same call gives the same bytes. The true
trajectories are real; only the faults are simulated.

Trackers are compared and the entailment network is trained on this. `pose_noise`, which trains the refiner on single
people's windows with ranges of faults that depend on time alone, says why the two are not one.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.data.true_videos import SKELETON, TrueVideo, select
from videopose.geometry import boxes
from videopose.geometry.keypoints import boxes_around
from videopose.metrics.similarity import coco_oks
from videopose.types import F32, F64, I64, UNTRACKED, Bool, Poses


@dataclass(frozen=True, eq=False)
class DetectedVideo:
    """What the simulated estimator says, for the frames that were not dropped.

    Attributes:
        truth: the same frames of the true video.
        poses: per frame.
    """

    truth: TrueVideo
    poses: tuple[Poses, ...]


@dataclass(frozen=True)
class Level:
    """How bad the detections are. Rates are per person and frame unless said otherwise.

    Attributes:
        noise: standard deviation of a still, visible keypoint, in parts of the person's size.
        speed_noise: the same, added per person size moved in a frame.
        hidden_noise: factor on the noise of a hidden keypoint.
        outlier: chance that a keypoint lands anywhere on the person.
        contamination: chance that a keypoint jumps to a neighbour who covers the person.
        swap: chance that a run of left-right swaps begins.
        miss: chance that a run of missed frames begins for a person in full view.
        covered_miss: the same, added for a person fully covered.
        miss_frames: mean length of such a run in frames.
        false_start: chance per frame that a false person appears.
        false_frames: mean number of frames it stays.
        duplicate: chance of a second pose on a person.
        score_noise: standard deviation of the noise in scores.
        dropped: chance that a frame is lost.
    """

    noise: float
    speed_noise: float
    hidden_noise: float
    outlier: float
    contamination: float
    swap: float
    miss: float
    covered_miss: float
    miss_frames: float
    false_start: float
    false_frames: float
    duplicate: float
    score_noise: float
    dropped: float


LEVELS: dict[str, Level] = {
    "low": Level(0.01, 0.10, 1.5, 0.005, 0.05, 0.002, 0.003, 0.10, 3, 0.01, 3, 0.02, 0.05, 0.0),
    "medium": Level(0.02, 0.20, 2.0, 0.02, 0.15, 0.005, 0.010, 0.25, 5, 0.04, 5, 0.05, 0.10, 0.02),
    "high": Level(0.035, 0.30, 2.5, 0.04, 0.30, 0.010, 0.025, 0.40, 8, 0.08, 8, 0.10, 0.15, 0.05),
}


def simulate(video: TrueVideo, level: Level, seed: int) -> DetectedVideo:
    """Simulate detections of a video.

    Args:
        video: the truth.
        level: how bad.
        seed: other seeds draw other faults.
    """
    rng = np.random.default_rng([seed, zlib.crc32(video.name.encode()), zlib.crc32(repr(level).encode())])
    kept = np.flatnonzero(rng.random(len(video.time)) >= level.dropped)
    people = _People(level, rng)
    frames = [people.step(video, row) for row in range(len(video.time))]
    truth = select(video, kept)
    return DetectedVideo(truth, tuple(frames[row] for row in kept.tolist()))


class _People:
    """The estimator's faults as they run on from frame to frame."""

    def __init__(self, level: Level, rng: np.random.Generator) -> None:
        self._level, self._rng = level, rng
        self._missing: dict[int, int] = {}  # track -> frames still to miss
        self._swapped: dict[int, int] = {}
        self._error: dict[int, F64] = {}  # track -> (K, 2) correlated unit noise
        self._before: dict[int, F32] = {}
        self._false: list[tuple[int, F32]] = []  # frames left, keypoints

    def step(self, video: TrueVideo, row: int) -> Poses:
        """Return the detections of one frame."""
        truth, tracks, xyxy = video.keypoints[row], video.track[row].tolist(), video.xyxy[row]
        covered, coverer = _covered(xyxy)
        found: list[F32] = []
        for person, track in enumerate(tracks):
            if self._is_missed(track, float(covered[person])):
                self._before[track] = truth[person]
                continue
            neighbour = truth[coverer[person]] if covered[person] > 0.2 else None
            found.append(self._pose(track, truth[person], xyxy[person], float(covered[person]), neighbour))
            if self._rng.random() < self._level.duplicate:
                found.append(self._second(found[-1], xyxy[person]))
        found += self._false_people(video, row)
        return self._shuffled(found)

    def _runs(self, runs: dict[int, int], track: int, chance: float, mean_frames: float) -> bool:
        if runs.get(track, 0) > 0:
            runs[track] -= 1
            return True
        if self._rng.random() < chance:
            runs[track] = int(self._rng.geometric(1 / mean_frames)) - 1
            return True
        return False

    def _is_missed(self, track: int, covered: float) -> bool:
        chance = self._level.miss + self._level.covered_miss * max(0.0, covered - 0.3)
        return self._runs(self._missing, track, chance, self._level.miss_frames)

    def _pose(self, track: int, truth: F32, xyxy: F32, covered: float, neighbour: F32 | None) -> F32:
        level, rng = self._level, self._rng
        size = float(np.sqrt(max(boxes.area(xyxy[None])[0], 1.0)))
        labelled, hidden = truth[:, 2] > 0, truth[:, 2] == 1
        before = self._before.get(track, truth)
        moved = np.linalg.norm(truth[:, :2] - before[:, :2], axis=1) * (labelled & (before[:, 2] > 0)) / size
        self._before[track] = truth
        spread = (level.noise + level.speed_noise * moved) * np.where(hidden, level.hidden_noise, 1) * (1 + covered)
        fresh = rng.normal(size=(len(truth), 2))
        error = 0.5 * self._error[track] + np.sqrt(0.75) * fresh if track in self._error else fresh
        self._error[track] = error
        xy = truth[:, :2] + error * spread[:, None] * size
        lost = (rng.random(len(truth)) < level.outlier * np.where(hidden, 3, 1)) | ~labelled
        xy[lost] = rng.uniform(xyxy[:2], xyxy[2:], (int(lost.sum()), 2))
        if neighbour is not None:
            jumps = (rng.random(len(truth)) < level.contamination * covered) & (neighbour[:, 2] > 0)
            xy[jumps] = neighbour[jumps, :2] + rng.normal(0, level.noise * size, (int(jumps.sum()), 2))
        if self._runs(self._swapped, track, level.swap, 4):
            xy = xy[SKELETON.flip_index]
        off = np.linalg.norm(xy - truth[:, :2], axis=1) / size
        score = 0.9 * np.exp(-((off / 0.12) ** 2)) + rng.normal(0, level.score_noise, len(truth))
        score = np.where(labelled, score * np.where(hidden, 0.7, 1), rng.uniform(0, 0.3, len(truth)))
        return np.concatenate([xy, np.clip(score, 0.02, 1)[:, None]], axis=1).astype(np.float32)

    def _second(self, pose: F32, xyxy: F32) -> F32:
        size = float(np.sqrt(max(boxes.area(xyxy[None])[0], 1.0)))
        again = pose.copy()
        again[:, :2] += self._rng.normal(0, 0.03 * size, 2) + self._rng.normal(0, 0.02 * size, (len(pose), 2))
        again[:, 2] *= self._rng.uniform(0.5, 0.95)
        return again

    def _false_people(self, video: TrueVideo, row: int) -> list[F32]:
        rng, level = self._rng, self._level
        if rng.random() < level.false_start and len(video.keypoints[row]):
            shape = video.keypoints[row][rng.integers(len(video.keypoints[row]))].copy()
            shape[:, :2] += rng.uniform(-250, 250, 2)
            shape[:, 2] = np.where(shape[:, 2] > 0, rng.uniform(0.1, 0.6), 0.05)
            self._false.append((int(rng.geometric(1 / level.false_frames)), shape.astype(np.float32)))
        seen = []
        for _, shape in self._false:
            wobble = shape.copy()
            wobble[:, :2] += rng.normal(0, 6, wobble[:, :2].shape)
            wobble[:, 2] = np.clip(wobble[:, 2] + rng.normal(0, 0.05, len(wobble)), 0.02, 1)
            seen.append(wobble)
        self._false = [(left - 1, shape) for left, shape in self._false if left > 1]
        return seen

    def _shuffled(self, found: list[F32]) -> Poses:
        if not found:
            return Poses.empty(len(SKELETON))
        keypoints = np.stack(found)[self._rng.permutation(len(found))]
        score = keypoints[..., 2].mean(axis=1) + self._rng.normal(0, self._level.score_noise, len(found))
        xyxy = boxes_around(keypoints, min_score=0.1, padding=1.2)
        everything = boxes_around(keypoints, padding=1.2)
        usable = (xyxy[:, 2:] - xyxy[:, :2]).min(axis=1) > 2  # NaN, where nothing has a score, is not
        xyxy = np.where(usable[:, None], xyxy, everything) + np.array([-1, -1, 1, 1])  # no box without area
        untracked = np.full(len(found), UNTRACKED, np.int64)
        return Poses(keypoints, np.clip(score, 0.02, 1).astype(np.float32), xyxy.astype(np.float32), untracked)


def _covered(xyxy: F32) -> tuple[F64, I64]:
    """Return (G,) the share of each box hidden by the nearest person standing before it, and who that is.

    Who stands lower in the image stands nearer.
    """
    if not len(xyxy):
        return np.zeros(0), np.zeros(0, np.int64)
    shared = boxes.intersection(xyxy, xyxy) / np.maximum(boxes.area(xyxy), 1.0)[:, None]
    behind: Bool = xyxy[:, None, 3] < xyxy[None, :, 3]
    share = np.where(behind, shared, 0.0)
    return share.max(axis=1).astype(np.float64), share.argmax(axis=1).astype(np.int64)


def true_ids(video: DetectedVideo) -> list[I64]:
    """Return each simulated pose the id of the person it is of, -1 where it is of nobody."""
    out = []
    frames = zip(video.poses, video.truth.track, video.truth.keypoints, video.truth.xyxy, strict=True)
    for poses, track, keypoints, xyxy in frames:
        ids = np.full(len(poses), -1, np.int64)
        if len(track) and len(poses):
            alike = coco_oks(poses.keypoints, keypoints, boxes.area(xyxy), xyxy, SKELETON.sigmas)
            rows, columns = linear_sum_assignment(alike, maximize=True)
            good = alike[rows, columns] > 0.3
            ids[rows[good]] = track[columns[good]]
        out.append(ids)
    return out
