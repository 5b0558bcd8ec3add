"""Decode with PyAV (FFmpeg's libraries): the default backend, and the one the others hand over to."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from videopose.errors import VideoError
from videopose.io.base import Picture, Selection, VideoReader
from videopose.io.deinterlace import deinterlace
from videopose.io.timeline import read_timeline
from videopose.types import U8, VideoInfo

_START = -1
"""Decode from the first packet, without a seek."""


class PyAVReader(VideoReader):
    """The frames of a video file, decoded by FFmpeg's libraries through PyAV."""

    def __init__(self, path: Path, selection: Selection, *, strict: bool = False) -> None:
        with _opened(path) as container:
            timeline = read_timeline(container, _video_stream(container, path), path)
        if not len(timeline):
            raise VideoError(f"{path}: its video stream is empty; nothing was recorded. Record or copy it again")
        self._file = path
        super().__init__(str(path), timeline, selection, strict=strict)
        self.info = self._describe()

    def _describe(self) -> VideoInfo:
        """Decode one image, the first that can be: only it says how the video is turned."""
        first = next((frame for _, frame in self._decode(_START)), None)
        if first is None:
            raise VideoError(
                f"{self._path}: none of its frames can be decoded ({self._reason}). Copy or record it again"
            )
        self._rotation = round(first.rotation / 90) * 90 % 360
        with _opened(self._file) as container:
            stream = _video_stream(container, self._file)
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            self._upright_hw = displayed_size((first.height, first.width), stream.sample_aspect_ratio)
        return VideoInfo(
            path=self._path,
            size_hw=self._upright_hw if self._rotation % 180 == 0 else self._upright_hw[::-1],
            frame_rate=Fraction(rate),
            frames=len(self._timeline),
            duration=self._timeline.end - self._timeline.time(0),
            rotation=self._rotation,
        )

    def _pictures(self, first: int) -> Iterator[tuple[int, Picture]]:
        reformatter = VideoReformatter()
        for index, frame in self._decode_exactly(first):
            yield index, _Converter(reformatter, frame, self._upright_hw, self._rotation)

    def _decode_exactly(self, first: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode from a keyframe at or before `first`; from an earlier one if that keyframe is damaged.

        Without that, a run resumed behind a damaged keyframe would miss frames an uninterrupted run can decode.
        """
        timeline = self._timeline
        nearest = int(np.searchsorted(timeline.keys, first, side="right")) - 1 if timeline.is_exact else 0
        for key in range(nearest, 0, -1):
            frames = self._decode(key)
            head = next((pair for pair in frames if pair[0] >= timeline.keys[key]), None)
            if head is not None and head[0] == timeline.keys[key] and not head[1].is_corrupt:
                if head[0] >= first:
                    yield head
                yield from (pair for pair in frames if pair[0] >= first)
                return
        yield from (pair for pair in self._decode(_START) if pair[0] >= first)

    def _decode(self, key: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode from one keyframe (its row in `timeline.keys`) to the end, over everything that cannot be decoded."""
        timeline = self._timeline
        self._reason = None
        with _opened(self._file) as container:
            stream = _video_stream(container, self._file)
            # Not frame threads: how they conceal damage depends on where decoding began, and a resumed run begins
            # elsewhere. They would also name the wrong packet as the damaged one.
            stream.thread_type = "SLICE"
            if key != _START:
                container.seek(int(timeline.key_ticks[key]), stream=stream, backward=True)
            last = -1 if key == _START else None
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.error.EOFError:  # a decoder that was already flushed
                    return
                except av.error.FFmpegError as error:
                    self._reason = error.strerror
                    if not timeline.is_exact and last is not None:
                        last += 1  # nothing but the count says which frame was lost
                    continue
                for frame in frames:
                    index = timeline.index_of(frame.pts)
                    if index is None or (last is not None and index <= last):
                        if last is None:
                            continue  # before the keyframe: a leftover of the frames it was sought from
                        index = last + 1
                    last = index
                    yield index, frame


class _Converter:
    """Makes RGB of a decoded frame when asked to: whole, with square pixels, turned the way it is shown."""

    def __init__(
        self, reformatter: VideoReformatter, frame: av.VideoFrame, upright_hw: tuple[int, int], rotation: int
    ) -> None:
        self._reformatter = reformatter
        self._frame = frame
        self._upright_hw = upright_hw
        self._rotation = rotation

    def __call__(self) -> U8:
        # A stream may change its image size on the way; players show it at the size it began with, and so do we.
        height, width = self._upright_hw
        if not self._frame.interlaced_frame:
            return np.rot90(self._rgb(height, width), self._rotation // 90)
        image = deinterlace(self._rgb(self._frame.height, self._frame.width))  # lines are whole only before scaling
        if image.shape[:2] != (height, width):
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        return np.rot90(image, self._rotation // 90)

    def _rgb(self, height: int, width: int) -> U8:
        shown = self._reformatter.reformat(self._frame, format="rgb24", width=width, height=height)
        plane = shown.planes[0]
        image: U8 = np.ndarray((height, width, 3), np.uint8, buffer=memoryview(plane), strides=(plane.line_size, 3, 1))
        # The decoder still looks at its own images; ours may be drawn on.
        return image.copy() if shown is self._frame else image


def displayed_size(coded_hw: tuple[int, int], sample_aspect_ratio: Fraction | None) -> tuple[int, int]:
    """Return the size a image is shown at, before it is turned: its pixels are made square by stretching one side.

    A difference of a pixel is an encoder's rounding and is passed over, a ratio beyond 4 is damage.

    Args:
        coded_hw: (height, width) of the decoded image.
        sample_aspect_ratio: width of a pixel by its height; None or 0 if the file does not say.

    Source:
        HTML Living Standard, intrinsic width and height of a media resource: increase one dimension, keep the other.

    Example:
        >>> displayed_size((576, 720), Fraction(64, 45))
        (576, 1024)
    """
    height, width = coded_hw
    ratio = sample_aspect_ratio or Fraction(1)
    if not Fraction(1, 4) <= ratio <= 4:
        return coded_hw
    shown = (height, round(width * ratio)) if ratio > 1 else (round(height / ratio), width)
    return coded_hw if max(shown[0] - height, shown[1] - width) <= 1 else shown


def _opened(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path), mode="r", metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise VideoError(_why_not_a_video(path, error.strerror or str(error))) from error


def _video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream) or stream.disposition & av.stream.Disposition.attached_pic:
        kinds = sorted({found.type for found in container.streams if found.type != "video"})
        inside = f", only {' and '.join(kinds)}" if kinds else ""
        raise VideoError(f"{path}: it has no video stream{inside}. Give a file with images in it")
    return stream


def _why_not_a_video(path: Path, reason: str) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return (
            f"{path}: cut off: the index an mp4 or mov ends with is missing ({reason}). "
            "Copy it again; if the recording itself broke off, repair it first"
        )
    return f"{path}: not a video ({reason}). Give a video file, or a folder of images"
