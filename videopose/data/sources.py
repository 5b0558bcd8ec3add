"""Data sets by config: which files, which part of them, how much of every batch, whose labels."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

from videopose.config import Options
from videopose.data.coco import read_coco
from videopose.data.jhmdb import frames_of, read_jhmdb
from videopose.data.lsp import read_lsp
from videopose.data.posetrack import read_posetrack
from videopose.data.samples import LabelledImage
from videopose.data.soft_boxes import SoftBoxOptions, add_soft_boxes
from videopose.data.teacher import TeacherOptions, add_teacher
from videopose.errors import DatasetError
from videopose.geometry.boxes import clip, scale_about_center
from videopose.skeletons import Skeleton


class SourceOptions(Options):
    """One data set and how it is used."""

    name: str
    format: Literal["coco", "lsp", "jhmdb", "posetrack"] = "coco"
    annotations: str
    """File, relative to the data folder; for `lsp` joints.mat, for `jhmdb` the folder joint_positions (or an index in
    JSON), for `posetrack` a sequence or a folder of them."""
    images: str
    """Folder of images or clips, relative to the data folder."""
    share: float = 1.0
    """How much of every batch it gives, relative to the others."""
    fold: Literal["all", "train", "val"] = "all"
    """Keep all images, or one side of the set's own split (LSP, JHMDB), else of a split by `fold_modulo`."""
    fold_modulo: int = 10
    """Images whose numeric id divides by this are the `val` side; sequences and ids that are no numbers are hashed."""
    split: Literal[1, 2, 3] = 1
    """Which of JHMDB's three splits."""
    every: int = 1
    """Of clips and sequences, take every so many frames."""
    box_padding: float = 1.0
    """Factor by which boxes grow about their centres, where a set's boxes end at the keypoints."""
    teacher: TeacherOptions | None = None
    soft_boxes: SoftBoxOptions | None = None
    """A machine's boxes for people the set leaves out."""


def load_source(folder: Path, options: SourceOptions, skeleton: Skeleton) -> list[LabelledImage]:
    """Read a data set's labels; images are decoded later, when they are used.

    Raises:
        DatasetError: the files are not of their format, or nothing is left of the chosen part.
    """
    annotations, images = folder / options.annotations, folder / options.images
    if options.format == "jhmdb":
        listed = frames_of(read_jhmdb(annotations, images, skeleton, split=options.split), every=options.every)
    elif options.format == "lsp":
        listed = read_lsp(annotations, images, skeleton)
    elif options.format == "posetrack":
        listed = read_posetrack(annotations, images, skeleton, every=options.every)
    else:
        listed = read_coco(annotations, images, skeleton)
    chosen = [image for image in listed if options.fold in ("all", _part(image, options.fold_modulo))]
    if options.teacher is not None:
        chosen = add_teacher(chosen, folder, options.teacher, skeleton)
    if options.soft_boxes is not None:
        chosen = add_soft_boxes(chosen, folder, options.soft_boxes)
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


def _part(image: LabelledImage, modulo: int) -> str:
    if image.split:
        return image.split
    key = image.key.partition(":")[0]  # all of a sequence on one side
    number = int(key) if key.isdecimal() else zlib.crc32(key.encode())
    return "val" if number % modulo == 0 else "train"
