"""Top-down estimation: one crop per person, batched across people and across frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from videopose.codecs import crop_alignment
from videopose.estimators.crops import CropNetwork
from videopose.estimators.workers import run_batches
from videopose.geometry.affine import apply, crop_from_box, invert
from videopose.geometry.boxes import suppress
from videopose.geometry.keypoints import oks
from videopose.geometry.warp import warp_affine
from videopose.skeletons import Skeleton
from videopose.types import F32, F64, UNTRACKED, Detections, Poses

LOW_KEYPOINT_SCORE = 0.2
"""Keypoints below it do not count in a pose's score, as in HRNet's evaluation."""


class TopDownEstimator:
    """Cuts each person out with one affine warp, runs a `CropNetwork`, and undoes the warp.

    Attributes:
        skeleton: of the poses it gives.
    """

    def __init__(
        self,
        network: CropNetwork,
        *,
        device: torch.device,
        padding: float = 1.25,
        batch_size: int = 16,
        nms_oks: float = 0.9,
        antialias: bool = True,
    ) -> None:
        """Wrap a network.

        Args:
            network: on `device`.
            device: where crops are computed.
            padding: factor by which boxes grow; must be what the network was trained with.
            batch_size: people per call of the network.
            nms_oks: of two poses of a frame more alike than this, the one with the lower score is removed.
            antialias: see `geometry.warp.warp_affine`; published networks were trained without.
        """
        self.network = network
        self.skeleton: Skeleton = network.skeleton
        self._device = device
        self._padding = padding
        self._batch_size = batch_size
        self._nms_oks = nms_oks
        self._antialias = antialias

    def estimate(self, images: Sequence[Tensor], boxes: Sequence[Detections], /) -> list[Poses]:
        """Estimate a pose for each box of each image; see `PoseEstimator`."""
        owners = [row for row, people in enumerate(boxes) for _ in range(len(people))]
        if not owners:
            return [Poses.empty(len(self.skeleton)) for _ in images]
        every_box = np.concatenate([people.xyxy for people in boxes])
        codec = self.network.codec
        alignment = crop_alignment(codec.name, codec.input_hw)
        crop_from_image = alignment @ crop_from_box(every_box, codec.input_hw, padding=self._padding)
        in_crop = self._run([images[row] for row in owners], crop_from_image)
        keypoints = in_crop.copy()
        keypoints[..., :2] = apply(invert(crop_from_image), in_crop[..., :2])
        starts = np.cumsum([0, *(len(people) for people in boxes)])
        return [
            self._without_duplicates(self._poses(keypoints[start:end], people))
            for start, end, people in zip(starts[:-1], starts[1:], boxes, strict=True)
        ]

    def _run(self, images: list[Tensor], crop_from_image: F64) -> F32:
        def run(rows: range) -> F32:
            crops = self._cut([images[row] for row in rows], crop_from_image[rows])
            return np.asarray(self.network(crops).cpu().numpy(), np.float32)

        starts = range(0, len(images), self._batch_size)
        batches = [range(start, min(start + self._batch_size, len(images))) for start in starts]
        return np.concatenate(run_batches(run, batches, self._device))

    def _cut(self, images: list[Tensor], crop_from_image: F64) -> Tensor:
        input_hw = self.network.codec.input_hw
        crops = [
            warp_affine(image, matrix, input_hw, antialias=self._antialias)
            for image, matrix in zip(images, crop_from_image, strict=True)
        ]
        return torch.stack(crops).contiguous(memory_format=torch.channels_last)

    def _poses(self, keypoints: F32, people: Detections) -> Poses:
        certain = keypoints[..., 2] > LOW_KEYPOINT_SCORE
        mean = (keypoints[..., 2] * certain).sum(1) / np.maximum(certain.sum(1), 1)
        score = np.clip(mean * people.score, 0, 1).astype(np.float32)
        return Poses(keypoints, score, people.xyxy, np.full(len(people), UNTRACKED, np.int64))

    def _without_duplicates(self, poses: Poses) -> Poses:
        """Remove poses that repeat a better one (OKS-NMS), keeping the boxes' order."""
        if len(poses) < 2:
            return poses
        area = (poses.xyxy[:, 2:] - poses.xyxy[:, :2]).prod(1)
        labelled = np.concatenate([poses.keypoints[..., :2], np.full((*poses.keypoints.shape[:2], 1), 2)], -1)
        similarity = oks(poses.keypoints[..., :2], labelled, area, self.skeleton.sigmas)
        return poses[np.sort(suppress(similarity, poses.score, self._nms_oks))]
