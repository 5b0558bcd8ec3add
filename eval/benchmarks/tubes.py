"""Do tubes cost accuracy? Whole pipelines, detector and all, side by side on JHMDB's validation clips.

Every frame is scored by the person whose box overlaps the labelled one most; if nobody's does, all is wrong. Poses are
taken before tracks are smoothed, so that what is compared is what the networks and the merging gave.

    python -m videopose.eval.benchmarks.tubes --data DIR --pipelines default,tubes --kinds clean,motion_blur
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from videopose.data.degrade import KINDS, clip_seed, degrade
from videopose.data.jhmdb import LabelledClip, read_jhmdb
from videopose.data.person_clips import from_video
from videopose.geometry.boxes import iou
from videopose.metrics.pck import PckCounts, count_pck, longer_side
from videopose.metrics.temporal import TemporalSums, sum_track
from videopose.skeletons import Skeleton, skeleton_named
from videopose.stages.pipeline import Pipeline
from videopose.stages.smooth import TrackAndSmooth
from videopose.types import F32, F64, U8, Frame, Record
from videopose.workflows.pipelines import load_pipeline

from .networks import CLIP_RATE, jhmdb_from

CLEAN = "clean"
ALPHAS = (0.1, 0.2)


@dataclass(frozen=True)
class Row:
    """One pipeline on one kind of video.

    Attributes:
        pipeline: name of its config.
        kind: `clean` or a kind of degradation.
        pck: PCK of the longer side of the labelled box at `ALPHAS`, all keypoints together, per cent.
        acceleration: mean error of the second difference, per cent of that side per frame².
        missed: share of frames in which nobody overlaps the labelled person, per cent.
        cpu: processor time, milliseconds a frame.
    """

    pipeline: str
    kind: str
    pck: tuple[float, ...]
    acceleration: float
    missed: float
    cpu: float


def measure(
    data_dir: Path, pipelines: Sequence[str], kinds: Sequence[str], *, every: int = 1, overrides: Sequence[str] = ()
) -> Iterator[Row]:
    """Measure pipelines on every `every`-th validation clip.

    Raises:
        DatasetError: JHMDB is not there or cannot be read.
        ConfigError: a pipeline or an override is wrong.
    """
    target = skeleton_named("jhmdb15")
    clips = read_jhmdb(data_dir / "jhmdb/annotations.json", data_dir / "jhmdb/clips", target)
    clips = [clip for clip in clips if clip.split == "val"][::every]
    for kind in kinds:
        videos = [(clip, _frames(clip, kind)) for clip in clips]
        for name in pipelines:
            yield _measure(name, kind, videos, overrides)


def _frames(clip: LabelledClip, kind: str) -> Sequence[U8]:
    person = from_video(clip)
    frames = person.read()
    chosen = [known for known in KINDS if known == kind]
    return degrade(frames, person.boxes, chosen[0], clip_seed(0, clip.name, chosen[0])) if chosen else frames


def _measure(
    name: str, kind: str, videos: Sequence[tuple[LabelledClip, Sequence[U8]]], overrides: Sequence[str]
) -> Row:
    recipe = load_pipeline(name, ["detector.min_score=0.1", *overrides])
    skeleton = recipe.skeleton
    networks = recipe.networks(torch.device("cpu"))
    behind = recipe.tracks().stages
    merging = Pipeline(tuple(stage for stage in behind if not isinstance(stage, TrackAndSmooth)))
    counts: PckCounts | None = None
    sums = TemporalSums.zero(len(skeleton_named("jhmdb15")))
    frames = missed = 0
    begun = time.process_time()
    for clip, images in videos:
        records = (
            Record(Frame(k, k / CLIP_RATE, torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)))
            for k, image in enumerate(images)
        )
        boxes = from_video(clip).boxes[: len(images)]
        found = [_of_person(record, boxes[k], skeleton) for k, record in enumerate(merging(networks(records)))]
        part, moving = _judged(np.stack(found), clip.keypoints[: len(images)], longer_side(boxes))
        counts, sums = part if counts is None else counts + part, sums + moving
        frames, missed = frames + len(images), missed + sum(bool(np.isnan(pose).all()) for pose in found)
    assert counts is not None, "there are clips"
    pck = tuple(100 * float(share) for share in counts.pooled())
    cpu = 1000 * (time.process_time() - begun) / frames
    return Row(name, kind, pck, 100 * sums.numbers()["acceleration_error"], 100 * missed / frames, cpu)


def _of_person(record: Record, box: F32, skeleton: Skeleton) -> F32:
    """Return JHMDB's keypoints of the person that overlaps a box most; NaN if none does."""
    nobody = np.full((len(skeleton_named("jhmdb15")), 3), np.nan, np.float32)
    if record.poses is None or not len(record.poses):
        return nobody
    overlap = iou(record.poses.xyxy, box[None])[:, 0]
    return jhmdb_from(record.poses.keypoints[overlap.argmax()], skeleton) if overlap.max() > 0 else nobody


def _judged(found: F32, truth: F32, side: F64) -> tuple[PckCounts, TemporalSums]:
    real = np.where(truth[..., 2:] > 0, truth[..., :2], np.nan).astype(np.float64)
    flip = np.asarray(skeleton_named("jhmdb15").flip_index)
    moving = sum_track(found[..., :2].astype(np.float64), real, side, np.arange(len(truth)), flip)
    return count_pck(found, truth, side, ALPHAS), moving


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with jhmdb/")
    parser.add_argument("--pipelines", default="default,tubes", help="names of configs, comma separated")
    parser.add_argument("--kinds", default=CLEAN, help=f"comma separated, of clean, {', '.join(KINDS)}")
    parser.add_argument("--every", type=int, default=1, help="take every so many clips")
    parser.add_argument("--set", action="append", default=[], help="key=value, as `videopose run` takes them")
    chosen = parser.parse_args(arguments)
    for row in measure(
        chosen.data, chosen.pipelines.split(","), chosen.kinds.split(","), every=chosen.every, overrides=chosen.set
    ):
        pck = " | ".join(f"{value:.1f}" for value in row.pck)
        numbers = f"{row.acceleration:.2f} | {row.missed:.1f} | {row.cpu:.0f}"
        sys.stdout.write(f"| {row.pipeline} | {row.kind} | {pck} | {numbers} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
