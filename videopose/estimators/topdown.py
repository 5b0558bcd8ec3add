"""Top-down estimation: one crop per person, batched across people and across frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from videopose.errors import InputError
from videopose.estimators.crops import CropNetwork
from videopose.geometry.affine import apply, crop_from_box, invert
from videopose.geometry.boxes import nms
from videopose.geometry.keypoints import oks
from videopose.geometry.warp import warp_images
from videopose.images import Image, as_images
from videopose.metrics.calibration import logit, sigmoid
from videopose.runtime.workers import run_batches
from videopose.skeletons import Skeleton
from videopose.types import F32, F64, I64, UNTRACKED, Detections, Poses

LOW_KEYPOINT_SCORE = 0.2
"""Keypoints below it do not count in a pose's score, as in HRNet's evaluation."""


class TopDownEstimator:
    """Cuts each person out with one affine warp, runs a `CropNetwork`, and undoes the warp.

    Attributes:
        network: what finds keypoints in a crop.
        skeleton: of the poses it gives.
        device: where crops are computed.
        batch_size: people per call of the network.
    """

    def __init__(
        self,
        network: CropNetwork,
        *,
        device: torch.device,
        padding: float,
        batch_size: int,
        nms_oks: float,
        antialias: bool,
    ) -> None:
        """Wrap a network.

        Args:
            network: on `device`.
            device: where crops are computed.
            padding: factor by which boxes grow; must be what the network was trained with.
            batch_size: people per call of the network.
            nms_oks: of two poses of a frame more alike than this, the one with the lower score is removed.
            antialias: see `geometry.warp.warp_images`; must be what the network was trained with.
        """
        self.network = network
        self.skeleton: Skeleton = network.skeleton
        self.device = device
        self._padding = padding
        self.batch_size = batch_size
        self._nms_oks = nms_oks
        self._antialias = antialias

    def estimate(self, images: Image | Sequence[Image], boxes: Sequence[Detections], /) -> list[Poses]:
        """Estimate a pose for each box of each image; see `Estimator`.

        Raises:
            InputError: an image is none (see `as_images`), or there are not as many `Detections`.
        """
        images = as_images(images, self.device)
        if len(images) != len(boxes):
            raise InputError(f"{len(images)} images, but boxes of {len(boxes)}; give one Detections per image")
        owners = [row for row, people in enumerate(boxes) for _ in range(len(people))]
        if not owners:
            return [Poses.empty(len(self.skeleton), skeleton=self.skeleton) for _ in images]
        crop_from_image = self.crop_from_image(np.concatenate([people.xyxy for people in boxes]))
        in_crop = self.run(self.network, [images[row] for row in owners], crop_from_image)
        keypoints = in_image(in_crop, crop_from_image)
        starts = np.cumsum([0, *(len(people) for people in boxes)])
        return [
            poses[self.kept_by_oks_nms(poses)]
            for start, end, people in zip(starts[:-1], starts[1:], boxes, strict=True)
            for poses in (self.scored(keypoints[start:end], people),)
        ]

    def scored(self, keypoints: F32, people: Detections) -> Poses:
        """Score (N, K, 3) keypoints of N detected people; see `poses_of`."""
        network = self.network
        poses = poses_of(keypoints, people, self.skeleton, chances=network.calibration is not None)
        return replace(poses, score=person_chances(poses.score, network.person_calibration))

    def crop_from_image(self, xyxy: F32) -> F64:
        """Return (N, 3, 3) how people in boxes, (N, 4) image pixels, are brought into crops."""
        codec = self.network.codec
        return codec.crop_alignment @ crop_from_box(xyxy, codec.input_hw, padding=self._padding)

    def run(self, function: Callable[[Tensor], Tensor], images: Sequence[Tensor], crop_from_image: F64) -> Tensor:
        """Cut people out, batch by batch, and put the crops through a function of the network.

        Args:
            function: from crops (N, 3, h, w) to anything with a row per crop.
            images: for each person the image, (3, H, W) uint8 RGB.
            crop_from_image: (N, 3, 3) for each person.

        Returns:
            The function's answers, a row per person.
        """

        def work(rows: range) -> Tensor:
            return function(self.cut([images[row] for row in rows], crop_from_image[rows]))

        return torch.cat(run_batches(work, batches_of(len(images), self.batch_size), self.device))

    def cut(self, images: list[Tensor], crop_from_image: F64) -> Tensor:
        """Cut people out, one image and one (3, 3) transform each: (N, 3, h, w) uint8 crops."""
        return warp_images(images, crop_from_image, self.network.codec.input_hw, antialias=self._antialias)

    def kept_by_oks_nms(self, poses: Poses) -> I64:
        """Return the rows of poses that repeat no better one (OKS-NMS), in the boxes' order."""
        if len(poses) < 2:
            return np.arange(len(poses))
        area = (poses.xyxy[:, 2:] - poses.xyxy[:, :2]).prod(1)
        body = poses.keypoints[:, : self.skeleton.num_body, :2]
        labelled = np.concatenate([body, np.full((*body.shape[:2], 1), 2)], -1)
        similarity = oks(body, labelled, area, self.skeleton.sigmas[: self.skeleton.num_body])
        return np.sort(nms(similarity, poses.score, self._nms_oks))


def batches_of(count: int, size: int) -> list[range]:
    """Split rows 0 … count - 1 into runs of `size`, the last one shorter."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def in_image(in_crop: Tensor, crop_from_image: F64) -> F32:
    """Transform keypoints, (N, K, 3) with their scores last, from crop pixels back to image pixels."""
    keypoints = np.array(in_crop.cpu().numpy(), np.float32)
    keypoints[..., :2] = apply(invert(crop_from_image), keypoints[..., :2])
    return keypoints


def person_chances(score: F32, calibration: tuple[float, float]) -> F32:
    """Convert pose scores to chances that there is a person, sigmoid(a logit(score) + b); 0 stays 0.

    Args:
        score: (N,) in [0, 1].
        calibration: (a, b); (1, 0) leaves scores as they are.
    """
    if calibration == (1.0, 0.0):
        return score
    factor, shift = calibration
    return np.where(score > 0, sigmoid(factor * logit(score) + shift), 0).astype(np.float32)


def poses_of(keypoints: F32, people: Detections, skeleton: Skeleton, *, chances: bool = False) -> Poses:
    """Score the poses of detected people: what their keypoints' scores amount to, times the box's score.

    A score that is no number counts as 0.

    Args:
        keypoints: (N, K, 3) image pixels, scores last.
        people: the N boxes they were looked for in.
        skeleton: of the K keypoints.
        chances: whether scores are calibrated. Then all keypoints count, weighted by the square of their own score:
            those of parts out of sight say little about the rest. Else the mean of the certain ones is taken.
    """
    score = keypoints[..., 2]
    weight = np.square(score) if chances else (score > LOW_KEYPOINT_SCORE).astype(np.float32)
    mean = (score * weight).sum(1) / np.maximum(weight.sum(1), 1e-6)
    pose_score = np.clip(np.nan_to_num(mean * people.score), 0, 1).astype(np.float32)
    return Poses(keypoints, pose_score, people.xyxy, np.full(len(people), UNTRACKED, np.int64), skeleton=skeleton)
