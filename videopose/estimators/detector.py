"""Detectors of people: the image into the input, network, non-maximum suppression, boxes back in image pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from videopose.estimators.crops import network_input
from videopose.geometry.boxes import area, clip, iou, nms
from videopose.geometry.placement import Resize, place
from videopose.geometry.warp import place_images
from videopose.images import Image, as_images
from videopose.models.anchor_points import AnchorPoints, anchor_points
from videopose.runtime.network import Network
from videopose.runtime.workers import run_batches
from videopose.types import F32, I64, Detections

STRIDE = 32
MAX_CANDIDATES = 1000
"""Points considered of each level of an image, the best ones, as RTMDet's release does; suppression compares each with
each."""
Read = Callable[[tuple[Tensor, ...], tuple[int, int]], AnchorPoints]
"""From a network's outputs and its input's (height, width) to boxes."""


def _own_outputs(parts: tuple[Tensor, ...], input_hw: tuple[int, int]) -> AnchorPoints:
    """Return what networks of this package say, whatever their input."""
    return anchor_points(parts)


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
        resize: Resize = "shape",
        input_hw: tuple[int, int] | None = None,
        clamps: bool = True,
        read: Read = _own_outputs,
    ) -> None:
        """Wrap a network.

        Args:
            model: the network itself, ready to run on `device`.
            device: where it computes.
            mean: of each colour channel, of pixels in [0, 1].
            std: of each colour channel, of pixels in [0, 1].
            calibration: (a, b); a score's logit x is taken as a x + b, so that it says how often such a box is right.
            pixels: input pixels an image is scaled to; more finds smaller people and takes longer. With
                `resize="shape"`.
            min_score: boxes below it are not reported.
            nms_iou: of two boxes that overlap more than this, the one with the lower score is removed.
            max_people: at most this many boxes per image.
            batch_size: images per call of the network.
            resize: how images are brought into the input; see `geometry.placement`.
            input_hw: (height, width) of the input, pixels, if it is not the image's own shape.
            clamps: whether boxes are kept inside the input before overlapping ones are removed, as in RTMDet's release.
            read: finds the boxes in the network's outputs.
        """
        assert resize == "shape" or input_hw is not None, resize
        self._resize: Resize = resize
        self._input_hw, self._clamps, self._read = input_hw, clamps, read
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
        sizes = [self._size((image.shape[1], image.shape[2])) for image in images]
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

    def _size(self, image_hw: tuple[int, int]) -> tuple[int, int]:
        if self._resize == "shape" or self._input_hw is None:
            return input_size(image_hw, self._pixels)
        return self._input_hw

    def _run(self, images: list[Tensor], size_hw: tuple[int, int]) -> list[Detections]:
        inputs = place_images(images, size_hw, self._resize, fill=FILL)
        output = self._model(network_input(inputs, self._mean, self._std, self._model))
        return self._pick(self._read(output, size_hw), [(image.shape[1], image.shape[2]) for image in images], size_hw)

    def _pick(self, output: AnchorPoints, sizes: list[tuple[int, int]], input_hw: tuple[int, int]) -> list[Detections]:
        """Choose the people of each image of a batch and bring them back to image pixels."""
        factor, shift = self._calibration
        scores = (output.score.float() * factor + shift).sigmoid().cpu().numpy()
        stride = output.stride.cpu().numpy()
        chosen = [self._candidates(row, stride) for row in scores]
        images, points = np.repeat(np.arange(len(chosen)), [len(row) for row in chosen]), np.concatenate(chosen)
        device = output.score.device
        xyxy = output.boxes_at(torch.from_numpy(images).to(device), torch.from_numpy(points).to(device)).cpu().numpy()
        if self._clamps:
            xyxy = clip(xyxy, input_hw)
        return [
            self._people(place(image_hw, input_hw, self._resize).boxes_in_image(xyxy[images == row]), score, image_hw)
            for row, image_hw in enumerate(sizes)
            for score in (scores[row, chosen[row]],)
        ]

    def _people(self, boxes: F32, score: F32, image_hw: tuple[int, int]) -> Detections:
        """Remove boxes that repeat a better one or lie outside the image, (N, 4) image pixels."""
        if self._resize == "shape":  # releases suppress first and cut boxes off afterwards, if at all
            boxes = clip(boxes, image_hw)
        there = np.flatnonzero(area(boxes) > 0)
        boxes, score = boxes[there], score[there]
        kept = nms(iou(boxes, boxes), score, self._nms_iou)[: self._max_people]
        boxes, score = clip(boxes[kept].astype(np.float32), image_hw), score[kept]
        inside = area(boxes) > 0
        return Detections(boxes[inside], score[inside])

    def _candidates(self, score: F32, stride: F32) -> I64:
        """Choose the points of one image, (P,) scores, that may be people: the best of each level."""
        sure = np.flatnonzero(score > self._min_score)
        if len(sure) <= MAX_CANDIDATES:
            return sure
        levels = [sure[stride[sure] == each] for each in np.unique(stride)]
        best = [rows[np.argsort(-score[rows], kind="stable")[:MAX_CANDIDATES]] for rows in levels]
        return np.concatenate(best)
