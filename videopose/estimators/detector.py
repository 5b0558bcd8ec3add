"""The person detector: letterbox, network, non-maximum suppression, boxes back in image pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from videopose.estimators.crops import normalised
from videopose.estimators.workers import run_batches
from videopose.geometry.affine import letterbox
from videopose.geometry.boxes import clip, iou, suppress
from videopose.geometry.warp import warp_affine
from videopose.models.fpn_detector import DetectorOutput
from videopose.types import Detections

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


class AnchorPointDetector:
    """Runs a network that gives a `DetectorOutput`.

    Images of equal size share a batch.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        device: torch.device,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        pixels: int = 352 * 352,
        min_score: float = 0.3,
        nms_iou: float = 0.6,
        max_people: int = 100,
        batch_size: int = 8,
    ) -> None:
        """Wrap a network.

        Args:
            model: in evaluation mode, on `device`.
            device: where it computes.
            mean: of each colour channel, of pixels in [0, 1].
            std: of each colour channel, of pixels in [0, 1].
            pixels: input pixels an image is scaled to; more finds smaller people and takes longer.
            min_score: boxes below it are not reported.
            nms_iou: of two boxes that overlap more than this, the one with the lower score is removed.
            max_people: at most this many boxes per image.
            batch_size: images per call of the network.
        """
        self._model = model
        self._device = device
        self._mean, self._std = mean, std
        self._pixels = pixels
        self._min_score, self._nms_iou, self._max_people = min_score, nms_iou, max_people
        self._batch_size = batch_size

    def detect(self, images: Sequence[Tensor], /) -> list[Detections]:
        """Find the people in each image; see `PersonDetector`."""
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

    @torch.inference_mode()
    def _run(self, images: list[Tensor], size_hw: tuple[int, int]) -> list[Detections]:
        maps = [letterbox((image.shape[1], image.shape[2]), size_hw) for image in images]
        inputs = torch.stack([self._fit(image, matrix, size_hw) for image, matrix in zip(images, maps, strict=True)])
        inputs = inputs.to(self._device).contiguous(memory_format=torch.channels_last)
        output = self._model(normalised(inputs, self._mean, self._std, next(self._model.parameters()).dtype))
        return [
            self._pick(output, row, float(matrix[0, 0]), (images[row].shape[1], images[row].shape[2]))
            for row, matrix in enumerate(maps)
        ]

    def _fit(self, image: Tensor, matrix: np.ndarray, size_hw: tuple[int, int]) -> Tensor:
        fitted = warp_affine(image, matrix, size_hw)
        bottom = math.ceil(image.shape[1] * matrix[0, 0])
        right = math.ceil(image.shape[2] * matrix[0, 0])
        fitted[:, bottom:] = FILL
        fitted[:, :, right:] = FILL
        return fitted

    def _pick(self, output: DetectorOutput, row: int, scale: float, image_hw: tuple[int, int]) -> Detections:
        score = output.score[row].float().sigmoid()
        sure = torch.nonzero(score > self._min_score)[:, 0]
        if len(sure) > MAX_CANDIDATES:
            sure = sure[score[sure].topk(MAX_CANDIDATES).indices]
        xyxy = clip(output.boxes_at(row, sure).cpu().numpy() / scale, image_hw)
        kept_score = score[sure].cpu().numpy()
        rows = suppress(iou(xyxy, xyxy), kept_score, self._nms_iou)[: self._max_people]
        return Detections(xyxy[rows].astype(np.float32), kept_score[rows].astype(np.float32))
