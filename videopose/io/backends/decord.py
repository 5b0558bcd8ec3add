"""Decode with decord, where it is installed and can be trusted; PyAV takes over where it cannot.

decord 0.6 repeats the last image where it cannot seek, fails on a damaged packet and garbles turned video. Each of
these is noticed here: nothing it got wrong becomes a frame.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from videopose.errors import InputError
from videopose.io._media import is_text
from videopose.io.backends.pyav import PyAVReader
from videopose.io.base import LazyImage, Selection
from videopose.types import U8

logger = logging.getLogger(__name__)

_CLOSE = 4.0
"""Mean absolute difference of 8-bit pixels up to which two decoders' images of one frame are the same image."""


class DecordReader(PyAVReader):
    """The frames of a video file decoded by decord, counted and timed by the container's own timestamps."""

    def __init__(
        self,
        path: Path,
        selection: Selection,
        *,
        strict: bool = False,
        stream: int | None = None,
        allow_references: bool = False,
    ) -> None:
        self._decord = _load_decord()
        super().__init__(path, selection, strict=strict, stream=stream, allow_references=allow_references)

    def _images(self, first: int) -> Iterator[tuple[int, LazyImage]]:
        index = first
        for index, image in enumerate(self._trusted(first), start=first):
            yield index, lambda image=image: image  # type: ignore[misc]
            index += 1
        if index < len(self._timeline):
            yield from super()._images(index)

    def _trusted(self, first: int) -> Iterator[U8]:
        """Return decord's images from `first` on, up to the first one in doubt."""
        is_address = ":" in str(self._file) or not is_text(self._file)
        if self._timeline.counted or not self._is_plain or self._is_one_of_several or is_address:
            logger.info("%s: decord does not know its kind of images; PyAV decodes it", self._path)
            return
        try:
            video = self._decord.VideoReader(str(self._file))
            if len(video) != len(self._timeline) or not self._agrees(video, first):
                logger.info("%s: decord and the container disagree; PyAV decodes it", self._path)
                return
            before = None
            for index in range(first, len(video)):
                image: U8 = video[index].asnumpy()
                if before is not None and np.array_equal(image, before):
                    logger.info("%s: decord repeats frame %d; PyAV decodes the rest", self._path, index)
                    return
                before = image
                yield image
        except self._decord.DECORDError as error:
            logger.warning("%s: decord failed (%s); PyAV decodes the rest", self._path, str(error).split(": ")[-1])

    def _agrees(self, video: Any, first: int) -> bool:  # Any: decord has no types
        _, reference = next(super()._images(first), (first, None))
        if reference is None:
            return False
        ours, theirs = reference(), video[first].asnumpy()
        return ours.shape == theirs.shape and bool(np.abs(ours.astype(np.int16) - theirs).mean() <= _CLOSE)


def _load_decord() -> Any:  # Any: a module that need not be there
    try:
        return importlib.import_module("decord")
    except ImportError as error:
        raise InputError(
            "backend decord: decord is not installed. Leave --backend out, or pip install 'videopose[decord]'"
        ) from error
