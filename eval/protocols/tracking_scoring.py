"""Scores of tracked poses against true ones, people compared by OKS: MOTA, IDF1, HOTA, switches, fragmentations, AP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from videopose.geometry import boxes
from videopose.metrics.ap import Outcomes, average_precision, join, match_image
from videopose.metrics.clear import ClearCounts, count_clear
from videopose.metrics.hota import HotaSums, sum_hota
from videopose.metrics.identity import IdentityCounts, count_identity
from videopose.metrics.similarity import coco_oks
from videopose.metrics.sums import Sums
from videopose.skeletons import Skeleton
from videopose.types import F32, F64, I64, UNTRACKED, Poses

SAME_PERSON = 0.5
"""OKS from which a tracked pose and a true one are one person, for MOTA and IDF1 (HOTA takes all thresholds)."""


@dataclass(frozen=True, eq=False)
class TrueFrame:
    """The true people of one frame.

    Attributes:
        track: (G,) ids.
        keypoints: (G, K, 3) x, y in image pixels and visibility.
        xyxy: (G, 4) boxes in image pixels; their area is the person's for OKS.
    """

    track: I64
    keypoints: F32
    xyxy: F32


@dataclass(frozen=True, eq=False)
class TrackingCounts(Sums):
    """What became of one or several videos; counts add up."""

    clear: ClearCounts
    identity: IdentityCounts
    hota: HotaSums
    outcomes: tuple[Outcomes, ...]

    def numbers(self) -> dict[str, float]:
        """Return HOTA, DetA, AssA, IDF1, MOTA and AP in per cent, and counts of switches and fragmentations."""
        hota = self.hota.numbers()
        outcomes = [each for each in self.outcomes if each.right.size or each.truths]
        return {
            "HOTA": 100 * float(hota["HOTA"][0]),
            "DetA": 100 * float(hota["DetA"][0]),
            "AssA": 100 * float(hota["AssA"][0]),
            "IDF1": 100 * float(self.identity.idf1()[0]),
            "MOTA": 100 * float(self.clear.mota()[0]),
            "AP": 100 * float(average_precision(join(outcomes)).mean()) if outcomes else float("nan"),
            "switches": float(self.clear.switches[0]),
            "fragmentations": float(self.clear.fragmentations[0]),
        }


def count_video(truth: Sequence[TrueFrame], tracked: Sequence[Poses], skeleton: Skeleton) -> TrackingCounts:
    """Compare one video; people without a track id count for AP and for nothing else.

    Args:
        truth: per frame.
        tracked: the same frames.
        skeleton: of both.
    """
    alike = [_similarity(real, poses, skeleton) for real, poses in zip(truth, tracked, strict=True)]
    outcomes = tuple(
        match_image(each.T, poses.score, np.zeros(len(real.track), bool), max_predictions=None)
        for real, poses, each in zip(truth, tracked, alike, strict=True)
    )
    with_id = [poses.track_id != UNTRACKED for poses in tracked]
    num_true = max((len(real.track) for real in truth), default=0)
    num_tracked = max((int(rows.sum()) for rows in with_id), default=0)
    similarity = np.zeros((len(truth), 1, num_true, num_tracked))
    true_id = np.full((len(truth), num_true), -1, np.int64)
    track_id = np.full((len(truth), num_tracked), -1, np.int64)
    for frame, (real, poses, rows) in enumerate(zip(truth, tracked, with_id, strict=True)):
        count = int(rows.sum())
        true_id[frame, : len(real.track)] = real.track
        track_id[frame, :count] = poses.track_id[rows]
        similarity[frame, 0, : len(real.track), :count] = alike[frame][:, rows]
    sides = ((true_id >= 0)[:, None], (track_id >= 0)[:, None], true_id, track_id)
    same = similarity >= SAME_PERSON
    return TrackingCounts(
        count_clear(np.where(same, 1 - similarity, np.nan), *sides),
        count_identity(same, *sides),
        sum_hota(similarity, *sides),
        outcomes,
    )


def _similarity(real: TrueFrame, poses: Poses, skeleton: Skeleton) -> F64:
    if not len(real.track) or not len(poses):
        return np.zeros((len(real.track), len(poses)))
    area = boxes.area(real.xyxy)
    return np.asarray(coco_oks(poses.keypoints, real.keypoints, area, real.xyxy, skeleton.sigmas).T, np.float64)


def total(counts: Iterable[TrackingCounts]) -> TrackingCounts:
    """Add up videos; at least one is needed."""
    first, *rest = counts
    return sum(rest, start=first)
