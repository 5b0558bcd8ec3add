"""A folder or a glob of images as a video: natural order, a frame rate instead of timestamps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from videopose.errors import VideoError
from videopose.io.base import Picture, Selection, VideoReader
from videopose.io.timeline import Timeline
from videopose.types import U8, VideoInfo

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})


class ImageReader(VideoReader):
    """The images of a folder or glob as frames, `frame_rate` to the second."""

    def __init__(
        self, path: str, files: list[Path], selection: Selection, *, frame_rate: Fraction, strict: bool = False
    ) -> None:
        self._files = files
        count = np.arange(len(files))
        timeline = Timeline(count, 1 / frame_rate, float(len(files) / frame_rate), True, count, count, {}, None)
        super().__init__(path, timeline, selection, strict=strict)
        first = next((image for image in map(_decoded, files) if not isinstance(image, str)), None)
        if first is None:
            raise VideoError(f"{path}: none of its {len(files)} images can be decoded. Give images that open")
        self.info = VideoInfo(
            path=path,
            size_hw=(first.shape[0], first.shape[1]),
            frame_rate=frame_rate,
            frames=len(files),
            duration=timeline.end,
        )

    def _pictures(self, first: int) -> Iterator[tuple[int, Picture]]:
        for index in range(first, len(self._files)):
            image = _decoded(self._files[index])
            if isinstance(image, str):
                self._reason = image
                continue
            if image.shape[:2] != self.info.size_hw:
                height, width = self.info.size_hw
                raise VideoError(
                    f"{self._files[index]}: {image.shape[1]}x{image.shape[0]} pixels, but the images before it "
                    f"have {width}x{height}; the frames of one video have one size. Give each size its own folder"
                )
            yield index, _Loaded(image)


class _Loaded:
    def __init__(self, image: U8) -> None:
        self._picture = image

    def __call__(self) -> U8:
        return np.asarray(cv2.cvtColor(self._picture, cv2.COLOR_BGR2RGB), np.uint8)


def image_files(path: str) -> list[Path]:
    """List the images of a folder, or the files a glob names, in natural order (`2.png` before `10.png`).

    Raises:
        VideoError: there is none.
    """
    if Path(path).is_dir():
        found = [file for file in Path(path).iterdir() if file.suffix.lower() in SUFFIXES]
        if not found:
            raise VideoError(
                f"{path}: a folder without images; their names end in {', '.join(sorted(SUFFIXES))}. "
                "Give a video, or a folder of images"
            )
    else:
        folder, pattern = _split_glob(path)
        found = [file for file in folder.glob(pattern) if file.is_file()]
        if not found:
            raise VideoError(f"{path}: no file matches. Check the path and the pattern")
    return sorted(found, key=natural_key)


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Make a sort key in which numbers inside names count as numbers.

    Example:
        >>> sorted([Path("a10.png"), Path("a9.png")], key=natural_key)
        [PosixPath('a9.png'), PosixPath('a10.png')]
    """
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), part) if part.isdigit() else (-1, part) for part in parts]


def _split_glob(path: str) -> tuple[Path, str]:
    parts = Path(path).parts
    first = next(index for index, part in enumerate(parts) if any(sign in part for sign in "*?["))
    return Path(*parts[:first]), str(Path(*parts[first:]))


def _decoded(file: Path) -> U8 | str:
    """Decode an image to (H, W, 3) BGR, turned by its EXIF tag; a reason if it cannot be decoded."""
    try:
        data = np.fromfile(file, np.uint8)
    except OSError as error:
        return f"{file.name}: {error.strerror}"
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return f"{file.name} is not an image" if image is None else np.asarray(image, np.uint8)
