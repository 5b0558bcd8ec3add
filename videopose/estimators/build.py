"""From a config's section to a detector or an estimator that is ready to run."""

from __future__ import annotations

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
from videopose.estimators.topdown import TopDownEstimator
from videopose.geometry.placement import Resize
from videopose.models import ARCHITECTURES
from videopose.models.store import file_sha256
from videopose.models.weights import describe, locate
from videopose.models.zoo import Weights, weights_for_file
from videopose.runtime.choice import AUTOMATIC, RuntimeOptions
from videopose.runtime.network import EXPORTED, Network, load_network
from videopose.skeletons import skeleton_named


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
    """A checkpoint to use instead of the model's own."""
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

    model: str = "fpn_pose.default"
    weights: InputPath = ""
    """A checkpoint to use instead of the model's own, or a `.onnx` or `.xml` file that `videopose models export` wrote;
    then `model` may be a bare architecture."""
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
        clamps=weights.architecture not in ARCHITECTURES or ARCHITECTURES[weights.architecture].clamps,
    )


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
    weights = describe_weights(options.model, options.weights)
    task = weights.task
    if task not in ("pose", "temporal", "tube"):
        raise ConfigError(f"pose.model = {options.model}: is a {task}; a pose network is needed")
    if not weights.skeleton:
        raise ConfigError(
            f"pose.weights = {options.weights}: does not say which keypoints it gives; convert it with "
            f"`videopose models import FILE --arch {weights.architecture} --skeleton NAME`"
        )
    return weights


def describe_weights(model: str, checkpoint: str) -> Weights:
    """Describe weights, or a file another runtime runs: it does not describe itself, the model it came from does."""
    if not checkpoint or Path(checkpoint).suffix not in EXPORTED:
        return describe(model, checkpoint=Path(checkpoint) if checkpoint else None)
    file = Path(checkpoint).absolute()
    weights = weights_for_file(model, file) if model in ARCHITECTURES else describe(model)
    return replace(weights, file=str(file), origin="", sha256="", bytes=0)


def describe_detector(options: DetectorOptions) -> Weights:
    """Describe what is known of the weights a config asks for.

    Raises:
        ConfigError: they are a pose network's.
        UnknownNameError: there is no such model.
        WeightsError: the checkpoint is missing or of another architecture.
    """
    weights = describe_weights(options.model, options.weights)
    if weights.skeleton:
        raise ConfigError(f"detector.model = {options.model}: is a pose network; a detector is needed")
    return weights


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
