"""The table of weights: plain data, no torch. Weights carry what they need to be right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic_core
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from videopose.errors import UnknownNameError, WeightsError, nearest_name
from videopose.geometry.placement import Resize
from videopose.models import ARCHITECTURES, GRAPHS, architecture_named
from videopose.models.home import shared_folders, weights_folder
from videopose.skeletons import SKELETONS, skeleton_named

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
NO_MEAN = (0.0, 0.0, 0.0)
OF_UNIT = (1.0, 1.0, 1.0)
OF_BYTES = (1 / 255, 1 / 255, 1 / 255)
"""With `NO_MEAN`, of networks that take 0..1, and of those that take 0..255."""
_LISTED = tuple(Path(__file__).parents[1] / "assets" / name for name in ("pipelines.json", "published.json"))
"""Tables of what others published; of two rows of one name the later counts."""
NAMES = "names"
"""Folder of a store that holds the descriptions of networks users gave a name."""


_LARGEST = 4096
"""Of sides, depths and widths on a card: a damaged one must not ask for a day's work or a machine's memory."""


def _known_skeleton(name: str) -> str:
    if name and name not in SKELETONS:
        raise ValueError(f"no skeleton has this name. {nearest_name(name, SKELETONS)}")
    return name


def _of_reasonable_size(options: Any) -> Any:  # Any: builders' arguments, nested lists and mappings of them
    for value in options.values() if isinstance(options, Mapping) else options:
        if isinstance(value, Mapping | list | tuple):
            _of_reasonable_size(value)
        elif isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
            raise ValueError(f"{value} is more than {_LARGEST}")
    return options


_Side = Annotated[int, Field(ge=1, le=_LARGEST)]
_Positive = Annotated[float, Field(gt=0)]


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
        mirrors: other addresses of the same file, asked in this order where the first fails.
        member: where the published file is a zip, name of the network in it; `file`, `sha256`, `bytes` are the zip's.
        page: where their authors offer them, if there is no address that lasts.
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
        person_calibration: (a, b): a pose's score s, what its keypoints amount to times the box's score, is shown as
            sigmoid(a logit(s) + b), the chance that there is a person; (1, 0) = as it is.
        options: keyword arguments of the builder beyond the architecture's own (hence `Any`).
        antialias: whether crops were averaged before they were shrunk; published networks were trained without.
        padding: factor by which boxes grew before crops were cut.
        bfloat16: whether the scores hold in that arithmetic too, so that `precision: auto` may choose it.
        resize: of a detector, how images were brought into its input; see `geometry.placement`.
        channels: which colour comes first in what the network takes.
        outputs: of a detector, what its outputs say, a key of `estimators.detector_outputs.READERS`; empty = what this
            package's own networks say.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    file: str
    sha256: str = ""
    bytes: int = 0
    licence: str = "unknown"
    origin: str = ""
    paper: str = ""
    skeleton: Annotated[str, AfterValidator(_known_skeleton)] = "coco17"
    input_hw: tuple[_Side, _Side] = (256, 192)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[_Positive, _Positive, _Positive] = IMAGENET_STD
    codec: str = "msra"
    convert: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    calibration: tuple[tuple[float, float], ...] = ()
    person_calibration: tuple[_Positive, float] = (1.0, 0.0)
    options: Annotated[Mapping[str, Any], AfterValidator(_of_reasonable_size)] = field(default_factory=dict)
    antialias: bool = False
    padding: _Positive = 1.25
    bfloat16: bool = False
    resize: Resize = "shape"
    channels: Literal["rgb", "bgr"] = "rgb"
    outputs: str = ""
    mirrors: tuple[str, ...] = ()
    member: str = ""
    page: str = ""

    @property
    def task(self) -> str:
        """What they are for: see `Architecture`; a graph from elsewhere is a pose network or a detector."""
        entry = ARCHITECTURES.get(self.architecture)
        return entry.task if entry else "pose" if self.skeleton else "detector"

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
        "tinypose.default",
        "tinypose.safetensors",
        sha256="af54878ee730f5970382c87094bba0fb7e5f3c5fb2fc90029d7902acd2ce7a06",
        bytes=2718886,
        licence="Apache-2.0",
        origin="package",
        skeleton="body19",
        codec="dark3",
        antialias=True,
    ),
    Weights(
        "tinypose.fast",
        "tinypose_fast.safetensors",
        sha256="f74080c0cebae8e1afc7b34e1dad97717677674c53ac570257cd61b5cdcacc1a",
        bytes=2718966,
        licence="Apache-2.0",
        origin="package",
        skeleton="body19",
        codec="dark3",
        antialias=True,
    ),
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
        "rtmdet_nano.default",
        "rtmdet.safetensors",
        sha256="5b941005b86914b6046daffa7ee7847a40d1d5c5c7bc38c699de96cfbb11ca9d",
        bytes=2104542,
        licence="Apache-2.0",
        origin="package",
        paper="https://arxiv.org/abs/2212.07784",
        skeleton="",
        codec="",
    ),
    Weights(
        "dcpose_head.default",
        "dcpose.safetensors",
        sha256="6c51617dcdd7b52be8d402a7fa9fc6b04bce9265eaa06917120c4bb6a1fa0671",
        bytes=431898,
        licence="Apache-2.0",
        origin="package",
        skeleton="body19",
        codec="dark3",
    ),
    Weights(
        "posewarper_head.default",
        "posewarper.safetensors",
        sha256="3b152ac99ba3ba3ddb85e926b29124c9acce141914f5f830909a87104e716ad7",
        bytes=110368,
        licence="Apache-2.0",
        origin="package",
        skeleton="body19",
        codec="dark3",
    ),
    Weights(
        "convlstm_head.default",
        "convlstm.safetensors",
        sha256="50751d264cee50ec564a675f9d6d75f5e1123d151ff8b54fbc366446c0c9cce3",
        bytes=178794,
        licence="Apache-2.0",
        origin="package",
        skeleton="body19",
        codec="dark3",
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


def is_non_commercial(licence: str) -> bool:
    """Check whether a licence, by its name, forbids commercial use.

    Example:
        >>> [is_non_commercial(name) for name in ("Apache-2.0", "CC-BY-NC-4.0", "non-commercial")]
        [False, True, True]
    """
    words = licence.lower().replace("-", " ").split()
    return "nc" in words or "noncommercial" in words or " ".join(words).find("non commercial") >= 0


@cache
def weights_table() -> dict[str, Weights]:
    """List every known file of weights by name: the shipped ones first, then those published by others."""
    tables = [json.loads(path.read_text(encoding="utf-8")) for path in _LISTED]
    rows: list[dict[str, Any]] = [row for table in tables for row in table["weights"]]
    mirrors: dict[str, list[str]] = {file: each for table in tables for file, each in table.get("mirrors", {}).items()}
    listed = (_CARD.validate_python({"mirrors": mirrors.get(row["file"], []), **row}) for row in rows)
    return {weights.name: weights for weights in (*SHIPPED, *listed)}


def own_weights() -> dict[str, Weights]:
    """List the networks users gave a name by `videopose models add`, those of shared stores first.

    Raises:
        WeightsError: a description is damaged.
    """
    found: dict[str, Weights] = {}
    for store in (*shared_folders(), weights_folder()):
        for path in sorted((store / NAMES).glob("*.json")):
            try:
                found.setdefault(path.stem, _CARD.validate_json(path.read_bytes()))
            except (OSError, ValidationError) as error:
                raise WeightsError(f"{path}: is no description of a network; add the network again") from error
    return found


def weights_named(name: str) -> Weights:
    """Return the weights of a name.

    Raises:
        UnknownNameError: there are none of that name; for a bare architecture, its weights are listed.
    """
    table = weights_table()
    if name in table:
        return table[name]
    own = own_weights()
    for known, weights in own.items():
        if name in (known, weights.name):
            return weights
    if name in ARCHITECTURES or name in GRAPHS:
        tags = [known for known in table if known.partition(".")[0] == name]
        listed = f"choose one of {', '.join(tags)}, or " if tags else ""
        raise UnknownNameError(f"{name} is an architecture without default weights; {listed}give a checkpoint by path")
    raise UnknownNameError(f"no weights are named {name!r}. {nearest_name(name, [*table, *own, *ARCHITECTURES])}")


def weights_for_file(architecture: str, path: Path) -> Weights:
    """Describe a checkpoint somebody brought, about which nothing is known but its architecture.

    Raises:
        UnknownNameError: there is no such architecture.
    """
    entry = architecture_named(architecture)
    mean, std = normalisation(architecture)
    return Weights(
        f"{architecture}.{path.stem}",
        str(path),
        skeleton=entry.skeleton,
        input_hw=entry.input_hw,
        mean=mean,
        std=std,
        codec=entry.codec,
        convert=True,
        resize="letterbox" if entry.task == "detector" else "shape",
    )


def normalisation(architecture: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return mean and standard deviation, of pixels in [0, 1], that an architecture's inputs are normalised by."""
    return (IMAGENET_MEAN, IMAGENET_STD) if architecture_named(architecture).normalised else (NO_MEAN, OF_BYTES)


def to_card(weights: Weights) -> str:
    """Write a description as the JSON text that travels inside the file, without where it is to be had."""
    facts = {name: value for name, value in asdict(weights).items() if name not in ("mirrors", "member", "page")}
    return json.dumps(facts, sort_keys=True)


def from_card(text: str, path: Path) -> Weights:
    """Read the description inside a file; the file's own place and name win over what the card says.

    Raises:
        WeightsError: the card is not one, or what it says cannot be.
    """
    try:
        row = pydantic_core.from_json(text)
        card = _CARD.validate_python(_as_trained(row) if isinstance(row, dict) else row)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the card"
        raise WeightsError(
            f"{path}: its card cannot be read ({where} = {_cut(repr(problem['input']))}: {problem['msg']}); "
            "import the checkpoint again"
        ) from error
    except ValueError as error:
        raise WeightsError(f"{path}: its card cannot be read ({_cut(str(error))}); import it again") from error
    origin = "" if card.is_shipped else card.origin
    return replace(card, file=str(path), sha256="", bytes=0, origin=origin)


def _as_trained(row: dict[str, Any]) -> dict[str, Any]:
    """Add to a card of an earlier version what it did not say yet.

    Training always averaged crops; imported checkpoints, which alone name an origin, were trained without. bfloat16
    was taken for detectors and for what was trained with `spatial`.
    """
    if "antialias" in row:
        return row
    is_ours = row.get("origin", "") in ("", "package")
    return {"antialias": is_ours, "bfloat16": is_ours and row.get("codec") in ("", "spatial"), **row}


def _cut(text: str, limit: int = 80) -> str:
    first = text.partition("\n")[0]
    return first if len(first) <= limit else f"{first[:limit]}…"


_CARD = TypeAdapter(Weights)
