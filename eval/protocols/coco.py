"""COCO keypoints and CrowdPose: AP and AR by object keypoint similarity, equal to their tools."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from videopose.config import Options
from videopose.errors import DatasetError, UnknownNameError, nearest_name
from videopose.io.exchange.mapping import to_skeleton
from videopose.io.exchange.table import PoseTable
from videopose.metrics.ap import POSE_AREAS, Outcomes, average_precision, join_ranges, pose_numbers, pose_outcomes
from videopose.skeletons import skeleton_named
from videopose.types import F64, I64

from . import base
from .explanation import Explanation, explain_sequence
from .tables import CROWD_AREA, read_pair, visible_truth

CROWD_SPLITS: dict[str, tuple[float, float]] = {
    "Easy": (-np.inf, 0.2),
    "Medium": (0.2, 0.8),
    "Hard": (0.8, np.inf),
}
"""Ranges of the crowd index, the upper end excluded, as the tool splits them (the paper says 0.1 and 0.8)."""

_log = logging.getLogger(__name__)
_DECIMALS = 9  # a box is stored by its corners; its size is that of the file to so many decimals

PROTOCOLS = ("coco", "crowdpose")


class CocoOptions(Options):
    """Whose numbers."""

    protocol: str = Field(default="coco", description="coco or crowdpose.")
    skeleton: str = Field(
        default="",
        description="Keypoints to score, if not the truth's own; wholebody133: body, foot, face, hands and all.",
    )


@dataclass(frozen=True)
class Scored(base.ScoredImages):
    """The result of one set of images.

    Attributes:
        protocol: `coco` or `crowdpose`.
        crowd_index: (F,) of the images; NaN = not given.
        explanation: where the errors come from; None if it was not asked for.
        keypoints: names of the truth's keypoints.
        parts: names of the parts that are scored besides, as COCO-WholeBody's kit does; empty = none.
    """

    protocol: str
    crowd_index: F64
    explanation: Explanation | None = None
    keypoints: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    def numbers_of(self, rows: I64, /) -> base.Numbers:
        """Count the protocol's numbers over chosen images."""
        return numbers([self.images[row] for row in rows], self.protocol, self.crowd_index[rows], self.parts)

    def explained(self) -> dict[str, Any]:  # Any: a JSON object
        """Return where the errors come from; empty if it was not asked for."""
        return {} if self.explanation is None else self.explanation.facts(self.keypoints)


def score_files(
    truth: Path,
    predictions: Path,
    protocol: str = "coco",
    *,
    origin: str | None = None,
    explain: bool = False,
    skeleton: str = "",
) -> Scored:
    """Score a file of results against annotations.

    Args:
        truth: COCO or CrowdPose annotations.
        predictions: COCO results, or any format `videopose convert` reads.
        protocol: `coco` or `crowdpose`.
        origin: format of the truth, recognised by default.
        explain: count where the errors come from.
        skeleton: see `score_tables`.

    Raises:
        UnknownNameError: there is no such protocol or skeleton.
        DatasetError: a file breaks its format, or a prediction has no score.
    """
    return score_tables(*read_pair(truth, predictions, origin), protocol, explain=explain, skeleton=skeleton)


def score_tables(
    truth: PoseTable, predicted: PoseTable, protocol: str = "coco", *, explain: bool = False, skeleton: str = ""
) -> Scored:
    """Score predictions against annotations on the same frames.

    Args:
        truth: the annotations.
        predicted: people with scores.
        protocol: `coco` or `crowdpose`.
        explain: count where the errors come from.
        skeleton: whose keypoints count; of `wholebody133` each part is scored besides. Empty = the truth's own, of
            which only the body, as COCO's tool does.

    Raises:
        UnknownNameError: there is no such protocol or skeleton.
        DatasetError: a prediction has no score.
    """
    if protocol not in PROTOCOLS:
        raise UnknownNameError(f"no protocol is named {protocol!r}. {nearest_name(protocol, PROTOCOLS)}")
    check_entries(truth)
    body = skeleton_named("coco17") if truth.skeleton.parts else truth.skeleton
    target = skeleton_named(skeleton) if skeleton else body
    truth = to_skeleton(truth, target, derive=False)
    truth, predicted = in_order_of_ids(truth, to_skeleton(predicted, truth.skeleton))
    score, extent = person_scores(predicted), _extents(predicted)
    score_image = _whole_body if target.parts and protocol == "coco" else _image
    images = tuple(
        score_image(
            truth[truth.rows_of(position)],
            predicted[rows],
            score[rows],
            None if extent is None else extent[rows],
            protocol,
        )
        for position in range(len(truth.frames))
        for rows in (predicted.rows_of(position),)
    )
    parts = tuple(name for name, _ in target.parts) if score_image is _whole_body else ()
    crowding = np.array([np.nan if frame.crowd_index is None else frame.crowd_index for frame in truth.frames])
    explanation = explain_sequence(truth[~truth.crowd], predicted) if explain else None
    counted = numbers(images, protocol, crowding, parts)
    return Scored(images, counted, protocol, crowding, explanation, truth.skeleton.keypoints, parts)


def person_scores(predicted: PoseTable) -> F64:
    """Return (N,) scores of people; where none is given, the mean of the keypoints'.

    Raises:
        DatasetError: a person has neither.
    """
    known = np.isfinite(predicted.keypoint_score)
    mean = np.where(known, predicted.keypoint_score, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    score = np.where(np.isfinite(predicted.score), predicted.score, np.where(known.any(axis=1), mean, np.nan))
    if np.isnan(score).any():
        row = int(np.flatnonzero(np.isnan(score))[0])
        raise DatasetError(f"{predicted.source}: person {row} has no score, without which predictions have no order")
    return score


def check_entries(truth: PoseTable) -> None:
    """Refuse what COCO's tool would count in a way nobody means, and say where it does so to a single person.

    Raises:
        DatasetError: two entries have the same id; COCO's tool counts the last of them for both.
    """
    if truth.unscorable:
        raise DatasetError(truth.unscorable)
    if truth.zero_id.any():
        _log.warning(
            "%s: %d annotations have the id 0; COCO's tool counts a match with them as wrong, and so do these numbers. "
            "Number annotations from 1",
            *(truth.source, truth.zero_id.sum()),
        )


def in_order_of_ids(truth: PoseTable, predicted: PoseTable) -> tuple[PoseTable, PoseTable]:
    """Sort the images by id, as COCO's tool does: of equal scores the one in the first image is ranked first."""
    numbers = [frame.number for frame in truth.frames if frame.number is not None]
    if len(numbers) < len(truth.frames):
        return truth, predicted
    order = np.argsort(np.array(numbers, np.int64), kind="stable")
    frames, place = [truth.frames[row] for row in order], np.argsort(order)
    return truth.on_frames(frames, place), predicted.on_frames(frames, place)


def _extents(predicted: PoseTable) -> F64 | None:
    """Return the areas of the predictions' boxes where all have one, as COCO's tool does; None: go by the keypoints."""
    size = np.round(predicted.xyxy[:, 2:] - predicted.xyxy[:, :2], _DECIMALS)
    return np.asarray(size.prod(axis=1)) if len(size) and np.isfinite(size).all() else None


def _whole_body(
    truth: PoseTable, predicted: PoseTable, score: F64, extent: F64 | None, protocol: str
) -> Mapping[str, Outcomes]:
    """Score an image as COCO-WholeBody's kit does: all keypoints together, then each part by itself.

    A person counts for a part if a keypoint of it is labelled, a prediction if one of its scores is above 0; how large
    a prediction is goes by its box or its body, whatever the part.
    """
    skeleton = truth.skeleton
    if extent is None:
        body = np.nan_to_num(predicted.xy[:, skeleton.slices["body"]])
        extent = (body.max(axis=1) - body.min(axis=1)).prod(axis=1) if len(body) else np.zeros(0)
    outcomes: dict[str, Outcomes] = {}
    for prefix, rows in (("", slice(None)), *((f"{name}/", rows) for name, rows in skeleton.slices.items())):
        part = skeleton.part(prefix[:-1]) if prefix else skeleton
        there = ~(predicted.keypoint_score[:, rows] <= 0).all(axis=1)
        asked = replace(
            truth, skeleton=part, xy=truth.xy[:, rows], keypoint_score=truth.keypoint_score[:, rows],
            visibility=truth.visibility[:, rows], keypoint_source=truth.keypoint_source[:, rows],
        )  # fmt: skip
        asked = replace(asked, blank=np.asarray((visible_truth(asked)[..., 2] == 0).all(axis=1)))
        found = replace(
            predicted[there], skeleton=part, xy=predicted.xy[there][:, rows],
            keypoint_score=predicted.keypoint_score[there][:, rows], visibility=predicted.visibility[there][:, rows],
            keypoint_source=predicted.keypoint_source[there][:, rows],
        )  # fmt: skip
        ranges = _image(asked, found, score[there], extent[there], protocol)
        outcomes |= {f"{prefix}{name}": each for name, each in ranges.items()}
    return outcomes


def _image(
    truth: PoseTable, predicted: PoseTable, score: F64, extent: F64 | None, protocol: str
) -> Mapping[str, Outcomes]:
    boxes = np.nan_to_num(truth.boxes())
    box_area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    area = CROWD_AREA * box_area if protocol == "crowdpose" else np.where(np.isnan(truth.area), box_area, truth.area)
    outcomes = pose_outcomes(
        np.nan_to_num(predicted.xy), score, visible_truth(truth), area, boxes, truth.skeleton.oks_sigmas,
        crowd=truth.crowd, blank=truth.blank, void=truth.zero_id, extent=extent,
    )  # fmt: skip
    return {"all": outcomes["all"]} if protocol == "crowdpose" else outcomes


def numbers(
    images: Sequence[Mapping[str, Outcomes]], protocol: str, crowd_index: F64, parts: Sequence[str] = ()
) -> dict[str, float]:
    """Convert outcomes to the protocol's numbers in [0, 1]; those of parts are called `face AP` and so on."""
    joined = join_ranges(images)
    if protocol == "coco":
        out = pose_numbers({name: joined[name] for name in POSE_AREAS})
        for part in parts:
            own = pose_numbers({name: joined[f"{part}/{name}"] for name in POSE_AREAS})
            out |= {f"{part} {name}": value for name, value in own.items()}
        return out
    everyone = pose_numbers({"all": joined["all"], "medium": joined["all"], "large": joined["all"]})
    out = {name: everyone[name] for name in ("AP", "AP50", "AP75", "AR", "AR50", "AR75")}
    for title, (least, most) in CROWD_SPLITS.items():
        chosen = [image for image, index in zip(images, crowd_index, strict=True) if least <= index < most]
        out[f"AP{title}"] = float(average_precision(join_ranges(chosen)["all"]).mean()) if chosen else float("nan")
    return out


def _score(
    truth: Path, predictions: Path, options: CocoOptions, /, *, origin: str | None = None, explain: bool = False
) -> Scored:
    return score_files(truth, predictions, options.protocol, origin=origin, explain=explain, skeleton=options.skeleton)


PROTOCOL = base.Protocol(
    "coco", "COCO keypoints or CrowdPose: AP and AR by object keypoint similarity.", CocoOptions, _score
)
