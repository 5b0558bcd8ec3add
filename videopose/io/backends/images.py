"""A folder or a glob of images as a video: natural order, a frame rate instead of timestamps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from videopose.errors import VideoError
from videopose.io._image_files import describe_holes, image_files, missing_behind, natural_key, no_numbers
from videopose.io._media import is_text, readable_name
from videopose.io.base import LazyImage, Selection, VideoReader
from videopose.io.timeline import evenly_spaced
from videopose.types import U8, VideoInfo

__all__ = ["ImageReader", "image_files", "natural_key", "num_images"]

logger = logging.getLogger(__name__)

_DEPTHS = (8, 10, 12, 14)
"""Bits cameras and microscopes store in 16, beside 16 itself."""

_LOOKED_AT = 8
"""Images looked at to see how many of 16 bits are used."""

Page = tuple[Path, int] | None
"""A file and which of its images; None for an image that is missing."""


class ImageReader(VideoReader):
    """The images of a folder or glob as frames, `frame_rate` to the second; files of several images count as many."""

    def __init__(
        self,
        path: str,
        files: list[Path],
        selection: Selection,
        *,
        frame_rate: Fraction,
        strict: bool = False,
        keep_holes: bool = False,
    ) -> None:
        path = readable_name(path)
        self._pages = _pages_of(path, files, keep_holes=keep_holes)
        self._opened: tuple[Path, list[np.ndarray]] | None = None
        timeline = evenly_spaced(len(self._pages), frame_rate)
        super().__init__(path, timeline, selection, strict=strict)
        images = (self._decoded(page) for page in self._pages if page is not None)
        first = next((image for image in images if not isinstance(image, str)), None)
        if first is None:
            raise VideoError(f"{path}: none of its {len(files)} images can be decoded. Give images that open")
        self._depth = self._find_depth() if first.dtype == np.uint16 else 16
        self.info = VideoInfo(
            path=path,
            size_hw=(first.shape[0], first.shape[1]),
            frame_rate=frame_rate,
            frames=len(self._pages),
            duration=timeline.end,
        )

    def _images(self, first: int) -> Iterator[tuple[int, LazyImage]]:
        for index in range(first, len(self._pages)):
            page = self._pages[index]
            image = "there is no image of this number" if page is None else self._decoded(page)
            if isinstance(image, str):
                self._reason = image
                continue
            if image.shape[:2] != self.info.size_hw:
                height, width = self.info.size_hw
                raise VideoError(
                    f"{page and page[0]}: {image.shape[1]}x{image.shape[0]} pixels, but the images before it "
                    f"have {width}x{height}; the frames of one video have one size. Give each size its own folder"
                )
            yield index, lambda image=image: self._rgb(image)  # type: ignore[misc]

    def _rgb(self, image: np.ndarray) -> U8:
        if image.dtype == np.uint16:
            image = np.minimum(image >> (self._depth - 8), 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)

    def _find_depth(self) -> int:
        """Find how many of 16 bits are used: what one camera stores in 16 bits may end at 4095."""
        pages = [page for page in self._pages if page is not None]
        chosen = [pages[row] for row in np.linspace(0, len(pages) - 1, _LOOKED_AT).round().astype(int)]
        images = [self._decoded(page) for page in dict.fromkeys(chosen)]
        highest = max(int(image.max()) for image in images if not isinstance(image, str))
        depth = next((bits for bits in _DEPTHS if highest < 1 << bits), 16)
        if depth < 16:
            logger.warning(
                "%s: its images have 16 bits, but no value above %d; they are read as %d bits",
                self._path,
                highest,
                depth,
            )
        return depth

    def _decoded(self, page: tuple[Path, int]) -> np.ndarray | str:
        """Decode an image to (H, W, 3) BGR, turned by its EXIF tag; a reason if it cannot be decoded."""
        file, number = page
        if self._opened is None or self._opened[0] != file:
            images = _read(file)
            if isinstance(images, str):
                return images
            self._opened = (file, images) if len(images) > 1 else None
        else:
            images = self._opened[1]
        return images[number] if number < len(images) else f"{file.name} has no image {number}"


def _pages_of(path: str, files: list[Path], *, keep_holes: bool) -> list[Page]:
    missing = missing_behind(files)
    if keep_holes and not missing:
        raise no_numbers(path)
    if any(missing):
        what = "are kept as gaps" if keep_holes else "are passed over (--keep-holes keeps them as gaps)"
        logger.warning("%s: numbers of images are missing and %s: %s", path, what, describe_holes(files, missing))
    pages: list[Page] = []
    for row, file in enumerate(files):
        pages += [(file, number) for number in range(num_images(file))]
        pages += [None] * (missing[row] if keep_holes else 0)
    return pages


def num_images(file: Path) -> int:
    """Count the images in an image file: pages of a TIFF, frames of an animated WebP or PNG; 1 if nobody can say."""
    try:
        with file.open("rb") as opened:
            head = opened.read(4096)
    except OSError:
        return 1
    if not _may_hold_several(head):
        return 1
    if is_text(file):
        try:
            return max(1, cv2.imcount(str(file)))
        except cv2.error:
            return 1
    images = _read(file)
    return 1 if isinstance(images, str) else len(images)


def _read(file: Path) -> list[np.ndarray] | str:
    try:
        data = np.fromfile(file, np.uint8)
    except OSError as error:
        return f"{file.name}: {error.strerror}"
    if not data.size:
        return f"{file.name} is not an image"
    is_paged = _may_hold_several(bytes(data[:4096]))
    try:
        deep = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, is_paged=is_paged)
        if any(image.dtype not in (np.uint8, np.uint16) for image in deep):
            deep = _decode(data, cv2.IMREAD_COLOR, is_paged=is_paged)
    except cv2.error as error:
        return f"{file.name} cannot be decoded ({error.err})"
    return deep or f"{file.name} is not an image"


def _may_hold_several(head: bytes) -> bool:
    """Check by its first bytes whether an image file is of a kind that can hold several images."""
    return head[:2] in (b"II", b"MM") or b"ANIM" in head[:64] or (head[:4] == b"\x89PNG" and b"acTL" in head)


def _decode(data: np.ndarray, flags: int, *, is_paged: bool) -> list[np.ndarray]:
    if is_paged:
        is_read, images = cv2.imdecodemulti(data, flags)
        return list(images) if is_read else []
    image = cv2.imdecode(data, flags)
    return [] if image is None else [image]
