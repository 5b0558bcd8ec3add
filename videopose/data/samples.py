"""What a training set is: images with people, keypoints already in the order of one target skeleton."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from videopose.errors import DatasetError, VideoError
from videopose.io.reader import open_video, stored_size
from videopose.types import F32, U8, Frame


@dataclass(frozen=True, slots=True, eq=False)
class PersonLabel:
    """One labelled person.

    Attributes:
        xyxy: (4,) box in image pixels.
        keypoints: (K, 3) x, y in image pixels and visibility (0 not labelled, 1 hidden, 2 visible).
        weight: (K,) how much each keypoint counts in training; below 1 for a machine's labels.
        area: square pixels, as the data set gives it, else the box's.
        ignore: a region in which people are not labelled one by one.
        key: the annotation's id in its file, "" if it has none.
    """

    xyxy: F32
    keypoints: F32
    weight: F32
    area: float
    ignore: bool = False
    key: str = ""

    @property
    def num_labelled(self) -> int:
        """Return the number of labelled keypoints."""
        return int((self.keypoints[:, 2] > 0).sum())


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One image file and the people in it.

    Attributes:
        key: unique within the data set and stable across runs; splits are made on it.
        path: of the image file.
        size_hw: (height, width) in pixels.
        people: the labelled people and ignore regions.
        frame: which frame of `path` it is, where that is a video.
        split: the part of the data set it belongs to by the set's own rule, `train`, `val` or another; "" without one.
    """

    key: str
    path: Path
    size_hw: tuple[int, int]
    people: tuple[PersonLabel, ...] = field(default=())
    frame: int | None = None
    split: str = ""


class ImageCache:
    """Decoded images, kept in memory while they fit.

    Attributes:
        limit_bytes: images beyond this are decoded each time they are used.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._images: dict[tuple[Path, int | None], U8] = {}
        self._bytes = 0

    def read(self, image: LabelledImage) -> U8:
        """Return an image as (H, W, 3) uint8 RGB.

        Raises:
            DatasetError: the file is missing, is no image, or the video has no such frame.
        """
        key = (image.path, image.frame)
        if key in self._images:
            return self._images[key]
        if image.frame is None:
            pixels = read_image(image.path)
            self._keep(key, pixels)
            return pixels
        frames = read_clip(image.path)  # a clip's frames are asked for one by one; decode it once
        for index, frame in enumerate(frames):
            self._keep((image.path, index), frame)
        if image.frame >= len(frames):
            raise DatasetError(f"{image.path}: has {len(frames)} frames, frame {image.frame} is labelled")
        return frames[image.frame]

    def _keep(self, key: tuple[Path, int | None], image: U8) -> None:
        if key not in self._images and self._bytes + image.nbytes <= self.limit_bytes:
            self._images[key] = image
            self._bytes += image.nbytes


def read_image(path: Path) -> U8:
    """Decode an image file to (H, W, 3) uint8 RGB, without turning it by its EXIF tag: labels do not know of it.

    Raises:
        DatasetError: the file is missing or is no image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise _no_image(path)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) of an image as it is stored, or of a video as it is shown, in pixels.

    Raises:
        DatasetError: the file is missing or holds no image.
    """
    try:
        return stored_size(path) or open_video(path).info.size_hw
    except VideoError as error:
        raise _no_image(path) from error


def _no_image(path: Path) -> DatasetError:
    state = "cannot be decoded" if path.is_file() else "does not exist"
    return DatasetError(f"{path}: the image {state}; check the data set's image folder")


def read_clip(path: Path) -> list[U8]:
    """Decode a short training clip whole, each frame (H, W, 3) uint8 RGB, shown as `open_video` shows it.

    Raises:
        DatasetError: the file cannot be opened, or a frame of it cannot be decoded: labels go by the frame's number.
    """
    try:
        frames = list(open_video(path))
    except VideoError as error:
        raise DatasetError(f"{path}: the clip cannot be decoded ({error})") from error
    missing = next((place for place, frame in enumerate(frames) if frame.index != place), None)
    if missing is not None:
        raise DatasetError(f"{path}: frame {missing} of the clip cannot be decoded. Copy it again, or leave it out")
    return [_pixels(frame) for frame in frames]


def _pixels(frame: Frame) -> U8:
    assert frame.image is not None, "readers give images"
    return np.ascontiguousarray(frame.image.permute(1, 2, 0).numpy())
