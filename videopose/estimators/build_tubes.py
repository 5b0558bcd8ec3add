"""From a config's sections to an estimator along tubes: a network of crops, with or without a head, or one of tubes."""

from __future__ import annotations

import torch

from videopose.errors import ConfigError
from videopose.estimators.build import PoseOptions, create_estimator, describe_pose, estimator_around
from videopose.estimators.build_fused import PARAMETER_FREE_HEADS, TemporalOptions, create_head, describe_head
from videopose.estimators.heads import as_fusion_head
from videopose.estimators.tubes import TubeEstimator
from videopose.models.weights import load_weights
from videopose.models.zoo import Weights
from videopose.runtime.choice import AUTOMATIC, RuntimeOptions
from videopose.runtime.torch import TorchNetwork
from videopose.tracking.tubes.options import TubeOptions


def create_tubes(
    pose: PoseOptions, options: TubeOptions, device: torch.device, runtime: RuntimeOptions = AUTOMATIC
) -> TubeEstimator:
    """Load a network and, if one is named, a head.

    Raises:
        ConfigError: the two do not fit together.
        UnknownNameError: there is no such model.
        WeightsError: weights are missing, damaged or do not fit.
    """
    weights = describe_pose(pose)
    if weights.task != "tube":
        single = create_estimator(pose, device, runtime)
        head = None
        if options.head:
            loaded = create_head(pose, _as_temporal(options)).to(device)
            head = as_fusion_head(loaded, f"tubes.head = {options.head}")
        return TubeEstimator(single, head=head, enlarge=options.enlarge, nms_oks=pose.nms_oks)
    if options.head:
        raise ConfigError(f"tubes.head = {options.head}: {pose.model} looks along time by itself; leave the head out")
    if runtime.runtime not in ("auto", "torch"):
        raise ConfigError(f"runtime = {runtime.runtime}: {pose.model} runs on torch; leave the option out")
    dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(runtime.precision, torch.float32)
    model = TorchNetwork(load_weights(weights).to(device=device, dtype=dtype))
    single = estimator_around(model, weights, pose, device)
    return TubeEstimator(single, sees_tubes=True, enlarge=options.enlarge, nms_oks=pose.nms_oks)


def describe_tube_head(options: TubeOptions) -> Weights | None:
    """Describe what is known of the head's weights; None if there is no head or it needs none.

    Raises:
        ConfigError: they are no head's.
        UnknownNameError: there is no such head.
        WeightsError: the checkpoint is missing or of another architecture.
    """
    if not options.head or (options.head in PARAMETER_FREE_HEADS and not options.weights):
        return None
    return describe_head(_as_temporal(options))


def _as_temporal(options: TubeOptions) -> TemporalOptions:
    return TemporalOptions(head=options.head, weights=options.weights)
