"""Write small videos for tests: every frame carries its own number as a brightness, so a wrong one is noticed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

STEP = 7
"""Brightness between one frame and the next; more than a lossy codec blurs."""


def frame_image(number: int, size_hw: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Draw frame `number`: grey by number, a red corner at the top left, a texture that resists compression."""
    height, width = size_hw
    image = np.full((height, width, 3), level_of(number), np.uint8)
    image += np.random.default_rng(number).integers(0, 3, image.shape, dtype=np.uint8)
    image[: height // 4, : width // 4] = (255, 0, 0)
    return image


def level_of(number: int) -> int:
    """Return the brightness of frame `number`."""
    return 20 + STEP * number % 210


def number_in(image: np.ndarray, near: int) -> int:
    """Read the frame number back from an (H, W, 3) image, knowing about which it must be (levels repeat)."""
    height, width = image.shape[:2]
    level = float(np.median(image[height // 2 :, width // 2 :])) - 1
    return min(range(max(0, near - 10), near + 10), key=lambda number: abs(level_of(number) - level))


def write_video(
    path: Path,
    *,
    num_frames: int = 30,
    size_hw: tuple[int, int] = (48, 64),
    rate: int = 25,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rotation: int | None = None,
    pixel_aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    with_audio: bool = False,
    paint: Callable[[int, tuple[int, int]], np.ndarray] = frame_image,
) -> Path:
    """Write a video whose frame k is `paint(k)`; `times` in seconds make its frame rate variable."""
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = size_hw
        stream.pix_fmt = pix_fmt
        stream.options = {"g": "10", **(options or {})}
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        audio = container.add_stream("aac", rate=16000) if with_audio else None
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(paint(number, size_hw), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(times[number] * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            _write_tone(container, audio, num_frames / rate)
    _schedule_normally()
    return path


def _schedule_normally() -> None:
    """Undo what libsvtav1 does for root: the thread that encoded goes before everything else on the machine."""
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def write_audio(path: Path, *, seconds: float = 1.0) -> Path:
    """Write a sound file without any image."""
    with av.open(str(path), "w") as container:
        _write_tone(container, container.add_stream("aac", rate=16000), seconds)
    return path


def _write_tone(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for block in range(int(seconds * 16000 / 1024)):
        samples = np.sin(np.arange(block * 1024, (block + 1) * 1024) * 0.2).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, block * 1024, Fraction(1, 16000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def damage_packets(path: Path, numbers: Sequence[int]) -> Path:
    """Overwrite the data of packets (counted in file order) with zeros; the container's own tables stay whole."""
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in numbers:
        start, size = places[number]
        data[start : start + size] = bytes(size)
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """Throw the end of a file away."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def set_ts_stamp(path: Path, number: int, ticks: int) -> Path:
    """Overwrite the presentation stamp (and the decode stamp) of the n-th image of a transport stream, 90 kHz."""
    data = bytearray(path.read_bytes())
    place = -1
    for _ in range(number + 1):
        place = data.index(b"\x00\x00\x01\xe0", place + 1)
    flags = data[place + 7]
    data[place + 9 : place + 14] = _ts_stamp(ticks, 3 if flags & 0x40 else 2)
    if flags & 0x40:
        data[place + 14 : place + 19] = _ts_stamp(ticks, 1)
    path.write_bytes(data)
    return path


def _ts_stamp(ticks: int, mark: int) -> bytes:
    """Write 33 bits as ISO/IEC 13818-1 does: 3, 15 and 15 of them, each part followed by a 1."""
    parts = (mark << 4) | (ticks >> 29 & 0xE) | 1, (ticks >> 14 & 0xFFFE) | 1, (ticks << 1 & 0xFFFE) | 1
    return parts[0].to_bytes(1, "big") + parts[1].to_bytes(2, "big") + parts[2].to_bytes(2, "big")


def add_clean_aperture(path: Path, width: int, height: int) -> Path:
    """Put a clean aperture about the centre into the sample entry of an MP4 whose tables stand at its end."""
    data = bytearray(path.read_bytes())
    box = b"clap" + b"".join(number.to_bytes(4, "big") for number in (width, 1, height, 1, 0, 1, 0, 1))
    box = (len(box) + 4).to_bytes(4, "big") + box
    assert data.index(b"moov") > data.index(b"mdat"), "the images would move"
    entry = data.index(b"avc1", data.index(b"stsd")) - 4
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        place = data.rindex(name, 0, entry) - 4
        data[place : place + 4] = (int.from_bytes(data[place : place + 4], "big") + len(box)).to_bytes(4, "big")
    size = int.from_bytes(data[entry : entry + 4], "big")
    data[entry : entry + 4] = (size + len(box)).to_bytes(4, "big")
    data[entry + size : entry + size] = box
    path.write_bytes(data)
    return path
