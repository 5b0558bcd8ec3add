"""Read the clean aperture of an MP4 or MOV file: the part of each image that is meant to be shown."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

_SAMPLE_ENTRY_HEAD = 78
"""Bytes of a video sample entry before the boxes in it (ISO/IEC 14496-12, section 12.1.3)."""

_LARGEST = 64 << 20
"""Bytes of a table of contents that is looked through; the longest films have less."""


def clean_aperture(path: Path, track: int, size_hw: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Find which part of the images of a track is shown.

    Args:
        path: of an MP4 or MOV file.
        track: id of the track.
        size_hw: (height, width) of the decoded images.

    Returns:
        Left, top, right, bottom in decoded pixels; None where all is shown, or where the box makes no sense.

    Source:
        ISO/IEC 14496-12, section 12.1.4, CleanApertureBox.
    """
    with path.open("rb") as file:
        moov = _moov(file)
    for trak in _boxes(moov, b"trak"):
        head = next(_boxes(trak, b"tkhd"), b"")
        place = 20 if head[:1] == b"\x01" else 12
        if int.from_bytes(head[place : place + 4], "big") != track:
            continue
        table = trak
        for name in (b"mdia", b"minf", b"stbl", b"stsd"):
            table = next(_boxes(table, name), b"")
        size = int.from_bytes(table[8:12], "big")
        box = next(_boxes(table[8 + 8 + _SAMPLE_ENTRY_HEAD : 8 + size], b"clap"), b"")
        return _area(box, size_hw) if len(box) >= 32 else None
    return None


def _moov(file: BinaryIO) -> bytes:
    while len(head := file.read(8)) == 8:
        size, used = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, used = int.from_bytes(file.read(8), "big"), 16
        if head[4:] == b"moov":
            return file.read(min(size - used, _LARGEST)) if size > used else b""
        if size < used:
            break
        file.seek(size - used, 1)
    return b""


def _boxes(data: bytes, name: bytes) -> Iterator[bytes]:
    place = 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if size < 8:
            return
        if data[place + 4 : place + 8] == name:
            yield data[place + 8 : place + size]
        place += size


def _area(box: bytes, size_hw: tuple[int, int]) -> tuple[int, int, int, int] | None:
    numbers = [int.from_bytes(box[at : at + 4], "big", signed=at in (16, 24)) for at in range(0, 32, 4)]
    if not all(numbers[1::2]):
        return None
    width, height, right, down = (Fraction(numbers[at], numbers[at + 1]) for at in (0, 2, 4, 6))
    left = round((size_hw[1] - width) / 2 + right)
    top = round((size_hw[0] - height) / 2 + down)
    area = left, top, left + round(width), top + round(height)
    is_inside = 0 <= left < area[2] <= size_hw[1] and 0 <= top < area[3] <= size_hw[0]
    return area if is_inside and area != (0, 0, size_hw[1], size_hw[0]) else None
