"""What the pose networks of the shipped pipelines are judged by: who is hard to see, and what scores are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from videopose.data.coco import read_coco
from videopose.data.samples import LabelledImage, PersonLabel, read_image
from videopose.data.sources import SourceOptions, load_source
from videopose.estimators.build import PoseOptions, create_estimator
from videopose.estimators.topdown import TopDownEstimator
from videopose.geometry.boxes import area, intersection
from videopose.geometry.keypoints import oks
from videopose.metrics.ap import join_ranges, pose_numbers, pose_outcomes
from videopose.metrics.calibration import calibration_error
from videopose.metrics.pck import count_pck, torso_length
from videopose.skeletons import Skeleton, shared_keypoints, skeleton_named
from videopose.types import F32, Bool, Detections
from videopose.workflows.pipelines import load_pipeline

from .bars import Bar

PIPELINES = ("accurate", "default", "fast")
MIN_KEYPOINTS, MIN_AREA = 6, 32**2
RIGHT = 0.5
"""Keypoint similarity from which on a keypoint, or a pose, counts as right."""
_AP = {"accurate": (72, 77), "default": (69, 74), "fast": (52, 64)}
_OKS = {"accurate": (0.85, 0.88), "default": (0.83, 0.86), "fast": (0.74, 0.80)}
_PCK = {"accurate": (73, 81), "default": (71, 79)}
_HARD: Mapping[str, tuple[float, float]] = {
    "no leg labelled": (86, 92),
    "hidden >= .3": (70, 80),
    "covered >= half": (83, 90),
}

Person = tuple[LabelledImage, PersonLabel]


@dataclass(frozen=True, eq=False)
class PoseOutcome:
    """What a network found of people whose boxes were given.

    Attributes:
        people: the people, images in order.
        keypoints: (N, K, 3) in the labels' skeleton, NaN where the network does not give one.
        score: (N,) of the poses.
        skeleton: the labels'.
    """

    people: Sequence[Person]
    keypoints: F32
    score: F32
    skeleton: Skeleton

    @property
    def truth(self) -> F32:
        """(N, K, 3) what people labelled."""
        return np.stack([person.keypoints for _, person in self.people])

    @property
    def area(self) -> F32:
        """(N,) square pixels."""
        return np.array([person.area for _, person in self.people], np.float32)

    @property
    def similarity(self) -> F32:
        """(N, K) keypoint similarity of what was found to the labels, NaN where nobody labelled or found one."""
        truth = self.truth
        squared = ((self.keypoints[..., :2] - truth[..., :2]) ** 2).sum(-1)
        extent = 2 * self.area[:, None] * (2 * self.skeleton.sigmas) ** 2
        return np.where(truth[..., 2] > 0, np.exp(-squared / extent), np.nan).astype(np.float32)


def pose_bars(
    data_dir: Path, device: torch.device, pipelines: Sequence[str] = PIPELINES, *, every: int = 1
) -> Iterator[Bar]:
    """Measure the networks of shipped pipelines: those of `coco`'s held-out tenth and of `lspet/val`, from true boxes.

    Raises:
        DatasetError: a set is not there or cannot be read.
    """
    people, acrobats = held_out_people(data_dir)[::every], lspet_people(data_dir)[::every]
    done: dict[str, list[Bar]] = {}
    for name in pipelines:
        options = PoseOptions.model_validate(load_pipeline(name).options.model_dump()["pose"] | {"nms_oks": 1.0})
        known = options.model_dump_json()
        if known not in done:
            estimator = create_estimator(options, device)
            found = estimate_people(estimator, people, skeleton_named("coco17"))
            done[known] = [*similarity_bars(found, name), *hard_bars(found, name), score_bar(found, name)]
            found = estimate_people(estimator, acrobats, skeleton_named("lsp14"))
            done[known].append(pck_bar(found, name))
        yield from (replace(bar, name=f"{bar.name.rpartition(', ')[0]}, {name}") for bar in done[known])


def held_out_people(data_dir: Path) -> list[Person]:
    """List the people of `coco`'s held-out tenth with six keypoints and an area above 32 x 32."""
    source = SourceOptions(name="coco", annotations="coco/train.json", images="coco/images", fold="val")
    return [
        (image, person)
        for image in load_source(data_dir, source, skeleton_named("coco17"))
        for person in image.people
        if not person.ignore and person.num_labelled >= MIN_KEYPOINTS and person.area > MIN_AREA
    ]


def lspet_people(data_dir: Path) -> list[Person]:
    """List the people of `lspet/val`."""
    images = read_coco(data_dir / "lspet/val.json", data_dir / "lspet/images", skeleton_named("lsp14"))
    return [(image, person) for image in images for person in image.people]


def estimate_people(estimator: TopDownEstimator, people: Sequence[Person], skeleton: Skeleton) -> PoseOutcome:
    """Estimate people from their true boxes, keypoints in `skeleton`'s order."""
    source, target = shared_keypoints(estimator.skeleton, skeleton)
    found, score = np.full((len(people), len(skeleton), 3), np.nan, np.float32), np.zeros(len(people), np.float32)
    for start in range(0, len(people), 64):
        part = people[start : start + 64]
        images = [_tensor(image.path) for image, _ in part]
        boxes = [Detections(person.xyxy[None], np.ones(1, np.float32)) for _, person in part]
        for row, poses in enumerate(estimator.estimate(images, boxes), start):
            found[row, target] = poses.keypoints[0, source]
            score[row] = poses.score[0]
    return PoseOutcome(people, found, score, skeleton)


def _tensor(path: Path) -> Tensor:
    return torch.from_numpy(read_image(path)).permute(2, 0, 1)


def similarity_bars(found: PoseOutcome, name: str) -> Iterator[Bar]:
    """OKS AP, and mean OKS of each person's own pose."""
    owners = np.array([image.key for image, _ in found.people])
    truth, extent, outcomes, similarity = found.truth, found.area, [], []
    for key in dict.fromkeys(owners.tolist()):
        rows = np.flatnonzero(owners == key)
        boxes = np.stack([found.people[int(row)][1].xyxy for row in rows])
        given = found.keypoints[rows], found.score[rows], truth[rows], extent[rows], boxes, found.skeleton.sigmas
        outcomes.append(pose_outcomes(*given))
        similarity.append(np.diag(oks(found.keypoints[rows, :, :2], truth[rows], extent[rows], found.skeleton.sigmas)))
    protocol = "coco, held-out tenth, true boxes, 17 keypoints"
    precision = 100 * pose_numbers(join_ranges(outcomes))["AP"]
    mean = float(np.concatenate(similarity).mean())
    yield Bar(f"OKS AP, {name}", protocol, precision, *_asked(_AP, name), len(owners))
    yield Bar(f"mean OKS, {name}", protocol, mean, *_asked(_OKS, name), len(owners))


def hard_bars(found: PoseOutcome, name: str) -> Iterator[Bar]:
    """Share of the people who are hard to see whose pose is right."""
    right = np.nanmean(found.similarity, 1) > RIGHT
    for group, chosen in hard_people(found).items():
        share = 100 * float(right[chosen].mean()) if chosen.any() else float("nan")
        asked = _HARD[group] if name == "default" else (float("nan"), float("nan"))
        protocol = "coco, held-out tenth, share in % with OKS > .5"
        yield Bar(f"{group}, {name}", protocol, share, *asked, int(chosen.sum()))


def hard_people(found: PoseOutcome) -> dict[str, Bool]:
    """Find who has no labelled knee or ankle, who many hidden keypoints, and whose box lies half inside another one."""
    visible = found.truth[..., 2]
    legs = [found.skeleton.index_of(f"{side}_{part}") for side in ("left", "right") for part in ("knee", "ankle")]
    covered = np.zeros(len(found.people))
    for row, (image, person) in enumerate(found.people):
        others = np.array([other.xyxy for other in image.people if other is not person], np.float32).reshape(-1, 4)
        if len(others):
            share = intersection(person.xyxy[None], others)[0] / np.maximum(area(person.xyxy[None]), 1e-6)
            covered[row] = float(share.max())
    hidden = (visible == 1).sum(1) / (visible > 0).sum(1)
    return {
        "no leg labelled": (visible[:, legs] == 0).all(1),
        "hidden >= .3": hidden >= 0.3,
        "covered >= half": covered >= 0.5,
    }


def score_bar(found: PoseOutcome, name: str) -> Bar:
    """Calibration error of all labelled keypoints' scores together."""
    similarity = found.similarity
    labelled = np.isfinite(similarity)
    error = calibration_error(found.keypoints[..., 2][labelled], similarity[labelled] >= RIGHT)
    protocol = "coco, held-out tenth, labelled keypoints, ten bins; less is better"
    return Bar(f"score error, {name}", protocol, error, 0.04, 0.02, int(labelled.sum()))


def pck_bar(found: PoseOutcome, name: str) -> Bar:
    """PCK@0.2 of the torso, mean over LSP's 14 keypoints."""
    truth = found.truth
    counts = count_pck(found.keypoints, truth, torso_length(truth, found.skeleton), [0.2])
    protocol = "lspet/val, true boxes x 1.25, mean over 14 keypoints"
    return Bar(f"PCK@0.2, {name}", protocol, 100 * float(counts.mean()[0]), *_asked(_PCK, name), len(truth))


def _asked(table: Mapping[str, tuple[float, float]], name: str) -> tuple[float, float]:
    return table.get(name, (float("nan"), float("nan")))
