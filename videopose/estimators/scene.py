"""Bottom-up estimation: everybody in an image from one look at it, whatever their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from videopose.codecs.scene import FoundPeople, Outputs, SceneCodec
from videopose.estimators.crops import network_input
from videopose.geometry.affine import apply, invert, scaling, translation
from videopose.geometry.boxes import clip
from videopose.geometry.keypoints import boxes_around
from videopose.geometry.warp import warp_images
from videopose.images import Image, as_images
from videopose.runtime.network import Network
from videopose.runtime.workers import run_batches
from videopose.skeletons import Skeleton
from videopose.types import F64, UNTRACKED, Poses

BOX_PADDING = 1.2
"""From a pose's extent to the person's box, about what detectors draw."""


@dataclass(frozen=True, eq=False)
class SceneNetwork:
    """A network for whole images with everything needed to be right.

    Attributes:
        model: the network itself, ready to run.
        codec: what its outputs mean.
        skeleton: the keypoints it gives.
        mean: of each colour channel, of pixels in [0, 1].
        std: of each colour channel, of pixels in [0, 1].
        flip_test: average with the mirrored image.
    """

    model: Network
    codec: SceneCodec
    skeleton: Skeleton
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    flip_test: bool

    @torch.inference_mode()
    def output(self, images: Tensor) -> Outputs:
        """Return what the codec decodes for (N, 3, h, w) uint8 RGB on the model's device."""
        out = self._run(images)
        if not self.flip_test:
            return out
        partners = torch.tensor(self.skeleton.flip_index, device=images.device)
        return self.codec.flip_average(out, self._run(self.codec.mirror(images)), partners)

    def _run(self, images: Tensor) -> Outputs:
        return self.model(network_input(images, self.mean, self.std, self.model))


class SceneEstimator:
    """Scales images to the network's input, runs it, decodes, and brings people back to image pixels.

    Attributes:
        network: what looks at images.
        skeleton: of the poses it gives.
        device: where it computes.
    """

    def __init__(
        self,
        network: SceneNetwork,
        *,
        device: torch.device,
        short_side: int,
        scales: Sequence[float],
        batch_size: int,
        min_score: float,
    ) -> None:
        """Wrap a network.

        Args:
            network: on `device`.
            device: where images are scaled.
            short_side: of an image in the network's input, pixels.
            scales: the network looks at each image at these sizes, relative to `short_side`; the first is 1.
            batch_size: images per call of the network.
            min_score: people below it are not reported.
        """
        self.network = network
        self.skeleton = network.skeleton
        self.device = device
        self._short_side, self._scales = short_side, tuple(scales)
        self._batch_size, self._min_score = batch_size, min_score

    def estimate(self, images: Image | Sequence[Image], /) -> list[Poses]:
        """Find everybody in each image.

        Args:
            images: each (3, H, W) uint8 RGB, sizes may differ; those of equal size share a batch.

        Returns:
            One `Poses` per image, untracked, in image pixels, best first.

        Raises:
            InputError: an image is none; see `as_images`.
        """
        images = as_images(images, self.device)
        sizes = [(image.shape[1], image.shape[2]) for image in images]
        batches: list[list[int]] = []
        for size in dict.fromkeys(sizes):
            rows = [row for row, each in enumerate(sizes) if each == size]
            batches += [rows[start : start + self._batch_size] for start in range(0, len(rows), self._batch_size)]

        def work(batch: list[int]) -> list[Poses]:
            return self._run([images[row] for row in batch], sizes[batch[0]])

        found: list[Poses] = [Poses.empty(len(self.skeleton), skeleton=self.skeleton)] * len(images)
        for batch, poses in zip(batches, run_batches(work, batches, self.device), strict=True):
            for row, people in zip(batch, poses, strict=True):
                found[row] = people
        return found

    def _run(self, images: list[Tensor], image_hw: tuple[int, int]) -> list[Poses]:
        outputs = []
        for scale in self._scales:
            input_from_image, size_hw = input_of(image_hw, self._short_side * scale, self.network.codec.multiple)
            placed = np.broadcast_to(input_from_image, (len(images), 3, 3))
            outputs.append(self.network.output(warp_images(images, placed, size_hw)))
        input_from_image, _ = input_of(image_hw, self._short_side, self.network.codec.multiple)
        people = self.network.codec.decode(outputs, self._scales)
        return [self._poses(each, input_from_image, image_hw) for each in people]

    def _poses(self, people: FoundPeople, input_from_image: F64, image_hw: tuple[int, int]) -> Poses:
        kept = people.score >= self._min_score
        keypoints = people.keypoints[kept].copy()
        keypoints[..., :2] = apply(invert(input_from_image)[None], keypoints[..., :2])
        xyxy = clip(boxes_around(keypoints, padding=BOX_PADDING), image_hw).astype(np.float32)
        untracked = np.full(len(keypoints), UNTRACKED, np.int64)
        return Poses(keypoints, people.score[kept].clip(0, 1), xyxy, untracked, skeleton=self.skeleton)


def input_of(image_hw: tuple[int, int], short_side: float, multiple: int) -> tuple[F64, tuple[int, int]]:
    """Place an image in a network's input.

    Args:
        image_hw: (height, width) of the image.
        short_side: wanted of its shorter side, pixels.
        multiple: sides of the input are multiples of it.

    Returns:
        (3, 3) input_from_image, which leaves the image's top left corner where it is, and (height, width) of the
        input, which is filled up to the right and below.
    """
    scale = short_side / min(image_hw)
    height, width = (max(multiple, -(-round(side * scale) // multiple) * multiple) for side in image_hw)
    # pixel centres are whole numbers: corners, half a pixel further out, are what is kept in place
    return translation(-0.5, -0.5) @ scaling(scale) @ translation(0.5, 0.5), (height, width)
