"""What is learned from a pack at each step: which people, seen how, compared with which targets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from videopose.codecs import create_codec
from videopose.codecs.base import Codec
from videopose.codecs.spatial import SpatialCodec
from videopose.data.mixing import MixtureSampler
from videopose.errors import ConfigError, DatasetError, WeightsError
from videopose.geometry.keypoints import oks
from videopose.models import create_model
from videopose.skeletons import Skeleton, skeleton_named
from videopose.training.beliefs import Beliefs, Trust
from videopose.training.losses import heatmap_cross_entropy
from videopose.training.packed.parts import Pack
from videopose.training.packed.pixels import change_pixels
from videopose.training.packed.views import cut_crops, draw_views, move_labels, plain_views
from videopose.training.pose_losses import pose_loss, predictions_of
from videopose.types import F64, I64

_SCORED_AT_ONCE = 64


class Lesson:
    """Batches of a pack and their loss; a step's batch follows from the seed and the step alone.

    Attributes:
        skeleton: of the labels.
        codec: of the student.
        batch_size: people per step.
        held_out: rows of the people for measuring alone.
    """

    def __init__(self, pack: Pack, student: Mapping[str, Any], *, batch_size: int, seed: int) -> None:
        """Sort the people by where they come from.

        Args:
            pack: the people.
            student: as in the pack's header, with what the command line changes.
            batch_size: people per step.
            seed: of everything that is drawn.

        Raises:
            ConfigError: teacher and student do not go together.
            DatasetError: nobody is left to learn from.
        """
        header = pack.header
        self._pack, self._seed, self.batch_size = pack, seed, batch_size
        self._loss_name = str(student["loss"])
        self.skeleton: Skeleton = skeleton_named(header.skeleton)
        self.codec = _codec(student, header.input_hw)
        rows = [np.flatnonzero(~pack.labels.held_out & (pack.labels.source == n)) for n in range(len(header.sources))]
        self._rows = [own for own in rows if len(own)]
        if not self._rows:
            raise DatasetError("the parts hold nobody to learn from; pack more people")
        shares = [share for (_, share), own in zip(header.sources, rows, strict=True) if len(own)]
        self._mixture = MixtureSampler([len(own) for own in self._rows], shares, seed=seed)
        self.held_out: I64 = np.flatnonzero(pack.labels.held_out)
        self._teacher = Taught.of(pack, self.codec, self.skeleton) if header.teacher else None
        card = json.loads(header.card)
        self._mean, self._std = (
            torch.tensor(card[name], device=pack.images.device).view(1, 3, 1, 1) for name in ("mean", "std")
        )

    def loss(self, model: nn.Module, step: int) -> dict[str, Tensor]:
        """Compute the loss of a step's batch, `loss`, and what it is made of."""
        pack, header = self._pack, self._pack.header
        drawn = [self._mixture[step * self.batch_size + row] for row in range(self.batch_size)]
        rows = np.array([self._rows[source][index] for source, index in drawn])
        rng = np.random.default_rng([self._seed, step])
        views, flipped = draw_views(rng, pack.labels, rows, self.skeleton, header.input_hw, header.geometry)
        matrices = self.codec.crop_alignment @ views
        keypoints, counted = move_labels(pack.labels, rows, matrices, flipped, self.skeleton)
        images = cut_crops(pack.images, rows, matrices, header.input_hw)
        device = images.device
        target, usable = self.codec.encode(torch.from_numpy(keypoints).to(device))
        images = change_pixels(images, rng, header.pixels).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            output = model((images - self._mean) / self._std)
        predictions = predictions_of(output)
        weights = torch.from_numpy(counted).to(device) * usable
        labels = pose_loss(self._loss_name, [each.float() for each in predictions], target, weights, self.codec)
        if self._teacher is None:
            return {"loss": labels}
        taught = self._teacher.loss(predictions[-1], pack.images, rows, views)
        return {"loss": labels + self._teacher.weight * taught, "label_loss": labels, "teacher_loss": taught}

    @torch.no_grad()
    def score(self, model: nn.Module) -> float:
        """Return the mean OKS of the held-out people, seen as pipelines cut them out; NaN without any."""
        pack, header, found = self._pack, self._pack.header, []
        if not len(self.held_out):
            return float("nan")
        views = self.codec.crop_alignment @ plain_views(pack.labels, self.held_out, header.input_hw, header.padding)
        for start in range(0, len(views), _SCORED_AT_ONCE):
            part = slice(start, start + _SCORED_AT_ONCE)
            images = cut_crops(pack.images, self.held_out[part], views[part], header.input_hw)
            found.append(self.codec.decode(model((images - self._mean) / self._std).float()).cpu().numpy())
        never = np.zeros(len(views), bool)
        truth, _ = move_labels(pack.labels, self.held_out, views, never, self.skeleton)
        area = pack.labels.area[self.held_out] * np.linalg.det(views[:, :2, :2])
        places = np.concatenate(found)[..., :2]
        each = [
            oks(places[row : row + 1], truth[row : row + 1], area[row : row + 1], self.skeleton.sigmas)[0, 0]
            for row in range(len(truth))
        ]
        return float(np.mean(each))


@dataclass(frozen=True, eq=False)
class Taught:
    """A frozen network that is asked about every crop the student sees, before its pixels are changed.

    Attributes:
        network: in evaluation mode, on the device.
        codec: of it.
        beliefs: what carries its heatmaps over to the student.
        student: codec of the student.
        weight: of its loss.
        flip_index: of its skeleton, if it is asked about the mirrored crop too.
        mean: per channel.
        std: per channel.
    """

    network: nn.Module
    codec: Codec
    beliefs: Beliefs
    student: SpatialCodec
    weight: float
    flip_index: Tensor | None
    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, pack: Pack, codec: Codec, skeleton: Skeleton) -> Taught:
        """Build the teacher that travels in a pack.

        Raises:
            ConfigError: the student's codec knows no distributions.
            DatasetError: the part with its parameters was not read.
            WeightsError: they are not those of its card.
        """
        asked, device = pack.header.teacher, pack.images.device
        if not isinstance(codec, SpatialCodec):
            raise ConfigError(f"the student's codec is {codec.name}, but a teacher needs spatial; leave it out")
        if not pack.teacher:
            raise DatasetError("the teacher is in part 1 of the pack; give that part too, or --teacher-weight 0")
        card = json.loads(asked["card"])
        own = skeleton_named(card["skeleton"])
        network = create_model(card["name"].partition(".")[0], num_keypoints=len(own), **card["options"])
        try:
            network.load_state_dict({name: value.to(torch.float32) for name, value in pack.teacher.items()})
        except RuntimeError as error:
            raise WeightsError(f"the pack's teacher is no {card['name']} ({str(error)[:80]}); pack it again") from error
        network = network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        height, width = card["input_hw"]
        own_codec = create_codec(card["codec"], (int(height), int(width)))
        trust = Trust(float(asked["temperature"]), float(asked["min_score"]))
        beliefs = Beliefs(own_codec, own, skeleton, trust, name=card["name"])
        mirrored = torch.tensor(own.flip_index, device=device) if asked["flip_test"] else None
        mean, std = (torch.tensor(card[name], device=device).view(1, 3, 1, 1) for name in ("mean", "std"))
        return cls(network, own_codec, beliefs, codec, float(asked["weight"]), mirrored, mean, std)

    def loss(self, logits: Tensor, images: Tensor, rows: I64, views: F64) -> Tensor:
        """Measure how far a student is from the teacher on the same views of the same people."""
        matrices = self.beliefs.from_student_crop(self.student.input_hw) @ views
        with torch.no_grad():
            crops = (cut_crops(images, rows, matrices, self.codec.input_hw) - self.mean) / self.std
            with torch.autocast(crops.device.type, torch.bfloat16, enabled=crops.device.type == "cuda"):
                output = self.network(crops).float()
                if self.flip_index is not None:
                    back = self.codec.flip_back(self.network(crops.flip(-1)).float(), self.flip_index)
                    output = (output + back) / 2
            targets, weights = self.beliefs.targets(output, self.student)
        temperature = self.beliefs.trust.temperature
        return heatmap_cross_entropy(logits.float() / temperature, targets, weights) * temperature**2


def _codec(student: Mapping[str, Any], input_hw: tuple[int, int]) -> Codec:
    codec = create_codec(str(student["codec"]), input_hw)
    sigma = student.get("heatmap_sigma")
    if sigma is None or "heatmap_sigma" not in {field.name for field in fields(codec)}:  # type: ignore[arg-type]
        return codec
    return replace(codec, heatmap_sigma=float(sigma))  # type: ignore[type-var]
