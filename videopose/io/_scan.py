"""Read all packets of a file once, without decoding them, and choose the stream that holds the video."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from videopose.errors import VideoError
from videopose.io._media import demuxer_log, opened_media
from videopose.io._packets import PacketFacts, facts_of

logger = logging.getLogger(__name__)

_VP8_IS_SHOWN = 0x10
"""Bit of a VP8 packet's first byte: clear for a reference image that is never shown (RFC 6386, section 9.1)."""

_MOST_LOST_SECONDS = 60.0
"""No longer hole is filled with frames, whatever is missing in the file."""

_LOST_UNSEEN_SECONDS = 1.0
"""Packets that never reached the file (a recorder's reception was bad) may account for holes up to this."""

_TS_PACKET = 188
"""Bytes of a packet of an MPEG transport stream, the least an image takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """The packets of one stream.

    Attributes:
        facts: of every packet, in the order they are decoded in.
        complaints: what the demuxer said, by the ordinal of the packet it had read last.
    """

    facts: list[PacketFacts] = field(default_factory=list)
    complaints: dict[int, str] = field(default_factory=dict)


def scan(path: Path, number: int | None, *, allow_references: bool) -> tuple[int, Scanned]:
    """Read all packets of a file and choose its video stream.

    Args:
        path: of the file.
        number: of the stream wanted, as FFmpeg counts them; None for the one with the frames.
        allow_references: let the file name other files.

    Raises:
        VideoError: it has no video stream, no such stream, or nothing can decode it.
    """
    with demuxer_log() as logs, opened_media(path, allow_references=allow_references) as container:
        streams = _video_streams(container, path)
        wanted = [stream for stream in streams if stream.index == number] if number is not None else streams
        if not wanted:
            raise VideoError(
                f"{path}: stream {number} is no video stream of this file; these are: "
                f"{', '.join(str(stream.index) for stream in streams)}. Leave --stream out, or give one of them"
            )
        found = _demuxed(container, wanted, logs, path)
        best = container.streams.best("video")
        chosen = wanted[0] if number is not None else _with_the_frames(wanted, found, best)
        if len(streams) > 1 and number is None:
            _say_which(path, wanted, found, chosen)
        return chosen.index, found[chosen.index]


def _video_streams(container: av.container.InputContainer, path: Path) -> list[av.VideoStream]:
    attached = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & attached]
    if not streams:
        kinds = sorted({found.type for found in container.streams if found.type != "video"})
        inside = f", only {' and '.join(kinds)}" if kinds else ""
        raise VideoError(f"{path}: it has no video stream{inside}. Give a file with images in it")
    usable = [stream for stream in streams if getattr(stream, "codec_context", None) is not None]
    if not usable:
        raise VideoError(f"{path}: its video is of a kind nothing here can decode. Convert it to H.264 first")
    return usable


def _demuxed(
    container: av.container.InputContainer,
    streams: list[av.VideoStream],
    logs: list[tuple[int, str, str]],
    path: Path,
) -> dict[int, Scanned]:
    found = {stream.index: Scanned() for stream in streams}
    names = set(container.format.name.split(","))
    heard = 0
    try:
        for packet in container.demux(*streams):
            heard = _note_complaints(logs, heard, names, found)
            if packet.size:
                scanned = found[packet.stream.index]
                is_vp8 = packet.stream.codec_context.name in ("vp8", "libvpx")
                is_shown = not is_vp8 or bool(bytes(packet)[0] & _VP8_IS_SHOWN)
                scanned.facts.append(facts_of(packet, is_shown=is_shown))  # type: ignore[arg-type]
                if packet.is_corrupt:
                    scanned.complaints.setdefault(len(scanned.facts) - 1, "the packet is marked as damaged")
    except av.error.FFmpegError as error:
        last = max(len(scanned.facts) for scanned in found.values())
        logger.warning(
            "%s: the file cannot be read behind packet %d (%s); what comes before is kept",
            path, last, error.strerror or error,
        )  # fmt: skip
    _note_complaints(logs, heard, names, found)
    return found


def _note_complaints(logs: list[tuple[int, str, str]], heard: int, names: set[str], found: dict[int, Scanned]) -> int:
    for _, name, text in logs[heard:]:
        if set(name.split(",")) & names and "out of order" not in text:  # about stamps, not about loss
            for scanned in found.values():
                scanned.complaints[max(0, len(scanned.facts) - 1)] = text.strip().rstrip(".")
    return len(logs)


def _with_the_frames(streams: list[av.VideoStream], found: dict[int, Scanned], best: object) -> av.VideoStream:
    """Choose the recording among previews and thumbnails: FFmpeg's choice, unless another has far more frames."""
    most = max(len(found[stream.index].facts) for stream in streams)
    full = [stream for stream in streams if 2 * len(found[stream.index].facts) >= most]
    return next(
        (stream for stream in full if stream is best), max(full, key=lambda stream: stream.width * stream.height)
    )


def _say_which(path: Path, streams: list[av.VideoStream], found: dict[int, Scanned], chosen: av.VideoStream) -> None:
    parts = ", ".join(
        f"{stream.index} ({stream.width}x{stream.height}, {len(found[stream.index].facts)} images)"
        for stream in streams
    )
    logger.warning("%s: has several video streams: %s; %d is read, --stream N takes another", path, parts, chosen.index)


def lost_at_most(
    facts: list[PacketFacts], order: Sequence[int], step: int, time_base: Fraction, *, is_ts: bool
) -> list[int]:
    """Bound how many frames can be missing behind each frame, by the bytes between its packet and the next one.

    Args:
        facts: of all packets.
        order: ordinals in presentation order.
        step: ticks from frame to frame.
        time_base: seconds per tick.
        is_ts: the file is an MPEG transport stream.

    Returns:
        One number per frame but the last.
    """
    unseen = int(_LOST_UNSEEN_SECONDS / step / time_base)
    most = int(_MOST_LOST_SECONDS / step / time_base)
    sizes = np.array([packet.size for packet in facts])
    least = max(1.0, float(np.percentile(sizes, 5)) / 2) if len(sizes) else 1.0
    least = max(least, _TS_PACKET) if is_ts else least
    behind = _bytes_behind(facts)
    bounds = []
    for left, right in pairwise(order):
        # Whatever lies between the two in decoding order; stored out of order, the hole may be before either of them.
        window = range(max(0, min(left, right) - 1), min(len(facts), max(left, right) + 1))
        lost = max((behind[ordinal] for ordinal in window), default=0)
        bounds.append(min(most, max(unseen, int(lost / least))))
    return bounds


def _bytes_behind(facts: list[PacketFacts]) -> list[int]:
    """Count the bytes of the file between the end of each packet and the beginning of the next one that says where."""
    behind = [0] * len(facts)
    for ordinal in range(len(facts) - 1):
        packet, following = facts[ordinal], facts[ordinal + 1]
        if packet.pos >= 0 and following.pos >= 0:
            behind[ordinal] = max(0, following.pos - packet.pos - packet.size)
    return behind
