"""Decode with OpenCV, where it can be trusted; PyAV takes over where it cannot.

OpenCV stops silently where a packet is damaged, knows 8 bits and one way to read colours, and shows broken images of
some codecs. Each of these is noticed here: nothing it got wrong becomes a frame.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np

from videopose.io._color import Converter
from videopose.io._media import ffmpeg_name, is_text
from videopose.io.backends.pyav import PyAVReader
from videopose.io.base import LazyImage
from videopose.types import U8

logger = logging.getLogger(__name__)

_CLOSE = 4.0
"""Mean absolute difference of 8-bit pixels up to which two decoders' images of one frame are the same image."""

_COMPARED = 2
"""Images compared at the beginning; some decoders fail only from the second one on."""


class OpenCVReader(PyAVReader):
    """The frames of a video file decoded by OpenCV, counted and timed by the container's own timestamps."""

    def _images(self, first: int) -> Iterator[tuple[int, LazyImage]]:
        index = 0
        why = self._why_not()
        if why is None:
            # OpenCV seeks only near a frame, so it decodes from the beginning and skips.
            for index, image in enumerate(self._captured()):
                if index >= first:
                    yield index, image
            index += 1
            why = f"OpenCV stops before frame {index}"
        if index < len(self._timeline):
            logger.warning("%s: %s; PyAV decodes %s", self._path, why, "the rest" if index else "it")
            yield from super()._images(max(first, index))

    def _why_not(self) -> str | None:
        """Return why OpenCV would show something else than players do; None if it would not."""
        if self._timeline.counted or self._timeline.damage:
            return "OpenCV cannot count its frames"
        if not self._is_plain:
            return "OpenCV does not read its colours (10 bits, HDR, untagged HD) or its interlaced or cropped images"
        if self._is_one_of_several or not is_text(self._file):
            return "OpenCV cannot be told which stream or file is meant"
        pairs = zip(super()._images(0), self._captured(), strict=False)
        for (_, ours), theirs in islice(pairs, _COMPARED):
            difference = np.abs(ours().astype(np.int16) - theirs()).mean()
            if difference > _CLOSE:
                return f"OpenCV's images differ by {difference:.0f} levels"
        return None

    def _captured(self) -> Iterator[LazyImage]:
        capture = cv2.VideoCapture(ffmpeg_name(self._file), cv2.CAP_FFMPEG)
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # turned here, by the same rule for every backend
        tolerance = np.diff(self._timeline.times()).min(initial=1.0) / 2
        try:
            for index in range(len(self._timeline)):
                if not capture.grab():
                    return
                shown = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                expected = self._timeline.time(index)
                # The milliseconds count from the stream's start or from its first image, by container.
                if min(abs(shown - expected), abs(shown - expected + self._timeline.time(0))) > tolerance:
                    return
                yield _Grabbed(capture, self._converter)
        finally:
            capture.release()


class _Grabbed:
    def __init__(self, capture: cv2.VideoCapture, shape: Converter) -> None:
        self._capture, self._shape = capture, shape

    def __call__(self) -> U8:
        _, image = self._capture.retrieve()
        if image.shape[:2] != self._shape.upright_hw:
            image = cv2.resize(image, self._shape.upright_hw[::-1], interpolation=cv2.INTER_LINEAR)
        return self._shape.orientation.apply(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8))
