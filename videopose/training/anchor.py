"""What a trained network is held to while it learns from new people: heatmaps of the one it began as."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from videopose.config import Options
from videopose.models.weights import load_model
from videopose.skeletons import Skeleton, shared_keypoints, skeleton_named
from videopose.training.losses import heatmap_mse


class AnchorOptions(Options):
    """Whose heatmaps are kept, and how strongly."""

    weights: str
    """A checkpoint of the same architecture with a card, relative to the working folder."""
    weight: float = Field(default=1.0, gt=0)
    """Factor on the squared error; the labels' loss has 1."""


class Anchor:
    """A frozen copy of a network whose heatmaps are a second target on the same crops, unlabelled keypoints included.

    It is no part of the network that learns: not in its checkpoints, not averaged, not synchronised.

    Attributes:
        options: as given.

    Source:
        Li and Hoiem, Learning without Forgetting, ECCV 2016, section 3; there on class scores.
    """

    def __init__(self, options: AnchorOptions, architecture: str, learner: Skeleton) -> None:
        """Load the network.

        Raises:
            WeightsError: the checkpoint is missing or of another architecture.
        """
        self.options = options
        model, card = load_model(architecture, checkpoint=Path(options.weights))
        self._network: nn.Module = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        mine, own = shared_keypoints(skeleton_named(card.skeleton), learner)
        self._columns, self._learner_columns = torch.from_numpy(mine), torch.from_numpy(own)

    def loss(self, heatmaps: Tensor, images: Tensor) -> Tensor:
        """Measure how far a network has moved away.

        Args:
            heatmaps: (N, K, h, w) the network's output.
            images: (N, 3, H, W) its normalised crops.
        """
        self._network.to(images.device)
        with torch.no_grad(), torch.autocast(images.device.type, torch.bfloat16, enabled=_computes_bfloat16(images)):
            kept = self._network(images)[:, self._columns].float()
        own = heatmaps.float()[:, self._learner_columns]
        return heatmap_mse(own, kept, torch.ones(own.shape[:2], device=own.device))


def _computes_bfloat16(images: Tensor) -> bool:
    return images.device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())
