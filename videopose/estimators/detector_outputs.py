"""What detectors from elsewhere answer: from their outputs to boxes with scores, in input pixels.

A reader is named by the release whose form it is. All of them keep people alone: class 0, which is `person` in COCO's
order, but for detection transformers that count COCO's own numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from videopose.estimators.detector import Read
from videopose.models import rtmdet
from videopose.models.anchor_points import AnchorPoints, anchor_points, cell_points
from videopose.models.yolox import distances

STRIDES = (8, 16, 32)
_EDGE = 1e-7
_COCO_NUMBERS = 91
"""Classes of a network that counts COCO's own numbers, of which person is 1."""


class CornerOutput(NamedTuple):
    """Boxes said outright; see `AnchorPoints`.

    Attributes:
        score: (N, P) logits.
        xyxy: (N, P, 4) input pixels.
        points: (P, 2), unused zeros.
        stride: (P,) ones.
    """

    score: Tensor
    xyxy: Tensor
    points: Tensor
    stride: Tensor

    def boxes(self) -> Tensor:
        """Return the boxes; see `AnchorPoints`."""
        return self.xyxy.float()

    def boxes_at(self, images: Tensor, points: Tensor) -> Tensor:
        """Return the boxes at chosen points; see `AnchorPoints`."""
        return self.xyxy[images, points].float()


def _corners(score: Tensor, xyxy: Tensor) -> CornerOutput:
    """Build boxes from (N, P) scores in [0, 1] and (N, P, 4) corners."""
    count = xyxy.shape[1]
    ones = torch.ones(count, device=xyxy.device)
    return CornerOutput(torch.logit(score.float(), _EDGE), xyxy, torch.zeros(count, 2, device=xyxy.device), ones)


def _around(center_size: Tensor) -> Tensor:
    center, half = center_size[..., :2].float(), center_size[..., 2:4].float() / 2
    return torch.cat([center - half, center + half], -1)


def read_points(parts: tuple[Tensor, ...], input_hw: tuple[int, int]) -> AnchorPoints:
    """Read what `videopose models export` writes: scores, distances or distributions, points, strides."""
    return anchor_points(parts)


def read_yolox(parts: tuple[Tensor, ...], input_hw: tuple[int, int]) -> AnchorPoints:
    """Read YOLOX's rows (N, A, 5 + C): centre and logarithm of the size in strides, objectness, classes.

    Source:
        Ge et al., YOLOX: Exceeding YOLO Series in 2021, as exported by Megvii's `export_onnx.py`.
    """
    (rows,) = parts
    places = [
        cell_points(rows.new_zeros(1, 1, input_hw[0] // stride, input_hw[1] // stride), stride, offset=0.0)
        for stride in STRIDES
    ]
    points, stride = (torch.cat(each) for each in zip(*places, strict=True))
    sides = distances(rows[..., :4], stride[:, None])
    return _corners(rows[..., 4] * rows[..., 5], torch.cat([points - sides[..., :2], points + sides[..., 2:]], -1))


def read_yolox_decoded(parts: tuple[Tensor, ...], input_hw: tuple[int, int]) -> AnchorPoints:
    """Read rows (N, A, 5 + C): centre and size in input pixels, objectness, classes (YOLOX decoded inside, YOLOv5)."""
    (rows,) = parts
    return _corners(rows[..., 4] * rows[..., 5], _around(rows))


def read_yolov8(parts: tuple[Tensor, ...], input_hw: tuple[int, int]) -> AnchorPoints:
    """Read columns (N, 4 + C, A): centre and size in input pixels, then classes (YOLOv8 and 11).

    Of a pose head, (N, 5 + 3 K, A), the keypoints are not looked at.
    """
    rows = parts[0].transpose(1, 2)
    return _corners(rows[..., 4], _around(rows))


def read_boxes(parts: tuple[Tensor, ...], input_hw: tuple[int, int]) -> AnchorPoints:
    """Read boxes that were suppressed inside: (N, M, 5 …) corners in input pixels, score and perhaps the class.

    Classes may also be an output of their own, (N, M). Of one-stage pose networks the keypoints are not looked at.
    """
    boxes = next(each for each in parts if each.ndim == 3)
    labels = next((each for each in parts if each.ndim == 2), boxes[..., 5] if boxes.shape[2] > 5 else None)
    score = boxes[..., 4] if labels is None else torch.where(labels == 0, boxes[..., 4], 0.0)
    return _corners(score.clamp_min(0), boxes[..., :4])


def read_rtmdet(parts: tuple[Tensor, ...], input_hw: tuple[int, int]) -> AnchorPoints:
    """Read RTMDet's head: three maps of logits (N, C, h, w) and three of distances in pixels (N, 4, h, w)."""
    boxes = sorted((each for each in parts if each.shape[1] == 4), key=lambda each: -each.shape[3])
    scores = sorted((each for each in parts if each.shape[1] != 4), key=lambda each: -each.shape[3])
    return rtmdet.joined([each[:, :1] for each in scores], boxes)


def read_corners(parts: tuple[Tensor, ...], input_hw: tuple[int, int]) -> AnchorPoints:
    """Read corners in input pixels (N, A, 4) and scores in [0, 1] of each class (N, A, C)."""
    xyxy, scores = _box_first(parts)
    return _corners(scores[..., 0], xyxy)


def read_detr(parts: tuple[Tensor, ...], input_hw: tuple[int, int]) -> AnchorPoints:
    """Read a detection transformer: centre and size as shares of the input (N, Q, 4), logits of classes (N, Q, C).

    Source:
        Robinson et al., RF-DETR, 2025: each class by itself, as a sigmoid.
    """
    boxes, logits = _box_first(parts)
    person = 1 if logits.shape[2] == _COCO_NUMBERS else 0
    scale = torch.tensor([input_hw[1], input_hw[0]] * 2, dtype=torch.float32, device=boxes.device)
    return _corners(logits[..., person].float().sigmoid(), _around(boxes) * scale)


def _box_first(parts: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    first, second = parts
    return (first, second) if first.shape[2] == 4 else (second, first)


READERS: dict[str, Read] = {
    "points": read_points,
    "yolox": read_yolox,
    "yolox_decoded": read_yolox_decoded,
    "yolov8": read_yolov8,
    "boxes": read_boxes,
    "rtmdet": read_rtmdet,
    "corners": read_corners,
    "detr": read_detr,
}
"""Values of `detector.outputs`."""
