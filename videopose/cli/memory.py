"""What a command asks of the C library's memory."""

from __future__ import annotations

import ctypes
import sys

# malloc.h of the GNU C library
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def reuse_memory() -> None:
    """Reuse the memory of one batch for the next, and return that of large images at once.

    By default the GNU C library keeps full HD images among the smaller blocks around them, which holds on to both: a
    run of a portrait HD clip took 1.5 GB instead of 1.1. And it returns a network's intermediate results to the system,
    to get them again, zeroed page by page, for the next batch. Where there is another C library, nothing happens. It is
    for the program, not for the package: memory belongs to the whole process.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, size in ((_MMAP_THRESHOLD, 6_000_000), (_TRIM_THRESHOLD, 64 << 20), (_TOP_PAD, 4 << 20)):
            mallopt(option, size)
