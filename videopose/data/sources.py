"""Data sets by config: which files, which part of them, how much of every batch, whose labels."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

from videopose.config import Options
from videopose.data.coco import read_coco
from videopose.data.jhmdb import frames_of, read_jhmdb
from videopose.data.samples import LabelledImage
from videopose.data.teacher import TeacherOptions, add_teacher
from videopose.errors import DatasetError
from videopose.geometry.boxes import clip, scale_about_center
from videopose.skeletons import Skeleton


class SourceOptions(Options):
    """One data set and how it is used."""

    name: str
    format: Literal["coco", "jhmdb"] = "coco"
    annotations: str
    """File, relative to the data folder."""
    images: str
    """Folder of images or clips, relative to the data folder."""
    share: float = 1.0
    """How much of every batch it gives, relative to the others."""
    fold: Literal["all", "train", "val"] = "all"
    """Keep all images, or one side of a split by `fold_modulo`; JHMDB's own split if the format has one."""
    fold_modulo: int = 10
    """Images whose numeric id divides by this are the `val` side; ids that are no numbers are hashed."""
    every: int = 1
    """Of clips, take every so many frames."""
    box_padding: float = 1.0
    """Factor by which boxes grow about their centres, where a set's boxes end at the keypoints."""
    teacher: TeacherOptions | None = None


def load_source(folder: Path, options: SourceOptions, skeleton: Skeleton) -> list[LabelledImage]:
    """Read a data set's labels; images are decoded later, when they are asked for.

    Raises:
        DatasetError: the files are not of their format, or nothing is left of the chosen part.
    """
    annotations, images = folder / options.annotations, folder / options.images
    if options.format == "jhmdb":
        clips = read_jhmdb(annotations, images, skeleton)
        chosen = frames_of([clip for clip in clips if options.fold in ("all", clip.split)], every=options.every)
    else:
        listed = read_coco(annotations, images, skeleton)
        chosen = [image for image in listed if options.fold in ("all", _fold(image.key, options.fold_modulo))]
    if options.teacher is not None:
        chosen = add_teacher(chosen, folder, options.teacher, skeleton)
    if options.box_padding != 1:
        chosen = [_with_larger_boxes(image, options.box_padding) for image in chosen]
    if not chosen:
        raise DatasetError(f"{annotations}: no image is left in the {options.fold} part")
    return chosen


def _with_larger_boxes(image: LabelledImage, factor: float) -> LabelledImage:
    people = (
        replace(person, xyxy=clip(scale_about_center(person.xyxy, factor), image.size_hw)) for person in image.people
    )
    return replace(image, people=tuple(people))


def _fold(key: str, modulo: int) -> Literal["train", "val"]:
    number = int(key) if key.isdecimal() else zlib.crc32(key.encode())
    return "val" if number % modulo == 0 else "train"
