"""How well labels on every k-th frame of a clip fill in the others: JHMDB's val clips, beside a straight line.

videopose eval propagation --data DIR --every 7 --every 15
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from videopose.data.jhmdb import LabelledClip, read_jhmdb
from videopose.errors import DatasetError
from videopose.geometry.boxes import clip as clip_boxes
from videopose.geometry.keypoints import boxes_around
from videopose.image_motion.optical_flow import create_flow
from videopose.image_motion.propagation import blend_paths
from videopose.io.reader import open_video
from videopose.metrics.pck import PckCounts, count_pck, torso_length
from videopose.skeletons import skeleton_named
from videopose.types import F32, I64, Poses
from videopose.workflows.propagate import PropagateLabels, PropagateOptions, create_fusion

ALPHAS = (0.2, 0.1, 0.05)
SKELETON = skeleton_named("jhmdb15")


@dataclass(frozen=True)
class Filled:
    """What labels on every so many frames gave for the others.

    Attributes:
        every: distance of labelled frames.
        way: `propagated` or `straight line`.
        pck: per cent of keypoints within `ALPHAS` of the torso, over all labels together.
    """

    every: int
    way: str
    pck: tuple[float, ...]


def measure(data_dir: Path, distances: Sequence[int], options: PropagateOptions) -> list[Filled]:
    """Keep every k-th label of each clip, fill in the frames between, and compare with the labels left out.

    Args:
        data_dir: holds `jhmdb/annotations.json` and `jhmdb/clips`.
        distances: values of k.
        options: how labels are carried.

    Raises:
        DatasetError: the set is not there.
    """
    folder = data_dir / "jhmdb"
    if not (folder / "annotations.json").is_file():
        raise DatasetError(f"{folder}: no annotations.json there; --data names the folder that holds jhmdb/")
    clips = read_jhmdb(folder / "annotations.json", folder / "clips", SKELETON)
    chosen = [clip for clip in clips if clip.split == "val"]
    return [filled for every in distances for filled in _at(chosen, every, options)]


def _at(clips: Sequence[LabelledClip], every: int, options: PropagateOptions) -> Iterator[Filled]:
    ways: dict[str, PckCounts | None] = {"propagated": None, "straight line": None}
    for clip in clips:
        kept = np.arange(0, len(clip.keypoints), every)
        between = np.setdiff1d(np.arange(kept[-1]), kept)
        truth = clip.keypoints[between]
        for way, filled in (("propagated", _propagated(clip, kept, options)), ("straight line", _straight(clip, kept))):
            counts = count_pck(filled[between], truth, torso_length(truth, SKELETON), list(ALPHAS))
            before = ways[way]
            ways[way] = counts if before is None else before + counts
    for way, total in ways.items():
        if total is not None:
            yield Filled(every, way, tuple(round(float(100 * share), 1) for share in total.pooled()))


def _propagated(clip: LabelledClip, kept: I64, options: PropagateOptions) -> F32:
    boxes = np.nan_to_num(clip_boxes(boxes_around(clip.keypoints, padding=1.2), clip.size_hw))
    labels = {
        int(frame): Poses(clip.keypoints[[frame]], np.ones(1, np.float32), boxes[[frame]], np.ones(1, np.int64))
        for frame in kept
    }
    flow = create_flow(options.flow, Path(options.flow_path) if options.flow_path else None)
    stage = PropagateLabels(labels, SKELETON, flow, options, create_fusion(options, SKELETON))
    filled = np.full(clip.keypoints.shape, np.nan, np.float32)
    for record in stage(open_video(clip.path).records()):
        if record.poses is not None and len(record.poses) and record.frame.index < len(filled):
            filled[record.frame.index] = record.poses.keypoints[0]
    return filled


def _straight(clip: LabelledClip, kept: I64) -> F32:
    filled = np.full(clip.keypoints.shape, np.nan, np.float32)
    for start, end in pairwise(kept.tolist()):
        first, last = clip.keypoints[start], clip.keypoints[end]
        share = np.linspace(0, 1, end - start + 1)
        stays, stayed = (np.repeat(label[None, :, :2], len(share), 0).astype(np.float64) for label in (first, last))
        filled[start : end + 1] = blend_paths(first, last, stays, stayed, share)
    return filled


def as_table(measured: Sequence[Filled]) -> str:
    """Write the numbers as Markdown, a row per distance and way."""
    lines = [
        "| labels on every | way | " + " | ".join(f"PCK@{alpha}" for alpha in ALPHAS) + " |",
        "|---|---|---|---|---|",
    ]
    for row in measured:
        lines.append(f"| {row.every} frames | {row.way} | " + " | ".join(f"{share:.1f}" for share in row.pck) + " |")
    return "\n".join(lines)
