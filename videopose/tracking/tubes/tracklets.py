"""Overlapping tracklets become tracks: OKS over the frames two of them share, and one optimal assignment per step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from videopose.geometry import boxes
from videopose.geometry.keypoints import pair_oks
from videopose.tracking.assign import assign
from videopose.tracking.similarity import are_near
from videopose.tracking.tubes.options import TubeOptions
from videopose.tracking.tubes.track import Track, TrackRow
from videopose.types import F32, I64


def tracklet_similarity(first: Track, second: Track, sigmas: F32, options: TubeOptions) -> float:
    """Compare two tracklets by the OKS of their poses, averaged over the frames they share.

    OKS counts the keypoints both see; the mean of both boxes' areas stands for the person's. In a frame where they
    share none, the boxes' IoU stands in.

    Returns:
        In [0, 1]; 0 if they share no frame.
    """
    _, rows, columns = np.intersect1d(first.index, second.index, return_indices=True)
    if not len(rows):
        return 0.0
    a, b = first.keypoints[rows], second.keypoints[columns]
    seen = np.minimum(a[..., 2], b[..., 2]) >= options.min_keypoint_score
    a, b = (np.where(seen[..., None], part, 0) for part in (a, b))  # what is not seen may be no number
    area = np.maximum((boxes.area(first.xyxy[rows]) + boxes.area(second.xyxy[columns])) / 2, 1.0)
    alike, count = pair_oks(a, b, area, (2 * options.tolerance * sigmas) ** 2, seen)
    overlap = np.array([boxes.iou(first.xyxy[[i]], second.xyxy[[j]])[0, 0] for i, j in zip(rows, columns, strict=True)])
    return float(np.where(count > 0, alike, overlap).mean())


class TrackletLinker:
    """Assigns to tracklets the ids of the tracks they go on, step by step.

    Tracklets that begin later are given later; those of one step are different people.

    Source:
        Wang et al., Combining Detection and Tracking for Human Pose Estimation in Videos, CVPR 2020, section 3.2.
    """

    def __init__(self, sigmas: F32, options: TubeOptions) -> None:
        """Start without tracks; `sigmas` are (K,) the skeleton's OKS falloff constants."""
        self._sigmas = sigmas
        self._options = options
        self._latest: dict[int, Track] = {}
        self._next_id = 1

    def step(self, tracklets: Sequence[Track]) -> list[int]:
        """Return the track id, from 1, of each tracklet; one that no track leads to begins a new one."""
        if not tracklets:
            return []
        begins = min(int(tracklet.index[0]) for tracklet in tracklets)
        self._latest = {i: track for i, track in self._latest.items() if int(track.index[-1]) >= begins}
        tracks = list(self._latest)
        rows, columns = assign(self._similarity(tracklets), self._options.min_similarity)
        ids = {int(column): tracks[row] for row, column in zip(rows, columns, strict=True)}
        for number in range(len(tracklets)):
            if number not in ids:
                ids[number] = self._next_id
                self._next_id += 1
        self._latest.update({ids[number]: tracklet for number, tracklet in enumerate(tracklets)})
        return [ids[number] for number in range(len(tracklets))]

    def _similarity(self, tracklets: Sequence[Track]) -> F32:
        alike = np.zeros((len(self._latest), len(tracklets)), np.float32)
        if not alike.size:
            return alike
        near = are_near(_reach(list(self._latest.values())), _reach(tracklets))
        for row, track in enumerate(self._latest.values()):
            for column in np.flatnonzero(near[row]).tolist():
                alike[row, column] = tracklet_similarity(track, tracklets[column], self._sigmas, self._options)
        return alike


def _reach(tracks: Sequence[Track]) -> F32:
    """Compute a box around all boxes of each tracklet."""
    return np.array([[*track.xyxy[:, :2].min(0), *track.xyxy[:, 2:].max(0)] for track in tracks], np.float32)


class TubeTracks:
    """Which track each tube belongs to, found out as frames come in.

    A tube is known by the id its poses carry, `tube_id`. Tubes are joined middle frame by middle frame, once all tubes
    of that frame have ended.
    """

    def __init__(self, sigmas: F32, options: TubeOptions) -> None:
        """Start without tubes; see `TrackletLinker`."""
        self._linker = TrackletLinker(sigmas, options)
        self._open: dict[int, list[TrackRow]] = {}
        self._track_of: dict[int, int] = {}

    def add(self, index: int, time: float, tubes: I64, keypoints: F32, score: F32, xyxy: F32) -> None:
        """Add the poses of the next frame; arrays as in `Poses`, `tubes` their ids."""
        here = {middle_of(tube) for tube in tubes.tolist()}
        self._close({middle_of(tube) for tube in self._open} - here)
        for row, tube in enumerate(tubes.tolist()):
            self._open.setdefault(tube, []).append((index, time, keypoints[row], score[row], xyxy[row]))

    def finish(self) -> None:
        """Finish after the last frame."""
        self._close({middle_of(tube) for tube in self._open})

    def track_of(self, tube: int) -> int | None:
        """Return the id of a tube's track; None while that is open."""
        return self._track_of.get(tube)

    def forget(self, before: int) -> None:
        """Drop tubes whose middle frame has an index under `before`."""
        self._track_of = {tube: track for tube, track in self._track_of.items() if middle_of(tube) >= before}

    def _close(self, middles: set[int]) -> None:
        for middle in sorted(middles):
            tubes = sorted(tube for tube in self._open if middle_of(tube) == middle)
            tracklets = [Track.from_rows(tube, self._open.pop(tube)) for tube in tubes]
            self._track_of.update(zip(tubes, self._linker.step(tracklets), strict=True))


_MOST_PEOPLE = 1 << 20


def tube_id(middle: int, person: int) -> int:
    """Return a tube's id by the index of its middle frame and the number of the person there."""
    return middle * _MOST_PEOPLE + person


def middle_of(tube: int) -> int:
    """Return the index of a tube's middle frame."""
    return tube // _MOST_PEOPLE
