"""Decode with OpenCV. It stops silently where a packet is damaged, so PyAV takes over wherever it does."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import cv2
import numpy as np

from videopose.io.backends.pyav import PyAVReader
from videopose.io.base import Picture
from videopose.types import U8

logger = logging.getLogger(__name__)


class OpenCVReader(PyAVReader):
    """The frames of a video file decoded by OpenCV, counted and timed by the container's own timestamps."""

    def _pictures(self, first: int) -> Iterator[tuple[int, Picture]]:
        index = 0
        if self._timeline.is_exact:
            # OpenCV seeks only near a frame, so it decodes from the beginning and skips.
            for index, image in enumerate(self._captured()):
                if index >= first:
                    yield index, image
            index += 1
        if index < len(self._timeline):
            logger.warning("%s: OpenCV stops before frame %d; PyAV decodes the rest", self._path, index)
            yield from super()._pictures(max(first, index))

    def _captured(self) -> Iterator[Picture]:
        capture = cv2.VideoCapture(self._path, cv2.CAP_FFMPEG)
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
                yield _Grabbed(capture, self._upright_hw, self._rotation)
        finally:
            capture.release()


class _Grabbed:
    def __init__(self, capture: cv2.VideoCapture, upright_hw: tuple[int, int], rotation: int) -> None:
        self._capture = capture
        self._upright_hw = upright_hw
        self._rotation = rotation

    def __call__(self) -> U8:
        _, image = self._capture.retrieve()
        if image.shape[:2] != self._upright_hw:
            image = cv2.resize(image, self._upright_hw[::-1], interpolation=cv2.INTER_LINEAR)
        return np.rot90(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self._rotation // 90)
