"""The table of weights: plain data, no torch. Weights carry what they need to be right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from videopose.errors import UnknownNameError, WeightsError, nearest_name
from videopose.models import ARCHITECTURES, architecture_named
from videopose.skeletons import skeleton_named

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_LISTED = Path(__file__).parents[1] / "assets" / "published.json"


@dataclass(frozen=True)
class Weights:
    """One file of parameters and everything needed to use it.

    Attributes:
        name: `architecture.tag`.
        file: file name; inside the package for shipped ones, else in the weights folder, or an absolute path.
        sha256: of the file, 64 hexadecimal digits, or the 8 first where its publisher gives no more; empty for a
            file the user brought.
        bytes: size of the file; 0 = not known.
        licence: of the weights.
        origin: address they can be fetched from; `package` for shipped ones.
        paper: where the network is described.
        skeleton: name of the skeleton they predict; empty for detectors.
        input_hw: (height, width) of the input, pixels.
        mean: per RGB channel, of pixels in [0, 1]; subtracted.
        std: per RGB channel, of pixels in [0, 1]; divided by.
        codec: name of the codec they were trained with; empty for detectors.
        convert: whether the file uses another release's names.
        scores: what their publisher measured, e.g. {"coco_val2017_ap": 0.744}.
        calibration: (a, b) per keypoint: a score s is shown as sigmoid(a logit(s) + b), the chance of being right
            within keypoint similarity .5; empty = scores are shown as they are. A detector has one pair,
            for its boxes.
        antialias: whether crops were averaged before they were made much smaller when it was trained.
        options: keyword arguments of the builder beyond the architecture's own (hence `Any`).
    """

    name: str
    file: str
    sha256: str = ""
    bytes: int = 0
    licence: str = "unknown"
    origin: str = ""
    paper: str = ""
    skeleton: str = "coco17"
    input_hw: tuple[int, int] = (256, 192)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    codec: str = "msra"
    convert: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    calibration: tuple[tuple[float, float], ...] = ()
    antialias: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        """The part of the name before the dot."""
        return self.name.partition(".")[0]

    @property
    def is_shipped(self) -> bool:
        """Whether the file lies inside the package."""
        return self.origin == "package"

    @property
    def num_keypoints(self) -> int | None:
        """Number of keypoints of the skeleton; None for a detector."""
        return len(skeleton_named(self.skeleton)) if self.skeleton else None


SHIPPED: tuple[Weights, ...] = (
    Weights(
        "fpn_pose.default",
        "pose.safetensors",
        sha256="a5525e704c5b63367b57f4713acb7f7cd88e4106e08f02506661fb96a2a657e4",
        bytes=7368558,
        licence="Apache-2.0",
        origin="package",
        skeleton="body19",
        codec="spatial",
    ),
    Weights(
        "fpn_detector.default",
        "detector.safetensors",
        sha256="a3b66d32b88055ef80246d64fa4f87e66633e9c1f47f444c5ec3860eadbeaee8",
        bytes=5117326,
        licence="Apache-2.0",
        origin="package",
        skeleton="",
        codec="",
    ),
    Weights(
        "dcpose_head.default",
        "dcpose.safetensors",
        sha256="d105113ef2f611c3434fd7463d8e7495f977546147075d855e2d3254680a8831",
        bytes=431706,
        licence="Apache-2.0",
        origin="package",
        skeleton="body19",
        codec="spatial",
    ),
    Weights(
        "posewarper_head.default",
        "posewarper.safetensors",
        sha256="ac382fae8aaa9fc07a377141578668f21626a166bd90b54d0d4d2df65a886a2f",
        bytes=110176,
        licence="Apache-2.0",
        origin="package",
        skeleton="body19",
        codec="spatial",
    ),
    Weights(
        "convlstm_head.default",
        "convlstm.safetensors",
        sha256="ac5687fd04cfbf668a485d4a3a6ec04eae1abc6039132d0ebf106a98683e5c94",
        bytes=178666,
        licence="Apache-2.0",
        origin="package",
        skeleton="body19",
        codec="spatial",
    ),
    Weights(
        "refiner.default",
        "refiner.safetensors",
        sha256="fb1edacfe50e4f04e1a2b13572cc6940f2366749b18db1ddc96f4e40c821e1b2",
        bytes=98180,
        licence="Apache-2.0",
        origin="package",
        skeleton="",
        codec="",
    ),
    Weights(
        "pose_entailment.default",
        "pose_entailment.safetensors",
        sha256="c388b2ba748819b25ab0c6f27add880c704698c2777c784e6ea29d3a5603495e",
        bytes=75092,
        licence="Apache-2.0",
        origin="package",
        skeleton="posetrack15",
        codec="",
    ),
)
"""The defaults. Their cards are in the files themselves and go before these lines."""


@cache
def weights_table() -> dict[str, Weights]:
    """List every known file of weights by name: the shipped ones first, then those published by others."""
    rows: list[dict[str, Any]] = json.loads(_LISTED.read_text(encoding="utf-8"))["weights"]
    return {weights.name: weights for weights in (*SHIPPED, *map(_from_row, rows))}


def weights_named(name: str) -> Weights:
    """Look weights up.

    Raises:
        UnknownNameError: there are none of that name; for a bare architecture, its weights are listed.
    """
    table = weights_table()
    if name in table:
        return table[name]
    if name in ARCHITECTURES:
        tags = [known for known in table if known.partition(".")[0] == name]
        listed = f"choose one of {', '.join(tags)}, or " if tags else ""
        raise UnknownNameError(f"{name} is an architecture without default weights; {listed}give a checkpoint by path")
    raise UnknownNameError(f"no weights are named {name!r}. {nearest_name(name, [*table, *ARCHITECTURES])}")


def weights_for_file(architecture: str, path: Path) -> Weights:
    """Describe a checkpoint somebody brought, about which nothing is known but its architecture.

    Raises:
        UnknownNameError: there is no such architecture.
    """
    entry = architecture_named(architecture)
    return Weights(
        f"{architecture}.{path.stem}",
        str(path),
        skeleton=entry.skeleton,
        input_hw=entry.input_hw,
        codec=entry.codec,
        convert=True,
    )


def to_card(weights: Weights) -> str:
    """Write a description as the JSON text that travels inside the file."""
    return json.dumps(asdict(weights), sort_keys=True)


def from_card(text: str, path: Path) -> Weights:
    """Read the description inside a file; the file's own place and name win over what the card says.

    Raises:
        WeightsError: the card is not one.
    """
    try:
        card = _from_row(json.loads(text))
        origin = "" if card.is_shipped else card.origin
        return replace(card, file=str(path), sha256="", bytes=0, origin=origin)
    except (TypeError, ValueError, KeyError) as error:
        raise WeightsError(f"{path}: its card cannot be read ({error}); import the checkpoint again") from error


def _from_row(row: dict[str, Any]) -> Weights:
    values: dict[str, Any] = {
        key: tuple(value) if key in ("input_hw", "mean", "std") else value for key, value in row.items()
    }
    if "calibration" in values:
        values["calibration"] = tuple((float(a), float(b)) for a, b in values["calibration"])
    return Weights(**values)
