"""One person through a few frames, from clips and from stills that are moved: what temporal modules learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videopose.config import Options
from videopose.data.jhmdb import LabelledClip, read_jhmdb
from videopose.data.samples import LabelledImage, PersonLabel, read_clip, read_image
from videopose.data.sources import SourceOptions, load_source
from videopose.errors import DatasetError
from videopose.geometry.affine import apply, crop_from_box, rotation, scaling, translation
from videopose.geometry.boxes import clip as clip_boxes
from videopose.geometry.keypoints import boxes_around
from videopose.geometry.warp import warp_array
from videopose.skeletons import Skeleton
from videopose.types import F32, F64, U8

BOX_PADDING = 1.2
"""How far a person goes beyond their keypoints, as a factor on the box around them."""
_CANVAS = (256, 256)
_SPREAD = 1.6


class StillOptions(Options):
    """Stills that are moved as if a camera or a person did: every keypoint labelled, also those no clip has labels for.

    Speeds are the largest of a straight movement, per frame; a swing of up to the same size is added.
    """

    sources: tuple[SourceOptions, ...] = ()
    people: int = 240
    """How many people are taken of each source, evenly spread."""
    frames: int = 14
    shift: float = 0.025
    """Of the canvas, which is 1.6 times the person's box."""
    zoom: float = 0.015
    """Of the logarithm of the scale."""
    degrees: float = 1.5
    min_keypoints: int = 8
    min_side: float = 80.0
    """People whose box is shorter on its longer side are left out, pixels."""


class ClipOptions(Options):
    """Which clips temporal modules learn from."""

    annotations: str = "jhmdb/annotations.json"
    """JHMDB's, relative to the data folder."""
    clips: str = "jhmdb/clips"
    held_out: int = 5
    """Every so many of the train clips is kept for choosing; the val clips are never looked at."""
    stills: StillOptions = StillOptions()


@dataclass(frozen=True, slots=True, eq=False)
class PersonClip:
    """A few frames and one person in them.

    Attributes:
        name: unique among clips.
        source: `video` or `still`.
        read: decodes or makes the T frames, (H, W, 3) uint8 RGB.
        keypoints: (T, K, 3) x, y in image pixels and visibility.
        weight: (T, K) how much each counts.
        boxes: (T, 4) around the person, image pixels, not only around the keypoints.
    """

    name: str
    source: str
    read: Callable[[], Sequence[U8]]
    keypoints: F32
    weight: F32
    boxes: F32


def load_clips(folder: Path, options: ClipOptions, skeleton: Skeleton) -> tuple[list[PersonClip], list[PersonClip]]:
    """Read what there is to learn from and what is kept for choosing.

    Raises:
        DatasetError: the files are not of their format, or nobody is left.
    """
    labelled = read_jhmdb(folder / options.annotations, folder / options.clips, skeleton)
    videos = [from_video(clip) for clip in labelled if clip.split == "train"]
    stills = [clip for source in options.stills.sources for clip in _moving(folder, source, options.stills, skeleton)]
    kept = videos[:: options.held_out]
    learned = [clip for row, clip in enumerate(videos) if row % options.held_out]
    if not kept or not learned:
        raise DatasetError(f"{folder / options.annotations}: too few train clips to keep one of {options.held_out}")
    return [*learned, *stills], kept


def from_video(clip: LabelledClip) -> PersonClip:
    """Copy a labelled clip as it is; frames where the person is out of sight get the nearest frame's box."""
    count = len(clip.keypoints)
    boxes = clip_boxes(boxes_around(clip.keypoints, padding=BOX_PADDING), clip.size_hw)
    known = np.flatnonzero(~np.isnan(boxes).any(1))
    if not len(known):
        raise DatasetError(f"{clip.path}: {clip.name} has no keypoint inside any frame; leave it out of the index")
    nearest = known[np.abs(np.arange(count)[:, None] - known).argmin(1)]
    weight = np.ones(clip.keypoints.shape[:2], np.float32)

    def read() -> Sequence[U8]:
        if clip.path.is_dir():
            return [read_image(file) for file in sorted(clip.path.glob("*.png"))[:count]]
        return read_clip(clip.path)[:count]

    return PersonClip(clip.name, "video", read, clip.keypoints, weight, boxes[nearest])


def _moving(folder: Path, source: SourceOptions, options: StillOptions, skeleton: Skeleton) -> list[PersonClip]:
    people = [
        (image, person)
        for image in load_source(folder, source, skeleton)
        for person in image.people
        if not person.ignore
        and person.num_labelled >= options.min_keypoints
        and float(np.max(person.xyxy[2:] - person.xyxy[:2])) >= options.min_side
    ]
    chosen = np.unique(np.linspace(0, len(people) - 1, min(len(people), options.people)).astype(int))
    clips = []
    for row in chosen:
        image, person = people[row]
        rng = np.random.default_rng([row, *source.name.encode()])
        clips.append(from_still(image, person, options, rng, f"{source.name}:{row}"))
    return clips


def from_still(
    image: LabelledImage, person: PersonLabel, options: StillOptions, rng: np.random.Generator, name: str
) -> PersonClip:
    """Move a person of a still through a square image."""
    path = _path(rng, options)
    canvas_from_image = crop_from_box(person.xyxy, _CANVAS, padding=_SPREAD)
    moves = np.stack([_about_middle(*place) @ canvas_from_image for place in path])
    keypoints = np.repeat(person.keypoints[None], len(moves), 0)
    keypoints[..., :2] = apply(moves, np.repeat(person.keypoints[None, :, :2], len(moves), 0))
    inside = ((keypoints[..., :2] >= 0) & (keypoints[..., :2] <= np.array(_CANVAS[::-1]) - 1)).all(-1)
    keypoints[..., 2] *= inside
    boxes = boxes_around(keypoints, padding=BOX_PADDING)
    boxes = np.where(np.isnan(boxes), np.array([0, 0, _CANVAS[1], _CANVAS[0]], np.float32), boxes)
    weight = np.repeat(person.weight[None], len(moves), 0)

    def read() -> Sequence[U8]:
        pixels = read_image(image.path)
        return [warp_array(pixels, move, _CANVAS) for move in moves]

    return PersonClip(name, "still", read, keypoints, weight, clip_boxes(boxes, _CANVAS))


def _path(rng: np.random.Generator, options: StillOptions) -> F64:
    """Draw a smooth path, (T, 4): shift x and y in canvas pixels, log scale, degrees; it starts on one side of zero."""
    time = np.arange(options.frames) - options.frames / 2
    largest = np.array([options.shift * _CANVAS[1], options.shift * _CANVAS[0], options.zoom, options.degrees])
    straight = rng.uniform(-1, 1, 4) * largest * time[:, None]
    period = rng.uniform(8, 24, 4)
    swing = rng.uniform(0, 1, 4) * largest * period / (2 * np.pi)
    return np.asarray(straight + swing * np.sin(2 * np.pi * time[:, None] / period + rng.uniform(0, 2 * np.pi, 4)))


def _about_middle(x: float, y: float, zoom: float, degrees: float) -> F64:
    middle = np.array(_CANVAS[::-1]) / 2
    turned = rotation(degrees) @ scaling(float(np.exp(zoom)))
    return translation(middle[0] + x, middle[1] + y) @ turned @ translation(*(-middle))
