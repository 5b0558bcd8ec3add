"""Torch modules only: tensors in, tensors out. This file is the table of names; importing it does not import torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from videopose.errors import UnknownNameError, nearest_name

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Architecture:
    """How a network is built, and what it was made for.

    Attributes:
        module: file in this folder that holds it.
        builder: name of the class or function in there.
        options: keyword arguments that make this member of its family (hence `Any`).
        input_hw: (height, width) of the input it is usually trained with, pixels.
        codec: the codec it is usually trained with.
        convert: name of the pure function in `module` that brings the names of other releases to ours.
        skeleton: what its published weights predict.
        task: `pose` (crop to keypoints), `detector`, `scene` (an image to everybody in it), `temporal` (several crops
            of one person to keypoints), `tube` (the same, but to the keypoints of every frame), `fusion` (several
            frames' heatmaps of one person to better ones: a head on a pose network), `refiner` (a track's keypoints to
            better ones, without images) or `similarity` (two poses to whether they are one person).
        takes_input_hw: whether the builder needs `input_hw`, because parameters depend on it.
        flops: how its paper counts, a key of `complexity.CONVENTIONS`.
        normalised: whether pixels are normalised before it, by ImageNet's statistics; else it takes 0..255.
        clamps: of a detector, whether its release keeps boxes inside the input before it suppresses overlapping ones.
    """

    module: str
    builder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    input_hw: tuple[int, int] = (256, 192)
    codec: str = "msra"
    convert: str = ""
    skeleton: str = "coco17"
    task: str = "pose"
    takes_input_hw: bool = False
    flops: str = "macs"
    normalised: bool = True
    clamps: bool = True


def _vitpose(width: int, depth: int, heads: int, *, simple: bool = False) -> Architecture:
    options = {"width": width, "depth": depth, "heads": heads, "simple": simple}
    return Architecture(
        "vitpose", "ViTPose", options, codec="udp", convert="convert_names", takes_input_hw=True, flops="layers"
    )


def _rtmpose(width: float, depth: float) -> Architecture:
    options = {"width": width, "depth": depth}
    return Architecture(
        "rtmpose", "RTMPose", options, codec="simcc", convert="convert_names", takes_input_hw=True, flops="mmengine"
    )


def _cspnext(width: float, depth: float) -> Architecture:
    options = {"width": width, "depth": depth}
    return Architecture("cspnext", "CSPNeXtPose", options, codec="udp", convert="convert_names", flops="mmengine")


def _hourglass(stacks: int) -> Architecture:
    return Architecture(
        "hourglass",
        "StackedHourglass",
        {"stacks": stacks},
        input_hw=(256, 256),
        convert="convert_names",
        skeleton="mpii16",
    )


def _deeppose(trunk: str, options: Mapping[str, Any]) -> Architecture:
    return Architecture(
        "regression",
        "DeepPose",
        {"trunk": trunk, "trunk_options": options},
        codec="regression",
        convert="convert_names",
    )


def _integral(network: str, options: Mapping[str, Any]) -> Architecture:
    return Architecture(
        "regression", "IntegralPose", {"network": network, "network_options": options}, codec="regression"
    )


def _hrnet3d(width: int) -> Architecture:
    options = {"width": width}
    return Architecture(
        "hrnet3d", "HRNet3D", options, input_hw=(384, 288), convert="convert_names", task="tube", flops="hrnet"
    )


def _fusion(module: str, builder: str) -> Architecture:
    return Architecture(module, builder, {"num_keypoints": 19}, codec="spatial", skeleton="body19", task="fusion")


def _detector(
    module: str, builder: str, width: float, depth: float, *, side: int = 640, **options: Any
) -> Architecture:
    options = {"width": width, "depth": depth, **options}  # the builder's own, hence `Any`
    return Architecture(
        module, builder, options, (side, side), codec="", skeleton="", convert="convert_names", task="detector"
    )


def _yolox(width: float, depth: float, *, side: int = 640) -> Architecture:
    return replace(_detector("yolox", "YOLOX", width, depth, side=side), normalised=False, clamps=False)


def _dekr(width: int, input_hw: tuple[int, int]) -> Architecture:
    return Architecture(
        "dekr",
        "DEKR",
        {"width": width},
        input_hw=input_hw,
        codec="dekr",
        convert="convert_names",
        task="scene",
        flops="hrnet",
    )


_SMALL_HRNET = {"width": 16, "modules": (1, 1, 1), "blocks": 2, "stem_blocks": 1, "stem_width": 32}

ARCHITECTURES: dict[str, Architecture] = {
    "hrnet_small": Architecture("hrnet", "HRNet", _SMALL_HRNET, convert="convert_names", flops="hrnet"),
    "hrnet_w16": Architecture("hrnet", "HRNet", {"width": 16}, convert="convert_names", flops="hrnet"),
    "hrnet_w32": Architecture("hrnet", "HRNet", {"width": 32}, convert="convert_names", flops="hrnet"),
    "hrnet_w48": Architecture("hrnet", "HRNet", {"width": 48}, convert="convert_names", flops="hrnet"),
    "simple_baseline_50": Architecture(
        "simple_baseline", "SimpleBaseline", {"depth": 50}, convert="convert_names", flops="hrnet"
    ),
    "simple_baseline_101": Architecture(
        "simple_baseline", "SimpleBaseline", {"depth": 101}, convert="convert_names", flops="hrnet"
    ),
    "simple_baseline_152": Architecture(
        "simple_baseline", "SimpleBaseline", {"depth": 152}, convert="convert_names", flops="hrnet"
    ),
    "lite_hrnet_18": Architecture("lite_hrnet", "LiteHRNet", {"modules": (2, 4, 2)}, convert="convert_names"),
    "lite_hrnet_30": Architecture("lite_hrnet", "LiteHRNet", {"modules": (3, 8, 3)}, convert="convert_names"),
    "tinypose": Architecture("tinypose", "TinyPose", codec="dark3"),
    "vitpose_s": _vitpose(384, 12, 12),
    "vitpose_b": _vitpose(768, 12, 12),
    "vitpose_l": _vitpose(1024, 24, 16),
    "vitpose_h": _vitpose(1280, 32, 16),
    "vitpose_s_simple": _vitpose(384, 12, 12, simple=True),
    "vitpose_b_simple": _vitpose(768, 12, 12, simple=True),
    "vitpose_l_simple": _vitpose(1024, 24, 16, simple=True),
    "vitpose_h_simple": _vitpose(1280, 32, 16, simple=True),
    "cspnext_t": _cspnext(0.375, 0.167),
    "cspnext_s": _cspnext(0.5, 0.33),
    "cspnext_m": _cspnext(0.75, 0.67),
    "cspnext_l": _cspnext(1.0, 1.0),
    "rtmpose_t": _rtmpose(0.375, 0.167),
    "rtmpose_s": _rtmpose(0.5, 0.33),
    "rtmpose_m": _rtmpose(0.75, 0.67),
    "rtmpose_l": _rtmpose(1.0, 1.0),
    "rtmpose_x": _rtmpose(1.25, 1.33),
    **{f"hourglass_{stacks}": _hourglass(stacks) for stacks in range(1, 9)},
    "cpm": Architecture("cpm", "CPM", codec="msra8", convert="convert_names", flops="mmengine"),
    "cpn_50": Architecture("cpn", "CPN", {"depth": 50}, codec="megvii", convert="convert_names"),
    "mspn_1": Architecture("mspn", "MSPN", {"stages": 1}, codec="megvii", convert="convert_names", flops="mmengine"),
    "mspn_2": Architecture("mspn", "MSPN", {"stages": 2}, codec="megvii", convert="convert_names", flops="mmengine"),
    "mspn_3": Architecture("mspn", "MSPN", {"stages": 3}, codec="megvii", convert="convert_names", flops="mmengine"),
    "mspn_4": Architecture("mspn", "MSPN", {"stages": 4}, codec="megvii", convert="convert_names", flops="mmengine"),
    "omnipose": Architecture("omnipose", "OmniPose", convert="convert_names"),
    "deeppose_50": _deeppose("resnet", {"depth": 50}),
    "deeppose_101": _deeppose("resnet", {"depth": 101}),
    "deeppose_152": _deeppose("resnet", {"depth": 152}),
    "deeppose_hrnet_w32": _deeppose("hrnet", {"width": 32}),
    "integral_50": _integral("simple_baseline", {"depth": 50}),
    "integral_hrnet_w32": _integral("hrnet", {"width": 32}),
    "posewarper": Architecture(
        "posewarper", "PoseWarper", input_hw=(384, 288), convert="convert_names", task="temporal"
    ),
    "dcpose": Architecture("dcpose", "DCPose", input_hw=(384, 288), convert="convert_names", task="temporal"),
    "lstm_pm": Architecture(
        "lstm_pm",
        "LSTMPoseMachine",
        input_hw=(368, 368),
        codec="msra8",
        skeleton="",
        convert="convert_names",
        task="temporal",
    ),
    "hrnet3d_w32": _hrnet3d(32),
    "hrnet3d_w48": _hrnet3d(48),
    "fpn_pose": Architecture("fpn_pose", "FpnPose", {"num_keypoints": 19}, codec="spatial", skeleton="body19"),
    "dcpose_head": _fusion("dcpose_head", "DCPoseHead"),
    "posewarper_head": _fusion("posewarper_head", "PoseWarperHead"),
    "tube_head": _fusion("tube_head", "TubeHead"),
    "convlstm_head": _fusion("convlstm_head", "ConvLSTMHead"),
    "score_fusion": _fusion("score_fusion", "ScoreFusion"),
    "joint_messages": _fusion("joint_messages", "JointMessages"),
    "fpn_detector": Architecture("fpn_detector", "FpnDetector", codec="", skeleton="", task="detector"),
    "rtmdet_nano": _detector("rtmdet", "RTMDet", 0.25, 0.33, side=320),
    "rtmdet_tiny": _detector("rtmdet", "RTMDet", 0.375, 0.167, separable=False),
    "rtmdet_s": _detector("rtmdet", "RTMDet", 0.5, 0.33, separable=False),
    "rtmdet_m": _detector("rtmdet", "RTMDet", 0.75, 0.67, separable=False, exponential=True),
    "rtmdet_l": _detector("rtmdet", "RTMDet", 1.0, 1.0, separable=False, exponential=True),
    "rtmdet_x": _detector("rtmdet", "RTMDet", 1.25, 1.33, separable=False, exponential=True),
    "yolox_tiny": _yolox(0.375, 0.33, side=416),
    "yolox_s": _yolox(0.5, 0.33),
    "yolox_m": _yolox(0.75, 0.67),
    "yolox_l": _yolox(1.0, 1.0),
    "yolox_x": _yolox(1.25, 1.33),
    "dekr_w32": _dekr(32, (512, 512)),
    "dekr_w48": _dekr(48, (640, 640)),
    "refiner": Architecture("refiner", "PoseRefiner", input_hw=(1, 1), codec="", skeleton="", task="refiner"),
    "pose_entailment": Architecture(
        "entailment", "PoseEntailment", input_hw=(1, 1), codec="", skeleton="posetrack15", task="similarity"
    ),
}


def _graph(task: str, codec: str, skeleton: str, input_hw: tuple[int, int]) -> Architecture:
    return Architecture("", "", input_hw=input_hw, codec=codec, skeleton=skeleton, task=task)


GRAPHS: dict[str, Architecture] = {
    "rtmw_m": _graph("pose", "simcc", "wholebody133", (256, 192)),
    "rtmw_l": _graph("pose", "simcc", "wholebody133", (384, 288)),
    "onnx_pose": _graph("pose", "simcc", "coco17", (256, 192)),
    "onnx_detector": _graph("detector", "", "", (640, 640)),
}
"""Networks that are ONNX graphs alone, without a module here: published ones, and those users add by name."""


def architecture_named(name: str) -> Architecture:
    """Return the architecture of a name.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name in GRAPHS:
        return GRAPHS[name]
    if name not in ARCHITECTURES:
        raise UnknownNameError(f"no architecture is named {name!r}. {nearest_name(name, [*ARCHITECTURES, *GRAPHS])}")
    return ARCHITECTURES[name]


def create_model(
    name: str, *, num_keypoints: int | None = None, input_hw: tuple[int, int] | None = None, **options: Any
) -> nn.Module:
    """Build a network with random weights, in evaluation mode.

    Args:
        name: a key of `ARCHITECTURES`.
        num_keypoints: number of output keypoints; None = the architecture's own (detectors have none).
        input_hw: (height, width) of the crop, pixels; only networks whose parameters depend on it look at it.
        options: further keyword arguments of the builder (`Any`: they are the builder's business).

    Raises:
        UnknownNameError: there is no such architecture.
    """
    entry = architecture_named(name)
    if not entry.module:
        raise UnknownNameError(f"{name} is known as an ONNX graph alone; give the architecture of a checkpoint")
    arguments: dict[str, Any] = {**entry.options, **options}
    if num_keypoints is not None:
        arguments["num_keypoints"] = num_keypoints
    if entry.takes_input_hw:
        arguments["input_hw"] = input_hw or entry.input_hw
    model: nn.Module = _member(entry.module, entry.builder)(**arguments)
    return model.eval()


def name_converter(name: str) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
    """Return the function that brings a state dict of another release to the names of our architecture.

    Raises:
        UnknownNameError: there is no such architecture.
    """
    entry = architecture_named(name)
    if not entry.convert:
        return dict
    converter: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = _member(entry.module, entry.convert)
    return converter


def _member(module: str, name: str) -> Any:  # Any: a class or a function, known to the table only by name
    return getattr(importlib.import_module(f"videopose.models.{module}"), name)
