"""Frames of a video as JPEG for the page: decoded by our own reader, so that index, time and rotation are exact."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

import cv2
import numpy as np

from videopose.errors import VideoPoseError
from videopose.io.base import VideoReader
from videopose.types import U8, Frame

WIDTHS = (320, 480, 640, 960, 1280, 1920, 2560, 3840)
"""Widths images are made for; one that is asked for is rounded up to the next of these."""
_BYTES = 256 << 20
_AHEAD = 30
"""Frames read ahead in the direction of travel."""
_ON_THE_WAY = 24
"""Frames kept of those that are decoded on the way to a wanted one."""
_QUALITY = 92
_MOST_WAITING = 256

Key = tuple[int, int]
"""Index of a frame, and the width its image is made for."""


class FrameStore:
    """Encoded frames, the least recently used of which are forgotten; one thread decodes.

    Attributes:
        width: of the video, pixels.
    """

    def __init__(self, open_reader: Callable[[], VideoReader], width: int, num_frames: int) -> None:
        """Start.

        Args:
            open_reader: opens the video; called in the thread that decodes.
            width: of its images, pixels.
            num_frames: it has.
        """
        self.width = max(width, 1)
        self._open, self._num_frames = open_reader, num_frames
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0
        self._failed: dict[int, str] = {}
        self._waiting: OrderedDict[Key, tuple[bool, list[Future[bytes]]]] = OrderedDict()
        self._ahead: list[Key] = []
        self._last = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="frames", daemon=True)
        self._thread.start()

    def width_for(self, wanted: int | None) -> int:
        """Return the width an image is made for; never wider than the video."""
        if wanted is None:
            return self.width
        return min(self.width, next((each for each in WIDTHS if each >= wanted), self.width))

    def request(self, index: int, width: int, *, is_ahead: bool = False) -> Future[bytes]:
        """Ask for a frame; the answer raises `VideoPoseError` where it cannot be decoded.

        Args:
            index: of the frame.
            width: one of `width_for`.
            is_ahead: nobody waits for it yet.
        """
        key = (index, width)
        answer: Future[bytes] = Future()
        with self._changed:
            if not is_ahead:
                self._look_ahead(index, width)
            if key in self._kept:
                self._kept.move_to_end(key)
                answer.set_result(self._kept[key])
            elif index in self._failed or not 0 <= index < self._num_frames:
                answer.set_exception(VideoPoseError(self._failed.get(index, f"the video has no frame {index}")))
            elif len(self._waiting) >= _MOST_WAITING:
                answer.set_exception(VideoPoseError("too many frames are asked for at once"))
            else:
                ahead, answers = self._waiting.pop(key, (True, []))
                self._waiting[key] = (ahead and is_ahead, [*answers, answer])
            self._changed.notify()
        return answer

    def close(self) -> None:
        """Stop the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def _look_ahead(self, index: int, width: int) -> None:
        step = -1 if index < self._last else 1
        self._last = index
        wanted = range(index + step, index + step * (_AHEAD + 1), step)
        keys = [(each, width) for each in wanted if 0 <= each < self._num_frames]
        # Backwards a jump to the far end brings what lies before the near one.
        self._ahead = keys if step > 0 else keys[:: _ON_THE_WAY + 1]

    def _work(self) -> None:
        reader: VideoReader | None = None
        while (task := self._next_task()) is not None:
            (index, width), answers = task
            try:
                reader = reader or self._open()
                frames = reader.with_those_before(index, _ON_THE_WAY)
                jpeg = encode(frames[-1], width)
                self._keep((index, width), jpeg)
                for answer in answers:
                    answer.set_result(jpeg)
                for frame in reversed(frames[:-1]):
                    if (frame.index, width) not in self._kept:
                        self._keep((frame.index, width), encode(frame, width))
            except VideoPoseError as error:
                with self._changed:
                    self._failed[index] = str(error)
                for answer in answers:
                    answer.set_exception(error)
        if reader is not None:
            reader.close()

    def _next_task(self) -> tuple[Key, list[Future[bytes]]] | None:
        """Wait for something to do: what somebody waits for, the latest first, then what is read ahead."""
        with self._changed:
            while not self._is_closed:
                urgent = next((key for key in reversed(self._waiting) if not self._waiting[key][0]), None)
                key = urgent if urgent is not None else next(iter(self._waiting), None)
                if key is not None:
                    answers = self._waiting.pop(key)[1]
                    if key not in self._kept:
                        return key, answers
                    for answer in answers:
                        answer.set_result(self._kept[key])
                    continue
                while self._ahead:
                    key = self._ahead.pop(0)
                    if key not in self._kept and key[0] not in self._failed:
                        return key, []
                self._changed.wait()
        return None

    def _keep(self, key: Key, jpeg: bytes) -> None:
        with self._changed:
            self._bytes += len(jpeg) - len(self._kept.pop(key, b""))
            self._kept[key] = jpeg
            while self._bytes > _BYTES and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1])


def encode(frame: Frame, width: int) -> bytes:
    """Return a frame as JPEG, shrunk to a width."""
    assert frame.image is not None, "a reader gives images"
    image: U8 = frame.image.permute(1, 2, 0).numpy()
    if width < image.shape[1]:
        height = max(1, round(image.shape[0] * width / image.shape[1]))
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
