"""Find files that were cut off, by the sizes its own boxes and tables state.

Durations and tags are hints of whoever wrote the file and prove nothing: files with wrong ones play to their end.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import av

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_OPEN_SIZES = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF})
"""What writers put where they do not know a size, because they could not go back to it."""


def cut_off_reason(container: av.container.InputContainer, stream: av.VideoStream, path: Path) -> str | None:
    """Return why a file looks cut off; None if it looks whole.

    Args:
        container: of the file.
        stream: the video stream that is read; its index may name images that are not there.
        path: of the file.
    """
    size = path.stat().st_size
    names = set(container.format.name.split(","))
    if {"mov", "avi"} & names:
        entries = stream.index_entries
        if any(entry.pos + entry.size > size for entry in (entries[i] for i in range(len(entries)))):
            return "its index names images beyond the end of the file"
    if "avi" not in names and "matroska" not in names:
        return None
    with path.open("rb") as file:
        end = _end_of_movi(file, size) if "avi" in names else _end_of_segment(file)
    return None if end is None or end <= size else f"its images should reach to byte {end}, the file has {size}"


def _end_of_movi(file: BinaryIO, size: int) -> int | None:
    """Find the end of the list of images in the first part of an AVI file, bytes."""
    place = 12
    while place + 12 <= size:
        file.seek(place)
        head = file.read(12)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] == b"LIST" and head[8:12] == b"movi":
            return None if length in _OPEN_SIZES else place + 8 + length
        place += 8 + length + length % 2
    return None


def _end_of_segment(file: BinaryIO) -> int | None:
    """Find where the one segment of a Matroska file ends, bytes; None where it does not say."""
    for wanted in (_EBML, _SEGMENT):
        if int.from_bytes(file.read(4), "big") != wanted:
            return None
        first = file.read(1)
        width = 9 - first[0].bit_length() if first and first[0] else 9
        if width > 8:
            return None
        mark = 1 << (7 * width)
        length = int.from_bytes(first + file.read(width - 1), "big") - mark
        if length == mark - 1:  # all bits set: unknown
            return None
        if wanted == _SEGMENT:
            return file.tell() + length
        file.seek(length, 1)
    return None
