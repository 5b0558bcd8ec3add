"""The learned smoother: the refiner network on whole tracks, over the formula it corrects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from videopose.models.refiner import FEATURES, OFFSET_SCALE, parts_of
from videopose.models.weights import describe
from videopose.models.zoo import Weights
from videopose.runtime.network import load_network
from videopose.skeletons import Skeleton
from videopose.tracking.cleaning.smoothers import rts
from videopose.tracking.cleaning.track_batches import TrackBatch
from videopose.types import F32, F64

MODEL = "refiner.default"
_PIECES = 4
"""Pieces of tracks that go through the network at once: one of 576 poses and 19 keypoints takes about 6 MB a layer."""


def features_of(series: TrackBatch, base: F64) -> F32:
    """Describe pieces of tracks as the network reads them; place and zoom do not enter.

    Args:
        series: T poses of B pieces.
        base: (T, B, K, 2) smoothed positions, image pixels.

    Returns:
        (B, T, K, FEATURES).
    """
    size = series.size[None, :, None, None]
    seen = series.weight > 0
    off = (series.xy - base) / size  # of unseen ones too: they lie on the line between their neighbours
    trusted = np.maximum(series.score, 0.02)[..., None]
    center = (base * trusted).sum(2, keepdims=True) / trusted.sum(2, keepdims=True)
    before = np.diff(series.time, axis=0, prepend=series.time[:1])
    after = np.diff(series.time, axis=0, append=series.time[-1:])
    moved = np.concatenate([base[1:], base[-1:]]) - np.concatenate([base[:1], base[:-1]])
    velocity = moved / np.maximum(before + after, 1e-3)[..., None, None]
    out = np.empty((*series.weight.shape, FEATURES), np.float32)
    out[..., 0:2] = np.clip(off / 0.03, -3, 3)
    out[..., 2:4] = np.clip(off / OFFSET_SCALE, -3, 3)
    out[..., 4] = seen
    out[..., 5] = series.score
    out[..., 6] = np.log(np.maximum(series.score, 0.02)) / 2
    out[..., 7:9] = np.clip(velocity / size / 2, -4, 4)
    out[..., 9:11] = np.clip((base - center) / size, -3, 3)
    out[..., 11] = np.clip(before * 20, 0, 4)[..., None]
    out[..., 12] = np.clip(after * 20, 0, 4)[..., None]
    return np.ascontiguousarray(out.swapaxes(0, 1))


def describe_refiner(path: str) -> Weights:
    """Describe what is known of the weights: the shipped ones, or a checkpoint.

    Raises:
        WeightsError: the checkpoint is missing, damaged or of another architecture.
    """
    return describe("refiner", checkpoint=Path(path)) if path else describe(MODEL)


class LearnedSmoother:
    """Smooths by formula (`rts`), then lets the refiner correct what it smoothed.

    Tracks come as pieces that overlap by more than the network looks to either side, so where a track is cut leaves no
    trace.

    Args:
        skeleton: of the poses.
        path: of the weights; the shipped ones by default.

    Raises:
        WeightsError: the weights cannot be read or do not fit.
    """

    def __init__(self, skeleton: Skeleton, path: Path | None = None) -> None:
        weights = describe_refiner(str(path) if path else "")
        self._network = load_network(weights, torch.device("cpu"), precision="float32")
        self._parts, self._limbs = (torch.from_numpy(each) for each in parts_of(skeleton))

    def __call__(self, series: TrackBatch, /) -> F64:
        """Return (T, B, K, 2) positions, image pixels."""
        moved = rts(series)
        for first in range(0, len(series.size), _PIECES):
            piece = _columns(series, slice(first, first + _PIECES))
            base = moved[:, first : first + _PIECES]
            base += self._shift(piece, base) * piece.size[None, :, None, None]
        return moved

    def _shift(self, series: TrackBatch, base: F64) -> F64:
        """Return (T, B, K, 2) corrections, person sizes."""
        pieces = len(series.size)
        parts, limbs = self._parts.expand(pieces, -1), self._limbs.expand(pieces, -1)
        features = torch.from_numpy(features_of(series, base))
        valid = torch.from_numpy(np.ascontiguousarray(series.rows.T >= 0))
        with torch.inference_mode():
            (shift,) = self._network(features, parts, limbs, torch.ones_like(parts), valid)
        return np.asarray(shift.numpy().swapaxes(0, 1), np.float64)


def _columns(series: TrackBatch, pieces: slice) -> TrackBatch:
    return TrackBatch(
        series.rows[:, pieces],
        series.core[:, pieces],
        series.time[:, pieces],
        series.xy[:, pieces],
        series.score[:, pieces],
        series.weight[:, pieces],
        series.size[pieces],
    )
