"""From a config's section to a detector or an estimator that is ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import nn

from videopose.codecs import create_codec
from videopose.config import Options
from videopose.errors import ConfigError
from videopose.estimators.crops import CropNetwork
from videopose.estimators.detector import AnchorPointDetector
from videopose.estimators.topdown import TopDownEstimator
from videopose.models import ARCHITECTURES
from videopose.models.export import RuntimeNetwork
from videopose.models.folding import fold_batch_norm
from videopose.models.weights import describe, file_sha256, load_model, locate
from videopose.models.zoo import Weights, weights_for_file
from videopose.skeletons import skeleton_named

Precision = Literal["auto", "float32", "bfloat16", "float16"]


class DetectorOptions(Options):
    """Who is there: a network, a file of boxes, or one person who fills the frame."""

    source: Literal["network", "file", "frame"] = "network"
    boxes: str = ""
    """With `source: file`: MOT det.txt, COCO or PoseTrack JSON."""
    model: str = "fpn_detector.default"
    weights: str = ""
    """A checkpoint to use instead of the model's own."""
    pixels: int = 352 * 352
    """Input pixels a frame is scaled to; more finds smaller people and takes longer."""
    min_score: float = 0.3
    nms_iou: float = 0.6
    max_people: int = 50
    every: int = 1
    """Run on every so many frames; between them boxes come from the last poses."""
    batch_size: int = 4
    precision: Precision = "auto"


class PoseOptions(Options):
    """How they hold themselves."""

    model: str = "fpn_pose.default"
    weights: str = ""
    """A checkpoint to use instead of the model's own; then `model` may be a bare architecture."""
    backend: Literal["torch", "onnxruntime", "openvino"] = "torch"
    """What runs the network; the others take a file written by `videopose models export` as `weights`."""
    input_hw: tuple[int, int] | None = None
    """(height, width) of the crops, if not the weights' own."""
    codec: str = ""
    """Name of a codec, if not the weights' own."""
    flip_test: bool = False
    padding: float = 1.25
    nms_oks: float = 0.9
    batch_size: int = 8
    """People per call of the network; on a CPU several calls run side by side."""
    precision: Precision = "auto"


def create_detector(options: DetectorOptions, device: torch.device) -> AnchorPointDetector:
    """Load a detector.

    Raises:
        UnknownNameError: there is no such model.
        WeightsError: its weights are missing, damaged or do not fit.
    """
    model, weights = _load(options.model, options.weights)
    if weights.skeleton:
        raise ConfigError(f"detector.model = {options.model}: is a pose network; a detector is needed")
    return AnchorPointDetector(
        prepare(model, device, options.precision, trained_here=True),
        device=device,
        mean=weights.mean,
        std=weights.std,
        pixels=options.pixels,
        min_score=options.min_score,
        nms_iou=options.nms_iou,
        max_people=options.max_people,
        batch_size=options.batch_size,
    )


def create_estimator(options: PoseOptions, device: torch.device) -> TopDownEstimator:
    """Load a top-down estimator.

    Raises:
        UnknownNameError: there is no such model or codec.
        WeightsError: its weights are missing, damaged or do not fit.
    """
    weights = describe_pose(options)
    if not weights.skeleton:
        raise ConfigError(f"pose.model = {options.model}: is a detector; a pose network is needed")
    ours = weights.codec == "spatial"
    model = _pose_network(options, device, trained_here=ours)
    network = CropNetwork(
        model,
        create_codec(options.codec or weights.codec, options.input_hw or weights.input_hw),
        skeleton_named(weights.skeleton),
        mean=weights.mean,
        std=weights.std,
        flip_test=options.flip_test,
        dtype=next((parameter.dtype for parameter in model.parameters()), torch.float32),
    )
    return TopDownEstimator(
        network,
        device=device,
        padding=options.padding,
        batch_size=options.batch_size,
        nms_oks=options.nms_oks,
        antialias=ours,  # published networks were trained on crops cut without
    )


def describe_pose(options: PoseOptions) -> Weights:
    """Say what is known of the weights a config asks for.

    Raises:
        UnknownNameError: there is no such model.
        WeightsError: the checkpoint is missing or of another architecture.
    """
    if options.backend != "torch":  # an exported file does not describe itself; the model it came from does
        is_architecture = options.model in ARCHITECTURES
        return weights_for_file(options.model, Path(options.weights)) if is_architecture else describe(options.model)
    return describe(options.model, checkpoint=Path(options.weights) if options.weights else None)


def _pose_network(options: PoseOptions, device: torch.device, *, trained_here: bool) -> nn.Module:
    if options.backend == "torch":
        return prepare(_load(options.model, options.weights)[0], device, options.precision, trained_here=trained_here)
    suffix = {"onnxruntime": ".onnx", "openvino": ".xml"}[options.backend]
    if not options.weights.endswith(suffix):
        raise ConfigError(
            f"pose.weights = {options.weights!r}: {options.backend} runs a {suffix} file; make one with "
            f"`videopose models export {options.model}`"
        )
    return RuntimeNetwork(Path(options.weights))


def describe_detector(options: DetectorOptions) -> Weights:
    """Say what is known of the weights a config asks for; see `describe_pose`."""
    return describe(options.model, checkpoint=Path(options.weights) if options.weights else None)


def weights_facts(weights: Weights) -> dict[str, str]:
    """Name weights by name and checksum, for a result's provenance."""
    return {"name": weights.name, "sha256": file_sha256(locate(weights))}


def _load(model: str, checkpoint: str) -> tuple[nn.Module, Weights]:
    return load_model(model, checkpoint=Path(checkpoint) if checkpoint else None)


def prepare(model: nn.Module, device: torch.device, precision: Precision, *, trained_here: bool) -> nn.Module:
    """Make a network fast: norms folded, channels last, computing in the chosen arithmetic.

    `auto` keeps float32 for networks trained elsewhere, whose published scores were measured in it, and takes bfloat16
    for our own where the processor has instructions for it (measured cost: `docs/default-models.md`).
    """
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
    if dtype is None:
        dtype = torch.bfloat16 if trained_here and _has_fast_bfloat16(device) else torch.float32
    folded = fold_batch_norm(model)
    return folded.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _has_fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())
