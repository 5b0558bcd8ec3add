"""The tracker that joins the poses of a frame to predicted tracks by one assignment; its parts are plugged in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from videopose.errors import InputError
from videopose.geometry import affine, boxes
from videopose.tracking.assign import assign, is_clear
from videopose.tracking.motion import Motion
from videopose.tracking.options import TrackerOptions
from videopose.tracking.similarity import Similarity
from videopose.types import F32, F64, I64, UNTRACKED, Bool, Poses, TrackingFeatures


def canonical_order(poses: Poses) -> I64:
    """Sort people by what they are, not by where they stand in the list, so that ids cannot depend on the list."""
    keys = (poses.keypoints[:, 0, 0], *poses.xyxy.T[::-1], -poses.score)
    return np.lexsort(keys).astype(np.int64)


class ScoreScale:
    """Learns how high scores are: a network that never says more than 0.5 has good poses too.

    Attributes:
        good: what the best tenth of the poses seen so far reach; 0 before the first.
    """

    _BINS = 1000

    def __init__(self) -> None:
        self._counts = np.zeros(self._BINS + 1, np.int64)
        self.p90 = 0.0

    def update(self, score: F32) -> None:
        """Add the pose scores of a frame."""
        if len(score):
            bins = (np.clip(score, 0, 1) * self._BINS).astype(np.int64)
            np.add.at(self._counts, bins, 1)
            summed = np.cumsum(self._counts)
            self.p90 = int(np.searchsorted(summed, 0.9 * summed[-1])) / self._BINS


class AssociationTracker:
    """Joins poses to predicted tracks by one assignment per frame; the others start new tracks.

    A track is reported after `min_hits` frames with support (at once in the very first frame), and ends `max_age`
    seconds after the last one; one not yet reported ends at its first frame without.
    """

    def __init__(self, options: TrackerOptions, similarity: Similarity, motion: Motion, num_keypoints: int) -> None:
        self._options = options
        self._similarity = similarity
        self._motion = motion
        self._last = Poses.empty(num_keypoints)  # as seen last; track_id is -1 until reported
        self._time = np.zeros(0)
        self._hits = np.zeros(0, np.int64)
        self._appearance: F32 | None = None
        self._scale = ScoreScale()
        self._next_id = 1
        self._is_first = True
        self._now = -np.inf

    def start_shot(self) -> None:
        """End all tracks; see `OnlineTracker.start_shot`."""
        self._keep(np.zeros(len(self._time), bool))
        self._scale = ScoreScale()
        self._is_first = True

    def move_camera(self, camera: F64) -> None:
        """Transform all tracks to the frame of a camera that has moved; `step` does so by its own features."""
        self._last = warp_poses(self._last, camera)
        self._motion.move_camera(camera)

    def step(self, poses: Poses, time: float, features: TrackingFeatures | None = None) -> I64:
        """Return the track id of each person in the next frame; see `OnlineTracker.step`."""
        if not time > self._now:
            raise InputError(f"a frame at {time} s comes after one at {self._now} s; give frames in order of time")
        self._now = time
        poses = without_holes(poses)
        order = canonical_order(poses)
        ids = np.full(len(poses), UNTRACKED, np.int64)
        ids[order] = self._step(poses[order], time, features, order)
        return ids

    def _step(self, poses: Poses, time: float, features: TrackingFeatures | None, source: I64) -> I64:
        options = self._options
        self._motion.next_frame()
        self._keep(time - self._time <= options.max_age)
        if features is not None and features.camera is not None:
            self.move_camera(features.camera)
        usable = self._usable(poses)
        if options.two_stage:
            self._scale.update(poses.score)
        tracks, people = self._associate(poses, usable, time, features, source)
        self._update(tracks, people, poses, time, features, source)
        missed = np.ones(len(self._time), bool)
        missed[tracks] = False
        taken = np.zeros(len(poses), bool)
        taken[people] = True
        fresh = np.flatnonzero(usable & ~taken & (poses.score >= options.new_score))
        alive = ~missed | (self._last.track_id != UNTRACKED)
        row_of = np.cumsum(alive) - 1
        self._keep(alive)
        first_new = len(self._time)
        self._add(fresh, poses, time, features, source)
        self._is_first = False
        ids = np.full(len(poses), UNTRACKED, np.int64)
        ids[people] = self._report(row_of[tracks])
        ids[fresh] = self._report(np.arange(first_new, len(self._time)))
        return ids

    def _usable(self, poses: Poses) -> Bool:
        """Find who may be tracked: not those of too low a score, nor the second pose of one person."""
        usable = poses.score >= self._options.min_score
        if self._options.duplicate_similarity < 1 and np.triu(boxes.intersection(poses.xyxy, poses.xyxy), 1).any():
            alike = self._similarity(poses, poses)
            kept = boxes.nms(alike, np.where(usable, poses.score, -1), self._options.duplicate_similarity)
            unique = np.zeros(len(poses), bool)
            unique[kept] = True
            usable &= unique
        return usable

    def _associate(
        self, poses: Poses, usable: Bool, time: float, features: TrackingFeatures | None, source: I64
    ) -> tuple[I64, I64]:
        if not len(self._time) or not usable.any():
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        options = self._options
        expected = self._motion.predict(self._last, time, features)
        unseen = time - self._time
        similarity = self._similarity(expected, poses, unseen)
        if options.appearance_weight and self._appearance is not None and features is not None:
            similarity = self._with_appearance(similarity, features, source)
        strong = usable & (poses.score >= options.high_score * self._scale.p90) if options.two_stage else usable
        tracks, people = assign(np.where(strong, similarity, 0), options.min_similarity, options.assignment)
        if options.margin:
            clear = is_clear(similarity * usable, tracks, people, options.margin)
            tracks, people = tracks[clear], people[clear]
        if options.two_stage:
            left = similarity * (usable & ~strong)
            left[tracks] = 0
            more = assign(left, options.low_similarity, options.assignment)
            tracks, people = np.concatenate([tracks, more[0]]), np.concatenate([people, more[1]])
        if options.observation_centric:  # recovery: who is still unclaimed may stand where it was seen last
            again = self._similarity(self._last, poses, unseen) * usable
            again[tracks], again[:, people] = 0, 0
            more = assign(again, options.low_similarity, options.assignment)
            tracks, people = np.concatenate([tracks, more[0]]), np.concatenate([people, more[1]])
        return tracks, people

    def _with_appearance(self, similarity: F32, features: TrackingFeatures, source: I64) -> F32:
        if features.appearance is None or self._appearance is None:
            return similarity
        seen = features.appearance[source]
        alike = np.clip(self._appearance @ seen.T, 0, 1)
        weight = self._options.appearance_weight
        mixed = np.where(similarity > 0, (1 - weight) * similarity + weight * alike, 0)
        known = np.logical_and.outer(np.any(self._appearance, axis=1), np.any(seen, axis=1))
        return np.where(known, mixed, similarity).astype(np.float32)

    def _update(
        self, tracks: I64, people: I64, poses: Poses, time: float, features: TrackingFeatures | None, source: I64
    ) -> None:
        seen = poses[people]
        self._motion.update(tracks, seen, time, source[people])
        self._last.keypoints[tracks] = seen.keypoints
        self._last.score[tracks], self._last.xyxy[tracks] = seen.score, seen.xyxy
        self._time[tracks] = time
        self._hits[tracks] += 1
        if self._appearance is not None and features is not None and features.appearance is not None:
            mixed = 0.9 * self._appearance[tracks] + 0.1 * features.appearance[source[people]]
            self._appearance[tracks] = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-6)

    def _add(self, people: I64, poses: Poses, time: float, features: TrackingFeatures | None, source: I64) -> None:
        if not len(people):
            return
        fresh = replace(poses[people], track_id=np.full(len(people), UNTRACKED, np.int64))
        self._motion.add(fresh, time, source[people])
        self._last = Poses.concatenate([self._last, fresh])
        self._time = np.concatenate([self._time, np.full(len(people), time)])
        first = self._options.min_hits if self._is_first else 1
        self._hits = np.concatenate([self._hits, np.full(len(people), first)])
        self._appearance = self._looks_with(source[people], features)

    def _looks_with(self, fresh: I64, features: TrackingFeatures | None) -> F32 | None:
        """Return the embeddings with those of new tracks behind them, zeros where nobody has looked."""
        measured = None if features is None else features.appearance
        if self._appearance is None and measured is None:
            return None
        old, num_old = self._appearance, len(self._time) - len(fresh)
        width = (old if old is not None else measured).shape[1]  # type: ignore[union-attr]  # one of them is there
        before = np.zeros((num_old, width), np.float32) if old is None else old
        seen = np.zeros((len(fresh), width), np.float32) if measured is None else measured[fresh]
        return np.concatenate([before, seen])

    def _keep(self, rows: Bool) -> None:
        if rows.all():
            return
        self._motion.keep(rows)
        self._last, self._time, self._hits = self._last[rows], self._time[rows], self._hits[rows]
        if self._appearance is not None:
            self._appearance = self._appearance[rows]

    def _report(self, rows: I64) -> I64:
        """Return ids of tracks, a new one to each that has just gathered enough hits."""
        ids = self._last.track_id
        for row in rows.tolist():
            if ids[row] == UNTRACKED and self._hits[row] >= self._options.min_hits:
                ids[row] = self._next_id
                self._next_id += 1
        return ids[rows]


def without_holes(poses: Poses) -> Poses:
    """Return the same people with every keypoint that has no place marked as not seen, by a score of -1.

    A person without a box or a score of their own gets a score of -1, which no tracker takes.
    """
    whole: Bool = np.asarray(np.all(np.isfinite(poses.keypoints), axis=2))
    placed: Bool = np.asarray(np.all(np.isfinite(poses.xyxy), axis=1) & np.isfinite(poses.score))
    if whole.all() and placed.all():
        return poses
    xyxy = np.where(placed[:, None], poses.xyxy, 0)
    center = np.pad((xyxy[:, :2] + xyxy[:, 2:]) / 2, ((0, 0), (0, 1)), constant_values=-1)
    keypoints = np.where(whole[..., None], poses.keypoints, center[:, None]).astype(np.float32)
    return replace(poses, keypoints=keypoints, xyxy=xyxy, score=np.where(placed, poses.score, -1).astype(np.float32))


def warp_poses(poses: Poses, camera: F64) -> Poses:
    """Transform people to the frame of a camera that has moved."""
    keypoints = poses.keypoints.copy()
    keypoints[..., :2] = affine.apply(camera, keypoints[..., :2])
    corners = affine.apply(camera, poses.xyxy.reshape(-1, 2, 2))
    return replace(poses, keypoints=keypoints, xyxy=corners.reshape(-1, 4).astype(np.float32))
