"""How the process keeps memory it has freed: networks ask for the same large blocks again and again."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

# From malloc.h; the names of the variables by which a user sets the same.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_SET_BY_USER = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")

_KEPT = 512 << 20
_LARGEST = 32 << 20
"""What glibc allows; blocks above it are few."""


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep freed blocks for the next call of a network, instead of giving each back at once.

    A block given back comes again as pages full of zeros, one page fault for every 4 KB: a tenth of the processor time
    of a run. At most `_KEPT` bytes are kept at the end of each heap. Applies to the whole process, once; variables by
    which a user sets the same have the last word.

    Returns:
        Whether anything was set; it is not where the C library is another than glibc.
    """
    if sys.platform != "linux" or any(name in os.environ for name in _SET_BY_USER):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    settings = {_MMAP_THRESHOLD: _LARGEST, _TRIM_THRESHOLD: _KEPT, _TOP_PAD: 1 << 20}
    results = [mallopt(name, value) for name, value in settings.items()]
    return all(result == 1 for result in results)
