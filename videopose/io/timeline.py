"""When each frame of a container is shown, from its packets alone, before a single image is decoded.

One pass over the packets (no decoding) gives every frame its index in presentation order. With it a seek lands on
the exact frame, a image that cannot be decoded is noticed by its absence, and the frames after it keep their index.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.logging
import numpy as np

from videopose.types import F64, I64

_VP8_IS_SHOWN = 0x10
"""Bit of a VP8 packet's first byte: clear for a reference image that is never shown (RFC 6386, section 9.1)."""

_STEADY = 0.9
"""Share of equal frame distances above which a video counts as having a constant frame rate."""

_MISSING_SECONDS = 0.5
"""A declared duration may exceed the last packet by this much before the file counts as cut off."""


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The frames a container carries, in presentation order.

    Attributes:
        pts: (T,) presentation timestamps, increasing, in ticks of `time_base`.
        time_base: seconds per tick.
        end: presentation time at which the last frame ends, seconds.
        is_exact: False where the container has no usable timestamps: frames are then counted as they are decoded.
        keys: (M,) indices of the frames decoding can start at, increasing.
        key_ticks: (M,) where to seek to for each of them, ticks.
        damage: what the demuxer said about packets the container lost, by index of the frame.
        cut_off: why the file looks cut off at its end, None if it looks whole.
    """

    pts: I64
    time_base: Fraction
    end: float
    is_exact: bool
    keys: I64
    key_ticks: I64
    damage: dict[int, str]
    cut_off: str | None

    def __len__(self) -> int:
        return len(self.pts)

    def time(self, index: int) -> float:
        """Return the presentation time of a frame in seconds; the end of the video for the index after the last."""
        if index >= len(self.pts):
            return self.end
        return float(int(self.pts[index]) * self.time_base)

    def times(self) -> F64:
        """Return the presentation times of all frames, (T,) seconds."""
        return np.asarray(self.pts * float(self.time_base), np.float64)

    def index_of(self, pts: int | None) -> int | None:
        """Find the frame with this timestamp; None if the container announced no such frame."""
        if pts is None or not self.is_exact:
            return None
        index = int(np.searchsorted(self.pts, pts))
        return index if index < len(self.pts) and self.pts[index] == pts else None


@dataclass(frozen=True, slots=True)
class _Packet:
    pts: int | None
    dts: int | None
    duration: int
    is_key: bool


def read_timeline(container: av.container.InputContainer, stream: av.VideoStream, path: Path) -> Timeline:
    """Read every packet of a video stream and note when its frame is shown.

    Args:
        container: freshly opened; it is at its end afterwards.
        stream: the video stream in it.
        path: of the file, whose size tells a cut one from a whole one.
    """
    packets, complaints = _scan(container, stream)
    rate = stream.guessed_rate or stream.average_rate or Fraction(25)
    time_base = stream.time_base or 1 / rate
    ticks = [packet.pts for packet in packets if packet.pts is not None]
    if len(ticks) < len(packets) or len(set(ticks)) < len(ticks):
        return _counted(len(packets), rate)
    packets.sort(key=lambda packet: packet.pts or 0)
    pts = np.array(sorted(ticks), np.int64)
    keys = np.array([index for index, packet in enumerate(packets) if packet.is_key], np.int64)
    key_ticks = np.array([_seek_tick(packets[index]) for index in keys], np.int64)
    step = int(np.median(np.diff(pts))) if len(pts) > 1 else max(1, round(1 / rate / time_base))
    last = packets[-1].duration if packets and packets[-1].duration > 0 else step
    end = float((int(pts[-1]) + last) * time_base) if len(pts) else 0.0
    damage: dict[int, str] = {}
    if complaints:
        pts, keys, damage = _fill_holes(pts, keys, step, complaints[0])
    cut_off = _cut_off(container, stream, path, end)
    return Timeline(pts, time_base, end, True, keys, key_ticks, damage, cut_off)


def _scan(container: av.container.InputContainer, stream: av.VideoStream) -> tuple[list[_Packet], list[str]]:
    is_vp8 = stream.codec_context.name in ("vp8", "libvpx")
    packets = []
    level, skip_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.WARNING)  # damage to the container itself is only ever logged
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture(local=True) as logs:
            for packet in container.demux(stream):
                if not packet.size or packet.is_discard:
                    continue
                if is_vp8 and not bytes(packet)[0] & _VP8_IS_SHOWN:
                    continue
                packets.append(_Packet(packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe))
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skip_repeated)
    names = container.format.name.split(",")
    complaints = [text.strip().rstrip(".") for _, name, text in logs if set(name.split(",")) & set(names)]
    return packets, complaints


def _seek_tick(packet: _Packet) -> int:
    tick = packet.dts if packet.dts is not None else packet.pts
    return tick or 0


def _counted(num_packets: int, rate: Fraction) -> Timeline:
    """Build the timeline of a stream without timestamps: evenly spaced, decoding starts at its beginning."""
    first = np.zeros(min(num_packets, 1), np.int64)
    end = float(num_packets / rate)
    return Timeline(np.arange(num_packets), 1 / rate, end, False, first, first, {}, None)


def _fill_holes(pts: I64, keys: I64, step: int, complaint: str) -> tuple[I64, I64, dict[int, str]]:
    """Put the frames back whose packets the demuxer could not find, if the frame rate says how many there were.

    A hole alone proves nothing, since frame rates vary; a hole in a steady stream whose demuxer complained does.
    """
    distance = np.diff(pts)
    steady = np.abs(distance - step) <= max(1, step // 10)
    if len(distance) == 0 or steady.mean() < _STEADY:
        return pts, keys, {}
    filled: list[int] = []
    moved: list[int] = []
    damage = {}
    for tick, gap in zip(pts.tolist(), [*distance.tolist(), step], strict=True):
        moved.append(len(filled))
        filled.append(tick)
        for missing in range(1, round(gap / step)):
            damage[len(filled)] = complaint
            filled.append(tick + round(gap * missing / round(gap / step)))
    return np.array(filled, np.int64), np.array(moved, np.int64)[keys], damage


def _cut_off(container: av.container.InputContainer, stream: av.VideoStream, path: Path, end: float) -> str | None:
    """Say why the file looks cut off: what its own tables promise is not there."""
    size = path.stat().st_size
    if {"mov", "avi"} & set(container.format.name.split(",")):
        entries = stream.index_entries
        if any(entry.pos + entry.size > size for entry in (entries[i] for i in range(len(entries)))):
            return "its index names images beyond the end of the file"
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and int.from_bytes(head[4:8], "little") + 8 > size:
        return f"its header promises {int.from_bytes(head[4:8], 'little') + 8} bytes, the file has {size}"
    declared = _declared_end(container, stream)
    if declared is not None and declared - end > _MISSING_SECONDS:
        return f"its header promises {declared:.2f} s"
    return None


def _declared_end(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Return the end a Matroska file declares for its video, seconds; the other formats say it in their tables."""
    if "matroska" not in container.format.name:
        return None
    tag = stream.metadata.get("DURATION")
    if tag:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if len(container.streams) == 1 and container.duration is not None:
        return float(Fraction(container.duration, 1_000_000))
    return None
