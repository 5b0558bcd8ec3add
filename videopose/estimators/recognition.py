"""What a network's file from elsewhere is: known by what it takes and gives, or answered with what was seen.

A file does not say how its pixels were normalised, which colour came first or how images were brought into it. Those
are taken as the release does whose outputs it has; each can be told by an option instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from videopose.codecs import create_codec
from videopose.errors import ConfigError
from videopose.estimators.detector_outputs import READERS, STRIDES
from videopose.geometry.placement import Resize
from videopose.models.zoo import IMAGENET_MEAN, IMAGENET_STD, NO_MEAN, OF_BYTES, OF_UNIT, Weights
from videopose.runtime.graph import Graph, check_takes_images, order_of_simcc
from videopose.skeletons import SKELETONS, skeleton_named

Values = Literal["imagenet", "unit", "bytes"]
NORMALISATIONS = {
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
    "unit": (NO_MEAN, OF_UNIT),
    "bytes": (NO_MEAN, OF_BYTES),
}
"""Value of the option `values` -> mean and standard deviation of pixels in [0, 1]."""
USUAL_SKELETONS = {17: "coco17"}
"""Number of keypoints -> the skeleton that is meant if nobody says another; else it must be the only one."""
_DETECTOR_SIDE = 640
_FOCUS_CHANNELS = 12
"""What YOLOX's first convolution takes: four pixels of three colours."""


@dataclass(frozen=True)
class Habits:
    """How a release brings an image into its networks."""

    values: Values
    channels: Literal["rgb", "bgr"]
    resize: Resize


_RTMDET = Habits("imagenet", "bgr", "letterbox")
_YOLOX = Habits("bytes", "bgr", "letterbox")
_ULTRALYTICS = Habits("unit", "rgb", "letterbox_middle")
_HABITS = {
    "points": Habits("imagenet", "rgb", "letterbox"),
    "yolox": replace(_YOLOX, resize="letterbox_down"),
    "yolox_decoded": replace(_YOLOX, resize="letterbox_down"),
    "yolov8": _ULTRALYTICS,
    "boxes": _RTMDET,
    "rtmdet": _RTMDET,
    "corners": _RTMDET,
    "detr": Habits("imagenet", "rgb", "stretch"),
}


def recognise_detector(graph: Graph, path: Path, outputs: str, input_hw: tuple[int, int] | None) -> Weights:
    """Describe a detector by what it takes and gives.

    Args:
        graph: of the file.
        path: of the file.
        outputs: what its outputs say, a key of `READERS`; empty = to be found out.
        input_hw: (height, width) of its input, pixels, where the file leaves that open; None = 640 x 640.

    Raises:
        ConfigError: it cannot be recognised, or has another input; the message says what was seen.
    """
    check_takes_images(graph, path)
    size = size_of_input(graph, path, input_hw, "detector", (_DETECTOR_SIDE, _DETECTOR_SIDE))
    kind = outputs or kind_of_detector(graph, size)
    if not kind:
        raise ConfigError(
            f"detector.weights = {path}: no outputs of a detector that is known: {graph}. "
            f"Set detector.outputs to one of {', '.join(READERS)}"
        )
    habits = _habits(graph, kind)
    return _described(path, size, graph, habits, skeleton="", codec="", outputs=kind)


def _habits(graph: Graph, kind: str) -> Habits:
    """Return how the release brings images in: those that suppress inside have the same outputs, but not the habits."""
    if kind == "boxes":
        if graph.stem_channels == _FOCUS_CHANNELS or _is_one_stage(graph):
            return _YOLOX
        if len(graph.outputs) == 1 and graph.outputs[0].shape[-1] != 5:
            return _ULTRALYTICS
    return _HABITS[kind]


def kind_of_detector(graph: Graph, input_hw: tuple[int, int]) -> str:
    """Return the key of `READERS` whose form the outputs have; empty if there is none."""
    shapes = [port.shape for port in graph.outputs]
    ranks = [len(shape) for shape in shapes]
    cells = sum((input_hw[0] // stride) * (input_hw[1] // stride) for stride in STRIDES)
    if ranks in ([2, 3, 2, 1], [2, 4, 2, 1]):
        return "points"
    if len(shapes) == 6 and set(ranks) == {4} and sum(shape[1] == 4 for shape in shapes) == 3:
        return "rtmdet"
    if len(shapes) == 2 and ranks == [3, 3] and any(shape[2] == 4 for shape in shapes):
        rows = {shape[1] for shape in shapes}
        return "corners" if rows == {cells} else "detr" if len(rows) == 1 and None not in rows else ""
    if _is_one_stage(graph) or (sorted(ranks) == [2, 3] and shapes[ranks.index(3)][2] == 5):
        return "boxes"
    if ranks != [3]:
        return ""
    return _kind_of_rows(shapes[0], cells)


def _kind_of_rows(shape: tuple[int | None, ...], cells: int) -> str:
    _, rows, columns = shape
    if columns == cells and rows is not None and rows >= 5:
        return "yolov8"
    if rows == cells and columns is not None and columns >= 6:
        return "yolox"
    return "boxes" if columns in (5, 6) else ""


def _is_one_stage(graph: Graph) -> bool:
    """Check for people's boxes (N, M, 5) and keypoints (N, M, K, 3), as RTMO gives them."""
    shapes = sorted((port.shape for port in graph.outputs), key=len)
    return [len(shape) for shape in shapes] == [3, 4] and shapes[0][2] == 5 and shapes[1][3] == 3


def recognise_pose(graph: Graph, path: Path, *, codec: str, skeleton: str, input_hw: tuple[int, int] | None) -> Weights:
    """Describe a top-down pose network by what it takes and gives.

    Args:
        graph: of the file.
        path: of the file.
        codec: what its heatmaps or bins mean; empty = SimCC's bins of two a pixel, or heatmaps with a quarter shift.
        skeleton: the keypoints it gives; empty = to be known by their number.
        input_hw: (height, width) of its crops, pixels, where the file leaves that open; None = 256 x 192.

    Raises:
        ConfigError: it cannot be recognised, or has another input; the message says what was seen.
    """
    check_takes_images(graph, path)
    size = size_of_input(graph, path, input_hw, "pose", (256, 192))
    found, keypoints = _pose_outputs(graph, size)
    if not found:
        one_stage = _is_one_stage(graph)
        why = "finds people in whole images" if one_stage else "no outputs of a pose network of single people"
        raise ConfigError(
            f"pose.weights = {path}: {why}: {graph}. Known are heatmaps (N, K, h, w) and SimCC's bins (N, K, 2 W) and "
            "(N, K, 2 H)"
        )
    name = skeleton or _skeleton_of(keypoints, path)
    if keypoints is not None and len(skeleton_named(name)) != keypoints:
        raise ConfigError(
            f"pose.skeleton = {name}: has {len(skeleton_named(name))} keypoints, but {path} gives {keypoints}: {graph}"
        )
    return _described(path, size, graph, Habits("imagenet", "rgb", "shape"), skeleton=name, codec=codec or found)


def _pose_outputs(graph: Graph, size: tuple[int, int]) -> tuple[str, int | None]:
    """Return the codec of the outputs and the number of keypoints; an empty codec if they are no pose network's."""
    shapes = [port.shape for port in graph.outputs]
    if order_of_simcc(graph) is not None:
        return "simcc", shapes[0][1]
    if len(shapes) != 1:
        return "", None
    (shape,) = shapes
    if len(shape) == 3 and shape[2] == 2 * (size[0] + size[1]):
        return "simcc", shape[1]
    if len(shape) != 4:
        return "", None
    strides = {None if side is None else full // side for full, side in zip(size, shape[2:], strict=True)}
    return {4: "msra", 8: "msra8", None: "msra"}.get(strides.pop() if len(strides) == 1 else 0, ""), shape[1]


def _skeleton_of(keypoints: int | None, path: Path) -> str:
    fitting = [name for name, each in SKELETONS.items() if len(each) == keypoints]
    usual = USUAL_SKELETONS.get(keypoints or 0, fitting[0] if len(fitting) == 1 else "")
    if not usual:
        known = f"; of so many are {', '.join(fitting)}" if fitting else ""
        count = "an unknown number of" if keypoints is None else str(keypoints)
        raise ConfigError(f"pose.weights = {path}: gives {count} keypoints{known}. Set pose.skeleton")
    return usual


def is_model_of(graph: Graph, weights: Weights) -> bool:
    """Check whether a graph may be the network of described weights: takes such crops and gives what they decode."""
    if not graph.is_of_images or len(graph.outputs) != 1 or not weights.skeleton:
        return False
    size = graph.input_hw or weights.input_hw
    targets, _ = create_codec(weights.codec, size).encode(torch.zeros(1, len(skeleton_named(weights.skeleton)), 3))
    shape = graph.outputs[0].shape[1:]
    return len(shape) == targets.ndim - 1 and all(
        one is None or one == other for one, other in zip(shape, targets.shape[1:], strict=True)
    )


def size_of_input(
    graph: Graph, path: Path, asked: tuple[int, int] | None, section: str, usual: tuple[int, int]
) -> tuple[int, int]:
    """Return (height, width) of what a network takes, pixels.

    Raises:
        ConfigError: another one is asked for than the only one it takes.
    """
    fixed = graph.input_hw
    if fixed is not None and asked is not None and fixed != asked:
        raise ConfigError(f"{section}.input_hw = {asked}: {path} takes {fixed} alone. Leave the option out")
    return fixed or asked or usual


def _described(
    path: Path, size: tuple[int, int], graph: Graph, habits: Habits, *, skeleton: str, codec: str, outputs: str = ""
) -> Weights:
    mean, std = NORMALISATIONS["bytes" if graph.inputs[0].dtype == "uint8" else habits.values]
    return Weights(
        f"graph.{path.stem}",
        str(path),
        skeleton=skeleton,
        input_hw=size,
        mean=mean,
        std=std,
        codec=codec,
        resize=habits.resize,
        channels=habits.channels,
        outputs=outputs,
    )


def assumptions(weights: Weights) -> str:
    """Describe what was taken for granted of a file that does not say it."""
    pair = (weights.mean, weights.std)
    values = next((name for name, each in NORMALISATIONS.items() if each == pair), "its own")
    what = f"{weights.outputs} as outputs, " if weights.outputs else f"{weights.codec} of {weights.skeleton}, "
    how = "" if weights.skeleton else f", {weights.resize}"
    height, width = weights.input_hw
    return f"{what}{weights.channels} with values {values}, {height} x {width} pixels{how}"
