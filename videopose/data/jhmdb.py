"""JHMDB: short clips with one annotated person, 15 keypoints in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videopose.data.coco import load_json, target_columns
from videopose.data.samples import LabelledImage, PersonLabel
from videopose.errors import DatasetError
from videopose.geometry.boxes import clip as clip_boxes
from videopose.geometry.keypoints import boxes_around
from videopose.skeletons import Skeleton
from videopose.types import F32, I64


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClip:
    """A video and one person's keypoints through it.

    Attributes:
        name: of the clip.
        action: what the person does.
        path: of the video file.
        split: `train` or `val`.
        size_hw: (height, width) of a frame, pixels.
        keypoints: (T, K, 3) x, y in image pixels and visibility: 0 where the skeleton's keypoint is not labelled or
            lies outside the frame, else 2.
    """

    name: str
    action: str
    path: Path
    split: str
    size_hw: tuple[int, int]
    keypoints: F32


def read_jhmdb(annotations: Path, clips: Path, skeleton: Skeleton) -> list[LabelledClip]:
    """Read an index of JHMDB clips in JSON: `keypoint_names`, `width`, `height`, `clips[].keypoints[frame][15][x, y]`.

    Joints are given also when outside the frame; those are masked.

    Raises:
        DatasetError: a key is missing or a clip's array has the wrong shape.

    Source:
        Jhuang et al., Towards Understanding Action Recognition, ICCV 2013.
    """
    document = load_json(annotations)
    try:
        source, target = target_columns([str(name) for name in document["keypoint_names"]], skeleton)
        size_hw = (int(document["height"]), int(document["width"]))
        return [
            LabelledClip(
                name=Path(clip["clip"]).stem,
                action=str(clip["action"]),
                path=clips / str(clip["clip"]),
                split=str(clip["split"]),
                size_hw=size_hw,
                keypoints=_placed(np.array(clip["keypoints"], np.float32), size_hw, source, target, len(skeleton)),
            )
            for clip in document["clips"]
        ]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DatasetError(f"{annotations}: not in JHMDB's layout: {type(error).__name__} {error}") from error


def _placed(points: F32, size_hw: tuple[int, int], source: I64, target: I64, num_keypoints: int) -> F32:
    keypoints = np.zeros((len(points), num_keypoints, 3), np.float32)
    x, y = points[..., 0], points[..., 1]
    inside = (x >= 0) & (y >= 0) & (x <= size_hw[1] - 1) & (y <= size_hw[0] - 1)
    keypoints[:, target, :2] = points[:, source]
    keypoints[:, target, 2] = np.where(inside[:, source], 2, 0)
    return keypoints


def frames_of(clips: list[LabelledClip], *, every: int = 1) -> list[LabelledImage]:
    """Give every `every`-th frame of clips as an image with one person, boxed by the keypoints inside the frame."""
    out = []
    for clip in clips:
        boxes = clip_boxes(boxes_around(clip.keypoints, padding=1.2), clip.size_hw)
        for index in range(0, len(clip.keypoints), every):
            box, keypoints = boxes[index], clip.keypoints[index]
            if np.isnan(box).any():
                continue
            area = float((box[2] - box[0]) * (box[3] - box[1]))
            person = PersonLabel(box, keypoints, np.ones(len(keypoints), np.float32), area)
            out.append(LabelledImage(f"{clip.name}:{index}", clip.path, clip.size_hw, (person,), frame=index))
    return out
