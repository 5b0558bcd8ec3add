"""The person detector: letterbox, network, non-maximum suppression, boxes back in image pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from videopose.estimators.crops import network_input
from videopose.geometry.affine import letterbox
from videopose.geometry.boxes import clip, iou, nms
from videopose.geometry.warp import letterbox_images
from videopose.images import Image, as_images
from videopose.models.anchor_points import AnchorPoints, anchor_points
from videopose.runtime.network import Network
from videopose.runtime.workers import run_batches
from videopose.types import F32, I64, Detections

STRIDE = 32
MAX_CANDIDATES = 1000
"""Points considered per image, the best ones; suppression compares each with each."""
FILL = 114
"""What surrounds an image in its input, near the middle of what training surrounds it with."""


def input_size(image_hw: tuple[int, int], pixels: int) -> tuple[int, int]:
    """Choose an input of an image's own shape: multiples of 32, about `pixels` in all.

    A wide image gets a wide input: none of the network's work is spent on padding.

    Example:
        >>> input_size((360, 640), 352 * 352)
        (256, 480)
    """
    scale = math.sqrt(pixels / (image_hw[0] * image_hw[1]))
    height, width = (max(STRIDE, round(side * scale / STRIDE) * STRIDE) for side in image_hw)
    return height, width


class AnchorFreeDetector:
    """Runs a network that answers with `AnchorPoints`.

    Images of equal size share a batch.
    """

    def __init__(
        self,
        model: Network,
        *,
        device: torch.device,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        pixels: int,
        min_score: float,
        nms_iou: float,
        max_people: int,
        batch_size: int,
        calibration: tuple[float, float] = (1.0, 0.0),
    ) -> None:
        """Wrap a network.

        Args:
            model: the network itself, ready to run on `device`.
            device: where it computes.
            mean: of each colour channel, of pixels in [0, 1].
            std: of each colour channel, of pixels in [0, 1].
            calibration: (a, b); a score's logit x is taken as a x + b, so that it says how often such a box is right.
            pixels: input pixels an image is scaled to; more finds smaller people and takes longer.
            min_score: boxes below it are not reported.
            nms_iou: of two boxes that overlap more than this, the one with the lower score is removed.
            max_people: at most this many boxes per image.
            batch_size: images per call of the network.
        """
        self._model = model
        self._device = device
        self._mean, self._std = mean, std
        self._calibration = calibration
        self._pixels = pixels
        self._min_score, self._nms_iou, self._max_people = min_score, nms_iou, max_people
        self._batch_size = batch_size

    def detect(self, images: Image | Sequence[Image], /) -> list[Detections]:
        """Find the people in each image; see `Detector`.

        Raises:
            InputError: an image is none; see `as_images`.
        """
        images = as_images(images, self._device)
        sizes = [input_size((image.shape[1], image.shape[2]), self._pixels) for image in images]
        batches: list[list[int]] = []
        for size in dict.fromkeys(sizes):
            rows = [row for row, each in enumerate(sizes) if each == size]
            batches += [rows[start : start + self._batch_size] for start in range(0, len(rows), self._batch_size)]

        def run(batch: list[int]) -> list[Detections]:
            return self._run([images[row] for row in batch], sizes[batch[0]])

        found: list[Detections] = [Detections.empty()] * len(images)
        for batch, detections in zip(batches, run_batches(run, batches, self._device), strict=True):
            for row, people in zip(batch, detections, strict=True):
                found[row] = people
        return found

    def _run(self, images: list[Tensor], size_hw: tuple[int, int]) -> list[Detections]:
        inputs = letterbox_images(images, size_hw, fill=FILL)
        output = self._model(network_input(inputs, self._mean, self._std, self._model))
        return self._pick(anchor_points(output), [(image.shape[1], image.shape[2]) for image in images], size_hw)

    def _pick(self, output: AnchorPoints, sizes: list[tuple[int, int]], input_hw: tuple[int, int]) -> list[Detections]:
        """Choose the people of each image of a batch and bring them back to image pixels."""
        factor, shift = self._calibration
        scores = (output.score.float() * factor + shift).sigmoid().cpu().numpy()
        chosen = [self._candidates(row) for row in scores]
        images, points = np.repeat(np.arange(len(chosen)), [len(row) for row in chosen]), np.concatenate(chosen)
        device = output.score.device
        xyxy = output.boxes_at(torch.from_numpy(images).to(device), torch.from_numpy(points).to(device)).cpu().numpy()
        found = []
        for row, image_hw in enumerate(sizes):
            scale = letterbox(image_hw, input_hw).diagonal()[[0, 1, 0, 1]].astype(np.float32)
            boxes = clip(xyxy[images == row] / scale, image_hw)
            score = scores[row, chosen[row]]
            kept = nms(iou(boxes, boxes), score, self._nms_iou)[: self._max_people]
            found.append(Detections(boxes[kept].astype(np.float32), score[kept]))
        return found

    def _candidates(self, score: F32) -> I64:
        """Choose the points of one image, (P,) scores, that may be people."""
        sure = np.flatnonzero(score > self._min_score)
        if len(sure) > MAX_CANDIDATES:
            sure = sure[np.argsort(-score[sure], kind="stable")[:MAX_CANDIDATES]]
        return sure
