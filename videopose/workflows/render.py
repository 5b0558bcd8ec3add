"""Draw a result over its video: a second pass, because smoothed poses are known only after the first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from math import inf
from pathlib import Path

import av
import numpy as np

from videopose.drawing.people import draw_people
from videopose.errors import InputError
from videopose.io._media import open_media
from videopose.io.reader import open_video
from videopose.io.result import atomic_write
from videopose.io.results import StoredResult, read_result
from videopose.types import U8, Frame, Record
from videopose.workflows.outputs import check_output

logger = logging.getLogger(__name__)

MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_QUALITY = {"crf": "18", "preset": "veryfast"}


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
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw people over the frames of a result.

    The video keeps the frame times and the sound of the clip, and shows it the way it is displayed. It holds the
    frames that stand in the result: a result of frames 100-199 gives a video of those, begun at time 0.

    Args:
        clip: the video, folder or glob the result was made of.
        poses: a result of `videopose run`.
        output: where the video goes, `.mp4`, `.mov` or `.mkv`.
        overwrite: replace what is there.
        frame_rate: images per second, for a folder of images.
        stream: number of the video stream the result is of, as `open_video` takes it.
        allow_references: let the clip name other local files.
        keep_holes: the result counts the numbers missing in a folder of images.
        progress: called with (frames done, all frames).

    Raises:
        DatasetError: the result is damaged.
        InputError: the output is there already, is the clip or has another suffix, or the result is of another video.
        VideoError: the clip cannot be opened.
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    output, clip = Path(output), Path(clip)
    if output.suffix.lower() not in MUXERS:
        raise InputError(f"{output}: overlays are written as {', '.join(MUXERS)}, by the suffix; choose one of them")
    check_output(output, (clip, Path(poses)), overwrite=overwrite)
    result = read_result(poses)
    first = next(islice(result, 1), None)
    if first is None:
        raise InputError(f"{poses}: holds no frame, so there is nothing to draw on")
    reader = open_video(
        clip, frames=(first.frame.index, None), frame_rate=_frame_rate(clip, result, frame_rate), stream=stream,
        allow_references=allow_references, keep_holes=keep_holes,
    )  # fmt: skip
    known = all(result.header.video.size_hw)  # what was converted from another format may not say
    if known and reader.info.size_hw != result.header.video.size_hw:
        raise InputError(
            f"{poses}: is of a video of {_size(result.header.video.size_hw)} pixels, but {clip} has "
            f"{_size(reader.info.size_hw)}. Give the video it was made of"
        )
    begin = first.frame.time if first.frame.index else 0.0
    with atomic_write(output) as file, av.open(file, "w", format=MUXERS[output.suffix.lower()]) as container:
        sound = _Audio(container, clip, begin, allow_references=allow_references) if clip.is_file() else None
        writer = _OverlayWriter(container, sound, reader.info.size_hw, reader.info.frame_rate, reader.time_base, begin)
        for done, (frame, record) in enumerate(_pairs(reader.frames(), result, clip), start=1):
            writer.write(frame, record, result)
            if progress is not None:
                progress(done, reader.num_frames)
        is_last = frame.index + 1 == reader.info.frames
        writer.close(inf if is_last else frame.time + float(1 / reader.info.frame_rate))


def _frame_rate(clip: Path, result: StoredResult, given: float | None) -> float | None:
    if given is not None or clip.is_file():
        return given
    return float(result.header.video.frame_rate)


def _size(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]}x{size_hw[0]}"


def _pairs(frames: Iterator[Frame], result: StoredResult, clip: Path) -> Iterator[tuple[Frame, Record]]:
    """Pair each record of a result with its frame; frames without a record are skipped."""
    for record in result:
        frame = next((frame for frame in frames if frame.index >= record.frame.index), None)
        if frame is None or frame.index != record.frame.index:
            raise InputError(
                f"{result.path}: frame {record.frame.index} is not in {clip}. Give the video it was made of"
            )
        yield frame, record


class _OverlayWriter:
    """Encodes images at their own times and copies the sound along."""

    def __init__(
        self,
        container: av.container.OutputContainer,
        audio: _Audio | None,
        size_hw: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        begin: float,
    ) -> None:
        self._container = container
        self._time_base = time_base
        self._begin = begin
        self._stream = container.add_stream("libx264", rate=rate, options=_QUALITY)
        self._stream.height, self._stream.width = (side + side % 2 for side in size_hw)  # 4:2:0 needs even sides
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = time_base
        self._audio = audio

    def write(self, frame: Frame, record: Record, result: StoredResult) -> None:
        """Draw the people of a record into its frame and encode it."""
        assert frame.image is not None, "readers give images"
        image: U8 = np.ascontiguousarray(frame.image.permute(1, 2, 0).numpy())
        if record.poses is not None:
            draw_people(image, record.poses, result.header.skeleton)
        encoded = av.VideoFrame.from_ndarray(self._even(image), format="rgb24")
        encoded.pts = round((frame.time - self._begin) / self._time_base)
        encoded.time_base = self._time_base
        self._container.mux(self._stream.encode(encoded))
        if self._audio is not None:
            self._audio.copy_until(frame.time)

    def _even(self, image: U8) -> U8:
        missing = self._stream.height - image.shape[0], self._stream.width - image.shape[1]
        return np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge") if any(missing) else image

    def close(self, end: float) -> None:
        """Write what the encoder still holds, and the sound up to a time in seconds."""
        self._container.mux(self._stream.encode(None))
        if self._audio is not None:
            self._audio.copy_until(end)
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
