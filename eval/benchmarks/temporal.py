"""Do neighbouring frames help? Clips of JHMDB's val split, clean and degraded six ways, each module beside one frame.

A module is a pipeline config whose stages between the single frame's poses and the tracker are judged: no tracking and
no smoothing. All modules get the same heatmaps of the single frames, computed once. Boxes are the labels' own, or the
detector's on the degraded frames.

    videopose eval temporal --data DIR --modules flow,dcpose
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from videopose.config import Options
from videopose.data.degrade import KINDS, Kind, clip_seed, degrade
from videopose.data.jhmdb import LabelledClip, read_jhmdb
from videopose.data.person_clips import from_video
from videopose.errors import ConfigError, DatasetError
from videopose.estimators.build import DetectorOptions, PoseOptions, create_detector, create_estimator
from videopose.estimators.mapped import HeatmapEstimator
from videopose.geometry.boxes import iou
from videopose.geometry.keypoints import boxes_around
from videopose.metrics.pck import count_pck, longer_side
from videopose.metrics.temporal import sum_track
from videopose.skeletons import skeleton_named
from videopose.stages.detect import BoxesFromFile, DetectPeople
from videopose.stages.estimate import EstimateWithHeatmaps
from videopose.stages.features import MeasureFeatures
from videopose.stages.pipeline import DropImages, Pipeline, Stage
from videopose.types import F32, U8, Detections, Frame, Record
from videopose.workflows.pipelines import load_pipeline

from .networks import CLIP_RATE, jhmdb_from

SINGLE, CLEAN, MEAN = "single frame", "clean", "degraded"
Boxes = Literal["labels", "detector"]


class TemporalBarsOptions(Options):
    """What is measured."""

    modules: tuple[str, ...] = ("flow", "dcpose", "posewarper", "convlstm")
    """Names of pipeline configs, or paths."""
    kinds: tuple[Kind, ...] = KINDS
    seeds: tuple[int, ...] = (0, 1, 2)
    boxes: Boxes = "labels"
    model: str = "tinypose.default"
    """The pose network, by name or architecture."""
    pose: str = ""
    """Weights of it to use instead of its own."""
    overrides: tuple[str, ...] = ()
    """As `--set` of `videopose run`, for every module."""
    clips: int = 0
    """Only so many clips; 0 = all."""
    frames: int = 0
    """Only so many frames from the middle of each clip, spoiled as in the whole clip; 0 = all."""
    detector: DetectorOptions = DetectorOptions(min_score=0.1)


@dataclass(frozen=True)
class Score:
    """One module on one kind of video.

    Attributes:
        module: name.
        kind: `clean`, a kind of degradation, or `degraded` for the mean over all of them.
        pck: PCK@0.2 of the longer side of the box around the labelled keypoints, per cent; mean over seeds.
        pck_spread: standard deviation over seeds.
        acceleration: mean error of the keypoints' second difference, per cent of the box's side per frame squared.
        acceleration_spread: standard deviation over seeds.
    """

    module: str
    kind: str
    pck: float
    pck_spread: float
    acceleration: float
    acceleration_spread: float


@dataclass
class _Tally:
    correct: float = 0.0
    labelled: float = 0.0
    error: float = 0.0
    triples: float = 0.0


Tallies = dict[tuple[str, str, int], _Tally]
"""By module, kind and seed."""


def measure(data_dir: Path, options: TemporalBarsOptions, device: torch.device) -> list[Score]:
    """Measure all modules.

    Raises:
        DatasetError: JHMDB is not there or cannot be read.
        ConfigError: a module's recipe has no stages between poses and tracks.
    """
    skeleton = skeleton_named("jhmdb15")
    clips = read_jhmdb(data_dir / "jhmdb/annotations.json", data_dir / "jhmdb/clips", skeleton)
    clips = [clip for clip in clips if clip.split == "val"]
    if not clips:
        raise DatasetError(f"{data_dir / 'jhmdb/annotations.json'}: lists no clip of the val split")
    own = [
        "detector.source=frame",
        f"pose.model={options.model}",
        *([f"pose.weights={options.pose}"] if options.pose else []),
    ]
    modules = {name: _stages(name, [*own, *options.overrides], device) for name in options.modules}
    pose = PoseOptions(model=options.model, weights=options.pose)
    single = EstimateWithHeatmaps(HeatmapEstimator(create_estimator(pose, device)))
    tallies: Tallies = {}
    who = DetectPeople(create_detector(options.detector, device)) if options.boxes == "detector" else None
    for clip in clips[: options.clips or None]:
        for kind, seed, frames in _versions(clip, options):
            mapped = list(single(_people(clip, frames, who, options.frames)))
            for name, stages in {SINGLE: Pipeline(()), **modules}.items():
                tally = tallies.setdefault((name, kind, seed), _Tally())
                _judge(tally, list(stages(mapped)), clip, single.estimator.skeleton.name)
    return list(_scores(tallies, [SINGLE, *modules], options))


def _stages(name: str, overrides: Sequence[str], device: torch.device) -> Pipeline:
    """Build what a pipeline puts between the single frame's poses and the tracker."""
    networks = load_pipeline(name, overrides).networks(device)
    kinds = [type(stage) for stage in networks.stages]
    if EstimateWithHeatmaps not in kinds:
        raise ConfigError(
            f"{name}: its recipe does not start from single frames' poses, so its stages cannot be judged"
        )
    after = networks.stages[kinds.index(EstimateWithHeatmaps) + 1 :]
    return Pipeline(tuple(stage for stage in after if not isinstance(stage, MeasureFeatures | DropImages)))


def _versions(clip: LabelledClip, options: TemporalBarsOptions) -> Iterator[tuple[str, int, Sequence[U8]]]:
    person = from_video(clip)
    frames, boxes = person.read(), person.boxes
    yield CLEAN, 0, frames
    for kind in options.kinds:
        for seed in options.seeds:
            yield kind, seed, degrade(frames, boxes, kind, clip_seed(seed, clip.name, kind))


def _people(clip: LabelledClip, frames: Sequence[U8], who: Stage | None, count: int) -> Iterator[Record]:
    """Return a clip's frames, or `count` from its middle, with one box each: the labelled person's."""
    start = max(0, (len(frames) - count) // 2) if count else 0
    chosen = list(enumerate(frames))[start : start + (count or len(frames))]
    records = [
        Record(Frame(index, index / CLIP_RATE, torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)))
        for index, frame in chosen
    ]
    boxes = from_video(clip).boxes
    if who is None:
        given = {index: Detections(box[None], np.ones(1, np.float32)) for index, box in enumerate(boxes)}
        return BoxesFromFile(given)(records)
    return (_of_person(record, boxes[record.frame.index]) for record in who(records))


def _of_person(record: Record, box: F32) -> Record:
    """Keep the detection that overlaps the labelled person most, none if none does."""
    found = record.detections
    assert found is not None, "a detector looked at every frame"
    overlap = iou(found.xyxy, box[None])[:, 0]
    kept = found[np.argsort(-overlap, kind="stable")[:1]] if (overlap > 0).any() else Detections.empty()
    return replace(record, detections=kept)


def _judge(tally: _Tally, records: Sequence[Record], clip: LabelledClip, skeleton_name: str) -> None:
    index = np.array([record.frame.index for record in records])
    truth, skeleton, target = clip.keypoints[index], skeleton_named(skeleton_name), skeleton_named("jhmdb15")
    predicted = np.full((*truth.shape[:2], 3), np.nan, np.float32)
    for row, record in enumerate(records):
        if record.poses is not None and len(record.poses):
            predicted[row] = jhmdb_from(record.poses.keypoints[0], skeleton)
    side = longer_side(np.nan_to_num(boxes_around(truth)))
    counts = count_pck(predicted, truth, side, [0.2])
    real = np.where(truth[..., 2:] > 0, truth[..., :2], np.nan).astype(np.float64)
    sums = sum_track(predicted[..., :2].astype(np.float64), real, side, index, np.asarray(target.flip_index))
    tally.correct += float(counts.correct.sum())
    tally.labelled += float(counts.labelled.sum())
    tally.error += float(sums.acceleration_error.sum())
    tally.triples += float(sums.triples.sum())


def _scores(tallies: Tallies, modules: Sequence[str], options: TemporalBarsOptions) -> Iterator[Score]:
    for module in modules:
        by_seed = []
        yield _score(module, CLEAN, [_numbers(tallies[module, CLEAN, 0])])
        for kind in options.kinds:
            numbers = [_numbers(tallies[module, kind, seed]) for seed in options.seeds]
            by_seed.append(numbers)
            yield _score(module, kind, numbers)
        if by_seed:
            yield _score(module, MEAN, np.mean(by_seed, 0).tolist())


def _numbers(tally: _Tally) -> list[float]:
    """Return PCK and acceleration error, per cent."""
    return [100 * tally.correct / max(1.0, tally.labelled), 100 * tally.error / max(1.0, tally.triples)]


def _score(module: str, kind: str, numbers: Sequence[Sequence[float]]) -> Score:
    """Summarise what each seed gave."""
    values = np.array(numbers)
    mean, spread = values.mean(0), values.std(0, ddof=1) if len(values) > 1 else np.zeros(2)
    return Score(module, kind, *(round(float(x), 3) for x in (mean[0], spread[0], mean[1], spread[1])))


def as_table(scores: Sequence[Score]) -> str:
    """Write PCK, and below it the acceleration error, a row per module and a column per kind, as Markdown."""
    kinds, modules = (list(dict.fromkeys(getattr(score, name) for score in scores)) for name in ("kind", "module"))
    known = {(score.module, score.kind): score for score in scores}
    lines = []
    for title, value in (("PCK@0.2", "pck"), ("acceleration error", "acceleration")):
        lines += [f"| {title} | " + " | ".join(kinds) + " |", "|---" * (1 + len(kinds)) + "|"]
        for module in modules:
            cells = (_cell(known[module, kind], value) for kind in kinds)
            lines.append(f"| {module} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _cell(score: Score, value: str) -> str:
    spread = getattr(score, f"{value}_spread")
    digits = 1 if value == "pck" else 2
    return f"{getattr(score, value):.{digits}f}" + (f" ± {spread:.{digits}f}" if spread else "")


def as_document(scores: Sequence[Score], options: TemporalBarsOptions) -> dict[str, Any]:
    """Return what the numbers are and how they were measured, ready for JSON (hence `Any`)."""
    protocol = "JHMDB val clips, PCK@0.2 of the box's longer side, acceleration error in per cent of it per frame²"
    return {"protocol": protocol, "options": options.model_dump(), "scores": [asdict(score) for score in scores]}
