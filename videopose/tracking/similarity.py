"""Similarities between tracks and the poses of a frame: what association maximises. (M, N) in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from videopose.geometry import boxes
from videopose.geometry.keypoints import pair_oks
from videopose.types import F32, F64, Bool, Poses


class Similarity(Protocol):
    """Compares M predicted tracks to N poses."""

    def __call__(self, tracks: Poses, poses: Poses, seconds: F64 | None = None, /) -> F32:
        """Return (M, N) similarities in [0, 1], higher is better.

        Args:
            tracks: people as they are expected now.
            poses: people of the frame.
            seconds: (M,) since each track was seen; None = both are of one frame.
        """
        ...


def person_size(xyxy: F32) -> F32:
    """Measure people, (N, 4) -> (N,) pixels: the square root of the box area, at least 1."""
    return np.asarray(np.sqrt(np.maximum(boxes.area(xyxy), 1.0)), np.float32)


def are_near(a: F32, b: F32) -> Bool:
    """Find which boxes, grown to double size, touch: (M, 4) and (N, 4) -> (M, N). OKS between the others is 0."""
    near = np.ones((len(a), len(b)), bool)
    for low, high in ((0, 2), (1, 3)):
        apart = np.abs(np.subtract.outer(a[:, low] + a[:, high], b[:, low] + b[:, high])) / 2
        near &= apart <= np.add.outer(np.abs(a[:, high] - a[:, low]), np.abs(b[:, high] - b[:, low]))
    return near


@dataclass(frozen=True)
class BoxIou:
    """Intersection over union of the boxes."""

    def __call__(self, tracks: Poses, poses: Poses, seconds: F64 | None = None, /) -> F32:
        """Return (M, N) IoU."""
        return boxes.iou(tracks.xyxy, poses.xyxy).astype(np.float32)


@dataclass(frozen=True, eq=False)
class PoseOks:
    """OKS over the keypoints both sides see, with box IoU where they share too few.

    Attributes:
        sigmas: (B,) OKS falloff constants of the first B keypoints, which are the body; the others are not compared.
        tolerance: factor on the falloff; 1 measures whether it is the same pose, more allows for motion between frames.
        min_score: keypoints below it are not seen.
        min_keypoints: with fewer seen on both sides, IoU of the boxes stands in.

    Source:
        Similarity of Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018, section 3.2.
        COCO's area is the segment's; there is none here, so the mean of both boxes' areas stands for it.
    """

    sigmas: F32
    tolerance: float = 1.0
    min_score: float = 0.0
    min_keypoints: int = 1

    def __call__(self, tracks: Poses, poses: Poses, seconds: F64 | None = None, /) -> F32:
        """Return (M, N) OKS, or IoU for pairs with too few shared keypoints."""
        similarity = np.zeros((len(tracks), len(poses)), np.float32)
        rows, columns = np.nonzero(are_near(tracks.xyxy, poses.xyxy))
        if not len(rows):
            return similarity
        body = len(self.sigmas)
        a, b = tracks.keypoints[rows, :body], poses.keypoints[columns, :body]
        seen = (a[..., 2] >= self.min_score) & (b[..., 2] >= self.min_score)
        area = (boxes.area(tracks.xyxy)[rows] + boxes.area(poses.xyxy)[columns]) / 2
        falloff = (2 * self.tolerance * self.sigmas) ** 2
        similarity[rows, columns], count = pair_oks(a, b, np.maximum(area, 1.0), falloff, seen)
        few = count < self.min_keypoints
        if few.any():
            similarity[rows[few], columns[few]] = boxes.iou(tracks.xyxy, poses.xyxy)[rows[few], columns[few]]
        return similarity


@dataclass(frozen=True, eq=False)
class KeypointDistance:
    """Mean distance of the keypoints both sides see, in parts of the person's size, as exp(-distance).

    Attributes:
        min_score: keypoints below it are not seen.
        scale: the distance, in person sizes, at which the similarity has fallen to 1 / e.
    """

    min_score: float = 0.0
    scale: float = 0.25

    def __call__(self, tracks: Poses, poses: Poses, seconds: F64 | None = None, /) -> F32:
        """Return (M, N) similarities; 0 for pairs that share no keypoint."""
        a, b = tracks.keypoints, poses.keypoints
        seen = (a[:, None, :, 2] >= self.min_score) & (b[None, :, :, 2] >= self.min_score)
        count = seen.sum(-1)
        distance = np.hypot(a[:, None, :, 0] - b[None, :, :, 0], a[:, None, :, 1] - b[None, :, :, 1])
        mean = (distance * seen).sum(-1) / np.maximum(count, 1)
        size = (person_size(tracks.xyxy)[:, None] + person_size(poses.xyxy)[None]) / 2
        return np.where(count > 0, np.exp(-mean / size / self.scale), 0.0).astype(np.float32)


@dataclass(frozen=True)
class WeightedSimilarity:
    """A weighted mean of two similarities.

    Attributes:
        first: weighted with 1 - weight.
        second: weighted with weight.
        weight: in [0, 1].
    """

    first: Similarity
    second: Similarity
    weight: float

    def __call__(self, tracks: Poses, poses: Poses, seconds: F64 | None = None, /) -> F32:
        """Return (M, N) mixed similarities."""
        first, second = self.first(tracks, poses, seconds), self.second(tracks, poses, seconds)
        return np.asarray((1 - self.weight) * first + self.weight * second, np.float32)
