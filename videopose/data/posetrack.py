"""PoseTrack 2018 and 2021 as published: one JSON per sequence, images in folders beside."""

from __future__ import annotations

from pathlib import Path

from videopose.data.samples import LabelledImage
from videopose.data.tables import images_of
from videopose.errors import DatasetError
from videopose.io.exchange import posetrack18
from videopose.skeletons import Skeleton


def read_posetrack(annotations: Path, images: Path, skeleton: Skeleton, *, every: int = 1) -> list[LabelledImage]:
    """Read sequences; frames nobody labelled are left out.

    Args:
        annotations: one sequence's JSON, or a folder of them (`annotations/train`).
        images: the folder the files' `file_name`s are relative to, which is the set's own.
        skeleton: the target order of keypoints.
        every: take every so many labelled frames of a sequence.

    Returns:
        Images with keys `sequence:id`, so that folds keep sequences whole.

    Raises:
        DatasetError: there is no sequence, or a file is not of the format; entry and key are named.

    Source:
        Andriluka et al., PoseTrack: A Benchmark for Human Pose Estimation and Tracking, CVPR 2018.
    """
    files = sorted(annotations.glob("*.json")) if annotations.is_dir() else [annotations]
    if not files:
        raise DatasetError(f"{annotations}: holds no sequence (*.json); name PoseTrack's annotations/train")
    listed = []
    for file in files:
        sequence = images_of(
            posetrack18.read(file), skeleton, lambda frame: images / frame.name, key=f"{file.stem}:{{number}}"
        )
        listed += sequence[::every]
    return listed
