"""Open a video, whatever it is, and iterate over its frames with exact index and time.

`open_video` chooses the backend; `VideoReader` holds what all of them share: which frames are wanted, which are
missing, and when each is shown. A backend only turns packets or files into images.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Self, overload

import numpy as np
import torch

from videopose.errors import InputError, VideoError
from videopose.io.timeline import Timeline
from videopose.types import U8, Frame, Gap, Record, VideoInfo

logger = logging.getLogger(__name__)

LazyImage = Callable[[], U8]
"""Makes the displayed image, (H, W, 3) RGB; not called for frames that are not used."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which frames of a video are wanted.

    Attributes:
        start: first presentation time, seconds; None for the beginning.
        end: presentation time to stop before, seconds; None for the end.
        frames: first and last index, inclusive; None for all. A last of None is the end.
        every: take the first of these frames and every nth after it.
    """

    start: float | None = None
    end: float | None = None
    frames: tuple[int, int | None] | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"every = {self.every}: take every 1st, 2nd, 3rd … frame, so give 1 or more")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise InputError(f"end = {self.end:g} s is not after start = {self.start:g} s")
        if self.frames is not None and self.frames[0] < 0:
            raise InputError(f"frames {self.frames[0]}: indices count from 0")
        if self.frames is not None and self.frames[1] is not None and self.frames[1] < self.frames[0]:
            raise InputError(f"frames {self.frames[0]}-{self.frames[1]}: the last comes before the first")

    def bounds(self, timeline: Timeline) -> tuple[int, int]:
        """Return the first index and the one after the last."""
        first, stop = 0, len(timeline)
        if self.frames is not None:
            first = self.frames[0]
            stop = stop if self.frames[1] is None else min(stop, self.frames[1] + 1)
        half_tick = float(timeline.time_base) / 2  # seconds a user types are no whole number of ticks
        if self.start is not None:
            first = max(first, int(np.searchsorted(timeline.times(), self.start - half_tick)))
        if self.end is not None:
            stop = min(stop, int(np.searchsorted(timeline.times(), self.end - half_tick)))
        return first, stop

    def reaches_end(self) -> bool:
        """Check whether frames are wanted up to the end of the video, wherever that is."""
        return self.end is None and (self.frames is None or self.frames[1] is None)


class VideoReader(ABC):
    """The frames of one video, in presentation order. Iterating twice gives the same frames twice.

    Attributes:
        info: what is known of the video before it is decoded.
        gaps: frames of the last iteration that could not be decoded, so far.
        num_frames: how many frames an iteration gives if nothing is missing.
    """

    info: VideoInfo

    def __init__(self, path: str, timeline: Timeline, selection: Selection, *, strict: bool) -> None:
        self._path = path
        self._timeline = timeline
        self._selection = selection
        self._strict = strict
        self._reason: str | None = None
        self.gaps: list[Gap] = []
        self._cursor: Iterator[tuple[int, LazyImage]] | None = None
        self._next = 0
        self._first, self._stop = selection.bounds(timeline)
        if self._first >= self._stop and len(timeline):
            raise VideoError(
                f"{path}: none of its frames is selected; it has frames 0-{len(timeline) - 1}, "
                f"{timeline.time(0):.2f}-{timeline.end:.2f} s"
            )
        if timeline.cut_off is not None and (selection.reaches_end() or self._wants_more()):
            last = len(timeline) - 1
            raise VideoError(
                f"{path}: the file is cut off after frame {last} ({timeline.time(last):.2f} s): {timeline.cut_off}. "
                f"Copy it again, or take what is there with --frames 0-{last}"
            )
        self.num_frames = len(range(self._first, self._stop, selection.every))

    def _wants_more(self) -> bool:
        wanted = self._selection.frames[1] if self._selection.frames is not None else None
        return wanted is not None and wanted >= len(self._timeline)

    @abstractmethod
    def _images(self, first: int) -> Iterator[tuple[int, LazyImage]]:
        """Decode from frame `first` on; indices increase, a missing one could not be decoded.

        What the decoder said about a failure goes into `self._reason` before the next image is given.
        """

    def _images_at(self, first: int) -> Iterator[tuple[int, LazyImage]]:
        """Decode from frame `first` on, as `_images` does, with what earlier calls have left open."""
        return self._images(first)

    def _nearest_start(self, index: int) -> int:
        """Return the last frame at or before `index` that decoding may start at."""
        return index

    def index_of(self, position: int) -> int:
        """Return the index of the n-th selected frame, counted from 0, if none before it is missing."""
        return self._first + position * self._selection.every

    def decoding_start(self, index: int) -> int:
        """Return the frame decoding begins at, at the latest, to reach another."""
        return self._nearest_start(index)

    def __len__(self) -> int:
        return self.num_frames

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what reading single frames keeps open; the reader can still be used."""
        self._cursor = None

    @overload
    def __getitem__(self, index: int, /) -> Frame: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[Frame]: ...
    def __getitem__(self, index: int | slice, /) -> Frame | list[Frame]:
        """Return single frames by their index in the whole video, whatever is selected; -1 is the last one.

        Raises:
            InputError: the video has no such frame.
            VideoError: the frame is there but cannot be decoded.

        Example:
            >>> reader = open_video("clip.mp4")  # doctest: +SKIP
            >>> every_fifth = reader[100:200:5]  # doctest: +SKIP
        """
        count = len(self._timeline)
        if isinstance(index, slice):
            return [self._frame(number) for number in range(*index.indices(count))]
        if not -count <= index < count:
            raise InputError(f"frame {index} is not in {self._path}: it has frames 0-{count - 1}")
        return self._frame(index % count)

    def with_those_before(self, index: int, count: int) -> list[Frame]:
        """Return a frame and up to `count` of those before it, as far as they are decoded on the way to it anyway.

        Raises:
            InputError: the video has no such frame.
            VideoError: the frame is there but cannot be decoded.
        """
        if not 0 <= index < len(self._timeline):
            raise InputError(f"frame {index} is not in {self._path}: it has frames 0-{len(self._timeline) - 1}")
        start = self._nearest_start(index)
        if self._cursor is None or not start <= self._next <= index:
            self._cursor, self._next = self._images_at(start), start
        kept: deque[tuple[int, LazyImage]] = deque(maxlen=count + 1)
        for found, image in self._cursor:
            self._next = found + 1
            kept.append((found, image))
            if found >= index:
                break
        if not kept or kept[-1][0] != index:
            raise self._undecodable(index)
        return [Frame(found, self._timeline.time(found), _tensor_from(image())) for found, image in kept]

    def at(self, seconds: float) -> Frame:
        """Return the frame that is shown at a time.

        Raises:
            InputError: the video is not shown at that time.
            VideoError: the frame is there but cannot be decoded.
        """
        start, end = self._timeline.time(0), self._timeline.end
        half_tick = float(self._timeline.time_base) / 2
        if not start - half_tick <= seconds < end:
            raise InputError(f"{seconds:g} s is not in {self._path}: it is shown from {start:.2f} to {end:.2f} s")
        return self._frame(int(np.searchsorted(self._timeline.times(), seconds + half_tick, side="right")) - 1)

    def _frame(self, index: int) -> Frame:
        """Decode one frame: on from the last one if that is nearer than a frame decoding can start at."""
        if self._cursor is None or not self._nearest_start(index) <= self._next <= index:
            self._cursor, self._next = self._images_at(index), index
        for found, image in self._cursor:
            self._next = found + 1
            if found == index:
                return Frame(index, self._timeline.time(index), _tensor_from(image()))
            if found > index:
                break
        raise self._undecodable(index)

    def _undecodable(self, index: int) -> VideoError:
        self._cursor = None
        reason = self._reason or self._timeline.damage.get(index) or "the decoder gave no image"
        time = self._timeline.time(index)
        return VideoError(f"{self._path}: frame {index} ({time:.2f} s) cannot be decoded: {reason}. Take another")

    @property
    def time_base(self) -> Fraction:
        """Seconds per tick of the container's clock; every frame's time is a whole number of ticks."""
        return self._timeline.time_base

    def times(self) -> list[float]:
        """Return the presentation time of every frame of the video in seconds, whichever are selected."""
        return [self._timeline.time(index) for index in range(len(self._timeline))]

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, *, since: int = 0) -> Iterator[Frame]:
        """Iterate over the selected frames whose index is at least `since`; seeks there exactly.

        Yields:
            Frames whose image is (3, H, W) uint8 RGB in memory laid out as (H, W, 3), rows possibly apart.

        Raises:
            VideoError: nothing can be decoded, or something cannot and the reader is strict.
        """
        self.gaps = []
        self._reason = None
        expected = max(self._first, since)
        found = False
        for index, image in self._images(expected):
            if index >= self._stop:
                break
            if index > expected:
                self._miss(expected, index)
            expected, found = index + 1, True
            if (index - self._first) % self._selection.every == 0:
                yield Frame(index, self._timeline.time(index), _tensor_from(image()))
        if expected < self._stop and (self._timeline.is_exact or self._reason):
            self._miss(expected, self._stop)
        if not found and since <= self._first:
            what = "none of the selected frames can be decoded"
            why = self.gaps[-1].reason if self.gaps else "the decoder gave no image"
            raise VideoError(f"{self._path}: {what} ({why}). Copy the file again, or select others")

    def records(self, *, since: int = 0) -> Iterator[Record]:
        """Iterate as `frames` does, each frame with the gaps found since the one before it."""
        known = 0
        for frame in self.frames(since=since):
            yield Record(frame, gaps=tuple(self.gaps[known:]))
            known = len(self.gaps)

    def _miss(self, first: int, stop: int) -> None:
        reason = self._reason or self._timeline.damage.get(first) or "the decoder gave no image"
        self._reason = None
        gap = Gap(first, stop - 1, self._timeline.time(first), self._timeline.time(stop), reason)
        what = f"frame {gap.first}" if gap.first == gap.last else f"frames {gap.first}-{gap.last}"
        message = f"{self._path}: {what} ({gap.start:.2f} s) cannot be decoded: {gap.reason}"
        if self._strict:
            raise VideoError(f"{message}. Leave --strict out to go on without")
        logger.info(message)
        self.gaps.append(gap)


def _tensor_from(image: U8) -> torch.Tensor:
    # A view: (H, W, 3) memory is what decoders write, cv2 wants and torch calls channels last. Rows may lie apart.
    is_upright = image.strides[0] > 0 and image.strides[1:] == (3, 1)
    return torch.from_numpy(image if is_upright else np.ascontiguousarray(image)).permute(2, 0, 1)
