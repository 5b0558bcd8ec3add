"""The packets of a video stream, in the order they are decoded in, and what a decoder makes of each of them.

An image is known by the packet it came from, never by its time stamp: stamps may be wrong, missing or there twice.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import av

from videopose.errors import VideoError
from videopose.io._media import demuxer_log, open_media

logger = logging.getLogger(__name__)

_DAMAGE = re.compile("error|conceal|corrupt|invalid|overread|overrun|damage|mismatch|crc|checksum|missing", re.I)
_HARMLESS = re.compile("APP fields|EXIF|ICC profile|colorspace|color range", re.I)
"""What cameras write beside their images and decoders complain about, in image after image."""

_SIDE_DATA_THAT_LASTS = ("palette", "new_extradata", "param_change")
"""What a packet may bring along that later packets are decoded with; a decoder that starts behind it never sees it."""


@dataclass(frozen=True, slots=True)
class PacketFacts:
    """What the container says about one packet.

    Attributes:
        pts: when its image is shown, ticks; None where nobody says.
        dts: when it is decoded, ticks.
        duration: ticks; 0 = unknown.
        is_key: the container claims that decoding can start here.
        is_shown: False for an image that only others refer to, or that an edit list cuts away.
        pos: where it lies in the file, bytes; -1 = unknown.
        size: bytes.
        changes_decoder: it carries a palette or parameters that later packets need.
    """

    pts: int | None
    dts: int | None
    duration: int
    is_key: bool
    is_shown: bool
    pos: int
    size: int
    changes_decoder: bool

    @property
    def mark(self) -> tuple[int, int, int | None]:
        """Return what identifies this packet when it is read again."""
        return self.pos, self.size, self.pts if self.pos < 0 else None


def facts_of(packet: av.Packet[av.VideoStream], *, is_shown: bool) -> PacketFacts:
    """Read the facts of a packet."""
    changes = any(_has_side_data(packet, kind) for kind in _SIDE_DATA_THAT_LASTS)
    pos = -1 if packet.pos is None else packet.pos
    is_shown = is_shown and not packet.is_discard
    return PacketFacts(
        packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, is_shown, pos, packet.size, changes
    )


def _has_side_data(packet: av.Packet[av.VideoStream], kind: str) -> bool:
    try:
        return packet.has_sidedata(kind)  # type: ignore[arg-type]
    except ValueError:  # a kind this version has no name for
        return False


class OtherPackets(Exception):
    """After a seek the demuxer gives other packets than when it read the file from its beginning."""


class PacketDecoder:
    """Decodes one stream of a file, from its beginning or from a keyframe; keeps the file open between the two.

    Attributes:
        reason: what the decoder or demuxer said last about something it could not do.
        failed: ordinals of the packets the decoder refused since decoding began.
        is_damaged: since decoding began in the middle, the decoder has patched something up.
    """

    def __init__(
        self, path: Path, stream: int, facts: list[PacketFacts], *, allow_references: bool, threads: str = "SLICE"
    ) -> None:
        self._path, self._index, self._facts = path, stream, facts
        self._allow_references = allow_references
        # Not frame threads: how they conceal damage depends on where decoding began, and a resumed run begins
        # elsewhere. They would also name the wrong packet as the damaged one.
        self._threads = threads
        self._container: av.container.InputContainer | None = None
        self._is_fresh = False
        self._is_watched = False
        self.reason: str | None = None
        self.failed: list[int] = []
        self.is_damaged = False

    @cached_property
    def _ordinals(self) -> dict[tuple[int, int, int | None], int]:
        """Packets by their mark; -1 where two look the same."""
        found: dict[tuple[int, int, int | None], int] = {}
        for ordinal, packet in enumerate(self._facts):
            found[packet.mark] = -1 if packet.mark in found else ordinal
        return found

    def images(self, start: int = 0) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode to the end, over everything that cannot be decoded.

        Args:
            start: ordinal of the packet to start with; 0 decodes from the beginning, without a seek.

        Yields:
            The ordinal of the packet an image came from, and the image; as the decoder gives them.

        Raises:
            OtherPackets: the demuxer cannot be brought to that packet.
        """
        self.reason, self.failed = None, []
        self._is_watched, self.is_damaged = start > 0, False
        container, stream = self._at_beginning() if start == 0 else self._sought(start)
        self._is_fresh = False
        ordinal = 0 if start == 0 else -1
        for packet in self._demuxed(container, stream):
            if not packet.size:
                continue
            if ordinal < 0:
                ordinal = self._ordinals.get(facts_of(packet, is_shown=True).mark, -1)
                if ordinal > start:
                    raise OtherPackets("a seek goes too far")
                if ordinal < 0:
                    continue
            if ordinal >= len(self._facts) or packet.size != self._facts[ordinal].size:
                if start == 0:
                    break  # the file has changed or has grown since it was looked at
                raise OtherPackets("behind a seek it is cut into other packets")
            if ordinal >= start:
                yield from self._decoded(stream, packet, ordinal)
            ordinal += 1
        if ordinal < 0:
            raise OtherPackets("a seek leads nowhere")
        yield from self._decoded(stream, None, ordinal)

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
        self._container = None

    def _decoded(
        self, stream: av.VideoStream, packet: av.Packet[av.VideoStream] | None, ordinal: int
    ) -> Iterator[tuple[int, av.VideoFrame]]:
        if packet is not None:
            packet.pts = ordinal  # decoders hand it through to the image
        try:
            frames = self._watched(stream, packet) if self._is_watched else stream.codec_context.decode(packet)
        except av.error.EOFError:  # a decoder that was already flushed
            return
        except (av.error.FFmpegError, ValueError, ArithmeticError) as error:
            self.reason = getattr(error, "strerror", None) or str(error)
            self.failed.append(ordinal)
            return
        for frame in frames:
            if frame.pts is not None:
                yield frame.pts, frame

    def _watched(self, stream: av.VideoStream, packet: av.Packet[av.VideoStream] | None) -> list[av.VideoFrame]:
        """Decode, and notice what the decoder says about damage: not every decoder marks the image."""
        with demuxer_log() as logs:
            frames = stream.codec_context.decode(packet)
        if any(_DAMAGE.search(text) and not _HARMLESS.search(text) for _, _, text in logs):
            self.is_damaged = True
        return frames

    def _demuxed(
        self, container: av.container.InputContainer, stream: av.VideoStream
    ) -> Iterator[av.Packet[av.VideoStream]]:
        try:
            yield from container.demux(stream)
        except av.error.FFmpegError as error:
            self.reason = error.strerror or str(error)

    def _at_beginning(self) -> tuple[av.container.InputContainer, av.VideoStream]:
        if self._container is None or not self._is_fresh:
            self.close()
            self._container = open_media(self._path, allow_references=self._allow_references)
            self._is_fresh = True
        return self._container, self._stream(self._container)

    def _sought(self, start: int) -> tuple[av.container.InputContainer, av.VideoStream]:
        container, stream = (self._container, None) if self._container is not None else self._at_beginning()
        stream = stream or self._stream(container)
        self._is_fresh = False
        facts = self._facts[start]
        tick = facts.dts if facts.dts is not None else facts.pts
        try:
            container.seek(tick or 0, stream=stream, backward=True)
        except (av.error.FFmpegError, ValueError, OverflowError) as error:
            raise OtherPackets(f"it cannot be sought in ({getattr(error, 'strerror', None) or error})") from error
        return container, stream

    def _stream(self, container: av.container.InputContainer) -> av.VideoStream:
        stream = container.streams[self._index]
        if not isinstance(stream, av.VideoStream):
            raise VideoError(f"{self._path}: its streams have changed since it was opened. Leave the file alone")
        if not stream.codec_context.is_open:
            stream.thread_type = self._threads
            if self._is_watched:
                stream.codec_context.thread_count = 1  # other threads' words are not heard
        return stream


def decoded_order(decoder: PacketDecoder, count: int) -> list[int]:
    """Find the order images are shown in, by decoding them all: for streams whose stamps do not tell.

    Args:
        decoder: of the stream, all of whose packets are decoded.
        count: how many packets there are.

    Returns:
        The ordinals of all packets; one that gives no image stands behind the packet before it.
    """
    shown = list(dict.fromkeys(ordinal for ordinal, _ in decoder.images() if 0 <= ordinal < count))
    lost = sorted(set(range(count)) - set(shown))
    behind: dict[int, list[int]] = {}
    for ordinal in lost:
        behind.setdefault(ordinal - 1, []).append(ordinal)
    order: list[int] = []
    waiting = list(reversed([*behind.pop(-1, []), *shown]))
    while waiting:
        ordinal = waiting.pop()
        order.append(ordinal)
        waiting += reversed(behind.pop(ordinal, []))
    return order
