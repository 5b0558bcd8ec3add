"""From a config's sections to an estimator of several frames: a network, a head over its heatmaps, a warp."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from videopose.codecs import create_codec
from videopose.codecs.base import MapCodec
from videopose.config import InputPath, Options
from videopose.errors import ConfigError
from videopose.estimators.build import PoseOptions, create_estimator, describe_pose, estimator_around
from videopose.estimators.flow_fusion import FlowWarp
from videopose.estimators.fused import FusedEstimator
from videopose.estimators.heads import RecurrentHead, as_fusion_head
from videopose.estimators.heatmap_heads import on_heatmaps
from videopose.estimators.mapped import HeatmapEstimator
from videopose.estimators.neighbors import BoxWarp, Warp
from videopose.estimators.recurrent import RecurrentEstimator
from videopose.estimators.topdown import TopDownEstimator
from videopose.image_motion.optical_flow import FlowName, create_flow
from videopose.models import ARCHITECTURES, create_model
from videopose.models.released import Backbone, head_of
from videopose.models.weights import describe, load_weights
from videopose.models.zoo import Weights
from videopose.runtime.choice import AUTOMATIC, RuntimeOptions
from videopose.runtime.torch import TorchNetwork, fold_and_place
from videopose.skeletons import skeleton_named

PARAMETER_FREE_HEADS = ("score_fusion", "joint_messages")
"""Heads that do something sensible without weights, over windows of any length."""
WINDOW = 2
"""Their neighbours on each side, unless the options say otherwise."""


class TemporalOptions(Options):
    """How neighbouring frames help."""

    head: str = "score_fusion"
    """What fuses the heatmaps of a window: `score_fusion` or `joint_messages`, which need no training, or the name of
    trained weights. Where `pose.model` is itself a network over several frames, it brings its own."""
    weights: InputPath = ""
    """A checkpoint to use instead of the head's own; then `head` may be a bare architecture."""
    before: int | None = Field(default=None, ge=0)
    """Neighbours of the past, if the head leaves the choice; None = its own number."""
    after: int | None = Field(default=None, ge=0)
    """Neighbours of the future."""
    neighbors: Literal["auto", "share", "recrop"] = "auto"
    """Whether a neighbour's heatmaps come from its own box, computed once, or from the current frame's box, as
    published networks have it; auto = recrop for these."""
    warp: Literal["box", "flow"] = "box"
    """What brings a neighbour's heatmaps into the current crop: the boxes alone, or dense optical flow."""
    flow: FlowName = "dis"
    flow_path: InputPath = ""
    """TorchScript file of a learned flow, for `flow: torch`."""
    max_side: int = Field(default=480, ge=64)
    """Images are made this small for measuring flow, pixels."""
    max_seconds: float = Field(default=0.5, gt=0)
    """Seconds; neighbours further away, as behind a gap in the video, are left out."""


def create_temporal(
    pose: PoseOptions, options: TemporalOptions, device: torch.device, runtime: RuntimeOptions = AUTOMATIC
) -> FusedEstimator | RecurrentEstimator:
    """Load a network and a head over it.

    Raises:
        ConfigError: the two do not fit together.
        UnknownNameError: there is no such model.
        WeightsError: weights are missing, damaged or do not fit.
    """
    single, head = _parts(pose, options, device, runtime)
    warp = create_warp(options, single.single)
    if not isinstance(head, RecurrentHead):
        recrop = options.neighbors == "recrop" or (options.neighbors == "auto" and is_whole(pose))
        window = as_fusion_head(head, f"temporal.head = {options.head}")
        return FusedEstimator(single, window, warp, max_seconds=options.max_seconds, recrop=recrop)
    if options.neighbors == "recrop" or not isinstance(warp, BoxWarp):
        raise ConfigError(f"temporal.head = {options.head}: carries a state; leave out temporal.warp and neighbors")
    return RecurrentEstimator(single, head, warp.crop_from_cell, max_seconds=options.max_seconds)


def _parts(
    pose: PoseOptions, options: TemporalOptions, device: torch.device, runtime: RuntimeOptions
) -> tuple[HeatmapEstimator, nn.Module]:
    if is_whole(pose):
        return _whole_network(pose, options, device, runtime)
    single = create_estimator(pose, device, runtime)
    return HeatmapEstimator(single), create_head(pose, options).to(device)


def _whole_network(
    pose: PoseOptions, options: TemporalOptions, device: torch.device, runtime: RuntimeOptions
) -> tuple[HeatmapEstimator, nn.Module]:
    """Load a published network over several frames, in its two halves."""
    weights = describe_pose(pose)
    if runtime.runtime not in ("auto", "torch") or runtime.precision not in ("auto", "float32"):
        raise ConfigError(f"pose.model = {pose.model}: runs on torch in float32; leave out runtime and precision")
    whole = fold_and_place(load_weights(weights), device, torch.float32)
    head = checked_window(head_of(whole, before=options.before), pose.model, options)
    backbone = Backbone(whole)
    if pose.flip_test and backbone.heatmaps != slice(None):
        raise ConfigError(f"pose.flip_test: {pose.model} gives features that cannot be mirrored; leave it out")
    return HeatmapEstimator(estimator_around(TorchNetwork(backbone), weights, pose, device), backbone.heatmaps), head


def is_whole(pose: PoseOptions) -> bool:
    """Check whether the pose network is itself one over several frames."""
    return describe_pose(pose).task == "temporal"


def checked_window(head: nn.Module, name: str, options: TemporalOptions) -> nn.Module:
    """Return the head if its window is the wanted one.

    Raises:
        ConfigError: it is not.
    """
    for side in ("before", "after"):
        value = getattr(options, side)
        if value is not None and getattr(head, side) != value:
            raise ConfigError(f"temporal.{side} = {value}: {name} was made for {getattr(head, side)}; leave it out")
    return head


def create_head(pose: PoseOptions, options: TemporalOptions) -> nn.Module:
    """Load what fuses heatmaps, on the CPU, in evaluation mode.

    Raises:
        ConfigError: it is no head, is for other keypoints, or has a window of its own.
        UnknownNameError: there is no such head.
        WeightsError: its weights are missing, damaged or do not fit.
    """
    network = describe_pose(pose)
    if options.head in PARAMETER_FREE_HEADS and not options.weights:
        return _untrained(options, network)
    weights = describe_head(options)
    codec = create_codec(network.codec, pose.input_hw or network.input_hw)
    if not isinstance(codec, MapCodec):
        raise ConfigError(f"temporal.head = {options.head}: fuses heatmaps, which codec {codec.name} does not give")
    if weights.skeleton != network.skeleton:
        raise ConfigError(
            f"temporal.head = {options.head}: is for {weights.skeleton}, but pose.model = {pose.model} "
            f"predicts {network.skeleton}; choose two that agree"
        )
    return on_heatmaps(checked_window(load_weights(weights), options.head, options), codec)


def _untrained(options: TemporalOptions, network: Weights) -> nn.Module:
    before, after = (WINDOW if side is None else side for side in (options.before, options.after))
    num_keypoints, codec = network.num_keypoints, create_codec(network.codec, network.input_hw)
    if options.head == "score_fusion":
        return create_model(
            options.head, num_keypoints=num_keypoints, before=before, after=after, is_logits=codec.is_logits
        )
    if not isinstance(codec, MapCodec):
        raise ConfigError(f"temporal.head = {options.head}: fuses heatmaps, which codec {codec.name} does not give")
    edges = skeleton_named(network.skeleton).edges
    head = create_model(options.head, num_keypoints=num_keypoints, before=before, after=after, edges=edges)
    return on_heatmaps(head, codec)


def describe_head(options: TemporalOptions) -> Weights:
    """Describe what is known of a trained head's weights.

    Raises:
        ConfigError: they are no head's.
        UnknownNameError: there is no such head.
        WeightsError: the checkpoint is missing or of another architecture.
    """
    weights = describe(options.head, checkpoint=Path(options.weights) if options.weights else None)
    if weights.task != "fusion":
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
    if not isinstance(codec, MapCodec):
        raise ConfigError(f"pose.codec = {codec.name}: gives no heatmaps, which neighbouring frames are compared by")
    if options.warp == "box":
        return BoxWarp(codec.crop_from_heatmap, codec.heatmap_hw)
    flow = create_flow(options.flow, Path(options.flow_path) if options.flow_path else None)
    return FlowWarp(flow, codec.crop_from_heatmap, codec.heatmap_hw, options.max_side)
