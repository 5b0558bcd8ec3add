"""Coordinates straight from a network: a linear layer on pooled features, or the expectation over heatmaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from videopose.models.hrnet import HRNet
from videopose.models.lite_hrnet import LiteHRNet
from videopose.models.names import from_mmpose, strip_wrapper
from videopose.models.resnet import ResNet
from videopose.models.rtmpose import CSPNeXt
from videopose.models.simple_baseline import SimpleBaseline
from videopose.models.vitpose import VisionTransformer, ViTPose


class _ResNetTrunk(ResNet):
    @property
    def num_features(self) -> int:
        return self.widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)[-1]


class _HRNetTrunk(HRNet):
    def __init__(self, *, width: int) -> None:
        super().__init__(width=width)
        del self.final_layer

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x)


TRUNKS: dict[str, Any] = {
    "resnet": _ResNetTrunk,
    "hrnet": _HRNetTrunk,
    "vit": VisionTransformer,
    "cspnext": CSPNeXt,
}
"""Networks from crops to features that `DeepPose` can stand on (`Any`: their options differ)."""

HEATMAP_NETWORKS: dict[str, Any] = {
    "simple_baseline": SimpleBaseline,
    "hrnet": HRNet,
    "lite_hrnet": LiteHRNet,
    "vitpose": ViTPose,
}
"""Networks from crops to heatmaps that `IntegralPose` can take the expectation of (`Any`: their options differ)."""


class _LinearHead(nn.Module):
    def __init__(self, inner: int, num_keypoints: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inner, num_keypoints * 2)

    def forward(self, x: Tensor) -> Tensor:
        coordinates: Tensor = self.fc(x.mean((2, 3)))
        return coordinates.reshape(-1, self.fc.out_features // 2, 2)  # a batch of any size, traced or not


class DeepPose(nn.Module):
    """Features averaged over the image, and a linear layer to coordinates.

    Args:
        trunk: a key of `TRUNKS`.
        trunk_options: its keyword arguments (`Any`: they are the trunk's business).
        num_keypoints: K.

    Source:
        Toshev and Szegedy, DeepPose: Human Pose Estimation via Deep Neural Networks, CVPR 2014, section 3, without
        the cascade; pooled features as in MMPose.
    """

    def __init__(
        self, *, trunk: str = "resnet", trunk_options: Mapping[str, Any] | None = None, num_keypoints: int = 17
    ) -> None:
        super().__init__()
        self.backbone = TRUNKS[trunk](**(trunk_options or {}))
        self.head = _LinearHead(self.backbone.num_features, num_keypoints)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to (N, K, 2) x, y as fractions of the crop."""
        coordinates: Tensor = self.head(self.backbone(x))
        return coordinates


class IntegralPose(nn.Module):
    """A heatmap network read by expectation instead of maximum.

    Args:
        network: a key of `HEATMAP_NETWORKS`.
        network_options: its keyword arguments (`Any`: they are the network's business).
        sharpness: factor on the heatmaps before the softmax.
        num_keypoints: K.

    Source:
        Sun et al., Integral Human Pose Regression, ECCV 2018, section 2.
    """

    def __init__(
        self,
        *,
        network: str = "simple_baseline",
        network_options: Mapping[str, Any] | None = None,
        sharpness: float = 1.0,
        num_keypoints: int = 17,
    ) -> None:
        super().__init__()
        self.network = HEATMAP_NETWORKS[network](num_keypoints=num_keypoints, **(network_options or {}))
        self.sharpness = sharpness

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to (N, K, 3) x, y as fractions of the crop and score in [0, 1].

        The score is the highest probability of a single heatmap pixel.
        """
        return soft_argmax(self.network(x) * self.sharpness)


def soft_argmax(logits: Tensor) -> Tensor:
    """Compute the expectation over heatmaps of logits.

    Args:
        logits: (N, K, h, w).

    Returns:
        (N, K, 3) x, y as fractions of the map's size and the highest probability.
    """
    height, width = logits.shape[2:]
    probability = logits.flatten(2).softmax(-1).view_as(logits)
    columns = torch.arange(width, device=logits.device, dtype=logits.dtype) / width
    rows = torch.arange(height, device=logits.device, dtype=logits.dtype) / height
    x = (probability.sum(2) * columns).sum(-1)
    y = (probability.sum(3) * rows).sum(-1)
    return torch.stack([x, y, probability.flatten(2).amax(-1)], -1)


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert MMPose's names of a pooled ResNet with a linear head to ours, which are the same but for wrappers."""
    return from_mmpose(strip_wrapper(state))
