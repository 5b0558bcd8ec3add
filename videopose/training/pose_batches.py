"""Batches of people for pose training: sample, view, crop, pixels, each a pure function of seed and number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from videopose.codecs import create_codec
from videopose.config import Options
from videopose.data.augment_geometry import GeometryOptions, draw_crop, move_keypoints
from videopose.data.augment_pixels import PixelOptions, augment_pixels
from videopose.data.mixing import MixtureSampler
from videopose.data.samples import ImageCache, LabelledImage, PersonLabel
from videopose.data.sources import SourceOptions, load_source
from videopose.errors import DatasetError
from videopose.geometry.warp import warp_affine
from videopose.skeletons import Skeleton
from videopose.types import F64


class PoseDataOptions(Options):
    """What people are learned from and how they are varied."""

    sources: tuple[SourceOptions, ...]
    min_keypoints: int = 4
    """People with fewer labelled keypoints are left out."""
    min_size: float = 24.0
    """People whose box is shorter than this on its longer side are left out, pixels."""
    geometry: GeometryOptions = GeometryOptions()
    pixels: PixelOptions = PixelOptions()
    antialias: bool = True
    """Average pixels before people much larger than a crop are shrunk. The weights' card keeps it for inference;
    published networks were trained without, which is right when one of them is trained further."""


Person = tuple[LabelledImage, PersonLabel]


def people_of(images: Sequence[LabelledImage], options: PoseDataOptions) -> list[Person]:
    """List the people worth learning from."""
    return [
        (image, person)
        for image in images
        for person in image.people
        if not person.ignore
        and person.num_labelled >= options.min_keypoints
        and float(np.max(person.xyxy[2:] - person.xyxy[:2])) >= options.min_size
    ]


class PoseBatches:
    """Builds augmented crops with their keypoints.

    On a GPU the source images live there and are warped there; on the CPU OpenCV warps them.
    """

    def __init__(
        self,
        folder: Path,
        options: PoseDataOptions,
        skeleton: Skeleton,
        *,
        seed: int,
        cache: ImageCache,
        codec: str,
    ) -> None:
        self._options = options
        self._skeleton = skeleton
        self._seed = seed
        self._cache = cache
        self._codec = codec
        self._on_device: dict[tuple[str, int | None], Tensor] = {}
        self._bytes_on_device = 0
        self.people = [people_of(load_source(folder, source, skeleton), options) for source in options.sources]
        for source, people in zip(options.sources, self.people, strict=True):
            if not people:
                raise DatasetError(f"{folder / source.annotations}: nobody has {options.min_keypoints} keypoints")
        shares = [source.share for source in options.sources]
        self._mixture = MixtureSampler([len(people) for people in self.people], shares, seed=seed)

    def make(
        self, numbers: Sequence[int], input_hw: tuple[int, int], device: torch.device
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Build the samples with the given numbers.

        Returns:
            (N, 3, h, w) float images in [0, 1]; (N, K, 3) x, y in crop pixels and visibility; (N, K) label weights.
        """
        crops, keypoints, weights = [], [], []
        alignment = create_codec(self._codec, input_hw).crop_alignment
        for number in numbers:
            image, person, view, flipped = self._view(number, input_hw)
            matrix = alignment @ view
            crops.append(warp_affine(self._pixels(image, device), matrix, input_hw, antialias=self._options.antialias))
            keypoints.append(move_keypoints(person.keypoints, matrix, self._skeleton, flipped=flipped))
            weights.append(person.weight[self._skeleton.flip_index] if flipped else person.weight)
        images = torch.stack(crops).contiguous(memory_format=torch.channels_last).float() / 255
        rng = np.random.default_rng([self._seed, numbers[0], 1])
        images = augment_pixels(images, rng, self._options.pixels)
        truth, weight = (torch.from_numpy(np.stack(rows)).to(device) for rows in (keypoints, weights))
        return images, truth, weight

    def other_crops(
        self,
        numbers: Sequence[int],
        input_hw: tuple[int, int],
        other_from_crop: F64,
        other_hw: tuple[int, int],
        device: torch.device,
        *,
        antialias: bool,
    ) -> Tensor:
        """Cut the same views once more for another network: its own size, pixels as they are in the files.

        Args:
            numbers: as given to `make`.
            input_hw: as given to `make`.
            other_from_crop: (3, 3) transform from `make`'s crops (without its codec's alignment) to the other's.
            other_hw: (height, width) of the other crops.
            device: where they go.
            antialias: as that network was trained.

        Returns:
            (N, 3, h, w) uint8.
        """
        crops = []
        for number in numbers:
            image, _, view, _ = self._view(number, input_hw)
            matrix = other_from_crop @ view
            crops.append(warp_affine(self._pixels(image, device), matrix, other_hw, antialias=antialias))
        return torch.stack(crops).contiguous(memory_format=torch.channels_last)

    def _view(self, number: int, input_hw: tuple[int, int]) -> tuple[LabelledImage, PersonLabel, F64, bool]:
        """Return the person of a number, the transform from their image to the crop, and whether it mirrors."""
        source, index = self._mixture[number]
        image, person = self.people[source][index]
        rng = np.random.default_rng([self._seed, number])
        matrix, flipped = draw_crop(rng, person, self._options.geometry, input_hw, self._skeleton)
        return image, person, matrix, flipped

    def _pixels(self, image: LabelledImage, device: torch.device) -> Tensor:
        if device.type == "cpu":
            return torch.from_numpy(self._cache.read(image)).permute(2, 0, 1)
        key = (str(image.path), image.frame)
        if key in self._on_device:
            return self._on_device[key]
        pixels = torch.from_numpy(self._cache.read(image)).permute(2, 0, 1).to(device)
        if self._bytes_on_device + pixels.nbytes <= self._cache.limit_bytes:
            self._on_device[key] = pixels
            self._bytes_on_device += pixels.nbytes
        return pixels
