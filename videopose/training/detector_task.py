"""Training a person detector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from videopose.config import Options
from videopose.data.augment_pixels import PixelOptions, augment_pixels
from videopose.data.canvas import IGNORE, PADDING, PERSON, CanvasOptions, compose
from videopose.data.mixing import MixtureSampler
from videopose.data.samples import ImageCache, LabelledImage
from videopose.data.sources import SourceOptions, load_source
from videopose.estimators.build import DetectorOptions
from videopose.estimators.detector import AnchorFreeDetector
from videopose.metrics.person_boxes import detector_numbers, person_box_outcomes, quiet_threshold
from videopose.models import create_model
from videopose.models.anchor_points import AnchorPoints, DistributionOutput
from videopose.models.zoo import Weights, normalisation
from videopose.runtime.torch import TorchNetwork
from videopose.skeletons import skeleton_named
from videopose.training.assignment import assign, giou_loss
from videopose.training.losses import distribution_focal, focal, quality_focal
from videopose.training.options import LoopOptions
from videopose.training.task import Batch

MAX_BOXES = 64
SAMPLES_PER_CANVAS = 4


class DetectorTaskOptions(Options):
    """A detector and what it learns from."""

    architecture: str = "fpn_detector"
    model: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the architecture (whatever it takes, hence `Any`)."""
    sizes: tuple[int, ...] = (288, 352, 416)
    """Sides of the square canvas; each step draws one."""
    sources: tuple[SourceOptions, ...]
    canvas: CanvasOptions = CanvasOptions()
    pixels: PixelOptions = PixelOptions(erase_probability=0.0, occluder_probability=0.0)
    score_loss: Literal["quality_focal", "focal"] = "quality_focal"
    """How scores are learned: as the IoU the box will have, or as yes and no."""
    box_weight: float = 2.0
    """Of the GIoU loss; the scores' loss has 1."""
    distribution_weight: float = 0.5
    """Of the distribution focal loss; 0 leaves it out."""
    validation: tuple[SourceOptions, ...] = ()
    """Held-out sets AP50 and AP75 are measured on."""
    min_area: float = 400.0
    """There, smaller people are ignore regions, square pixels."""
    validation_pixels: int = 352 * 352
    """Input pixels there."""
    monitor: Literal["ap50", "quiet_recall"] = "ap50"
    """What the best checkpoint is chosen by: AP50, or the recall where person-free images are left alone."""


class DetectorTask:
    """Quality focal, GIoU and distribution focal losses on mosaics."""

    def __init__(self, options: DetectorTaskOptions, loop: LoopOptions, folder: Path) -> None:
        self.options = options
        self.monitor: str = options.monitor
        self._loop = loop
        self._folder = folder
        self._cache = ImageCache(int(loop.cache_gib * 2**30))
        skeleton = skeleton_named("body19")
        self._images = [load_source(folder, source, skeleton) for source in options.sources]
        shares = [source.share for source in options.sources]
        self._mixture = MixtureSampler([len(images) for images in self._images], shares, seed=loop.seed)
        self._mean, self._std = (torch.tensor(each).view(1, 3, 1, 1) for each in normalisation(options.architecture))

    def build(self) -> nn.Module:
        """Build the network; see `Task`."""
        return create_model(self.options.architecture, **self.options.model)

    def batch(self, step: int, rows: range, device: torch.device, progress: float) -> Batch:
        """Prepare part of a step's batch; see `Task`."""
        side = int(np.random.default_rng([self._loop.seed, step, 2]).choice(self.options.sizes))
        pixels, boxes = [], []
        for row in rows:
            canvas, labelled = self._canvas(step * self._loop.batch_size + row, side)
            pixels.append(torch.from_numpy(canvas).permute(2, 0, 1))
            boxes.append(_padded(labelled))
        images = torch.stack(pixels).to(device).contiguous(memory_format=torch.channels_last).float() / 255
        rng = np.random.default_rng([self._loop.seed, step, rows.start, 1])
        images = augment_pixels(images, rng, self.options.pixels)
        images = (images - self._mean.to(device)) / self._std.to(device)
        return {"images": images, "boxes": torch.from_numpy(np.stack(boxes)).to(device)}

    def _canvas(self, number: int, side: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self._loop.seed, number])
        numbers = iter(range(number * SAMPLES_PER_CANVAS, (number + 1) * SAMPLES_PER_CANVAS))

        def draw() -> LabelledImage:
            source, index = self._mixture[next(numbers)]
            return self._images[source][index]

        return compose(rng, draw, self._cache.read, (side, side), self.options.canvas)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compute the three losses over points assigned to people; see `Task`."""
        output: AnchorPoints = model(batch["images"])
        logits, predicted = output.score.float(), output.boxes()
        quality, counted = torch.zeros_like(logits), torch.ones_like(logits)
        box_loss = side_loss = logits.sum() * 0
        for row, labelled in enumerate(batch["boxes"]):
            people = labelled[labelled[:, 4] == PERSON, :4]
            owner, wanted = assign(logits[row].sigmoid(), predicted[row], output.points, people)
            positive = owner >= 0
            quality[row] = wanted
            counted[row] = (positive | ~_inside(output.points, labelled[labelled[:, 4] == IGNORE, :4])).float()
            if positive.any():
                target = people[owner[positive]]
                weight = wanted[positive]
                box_loss = box_loss + (giou_loss(predicted[row, positive], target) * weight).sum()
                side_loss = side_loss + (_side_loss(output, row, positive, target) * weight).sum()
        total = quality.sum().clamp_min(1.0)
        parts = {
            "score_loss": self._score_loss(logits, quality, counted),
            "box_loss": box_loss / total,
            "side_loss": side_loss / total,
        }
        options = self.options
        loss = parts["score_loss"] + options.box_weight * parts["box_loss"]
        loss = loss + options.distribution_weight * parts["side_loss"]
        return loss, {key: value.detach() for key, value in parts.items()}

    def _score_loss(self, logits: Tensor, quality: Tensor, counted: Tensor) -> Tensor:
        if self.options.score_loss == "quality_focal":
            return quality_focal(logits, quality, counted) / quality.sum().clamp_min(1.0)
        people = (quality > 0).float()
        return focal(logits, people, counted) / people.sum().clamp_min(1.0)

    def describe(self, name: str) -> Weights:
        """Describe the trained weights; see `Task`."""
        side = max(self.options.sizes)
        mean, std = normalisation(self.options.architecture)
        return Weights(
            f"{self.options.architecture}.{name}",
            "",
            skeleton="",
            input_hw=(side, side),
            mean=mean,
            std=std,
            codec="",
            options=self.options.model,
            bfloat16=True,
        )

    def evaluate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Measure each held-out set; without a set's name, the mean over the sets.

        `quiet_recall` is the recall at the threshold at which 15 % of the set's person-free images get a box.
        """
        usual = DetectorOptions()
        mean, std = normalisation(self.options.architecture)
        detector = AnchorFreeDetector(
            TorchNetwork(model.eval()),
            device=device,
            mean=mean,
            std=std,
            pixels=self.options.validation_pixels,
            min_score=0.02,
            nms_iou=usual.nms_iou,
            max_people=usual.max_people,
            batch_size=usual.batch_size,
        )
        scores: dict[str, float] = {}
        for source in self.options.validation:
            outcomes, person_free = [], []
            for image in load_source(self._folder, source, skeleton_named("body19")):
                pixels = torch.from_numpy(self._cache.read(image)).permute(2, 0, 1).to(device)
                found = detector.detect([pixels])[0]
                boxes = np.array([person.xyxy for person in image.people]).reshape(-1, 4)
                ignore = np.array([person.ignore for person in image.people], bool)
                outcomes.append(
                    person_box_outcomes(found.xyxy, found.score, boxes, ignore, min_area=self.options.min_area)
                )
                person_free.append(not image.people)
            numbers = detector_numbers(outcomes, person_free, threshold=quiet_threshold(outcomes, person_free))
            scores |= {f"ap50/{source.name}": numbers.ap50, f"ap75/{source.name}": numbers.ap75}
            if any(person_free):
                scores[f"quiet_recall/{source.name}"] = numbers.recall
        kinds = dict.fromkeys(key.partition("/")[0] for key in scores)
        means = {kind: [value for key, value in scores.items() if key.startswith(f"{kind}/")] for kind in kinds}
        return {kind: float(np.mean(values)) for kind, values in means.items()} | scores


def _side_loss(output: AnchorPoints, row: int, positive: Tensor, target: Tensor) -> Tensor:
    """Compare the sides' distributions with (Q, 4) boxes, where a network gives distributions: (Q,)."""
    if not isinstance(output, DistributionOutput):
        return torch.zeros(len(target), device=target.device)
    points, stride = output.points[positive], output.stride[positive, None]
    distance = torch.cat([points - target[:, :2], target[:, 2:] - points], -1) / stride
    return distribution_focal(output.sides[row, positive], distance)


def _padded(labelled: np.ndarray) -> np.ndarray:
    """Return (MAX_BOXES, 5): the largest boxes if there are more, padding if fewer."""
    size = (labelled[:, 2] - labelled[:, 0]) * (labelled[:, 3] - labelled[:, 1])
    kept = labelled[np.argsort(-size, kind="stable")[:MAX_BOXES]]
    out = np.full((MAX_BOXES, 5), PADDING, np.float32)
    out[: len(kept)] = kept
    return out


def _inside(points: Tensor, regions: Tensor) -> Tensor:
    """Find which points lie in any of the regions, (P, 2) and (R, 4) -> (P,)."""
    inside = (points[:, None] > regions[None, :, :2]).all(-1) & (points[:, None] < regions[None, :, 2:]).all(-1)
    return inside.any(1)
