"""From a config's sections to an estimator of several frames: a network, a head over its heatmaps, a warp."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from videopose.config import Options
from videopose.errors import ConfigError
from videopose.estimators.build import PoseOptions, create_estimator, describe_pose
from videopose.estimators.flow_fusion import FlowWarp
from videopose.estimators.fused import FusedEstimator
from videopose.estimators.mapped import MapEstimator
from videopose.estimators.neighbors import BoxWarp, Warp
from videopose.estimators.optical_flow import FlowName, create_flow
from videopose.estimators.recurrent import RecurrentEstimator
from videopose.estimators.topdown import TopDownEstimator
from videopose.models import ARCHITECTURES, create_model
from videopose.models.weights import describe, load_model
from videopose.models.zoo import Weights

UNTRAINED = ("score_fusion",)
"""Heads that do something sensible without weights, over windows of any length."""


class TemporalOptions(Options):
    """How neighbouring frames help."""

    head: str = "score_fusion"
    """What fuses the heatmaps of a window: `score_fusion`, or the name of trained weights."""
    weights: str = ""
    """A checkpoint to use instead of the head's own; then `head` may be a bare architecture."""
    before: int | None = Field(default=None, ge=0)
    """Neighbours of the past, if the head leaves the choice; None = its own number."""
    after: int | None = Field(default=None, ge=0)
    """Neighbours of the future."""
    neighbors: Literal["share", "recrop"] = "share"
    """Whether a neighbour's heatmaps come from its own box, computed once, or from the current frame's box."""
    warp: Literal["box", "flow"] = "box"
    """What brings a neighbour's heatmaps into the current crop: the boxes alone, or dense optical flow."""
    flow: FlowName = "dis"
    flow_path: str = ""
    """TorchScript file of a learned flow, for `flow: torch`."""
    max_side: int = Field(default=480, ge=64)
    """Pictures are made this small for measuring flow, pixels."""
    reach: float = Field(default=0.5, gt=0)
    """Seconds; neighbours further away, as behind a gap in the video, are left out."""


def create_temporal(
    pose: PoseOptions, options: TemporalOptions, device: torch.device
) -> FusedEstimator | RecurrentEstimator:
    """Load a network and a head over it.

    Raises:
        ConfigError: the two do not fit together.
        UnknownNameError: there is no such model.
        WeightsError: weights are missing, damaged or do not fit.
    """
    single = create_estimator(pose, device)
    head = create_head(pose, options).to(device)
    warp = create_warp(options, single)
    if not hasattr(head, "step"):
        recrop = options.neighbors == "recrop"
        return FusedEstimator(MapEstimator(single), head, warp, reach=options.reach, recrop=recrop)
    if options.neighbors == "recrop" or not isinstance(warp, BoxWarp):
        raise ConfigError(f"temporal.head = {options.head}: carries a state; leave out temporal.warp and neighbors")
    return RecurrentEstimator(MapEstimator(single), head, warp.crop_from_cell, reach=options.reach)


def create_head(pose: PoseOptions, options: TemporalOptions) -> nn.Module:
    """Load what fuses heatmaps, on the CPU, in evaluation mode.

    Raises:
        ConfigError: it is no head, is for other keypoints, or has a window of its own.
        UnknownNameError: there is no such head.
        WeightsError: its weights are missing, damaged or do not fit.
    """
    network = describe_pose(pose)
    own_window = {name: value for name in ("before", "after") if (value := getattr(options, name)) is not None}
    if options.head in UNTRAINED and not options.weights:
        is_logits = network.codec == "spatial"
        return create_model(options.head, num_keypoints=network.num_keypoints, is_logits=is_logits, **own_window)
    weights = describe_head(options)
    if weights.skeleton != network.skeleton:
        raise ConfigError(
            f"temporal.head = {options.head}: is for {weights.skeleton}, but pose.model = {pose.model} "
            f"predicts {network.skeleton}; choose two that agree"
        )
    head, _ = load_model(options.head, checkpoint=Path(options.weights) if options.weights else None)
    for name, value in own_window.items():
        if getattr(head, name) != value:
            raise ConfigError(
                f"temporal.{name} = {value}: {options.head} was made for {getattr(head, name)}; leave it out"
            )
    return head


def describe_head(options: TemporalOptions) -> Weights:
    """Say what is known of a trained head's weights.

    Raises:
        ConfigError: they are no head's.
        UnknownNameError: there is no such head.
        WeightsError: the checkpoint is missing or of another architecture.
    """
    weights = describe(options.head, checkpoint=Path(options.weights) if options.weights else None)
    if ARCHITECTURES[weights.architecture].task != "fusion":
        heads = ", ".join(name for name, entry in ARCHITECTURES.items() if entry.task == "fusion")
        raise ConfigError(f"temporal.head = {options.head}: is no head over heatmaps; heads are {heads}")
    return weights


def create_warp(options: TemporalOptions, single: TopDownEstimator) -> Warp:
    """Build what brings neighbours' heatmaps into the current crop.

    Raises:
        ConfigError: the network gives no heatmaps.
        InputError: the flow is not to be had here.
        WeightsError: the learned flow cannot be loaded.
    """
    codec = single.network.codec
    if not hasattr(codec, "crop_from_heatmap") or not hasattr(codec, "heatmap_hw"):
        raise ConfigError(f"pose.codec = {codec.name}: gives no heatmaps, which neighbouring frames are compared by")
    if options.warp == "box":
        return BoxWarp(codec.crop_from_heatmap, codec.heatmap_hw)
    flow = create_flow(options.flow, Path(options.flow_path) if options.flow_path else None)
    return FlowWarp(flow, codec.crop_from_heatmap, codec.heatmap_hw, options.max_side)
