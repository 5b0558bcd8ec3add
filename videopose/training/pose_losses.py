"""Which loss a pose network learns with: what fits its codec, and where networks with stages are supervised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from videopose.codecs.base import Codec
from videopose.codecs.heatmaps import SHARPNESS
from videopose.codecs.simcc import SimCCCodec
from videopose.errors import ConfigError
from videopose.models import architecture_named
from videopose.training.losses import (
    hard_keypoint_mse,
    heatmap_cross_entropy,
    heatmap_mse,
    simcc_cross_entropy,
    smooth_l1,
)

CodecName = Literal[
    "auto", "spatial", "spatial_absent", "msra", "msra8", "dark", "dark3", "dark3_absent", "udp", "megvii", "simcc",
    "regression",
]  # fmt: skip
LossName = Literal["auto", "cross_entropy", "mse", "ohkm", "softmax", "simcc", "smooth_l1"]

FITTING: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("spatial", "spatial_absent"), ("cross_entropy",)),
    **dict.fromkeys(("msra", "msra8", "dark", "dark3", "dark3_absent", "udp", "megvii"), ("mse", "ohkm", "softmax")),
    "simcc": ("simcc",),
    "regression": ("smooth_l1",),
}
"""Codec -> the losses that can learn its targets; the first is meant by `auto`."""

STAGED = ("cpn", "mspn", "cpm", "hourglass")
"""Modules of `videopose.models` whose networks tell every stage's prediction by `stages(images)`, the last one last."""

SIMCC_SHARPNESS = 10.0
"""Inverse of RTMPose's temperature, on targets and logits alike."""


def resolve(architecture: str, codec: CodecName, loss: LossName) -> tuple[str, str]:
    """Choose codec and loss where a config leaves them open.

    Raises:
        UnknownNameError: there is no such architecture.
        ConfigError: it is no pose network's, or the loss cannot learn what the codec draws.
    """
    chosen = architecture_named(architecture).codec if codec == "auto" else codec
    if chosen not in FITTING:
        raise ConfigError(f"pose.architecture = {architecture}: is no network for single crops; choose another")
    fitting = FITTING[chosen]
    if loss == "auto":
        return chosen, fitting[0]
    if loss not in fitting:
        raise ConfigError(f"pose.loss = {loss}: cannot learn what codec {chosen} draws; use {' or '.join(fitting)}")
    return chosen, loss


class AllStages(nn.Module):
    """A network that gives every stage's prediction while it trains, and only the last one in evaluation.

    Its state dict is the network's own, so that checkpoints do not know of this wrapper.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Any:
        """Map (N, 3, H, W) to `stages`' nested lists in training, to one prediction in evaluation."""
        stages: Callable[[Tensor], Any] = self.network.stages  # type: ignore[assignment]
        return stages(images) if self.training else self.network(images)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the network's own state."""
        state: dict[str, Any] = self.network.state_dict(*args, **kwargs)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load the network's own state."""
        return self.network.load_state_dict(state_dict, strict=strict, assign=assign)


def with_stages(network: nn.Module, architecture: str) -> nn.Module:
    """Wrap a network in `AllStages` if it is one of several stages."""
    return AllStages(network).eval() if architecture_named(architecture).module in STAGED else network


def predictions_of(output: Any) -> list[Tensor]:
    """Flatten what a network gave in training into predictions, the last stage's last.

    Args:
        output: one tensor, nested lists of them, or (N, stages, K, h, w).
    """
    if isinstance(output, Tensor):
        return list(output.unbind(1)) if output.ndim == 5 else [output]
    return [prediction for part in output for prediction in _stage(part)]


def _stage(part: Any) -> list[Tensor]:
    return list(part) if isinstance(part, (list, tuple)) else [part]


def pose_loss(name: str, predictions: list[Tensor], target: Tensor, weights: Tensor, codec: Codec) -> Tensor:
    """Compare predictions with a codec's targets.

    Args:
        name: one of `FITTING[codec.name]`.
        predictions: the network's output; of a network with stages one tensor per stage, whose losses are averaged.
            Hard keypoints are mined in the last stage only, as in CPN.
        target: what the codec encoded, (N, K, ...).
        weights: (N, K), 0 = not labelled.
        codec: for the crops' size.
    """
    if name == "cross_entropy":
        losses = [_over_cells(output, target, weights, codec) for output in predictions]
    elif name == "simcc":
        losses = [_simcc(output, target, weights, codec) for output in predictions]
    elif name == "softmax":
        wanted = target / target.sum((2, 3), keepdim=True).clamp_min(1e-6)
        losses = [_over_cells(output.float() * SHARPNESS, wanted, weights, codec) for output in predictions]
    elif name == "smooth_l1":
        losses = [smooth_l1(output[..., :2].float(), target, weights[..., None]) for output in predictions]
    else:
        losses = [heatmap_mse(output.float(), target, weights) for output in predictions]
        if name == "ohkm":
            losses[-1] = hard_keypoint_mse(predictions[-1].float(), target, weights)
    return losses[0] if len(losses) == 1 else torch.stack(losses).mean()


def _over_cells(logits: Tensor, wanted: Tensor, weights: Tensor, codec: Codec) -> Tensor:
    """Classify cells; of a codec with an absent answer, one more, which has what the others lack to one."""
    absent = codec.absent_logit
    if absent is None:
        return heatmap_cross_entropy(logits, wanted, weights)
    flat, target = logits.float().flatten(2), wanted.float().flatten(2)
    left = (1 - target.sum(-1, keepdim=True)).clamp_min(0)
    further = torch.full_like(left, absent)
    return heatmap_cross_entropy(torch.cat([flat, further], -1), torch.cat([target, left], -1), weights)


def _simcc(output: Tensor, target: Tensor, weights: Tensor, codec: Codec) -> Tensor:
    """Classify bins against the softmax of the Gaussians, which leaves logits that peak at 1 as the targets do.

    Source:
        Jiang et al., RTMPose, 2023, section 3 (soft labels with a temperature of 0.1).
    """
    assert isinstance(codec, SimCCCodec)
    bins = list(codec.num_bins)
    logits_x, logits_y = torch.split(output.float(), bins, -1)
    wanted_x, wanted_y = (torch.softmax(part * SIMCC_SHARPNESS, -1) for part in torch.split(target, bins, -1))
    return simcc_cross_entropy((logits_x, logits_y), (wanted_x, wanted_y), weights, temperature=SIMCC_SHARPNESS)
