"""Decode with PyAV (FFmpeg's libraries): the default backend, and the one the others hand over to."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

from videopose.errors import VideoError
from videopose.io._clean_aperture import clean_aperture
from videopose.io._color import Converter, is_plain
from videopose.io._media import opened_media, readable_name
from videopose.io._orientation import orientation_of
from videopose.io._packets import OtherPackets, PacketDecoder, PacketFacts
from videopose.io._scan import scan
from videopose.io.base import LazyImage, Selection, VideoReader
from videopose.io.timeline import frame_rate, read_timeline
from videopose.types import VideoInfo

logger = logging.getLogger(__name__)

_TRIES = 8
"""Keyframes tried one before the other, until decoding begins at the beginning."""

_LATEST = 20
"""Packets after which an image that has not come out will not come any more; H.264 and HEVC hold back 16 at most."""


class PyAVReader(VideoReader):
    """The frames of a video file, decoded by FFmpeg's libraries through PyAV.

    Attributes:
        stream: number of the video stream that is read, as FFmpeg counts them.
    """

    def __init__(
        self,
        path: Path,
        selection: Selection,
        *,
        strict: bool = False,
        stream: int | None = None,
        allow_references: bool = False,
    ) -> None:
        self._file, self._allow_references = path, allow_references
        self.stream, scanned = scan(path, stream, allow_references=allow_references)
        self._facts: list[PacketFacts] = scanned.facts
        with opened_media(path, allow_references=allow_references) as container:
            chosen = container.streams[self.stream]
            assert isinstance(chosen, av.VideoStream), "scan gives a video stream"
            timeline = read_timeline(container, chosen, path, scanned, self._decoder)
            rate = frame_rate(chosen, timeline)
            aspect, track, form = chosen.sample_aspect_ratio, chosen.id, container.format.name
            self._is_one_of_several = len(container.streams.video) > 1
            self._only_from_start = _why_only_from_start(chosen, scanned.facts)
        if not len(timeline):
            raise VideoError(f"{path}: its video stream is empty; nothing was recorded. Record or copy it again")
        super().__init__(readable_name(path), timeline, selection, strict=strict)
        self._kept: PacketDecoder | None = None
        self._has_said_why = False
        first = self._decode_first()
        crop_hw = first.height, first.width
        crop = clean_aperture(path, track, crop_hw) if "mov" in form else None
        if crop is not None:
            crop_hw = crop[3] - crop[1], crop[2] - crop[0]
        orientation = orientation_of(first)
        self._is_plain = is_plain(first) and crop is None
        self._converter = Converter(displayed_size(crop_hw, aspect), orientation, crop)
        self.info = VideoInfo(
            path=self._path,
            size_hw=orientation.size_hw(self._converter.upright_hw),
            frame_rate=rate,
            frames=len(timeline),
            duration=timeline.end - timeline.time(0),
            rotation=90 * orientation.quarter_turns,
        )

    def _decoder(self, threads: str = "SLICE") -> PacketDecoder:
        return PacketDecoder(
            self._file, self.stream, self._facts, allow_references=self._allow_references, threads=threads
        )

    def _decode_first(self) -> av.VideoFrame:
        """Decode one image, the first that can be: only it says how the video is turned."""
        decoder = self._decoder()
        first = next((frame for _, frame in decoder.images()), None)
        decoder.close()
        if first is None:
            raise VideoError(
                f"{self._path}: none of its frames can be decoded ({decoder.reason}). Copy or record it again"
            )
        return first

    def _images(self, first: int) -> Iterator[tuple[int, LazyImage]]:
        decoder = self._decoder()
        try:
            yield from self._convertible(self._decode_exactly(decoder, first))
        finally:
            decoder.close()

    def _images_at(self, first: int) -> Iterator[tuple[int, LazyImage]]:
        if self._kept is None:
            self._kept = self._decoder()
        yield from self._convertible(self._decode_exactly(self._kept, first))

    def _nearest_start(self, index: int) -> int:
        if self._timeline.counted or self._only_from_start:
            return 0
        rank = self._timeline.rank[self._timeline.keys]
        return int(rank[max(0, int(np.searchsorted(rank, index, side="right")) - 1)]) if len(rank) else 0

    def close(self) -> None:
        """Close the file that reading single frames keeps open."""
        super().close()
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _convertible(self, frames: Iterator[tuple[int, av.VideoFrame]]) -> Iterator[tuple[int, LazyImage]]:
        for index, frame in frames:
            yield index, lambda frame=frame: self._converter(frame)  # type: ignore[misc]

    def _decode_exactly(self, decoder: PacketDecoder, first: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode from a keyframe at or before `first`; from the beginning if none proves to be one."""
        why = self._timeline.counted or self._only_from_start
        reached = first
        if not why:
            reached, why = yield from self._from_keyframe(decoder, first)
            if why is None:
                return
        if why and first > 0 and not self._has_said_why:
            self._has_said_why = True
            logger.warning("%s: is decoded from its beginning to reach frame %d: %s", self._path, first, why)
        yield from (pair for pair in self._ranked(decoder, 0) if pair[0] >= reached)

    def _from_keyframe(
        self, decoder: PacketDecoder, first: int
    ) -> Generator[tuple[int, av.VideoFrame], None, tuple[int, str | None]]:
        """Decode from the nearest keyframe that is one.

        A packet's key flag is a claim. The image tells: it must be decodable alone, be the frame it should be, and be
        whole; a run resumed behind a damaged keyframe would otherwise miss frames an uninterrupted run can decode.

        Returns:
            The first index that was not given yet, and why decoding must begin at the beginning: None if it need not,
            empty if that is the nearest keyframe.
        """
        keys = self._timeline.keys
        rank = self._timeline.rank[keys]
        nearest = int(np.searchsorted(rank, first, side="right")) - 1
        why = ""
        reached = first
        for row in range(nearest, max(-1, nearest - _TRIES), -1):
            if keys[row] == 0:
                return reached, ""
            try:
                frames = self._ranked(decoder, int(keys[row]))
                head = next(frames, None)
                if decoder.is_damaged or head is None or head[0] != rank[row] or not _stands_alone(head[1]):
                    why = "the keyframes its container names do not all prove to be decodable alone"
                    continue
                for index, frame in chain([head], frames):
                    if (
                        decoder.is_damaged or frame.is_corrupt
                    ):  # patched up from what the decoder still held, which depends on its past
                        return reached, f"frame {index} is damaged"
                    if index >= reached:
                        yield index, frame
                        reached = index + 1
            except OtherPackets as error:
                return reached, str(error)
            return reached, None
        return reached, why

    def _ranked(self, decoder: PacketDecoder, start: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode from a packet on and give each image the index of its frame; indices increase."""
        frames = self._counted(decoder) if self._timeline.counted else self._by_packet(decoder, start)
        last = -1
        odd: av.VideoFrame | None = None  # another image of a packet that has given one, or one that comes too late
        for index, frame in frames:
            self._reason = decoder.reason or self._reason
            decoder.reason = None
            if index <= last:
                odd = frame
                continue
            if odd is not None and index > last + 1:
                yield last + 1, odd
            odd, last = None, index
            yield index, frame
        if odd is not None and last + 1 < len(self._timeline):
            yield last + 1, odd
        self._reason = decoder.reason or self._reason

    def _by_packet(self, decoder: PacketDecoder, start: int) -> Iterator[tuple[int, av.VideoFrame]]:
        rank = self._timeline.rank
        lowest = rank[start] if start else -1
        for ordinal, frame in decoder.images(start):
            index = int(rank[ordinal]) if 0 <= ordinal < len(rank) else -1
            if index >= max(lowest, 0):  # what comes before the keyframe needs images that were not decoded
                yield index, frame

    def _counted(self, decoder: PacketDecoder) -> Iterator[tuple[int, av.VideoFrame]]:
        """Count frames as the decoder gives them; one that is refused, or never comes out, counts too."""
        rank = self._timeline.rank
        shown = deque(np.flatnonzero(rank >= 0).tolist())  # not come out yet, in order of decoding
        came: set[int] = set()
        index = refused = 0
        for ordinal, frame in decoder.images():
            came.update((ordinal, *decoder.failed[refused:]))
            index += len(decoder.failed) - refused
            refused = len(decoder.failed)
            while shown and (shown[0] in came or shown[0] < ordinal - _LATEST):
                index += shown[0] not in came
                came.discard(shown.popleft())
            yield index, frame
            index += 1


def _stands_alone(frame: av.VideoFrame) -> bool:
    return frame.key_frame and frame.pict_type == PictureType.I and not frame.is_corrupt


def _why_only_from_start(stream: av.VideoStream, facts: list[PacketFacts]) -> str | None:
    """Return why a decoder that starts in the middle would lack something."""
    if stream.codec_context.pix_fmt == "pal8" or any(packet.changes_decoder for packet in facts):
        return "palettes or parameters come with single packets and hold for all later ones"
    return None


def displayed_size(coded_hw: tuple[int, int], sample_aspect_ratio: Fraction | None) -> tuple[int, int]:
    """Return the size an image is shown at, before it is turned: its pixels are made square by stretching one side.

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
