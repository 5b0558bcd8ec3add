"""How a prediction behaves along time: acceleration error, jitter, left-right flips, frames kept per track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videopose.errors import check_shape
from videopose.metrics.sums import Sums
from videopose.types import F64, I64, Bool


@dataclass(frozen=True, slots=True, eq=False)
class TemporalSums(Sums):
    """Sums over true tracks; those of two halves add up.

    Attributes:
        acceleration_error: (K,) |predicted - true acceleration|, head sizes per frame², summed.
        jitter: (K,) |predicted acceleration|, head sizes per frame², summed.
        triples: (K,) runs of three frames the two were summed over.
        flipped: frames in which the prediction with its sides exchanged would fit better.
        judged: frames in which that could be judged.
        kept: frames of true tracks in which somebody was predicted.
        frames: frames of true tracks.
        tracks: true tracks.
        kept_share: share of the frames kept, summed over the tracks.
    """

    acceleration_error: F64
    jitter: F64
    triples: F64
    flipped: float
    judged: float
    kept: float
    frames: float
    tracks: float
    kept_share: float

    @staticmethod
    def zero(num_keypoints: int) -> TemporalSums:
        """Return the sums of no track at all."""
        nothing = np.zeros(num_keypoints)
        return TemporalSums(nothing, nothing, nothing, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

    def numbers(self) -> dict[str, float]:
        """Return means over all keypoints and frames; NaN where there was nothing to judge.

        `acceleration_error` and `jitter` are in head sizes per frame², the others shares in [0, 1].
        """
        triples = self.triples.sum()
        return {
            "acceleration_error": _share(self.acceleration_error.sum(), triples),
            "jitter": _share(self.jitter.sum(), triples),
            "flip_rate": _share(self.flipped, self.judged),
            "frames_kept": _share(self.kept, self.frames),
            "frames_kept_per_track": _share(self.kept_share, self.tracks),
        }


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def sum_track(predicted: F64, truth: F64, head_size: F64, index: I64, flip_index: I64) -> TemporalSums:
    """Sum up one true track.

    Accelerations are second differences over three labelled frames that follow one another directly.

    Args:
        predicted: (T, K, 2) x, y in image pixels of whatever was matched to the person; NaN = nothing.
        truth: (T, K, 2) likewise; NaN = not labelled.
        head_size: (T,) pixels; frames where it is NaN or 0 are not judged.
        index: (T,) frame numbers, rising.
        flip_index: (K,) each keypoint's counterpart on the other side.

    Source:
        Acceleration error as in Kanazawa et al., Learning 3D Human Dynamics from Video, CVPR 2019, section 4, in the
        image plane.
    """
    check_shape("predicted", predicted, *truth.shape)
    size = np.where(head_size > 0, head_size, np.nan)
    follow = (index[1:-1] - index[:-2] == 1) & (index[2:] - index[1:-1] == 1)
    guess, real = (_acceleration(points) / size[1:-1, None, None] for points in (predicted, truth))
    error, shake = np.linalg.norm(guess - real, axis=-1), np.linalg.norm(guess, axis=-1)
    judged = np.isfinite(error) & follow[:, None]
    here = np.asarray(np.isfinite(predicted).any(axis=(1, 2)), bool)
    better, known = _flips(predicted, truth, flip_index)
    return TemporalSums(
        np.where(judged, error, 0).sum(axis=0), np.where(judged, shake, 0).sum(axis=0),
        judged.sum(axis=0).astype(float),
        float(better.sum()), float(known.sum()), float(here.sum()), float(len(here)), 1.0, float(here.mean()),
    )  # fmt: skip


def _acceleration(points: F64) -> F64:
    return points[2:] - 2 * points[1:-1] + points[:-2]


def _flips(predicted: F64, truth: F64, flip_index: I64) -> tuple[Bool, Bool]:
    """Check, per frame, whether exchanged sides would fit better, and whether that can be measured."""
    sided = flip_index != np.arange(len(flip_index))
    straight = np.linalg.norm(predicted - truth, axis=-1)
    exchanged = np.linalg.norm(predicted[:, flip_index] - truth, axis=-1)
    both = np.isfinite(straight) & np.isfinite(exchanged) & sided
    known = both.any(axis=1)
    totals = [np.where(both, distance, 0).sum(axis=1) for distance in (straight, exchanged)]
    return known & (totals[1] < totals[0]), known
