"""A top-down network as a function: crops in, keypoints in crop pixels out. Normalisation, flip test and decoding."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videopose.codecs.base import Codec
from videopose.metrics.calibration import EDGE
from videopose.runtime.network import Network
from videopose.skeletons import Skeleton

_ROWS = 256
"""Rows of pixels normalised together: their copy in floats stays in the processor's cache."""


@dataclass(frozen=True, eq=False)
class CropNetwork:
    """A network with everything needed to be right: codec, normalisation, skeleton, arithmetic.

    Attributes:
        model: the network itself, ready to run.
        codec: what its output means.
        skeleton: the keypoints it gives.
        mean: of each colour channel, of pixels in [0, 1].
        std: of each colour channel, of pixels in [0, 1].
        flip_test: average with the mirrored crop.
        calibration: (a, b) per keypoint, as on the weights' card; None = scores as the codec gives them.
        person_calibration: (a, b) of whole poses, as on the card.
    """

    model: Network
    codec: Codec
    skeleton: Skeleton
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    flip_test: bool
    calibration: tuple[tuple[float, float], ...] | None = None
    person_calibration: tuple[float, float] = (1.0, 0.0)

    @torch.inference_mode()
    def __call__(self, crops: Tensor) -> Tensor:
        """Find the keypoints of a batch of people.

        Args:
            crops: (N, 3, h, w) uint8 RGB on the model's device, the codec's input size.

        Returns:
            (N, K, 3) float32 x, y in crop pixels and score in [0, 1], on the same device.
        """
        return self.decode(self.output(crops))

    def decode(self, output: Tensor) -> Tensor:
        """Read keypoints from an output as `output` gives it: (N, K, 3), their scores calibrated where they can be."""
        found = self.codec.decode(output)
        return found if self.calibration is None else calibrated(found, self.calibration)

    @torch.inference_mode()
    def output(self, crops: Tensor) -> Tensor:
        """Return what the codec decodes, (N, K, ...), for a batch of crops as in `__call__`."""
        images = network_input(crops, self.mean, self.std, self.model)
        output = joined(self.model(images))
        if self.flip_test:
            flip_index = torch.tensor(self.skeleton.flip_index, device=crops.device)
            mirrored = joined(self.model(images.flip(-1)))
            output = (output + self.codec.flip_back(mirrored, flip_index)) / 2
        return output


def joined(outputs: tuple[Tensor, ...]) -> Tensor:
    """Join what a network gives: published graphs keep the bins of x and those of y (N, K, bins) apart."""
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)


def calibrated(keypoints: Tensor, calibration: tuple[tuple[float, float], ...]) -> Tensor:
    """Convert scores to chances of being right, sigmoid(a logit(score) + b).

    Args:
        keypoints: (N, K, 3) x, y and score.
        calibration: K pairs (a, b).
    """
    factors = torch.tensor(calibration, device=keypoints.device)
    score = keypoints[..., 2].clamp(EDGE, 1 - EDGE)
    chance = torch.sigmoid(factors[:, 0] * torch.logit(score) + factors[:, 1])
    return torch.cat([keypoints[..., :2], chance[..., None]], -1)


def network_input(crops: Tensor, mean: tuple[float, ...], std: tuple[float, ...], network: Network) -> Tensor:
    """Convert (N, 3, h, w) uint8 RGB to what a network takes: pixels as they are if it normalises them itself."""
    return crops if network.dtype is torch.uint8 else normalised(crops, mean, std, network.dtype)


def normalised(crops: Tensor, mean: tuple[float, ...], std: tuple[float, ...], dtype: torch.dtype) -> Tensor:
    """Convert uint8 RGB to what a network takes.

    Args:
        crops: (N, 3, h, w) uint8 RGB.
        mean: per channel, of pixels in [0, 1].
        std: per channel, of pixels in [0, 1].
        dtype: the network's floating type.
    """
    scale = torch.tensor([1 / (255 * value) for value in std], device=crops.device)
    shift = torch.tensor([-a / b for a, b in zip(mean, std, strict=True)], device=crops.device)
    pixels = crops.permute(0, 2, 3, 1)
    if crops.device.type != "cpu":
        return torch.addcmul(shift, pixels.float(), scale).to(dtype).permute(0, 3, 1, 2)
    height, width = pixels.shape[1:3]
    rows, scale, shift = pixels.reshape(-1, width * 3), scale.repeat(width), shift.repeat(width)
    out = torch.empty(rows.shape, dtype=dtype)
    for source, target in zip(torch.split(rows, _ROWS), torch.split(out, _ROWS), strict=True):
        target.copy_(source.float().mul_(scale).add_(shift))
    return out.view(-1, height, width, 3).permute(0, 3, 1, 2)
