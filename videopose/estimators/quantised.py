"""Pose networks in int8: their ranges taken from the user's own clip, and what that changes."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from videopose.errors import ConfigError, InputError, WeightsError
from videopose.estimators.build import (
    DetectorOptions,
    PoseOptions,
    create_detector,
    describe_pose,
    estimator_around,
)
from videopose.estimators.topdown import TopDownEstimator, in_image
from videopose.io.identity import WatchedClip
from videopose.io.reader import open_video
from videopose.models import ARCHITECTURES
from videopose.models.weights import load_weights
from videopose.runtime.cache import cached, network_key
from videopose.runtime.int8 import SUFFIX, quantise, quantiser_version, write
from videopose.runtime.network import EXPORTED
from videopose.runtime.openvino import OpenVinoNetwork, convert
from videopose.types import F32, F64, Detections

CPU = torch.device("cpu")
_log = logging.getLogger(__name__)
FRAMES = 160
"""Frames looked at, evenly over the clip."""
PER_FRAME = 8
"""People of a frame that are cut out at most, so that a crowd does not fill the memory."""
COUNT = 300
"""People the ranges are taken from."""
SURE = 0.3
"""Keypoints with a lower score are not compared."""


@dataclass(frozen=True)
class Change:
    """What int8 does to keypoints, measured on people whose crops the ranges were not taken from.

    Attributes:
        people: how many were compared.
        median: distance, image pixels.
        most: distance that 95 % of the keypoints stay below, image pixels.
    """

    people: int
    median: float
    most: float

    def __str__(self) -> str:
        return f"keypoints move by {self.median:.2f} px (median), {self.most:.2f} px (95 %), {self.people} people"


@dataclass(frozen=True, eq=False)
class _Crops:
    """People cut out of a clip: (N, 3, h, w) uint8 and (N, 3, 3) how they were."""

    pixels: Tensor
    crop_from_image: F64


def quantise_pose(model: str, clip: str | Path, output: Path, *, weights: str = "", count: int = COUNT) -> Change:
    """Write a pose network in int8, for `pose.weights=FILE.xml`.

    Args:
        model: name of the network.
        clip: a video file, a folder of images or a glob; should show what the network will be used on.
        output: where the graph goes, `.xml`; the numbers go beside it, `.bin`.
        weights: a checkpoint to use instead of the model's own.
        count: people the ranges are taken from; a third as many again are compared.

    Raises:
        ConfigError: the network is no pose network over single frames.
        InputError: nobody is seen in the clip, the suffix is another, or NNCF is not installed.
        WeightsError: the weights are missing, damaged, or of another runtime already.
    """
    if output.suffix != SUFFIX:
        raise InputError(f"{output}: int8 networks are written as {SUFFIX}. Choose such a name with -o")
    if count < 1:
        raise InputError(f"{count} people to take ranges from: give 1 or more")
    small, change = _quantised(PoseOptions(model=model, weights=weights), clip, count)
    write(small, output)
    return change


def create_int8_estimator(options: PoseOptions, device: torch.device, clip: str) -> TopDownEstimator:
    """Load a top-down estimator whose network computes in int8, and say how far that moves keypoints.

    Args:
        options: which network, and how people are cut out.
        device: where it runs.
        clip: what the ranges are taken from; once, then the network is in the cache.

    Raises:
        ConfigError: the network is no pose network over single frames, the device is a GPU, or there is no clip.
        InputError: nobody is seen in the clip, or NNCF is not installed.
        WeightsError: the weights are missing, damaged, or of another runtime already.
    """
    if device.type != "cpu":
        raise ConfigError("precision = int8: runs on the CPU alone. Leave it out, or give --device cpu")
    if not clip:
        raise ConfigError(
            "precision = int8: takes its ranges from a clip. Name one with calibration = CLIP, or write the network "
            "with `videopose models quantize` and give it as pose.weights"
        )
    card = describe_pose(options)
    facts = ["int8", quantiser_version(), COUNT, options.padding, options.codec, WatchedClip(clip).identify()]
    key = network_key(card, "openvino", json.dumps(facts, sort_keys=True, default=str), options.input_hw)

    def make() -> bytes:
        small, change = _quantised(options, clip, COUNT)
        return f"{change}\n".encode() + small

    change, _, graph = cached(key, make).partition(b"\n")
    _log.warning("%s in int8, by %s: %s", card.name, clip, change.decode())
    return estimator_around(OpenVinoNetwork(graph, "float32", key), card, options, device)


def _quantised(options: PoseOptions, clip: str | Path, count: int) -> tuple[bytes, Change]:
    """Return the graph in int8 and how far keypoints move, on people between those the ranges are taken from."""
    card = describe_pose(options)
    if ARCHITECTURES[card.architecture].task != "pose":
        raise ConfigError(
            f"pose.model = {options.model}: looks at several frames; int8 is for networks that look at one"
        )
    if Path(card.file).suffix in EXPORTED:
        raise WeightsError(f"{card.file}: is of another runtime already. Quantise the checkpoint it was made from")
    graph = convert(load_weights(card), card, options.input_hw or card.input_hw)
    plain = estimator_around(OpenVinoNetwork(graph, "float32"), card, options, CPU)
    crops = _crops_of(plain, clip, count + max(1, count // 3))
    is_compared = np.arange(len(crops.pixels)) % 4 == 3
    rows = np.flatnonzero(~is_compared)
    seen = crops.pixels.permute(0, 2, 3, 1).numpy()
    small = quantise(graph, [np.ascontiguousarray(seen[row : row + 1]) for row in rows])
    compared = np.flatnonzero(is_compared) if is_compared.any() else rows
    quick = estimator_around(OpenVinoNetwork(small, "float32"), card, options, CPU)
    before, after = (_keypoints(each, crops, compared) for each in (plain, quick))
    return small, _change(before, after)


def _crops_of(estimator: TopDownEstimator, clip: str | Path, most: int) -> _Crops:
    """Cut out up to so many people, evenly over a clip, as the shipped detector finds them."""
    total = open_video(clip).num_frames
    reader = open_video(clip, every=max(1, total // FRAMES))
    detector = create_detector(DetectorOptions(), CPU)
    images: list[Tensor] = []
    matrices: list[F64] = []
    for record in islice(reader.records(), FRAMES + 1):
        image = record.frame.image
        assert image is not None, "readers give images"
        people: Detections = detector.detect([image])[0]
        people = people[np.unique(np.linspace(0, len(people) - 1, min(PER_FRAME, len(people))).round().astype(int))]
        if len(people):
            matrix = estimator.crop_from_image(people.xyxy)
            matrices.append(matrix)
            images.append(estimator.cut([image] * len(matrix), matrix))
    if not images:
        raise InputError(f"{clip}: nobody is seen in it. Choose a clip that shows people")
    pixels, crop_from_image = torch.cat(images), np.concatenate(matrices)
    rows = np.unique(np.linspace(0, len(pixels) - 1, min(most, len(pixels))).round().astype(int))
    return _Crops(pixels[torch.from_numpy(rows)], crop_from_image[rows])


def _keypoints(estimator: TopDownEstimator, crops: _Crops, rows: np.ndarray) -> F32:
    """Return the (N, K, 3) keypoints of some people, image pixels."""
    parts = np.array_split(rows, -(-len(rows) // estimator.batch_size))
    found = [estimator.network(crops.pixels[torch.from_numpy(part)]) for part in parts]
    return in_image(torch.cat(found), crops.crop_from_image[rows])


def _change(before: F32, after: F32) -> Change:
    distance = np.linalg.norm(before[..., :2] - after[..., :2], axis=-1)
    sure = distance[before[..., 2] > SURE]
    if not sure.size:
        sure = distance.ravel()
    return Change(len(before), float(np.median(sure)), float(np.percentile(sure, 95)))
