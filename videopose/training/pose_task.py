"""Training a top-down pose network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from videopose.codecs import create_codec
from videopose.codecs.base import Codec
from videopose.codecs.spatial import SpatialCodec
from videopose.config import Options
from videopose.data.samples import ImageCache
from videopose.data.sources import SourceOptions, load_source
from videopose.errors import ConfigError
from videopose.estimators.crops import CropNetwork
from videopose.estimators.topdown import TopDownEstimator
from videopose.geometry.keypoints import oks
from videopose.metrics.pck import count_pck, torso_length
from videopose.models import architecture_named, create_model
from videopose.models.zoo import IMAGENET_MEAN, IMAGENET_STD, Weights
from videopose.runtime.torch import TorchNetwork
from videopose.skeletons import skeleton_named
from videopose.training.anchor import Anchor, AnchorOptions
from videopose.training.distillation import DistillOptions, Teacher
from videopose.training.options import LoopOptions, Phase
from videopose.training.pose_batches import PoseBatches, PoseDataOptions, people_of
from videopose.training.pose_losses import CodecName, LossName, pose_loss, predictions_of, resolve, with_stages
from videopose.training.task import Batch
from videopose.types import Detections


class PoseTaskOptions(Options):
    """A pose network and what it learns from."""

    architecture: str = "fpn_pose"
    model: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the architecture (whatever it takes, hence `Any`)."""
    skeleton: str = "body19"
    codec: CodecName = "auto"
    """How keypoints become targets; `auto`: as the architecture is usually trained."""
    loss: LossName = "auto"
    """What compares output and targets; `auto`: the codec's usual one."""
    heatmap_sigma: float | None = None
    """Spread of the targets, heatmap pixels; the codec's own if not given."""
    input_hw: tuple[int, int] = (192, 160)
    phases: tuple[Phase, ...] = ()
    """Stretches with smaller inputs, in order; after the last one `input_hw` holds."""
    data: PoseDataOptions
    validation: tuple[SourceOptions, ...] = ()
    """Held-out sets the scores are measured on: mean OKS and PCK of the torso, ground-truth boxes, no flip test."""
    validation_limit: int = 1000
    """People per held-out set, evenly spread."""
    anchor: AnchorOptions | None = None
    """A network of the same kind whose heatmaps this one is held to beside its labels: what it began with, say."""
    bfloat16: bool = False
    """Whether pipelines may run these weights in bfloat16 where the processor has it: written on their card. Measure
    what it costs first."""
    distill: DistillOptions | None = None
    """A larger network that teaches this one, keypoints nobody labelled included."""


_BATCH = 32
"""People per call of the network when the scores are measured."""


class PoseTask:
    """A codec's targets on augmented crops, and a teacher's beliefs if there is one."""

    monitor = "mean_oks"

    def __init__(self, options: PoseTaskOptions, loop: LoopOptions, folder: Path) -> None:
        """Read the labels.

        Raises:
            ConfigError: codec, loss, sizes and teacher do not go together.
            DatasetError: the labels cannot be read.
        """
        self.options = options
        self.skeleton = skeleton_named(options.skeleton)
        self.codec_name, self.loss_name = resolve(options.architecture, options.codec, options.loss)
        self.codec(options.input_hw)
        if options.phases and architecture_named(options.architecture).takes_input_hw:
            raise ConfigError(f"pose.phases: {options.architecture} has one input size for good; leave them out")
        self._teacher = None if options.distill is None else self._find_teacher(options.distill)
        self._anchor = None if options.anchor is None else Anchor(options.anchor, options.architecture, self.skeleton)
        self._batch_size = loop.batch_size
        self._folder = folder
        self._cache = ImageCache(int(loop.cache_gib * 2**30))
        self._batches = PoseBatches(
            folder, options.data, self.skeleton, seed=loop.seed, cache=self._cache, codec=self.codec_name
        )
        self._mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
        self._std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)

    def _find_teacher(self, options: DistillOptions) -> Teacher:
        if self.codec_name not in ("spatial", "spatial_absent"):
            raise ConfigError(f"pose.distill: a student needs codec spatial, not {self.codec_name}; see pose.codec")
        return Teacher(options, self.skeleton)

    def build(self) -> nn.Module:
        """Build the network; see `Task`."""
        options = self.options
        network = create_model(
            options.architecture, num_keypoints=len(self.skeleton), input_hw=options.input_hw, **options.model
        )
        return with_stages(network, options.architecture)

    def codec(self, input_hw: tuple[int, int]) -> Codec:
        """Return the codec for an input size.

        Raises:
            ConfigError: a spread of heatmaps is given, and the codec draws none.
        """
        codec = create_codec(self.codec_name, input_hw)
        sigma = self.options.heatmap_sigma
        if sigma is None:
            return codec
        if "heatmap_sigma" not in {field.name for field in fields(codec)}:  # type: ignore[arg-type]
            raise ConfigError(f"pose.heatmap_sigma = {sigma}: codec {self.codec_name} has no such spread; leave it out")
        return replace(codec, heatmap_sigma=sigma)  # type: ignore[type-var]

    def batch(self, step: int, rows: range, device: torch.device, progress: float) -> Batch:
        """Prepare part of a step's batch; see `Task`."""
        input_hw = next(
            (phase.input_hw for phase in self.options.phases if progress < phase.until), self.options.input_hw
        )
        numbers = [step * self._batch_size + row for row in rows]
        images, keypoints, weights = self._batches.make(numbers, input_hw, device)
        target, usable = self.codec(input_hw).encode(keypoints)
        images = (images - self._mean.to(device)) / self._std.to(device)
        batch = {"images": images, "target": target, "weights": weights * usable}
        if self._teacher is not None:
            view = self._teacher.from_student_crop(input_hw)
            batch["teacher_crops"] = self._batches.other_crops(
                numbers, input_hw, view, self._teacher.input_hw, device, antialias=self._teacher.antialias
            )
        return batch

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare the output with the labels' targets, and with the teacher's if there is one; see `Task`."""
        height, width = batch["images"].shape[-2:]
        codec = self.codec((height, width))
        predictions = predictions_of(model(batch["images"]))
        labels = pose_loss(self.loss_name, predictions, batch["target"], batch["weights"], codec)
        if self._anchor is not None:
            held = self._anchor.loss(predictions[-1], batch["images"])
            parts = {"label_loss": labels.detach(), "anchor_loss": held.detach()}
            labels = labels + self._anchor.options.weight * held
            return labels, parts
        if self._teacher is None:
            return labels, {}
        assert isinstance(codec, SpatialCodec)
        targets, weights = self._teacher.targets(batch["teacher_crops"], codec)
        taught = self._teacher.loss(predictions[-1], targets, weights)
        parts = {"label_loss": labels.detach(), "teacher_loss": taught.detach()}
        return labels + self._teacher.options.weight * taught, parts

    def describe(self, name: str) -> Weights:
        """Describe the trained weights; see `Task`."""
        return Weights(
            f"{self.options.architecture}.{name}",
            "",
            skeleton=self.skeleton.name,
            input_hw=self.options.input_hw,
            codec=self.codec(self.options.input_hw).name,
            options=self.options.model,
            antialias=self.options.data.antialias,
            padding=self.options.data.geometry.padding,
            bfloat16=self.options.bfloat16,
        )

    def evaluate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Measure mean OKS and PCK@0.2 of the torso per held-out set; the monitor is the sets' mean OKS.

        Crops are cut as in training and, by what the card says, as pipelines will cut them.
        """
        card = self.describe("")
        codec = self.codec(self.options.input_hw)
        network = CropNetwork(TorchNetwork(model.eval()), codec, self.skeleton, card.mean, card.std, flip_test=False)
        estimator = TopDownEstimator(
            network,
            device=device,
            padding=card.padding,
            batch_size=_BATCH,
            nms_oks=1.0,
            antialias=card.antialias,
        )
        scores: dict[str, float] = {}
        for source in self.options.validation:
            scores |= self._evaluate_source(estimator, source, device)
        values = [value for key, value in scores.items() if key.startswith("mean_oks/")]
        return {"mean_oks": float(np.mean(values)), **scores} if values else scores

    def _evaluate_source(
        self, estimator: TopDownEstimator, source: SourceOptions, device: torch.device
    ) -> dict[str, float]:
        scored = self.options.data.model_copy(update={"min_keypoints": max(1, self.options.data.min_keypoints)})
        people = people_of(load_source(self._folder, source, self.skeleton), scored)
        chosen = np.unique(np.linspace(0, len(people) - 1, min(len(people), self.options.validation_limit)).astype(int))
        images = [torch.from_numpy(self._cache.read(people[row][0])).permute(2, 0, 1).to(device) for row in chosen]
        boxes = [Detections(people[row][1].xyxy[None], np.ones(1, np.float32)) for row in chosen]
        found = np.concatenate([poses.keypoints for poses in estimator.estimate(images, boxes)])
        truth = np.stack([people[row][1].keypoints for row in chosen])
        area = np.array([people[row][1].area for row in chosen])
        similarity = [
            float(
                oks(found[row : row + 1, :, :2], truth[row : row + 1], area[row : row + 1], self.skeleton.sigmas)[0, 0]
            )
            for row in range(len(chosen))
        ]
        pck = count_pck(found, truth, torso_length(truth, self.skeleton), [0.2])
        return {f"mean_oks/{source.name}": float(np.mean(similarity)), f"pck/{source.name}": float(pck.mean()[0])}
