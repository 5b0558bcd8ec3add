"""From a config's section to a detector or an estimator that is ready to run."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import torch
from pydantic import Field, field_validator, model_validator

from videopose.codecs import create_codec
from videopose.config import InputPath, Options
from videopose.errors import ConfigError
from videopose.estimators.crops import CropNetwork
from videopose.estimators.detector import AnchorFreeDetector
from videopose.estimators.detector_outputs import READERS
from videopose.estimators.recognition import (
    NORMALISATIONS,
    assumptions,
    is_model_of,
    recognise_detector,
    recognise_pose,
    size_of_input,
)
from videopose.estimators.topdown import TopDownEstimator
from videopose.geometry.placement import Resize
from videopose.models import ARCHITECTURES
from videopose.models.store import file_sha256
from videopose.models.weights import describe, locate
from videopose.models.zoo import Weights, weights_for_file
from videopose.runtime.choice import AUTOMATIC, RuntimeOptions
from videopose.runtime.graph import read_graph
from videopose.runtime.network import EXPORTED, Network, load_network
from videopose.skeletons import skeleton_named

OutputsName = Literal["", "points", "yolox", "yolox_decoded", "yolov8", "boxes", "rtmdet", "corners", "detr"]
ChannelsName = Literal["", "rgb", "bgr"]
ValuesName = Literal["", "imagenet", "unit", "bytes"]
_log = logging.getLogger(__name__)


def _fits_the_strides(input_hw: tuple[int, int] | None) -> tuple[int, int] | None:
    if input_hw is not None and any(side < 32 or side % 32 for side in input_hw):
        raise ValueError("give (height, width) in multiples of 32, the networks' coarsest stride")
    return input_hw


class DetectorOptions(Options):
    """Who is there: a network, a file of boxes, or one person who fills the frame."""

    source: Literal["network", "file", "frame"] = "network"
    boxes: InputPath = ""
    """With `source: file`: MOT det.txt, COCO or PoseTrack JSON."""
    model: str = "rtmdet_nano.default"
    weights: InputPath = ""
    """A checkpoint to use instead of the model's own, or a `.onnx`, `.xml` or `.zip` file from elsewhere, which is
    recognised by what it takes and gives; then `model` says nothing."""
    outputs: OutputsName = ""
    """What the outputs of a file from elsewhere say, if that is not recognised (`docs/models.md`)."""
    channels: ChannelsName = ""
    """Which colour comes first in what the network takes, if it is not what the weights or their kind say."""
    values: ValuesName = ""
    """How pixels are normalised before the network, if not as the weights or their kind say: by ImageNet's mean and
    standard deviation, to 0..1 (`unit`), or not at all, 0..255 (`bytes`), as for a network that does it itself."""
    pixels: int = Field(default=416 * 416, ge=1024)
    """Input pixels a frame is scaled to with `resize: shape`; more finds smaller people and takes longer."""
    resize: Literal["", Resize] = ""
    """How a frame is brought into the input, if not as the weights ask for: `shape` gives the input the frame's own
    shape; `letterbox`, `letterbox_down`, `letterbox_middle` and `stretch` are ways of releases (`docs/models.md`)."""
    input_hw: tuple[int, int] | None = None
    """(height, width) of the input, multiples of 32, with any `resize` but `shape`, if not the weights' own."""
    min_score: float = Field(default=0.37, ge=0, le=1)
    nms_iou: float = Field(default=0.6, ge=0, le=1)
    max_people: int = Field(default=50, ge=1)
    every: int = Field(default=1, ge=1)
    """Run on every so many frames; between them boxes come from the last poses."""
    batch_size: int = Field(default=4, ge=1)

    _input_fits_the_strides = field_validator("input_hw")(_fits_the_strides)

    @model_validator(mode="after")
    def _names_its_boxes(self) -> Self:
        if self.source == "file" and not self.boxes:
            raise ValueError("boxes must name the file, as --boxes FILE does")
        if self.source != "file" and self.boxes:
            raise ValueError(
                f"boxes = {self.boxes} does nothing with source: {self.source}; set source: file, or leave it out"
            )
        return self


class PoseOptions(Options):
    """How people's poses are estimated."""

    model: str = "tinypose.default"
    weights: InputPath = ""
    """A checkpoint to use instead of the model's own; or a `.onnx`, `.xml` or `.zip` file: one that `videopose models
    export` wrote of `model`, which may be a bare architecture, or one from elsewhere, which is recognised."""
    skeleton: str = ""
    """Name of the keypoints' skeleton, if not what the weights say or their number tells."""
    channels: ChannelsName = ""
    """As `detector.channels`."""
    values: ValuesName = ""
    """As `detector.values`."""
    input_hw: tuple[int, int] | None = None
    """(height, width) of the crops, multiples of 32, if not the weights' own."""
    codec: str = ""
    """Name of a codec, if not the weights' own."""
    flip_test: bool = False
    padding: float | None = Field(default=None, gt=0)
    """Factor by which boxes grow before they are cut out, if not the one the network was trained with."""
    nms_oks: float = Field(default=0.9, ge=0, le=1)
    batch_size: int = Field(default=8, ge=1)
    """People per call of the network; on a CPU several calls run side by side."""

    _input_fits_the_strides = field_validator("input_hw")(_fits_the_strides)


def create_detector(
    options: DetectorOptions, device: torch.device, runtime: RuntimeOptions = AUTOMATIC
) -> AnchorFreeDetector:
    """Load a detector.

    Args:
        options: which, and how sure it must be.
        device: where it runs.
        runtime: what runs it, and in which arithmetic.

    Raises:
        ConfigError: the runtime is not to be had.
        UnknownNameError: there is no such model.
        WeightsError: its weights are missing, damaged or do not fit.
    """
    weights = describe_detector(options)
    resize = _resize(options, weights)
    _say_what_is_assumed("detector", options.weights, weights)
    return AnchorFreeDetector(
        load_network(weights, device, precision=runtime.precision, runtime=runtime.runtime),
        device=device,
        mean=weights.mean,
        std=weights.std,
        calibration=next(iter(weights.calibration), (1.0, 0.0)),
        pixels=options.pixels,
        min_score=options.min_score,
        nms_iou=options.nms_iou,
        max_people=options.max_people,
        batch_size=options.batch_size,
        resize=resize,
        input_hw=options.input_hw or weights.input_hw,
        clamps=_clamps(weights),
        read=READERS[weights.outputs or "points"],
    )


def _clamps(weights: Weights) -> bool:
    """Check whether boxes are kept inside the input before overlapping ones are removed, as their release does."""
    if weights.outputs:
        return weights.outputs in ("points", "boxes", "rtmdet", "corners", "detr")
    return ARCHITECTURES[weights.architecture].clamps


def _say_what_is_assumed(section: str, file: str, weights: Weights) -> None:
    if weights.architecture not in ARCHITECTURES:
        _log.warning("%s: taken for %s; %s.… options say otherwise", file, assumptions(weights), section)


def _resize(options: DetectorOptions, weights: Weights) -> Resize:
    """Return how frames are brought into the input.

    Raises:
        ConfigError: an input is asked for that would not be used.
    """
    resize = options.resize or weights.resize
    if resize == "shape" and options.input_hw is not None:
        raise ConfigError(
            f"detector.input_hw = {options.input_hw}: does nothing with resize: shape, whose input has the frame's own "
            "shape; set detector.pixels, or detector.resize=letterbox"
        )
    return resize


def create_estimator(
    options: PoseOptions, device: torch.device, runtime: RuntimeOptions = AUTOMATIC
) -> TopDownEstimator:
    """Load a top-down estimator.

    Args:
        options: which, and how people are cut out.
        device: where it runs.
        runtime: what runs it, and in which arithmetic.

    Raises:
        ConfigError: the model looks at several frames, or the runtime is not to be had.
        UnknownNameError: there is no such model or codec.
        WeightsError: its weights are missing, damaged or do not fit.
    """
    weights = describe_pose(options)
    _say_what_is_assumed("pose", options.weights, weights)
    if weights.task != "pose":
        raise ConfigError(f"pose.model = {options.model}: looks at several frames; use a pipeline such as posewarper")
    network = load_network(
        weights, device, precision=runtime.precision, runtime=runtime.runtime, input_hw=options.input_hw
    )
    return estimator_around(network, weights, options, device)


def estimator_around(model: Network, weights: Weights, options: PoseOptions, device: torch.device) -> TopDownEstimator:
    """Build an estimator of a network that is ready to run and turns crops into what the weights' codec decodes."""
    network = CropNetwork(
        model,
        create_codec(options.codec or weights.codec, options.input_hw or weights.input_hw),
        skeleton_named(weights.skeleton),
        mean=weights.mean,
        std=weights.std,
        flip_test=options.flip_test,
        calibration=weights.calibration or None,
        person_calibration=weights.person_calibration,
    )
    return TopDownEstimator(
        network,
        device=device,
        padding=weights.padding if options.padding is None else options.padding,
        batch_size=options.batch_size,
        nms_oks=options.nms_oks,
        antialias=weights.antialias,
    )


def _is_trained_here(weights: Weights) -> bool:
    return weights.antialias or weights.codec == "spatial"


def describe_pose(options: PoseOptions) -> Weights:
    """Describe what is known of the weights a config asks for.

    Raises:
        ConfigError: they are a detector's.
        UnknownNameError: there is no such model.
        WeightsError: the checkpoint is missing or of another architecture.
    """
    weights = _described_pose(options)
    if weights.task not in ("pose", "temporal", "tube"):
        raise ConfigError(f"pose.model = {options.model}: is a {weights.task}; a pose network is needed")
    if not weights.skeleton:
        raise ConfigError(
            f"pose.weights = {options.weights}: does not say which keypoints it gives; set pose.skeleton, or "
            f"convert it with `videopose models import FILE --arch {weights.architecture} --skeleton NAME`"
        )
    return _with_pixels(weights, options)


def _described_pose(options: PoseOptions) -> Weights:
    file = Path(options.weights).absolute()
    if not options.weights or file.suffix not in EXPORTED:
        weights = describe(options.model, checkpoint=file if options.weights else None)
        return replace(weights, skeleton=skeleton_named(options.skeleton).name) if options.skeleton else weights
    graph = read_graph(file)
    weights = _of_model(options.model, file)
    if options.skeleton:
        weights = replace(weights, skeleton=skeleton_named(options.skeleton).name)
    if weights.task == "pose" and is_model_of(graph, weights):
        return replace(weights, input_hw=size_of_input(graph, file, options.input_hw, "pose", weights.input_hw))
    return recognise_pose(graph, file, codec=options.codec, skeleton=options.skeleton, input_hw=options.input_hw)


def _of_model(model: str, file: Path) -> Weights:
    """Describe a file another runtime runs as the model it was written from, which it does not say itself."""
    weights = weights_for_file(model, file) if model in ARCHITECTURES else describe(model)
    return replace(weights, file=str(file), origin="", sha256="", bytes=0)


def _with_pixels(weights: Weights, options: DetectorOptions | PoseOptions) -> Weights:
    """Change what the options say of colours and values."""
    channels = options.channels or weights.channels
    mean, std = NORMALISATIONS[options.values] if options.values else (weights.mean, weights.std)
    return replace(weights, channels=channels, mean=mean, std=std)


def describe_detector(options: DetectorOptions) -> Weights:
    """Describe what is known of the weights a config asks for.

    Raises:
        ConfigError: they are a pose network's, or a file from elsewhere that cannot be recognised.
        UnknownNameError: there is no such model.
        WeightsError: the checkpoint is missing or of another architecture.
    """
    file = Path(options.weights).absolute()
    if options.weights and file.suffix in EXPORTED:
        weights = _exported_detector(options, file)
    elif options.outputs:
        raise ConfigError(
            f"detector.outputs = {options.outputs}: is for a .onnx, .xml or .zip file in detector.weights. Leave it out"
        )
    else:
        weights = describe(options.model, checkpoint=file if options.weights else None)
    if weights.skeleton:
        raise ConfigError(f"detector.model = {options.model}: is a pose network; a detector is needed")
    return _with_pixels(weights, options)


def _exported_detector(options: DetectorOptions, file: Path) -> Weights:
    weights = recognise_detector(read_graph(file), file, options.outputs, options.input_hw)
    if weights.outputs != "points":
        return weights
    model = _of_model(options.model, file)  # which says how such scores are calibrated
    return replace(model, input_hw=weights.input_hw, resize="letterbox", outputs="points")


def weights_facts(weights: Weights) -> dict[str, str]:
    """Describe weights by name and checksum; where the numbers lie in a second file, by that one's too."""
    path = locate(weights)
    facts = {"name": weights.name, "sha256": file_sha256(path)}
    data = _data_beside(path)
    return facts if data is None else {**facts, "data_sha256": file_sha256(data)}


def used_weights(weights: Weights, section: str, checkpoint: str = "") -> dict[str, str]:
    """Describe weights by option, name and checksum, for a result's provenance.

    Args:
        weights: what is known of them.
        section: the option that chose them if no file was given, as `pose.model`.
        checkpoint: the file that was given by the option `weights` beside it; empty = none.
    """
    option = f"{section.rpartition('.')[0]}.weights" if checkpoint else section
    return {"option": option, **weights_facts(weights)}


@dataclass(frozen=True)
class Needed:
    """Weights a pipeline needs, and the option that chose them.

    Attributes:
        weights: what is known of them.
        section: the option that names them, as `pose.model`.
        checkpoint: the file that was given by the option `weights` beside it; empty = none.
    """

    weights: Weights
    section: str
    checkpoint: str = ""

    def facts(self) -> dict[str, str]:
        """Return them by option, name and checksum; see `used_weights`."""
        return used_weights(self.weights, self.section, self.checkpoint)


def _data_beside(path: Path) -> Path | None:
    """Return the file that holds the numbers of an exported network, where its own file holds the graph alone."""
    beside = {".xml": path.with_suffix(".bin"), ".onnx": path.with_name(f"{path.name}.data")}.get(path.suffix)
    return beside if beside is not None and beside.is_file() else None
