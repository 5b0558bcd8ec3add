"""JHMDB: short clips with one annotated person, 15 keypoints in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videopose.data.coco import load_json, target_columns
from videopose.data.samples import LabelledImage, PersonLabel, image_size
from videopose.data.tables import keypoints_of, within_frame
from videopose.errors import DatasetError
from videopose.geometry.boxes import clip as clip_boxes
from videopose.geometry.keypoints import boxes_around
from videopose.io.exchange import matlab
from videopose.skeletons import Skeleton
from videopose.types import F32, I64

_PARTS = {"1": "train", "2": "val"}
"""What the numbers in JHMDB's split files mean."""
_UNUSED = "unused"


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClip:
    """A video and one person's keypoints through it.

    Attributes:
        name: of the clip.
        action: what the person does.
        path: of the video file, or of the folder of its frames, `00001.png` and so on.
        split: `train` or `val`, or `unused` for a clip that belongs to neither.
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


def read_jhmdb(annotations: Path, clips: Path, skeleton: Skeleton, *, split: int = 1) -> list[LabelledClip]:
    """Read JHMDB as published, or an index of its clips in JSON.

    Joints are given also when outside the frame; those are masked.

    Args:
        annotations: the set's folder `joint_positions`, with its folder `splits` beside it; or a JSON file with
            `keypoint_names`, `width`, `height`, `clips[].keypoints[frame][15][x, y]`.
        clips: `Rename_Images` or `ReCompress_Videos`; for the JSON file, the folder its `clip`s are relative to.
        skeleton: the target order of keypoints.
        split: which of the set's three splits tells training from validation; a JSON file has its own.

    Raises:
        DatasetError: a file is missing or not of the layout.

    Source:
        Jhuang et al., Towards Understanding Action Recognition, ICCV 2013.
    """
    if annotations.is_dir():
        return _read_published(annotations, clips, skeleton, split)
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


def _read_published(positions: Path, clips: Path, skeleton: Skeleton, split: int) -> list[LabelledClip]:
    files = sorted(positions.glob("*/*/joint_positions.mat"))
    if not files:
        raise DatasetError(f"{positions}: holds no ACTION/CLIP/joint_positions.mat; name JHMDB's joint_positions")
    parts = _read_split(positions.parent / "splits", split)
    listed = []
    for file in files:
        action, name = file.parent.parent.name, file.parent.name
        folder, video = clips / action / name, clips / action / f"{name}.avi"
        path = folder if folder.is_dir() else video
        size_hw = image_size(_frame_file(folder, 0) if folder.is_dir() else video)
        keypoints = within_frame(keypoints_of(matlab.read(file), skeleton), size_hw)
        listed.append(LabelledClip(name, action, path, parts.get(name, _UNUSED), size_hw, keypoints))
    return listed


def _read_split(folder: Path, number: int) -> dict[str, str]:
    """Read `ACTION_test_splitN.txt`, lines of a clip's file name and 1 or 2; gives clip -> part."""
    files = sorted(folder.glob(f"*_test_split{number}.txt"))
    if not files:
        raise DatasetError(f"{folder}: holds no *_test_split{number}.txt; JHMDB's splits belong beside joint_positions")
    parts = {}
    for file in files:
        for position, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
            words = line.split()
            if words and (len(words) != 2 or not words[1].isdecimal()):
                raise DatasetError(f"{file}: line {position} is {line!r}; a clip's name and a number are needed")
            if words:
                parts[Path(words[0]).stem] = _PARTS.get(words[1], _UNUSED)
    return parts


def _frame_file(folder: Path, index: int) -> Path:
    return folder / f"{index + 1:05d}.png"


def _placed(points: F32, size_hw: tuple[int, int], source: I64, target: I64, num_keypoints: int) -> F32:
    keypoints = np.zeros((len(points), num_keypoints, 3), np.float32)
    keypoints[:, target, :2] = points[:, source]
    keypoints[:, target, 2] = 2
    return within_frame(keypoints, size_hw)


def frames_of(clips: list[LabelledClip], *, every: int = 1) -> list[LabelledImage]:
    """Return every `every`-th frame of clips as an image with one person, boxed by the keypoints inside the frame."""
    out = []
    for clip in clips:
        in_files = clip.path.is_dir()
        boxes = clip_boxes(boxes_around(clip.keypoints, padding=1.2), clip.size_hw)
        for index in range(0, len(clip.keypoints), every):
            box, keypoints = boxes[index], clip.keypoints[index]
            if np.isnan(box).any():
                continue
            area = float((box[2] - box[0]) * (box[3] - box[1]))
            person = PersonLabel(box, keypoints, np.ones(len(keypoints), np.float32), area)
            path, frame = (_frame_file(clip.path, index), None) if in_files else (clip.path, index)
            key = f"{clip.name}:{index}"
            out.append(LabelledImage(key, path, clip.size_hw, (person,), frame=frame, split=clip.split))
    return out
