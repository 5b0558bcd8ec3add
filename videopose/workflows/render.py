"""Draw a result over its video: a second pass, because smoothed poses are known only after the first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Protocol

import av
import numpy as np

from videopose.drawing.options import DrawOptions
from videopose.errors import InputError
from videopose.io import animation
from videopose.io._media import open_media
from videopose.io.result import atomic_write
from videopose.types import U8
from videopose.workflows.drawn import DrawnVideo
from videopose.workflows.outputs import check_output

logger = logging.getLogger(__name__)

MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
SUFFIXES = (*MUXERS, *animation.SUFFIXES)
_QUALITY = {"crf": "18", "preset": "veryfast"}
_NARROWEST = 16


def render(
    clip: str | Path,
    poses: str | Path,
    output: str | Path,
    *,
    overwrite: bool = False,
    frame_rate: float | None = None,
    stream: int | None = None,
    allow_references: bool = False,
    keep_holes: bool = False,
    drawing: DrawOptions | None = None,
    frames: tuple[int, int | None] | None = None,
    every: int = 1,
    width: int | None = None,
    side_by_side: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw people over the frames of a result.

    The video keeps the frame times and the sound of the clip, and shows it the way it is displayed. It holds the
    frames that stand in the result: a result of frames 100-199 gives a video of those, begun at time 0. An animation
    has no sound and repeats.

    Args:
        clip: the video, folder or glob the result was made of.
        poses: a result of `videopose run`.
        output: where the video goes, `.mp4`, `.mov` or `.mkv`; or an animation, `.gif` or `.webp`.
        overwrite: replace what is there.
        frame_rate: images per second, for a folder of images.
        stream: number of the video stream the result is of, as `open_video` takes it.
        allow_references: let the clip name other local files.
        keep_holes: the result counts the numbers missing in a folder of images.
        drawing: what is drawn, and how.
        frames: first and last index wanted of those in the result, inclusive; a last of None is the end.
        every: take every nth of these.
        width: of the output in pixels, with both images where they stand side by side; the clip's own if not given.
        side_by_side: put the frame without the drawing to the left of that with it.
        progress: called with (frames done, all frames).

    Raises:
        DatasetError: the result is damaged.
        InputError: the output is there already, is the clip or has another suffix, or the result is of another video
            or has none of the frames.
        VideoError: the clip cannot be opened.
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    output, clip = Path(output), Path(clip)
    if output.suffix.lower() not in SUFFIXES:
        raise InputError(f"{output}: overlays are written as {', '.join(SUFFIXES)}, by the suffix; choose one of them")
    if every < 1 or (width is not None and width < _NARROWEST):
        raise InputError(f"every is {every} and width {width}; they must be at least 1 and {_NARROWEST}")
    check_output(output, (clip, Path(poses)), overwrite=overwrite)
    drawn = DrawnVideo.open(
        clip, poses, drawing or DrawOptions(), frames=frames, every=every, width=width, side_by_side=side_by_side,
        frame_rate=frame_rate, stream=stream, allow_references=allow_references, keep_holes=keep_holes,
    )  # fmt: skip
    with _writer(output, drawn, clip, allow_references=allow_references) as writer:
        for done, (image, time) in enumerate(drawn, start=1):
            writer.write(image, time)
            if progress is not None:
                progress(done, drawn.num_frames)


class _Writer(Protocol):
    def write(self, image: U8, time: float) -> None:
        """Encode an image, shown from a time in the clip on, seconds."""


@contextmanager
def _writer(output: Path, drawn: DrawnVideo, clip: Path, *, allow_references: bool) -> Iterator[_Writer]:
    suffix, rate = output.suffix.lower(), drawn.reader.info.frame_rate
    if suffix in animation.SUFFIXES:
        with animation.write_animation(output, drawn.size_hw, rate / drawn.every) as writer:
            yield _Shifted(writer, drawn.begin)
        return
    with atomic_write(output) as file, av.open(file, "w", format=MUXERS[suffix]) as container:
        sound = _Audio(container, clip, drawn.begin, allow_references=allow_references) if clip.is_file() else None
        video = _OverlayWriter(container, sound, drawn)
        yield video
        video.close()


class _Shifted:
    """Moves times, so that the first image of a part is shown from 0 on."""

    def __init__(self, writer: _Writer, begin: float) -> None:
        self._writer, self._begin = writer, begin

    def write(self, image: U8, time: float) -> None:
        self._writer.write(image, time - self._begin)


class _OverlayWriter:
    """Encodes images at their own times and copies the sound along."""

    def __init__(self, container: av.container.OutputContainer, audio: _Audio | None, drawn: DrawnVideo) -> None:
        self._container, self._drawn, self._audio = container, drawn, audio
        self._time_base: Fraction = drawn.reader.time_base
        self._stream = container.add_stream("libx264", rate=drawn.reader.info.frame_rate, options=_QUALITY)
        self._stream.height, self._stream.width = (side + side % 2 for side in drawn.size_hw)  # 4:2:0 needs even sides
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = self._time_base

    def write(self, image: U8, time: float) -> None:
        """Encode an image, and copy the sound up to its time."""
        encoded = av.VideoFrame.from_ndarray(self._even(image), format="rgb24")
        encoded.pts = round((time - self._drawn.begin) / self._time_base)
        encoded.time_base = self._time_base
        self._container.mux(self._stream.encode(encoded))
        if self._audio is not None:
            self._audio.copy_until(time)

    def _even(self, image: U8) -> U8:
        missing = self._stream.height - image.shape[0], self._stream.width - image.shape[1]
        return np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge") if any(missing) else image

    def close(self) -> None:
        """Write what the encoder still holds, and the sound up to the end of the last frame, or of the clip."""
        self._container.mux(self._stream.encode(None))
        if self._audio is not None:
            info, (index, time) = self._drawn.reader.info, self._drawn.last
            self._audio.copy_until(inf if index + 1 == info.frames else time + float(1 / info.frame_rate))
            self._audio.close()


class _Audio:
    """The sound of a clip, packet by packet, not decoded."""

    def __init__(
        self, output: av.container.OutputContainer, clip: Path, begin: float, *, allow_references: bool
    ) -> None:
        self._output = output
        self._begin = begin
        self._input = open_media(clip, allow_references=allow_references)
        self._packets: Iterator[av.Packet[av.AudioStream]] = iter(())
        self._waiting: av.Packet[av.AudioStream] | None = None
        source = next(iter(self._input.streams.audio), None)
        if source is None:
            return
        codec = source.codec_context.name
        if codec not in output.supported_codecs:
            logger.warning("%s: its sound (%s) does not fit into this kind of file and is left out", clip, codec)
            return
        self._stream = output.add_stream_from_template(source)
        self._packets = (packet for packet in self._input.demux(source) if packet.pts is not None)

    def copy_until(self, end: float) -> None:
        """Copy the packets that are heard before a time, seconds."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            heard = float((packet.pts or 0) * packet.time_base)
            self._waiting = packet if heard >= end else None
            if self._waiting is not None:
                return
            if not self._begin or heard >= self._begin:  # a whole clip keeps what an encoder put before time 0
                shift = round(self._begin / packet.time_base)
                packet.pts = (packet.pts or 0) - shift
                packet.dts = packet.pts if packet.dts is None else packet.dts - shift
                packet.stream = self._stream
                self._output.mux(packet)

    def close(self) -> None:
        """Close the clip."""
        self._input.close()
