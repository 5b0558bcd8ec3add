"""A top-down network as a function: crops in, keypoints in crop pixels out. Normalisation, flip test and decoding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from videopose.codecs.base import Codec
from videopose.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class CropNetwork:
    """A network with everything needed to be right: codec, normalisation, skeleton, arithmetic.

    Attributes:
        model: in evaluation mode, on its device, parameters in the type it computes in.
        codec: what its output means.
        skeleton: the keypoints it gives.
        mean: of each colour channel, of pixels in [0, 1].
        std: of each colour channel, of pixels in [0, 1].
        flip_test: average with the mirrored crop.
        dtype: floating type the network takes.
    """

    model: nn.Module
    codec: Codec
    skeleton: Skeleton
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    flip_test: bool = False
    dtype: torch.dtype = torch.float32

    @torch.inference_mode()
    def __call__(self, crops: Tensor) -> Tensor:
        """Find the keypoints of a batch of people.

        Args:
            crops: (N, 3, h, w) uint8 RGB on the model's device, the codec's input size.

        Returns:
            (N, K, 3) float32 x, y in crop pixels and score in [0, 1], on the same device.
        """
        return self.codec.decode(self.output(crops))

    @torch.inference_mode()
    def output(self, crops: Tensor) -> Tensor:
        """Give what the codec decodes, (N, K, ...), for a batch of crops as in `__call__`."""
        images = normalised(crops, self.mean, self.std, self.dtype)
        output: Tensor = self.model(images)
        if self.flip_test:
            flip_index = torch.tensor(self.skeleton.flip_index, device=crops.device)
            mirrored = self.model(images.flip(-1))
            output = (output + self.codec.flip_back(mirrored, flip_index)) / 2
        return output


def normalised(crops: Tensor, mean: tuple[float, ...], std: tuple[float, ...], dtype: torch.dtype) -> Tensor:
    """Turn uint8 RGB into what a network takes.

    Args:
        crops: (N, 3, h, w) uint8 RGB.
        mean: per channel, of pixels in [0, 1].
        std: per channel, of pixels in [0, 1].
        dtype: the network's floating type.
    """
    if crops.device.type != "cpu":
        return _scaled(crops, mean, std).to(dtype)
    # One pass, without a float copy: on a CPU new memory costs more than arithmetic.
    pixels = crops.permute(0, 2, 3, 1).numpy()
    looked_up = cv2.LUT(pixels.reshape(-1, pixels.shape[2], 3), _level_table(mean, std, dtype))
    return torch.from_numpy(looked_up).view(dtype).view(pixels.shape).permute(0, 3, 1, 2)


@cache
def _level_table(mean: tuple[float, ...], std: tuple[float, ...], dtype: torch.dtype) -> NDArray[np.float32 | np.int16]:
    """Give what each of 256 levels of each channel becomes, (1, 256, 3), as bits OpenCV can look up."""
    levels = torch.arange(256).view(1, 1, 256, 1).expand(1, 3, 256, 1)
    table = _scaled(levels, mean, std).to(dtype)[0, ..., 0].T.contiguous()[None]
    return (table if dtype == torch.float32 else table.view(torch.int16)).numpy()


def _scaled(levels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    scale = torch.tensor([1 / (255 * value) for value in std], device=levels.device).view(1, 3, 1, 1)
    shift = torch.tensor([-a / b for a, b in zip(mean, std, strict=True)], device=levels.device).view(1, 3, 1, 1)
    return torch.addcmul(shift, levels.float(), scale)
