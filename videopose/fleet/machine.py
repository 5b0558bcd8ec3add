"""What this machine, or the container this process is in, offers: cores and memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")

_UNLIMITED = 1 << 60
"""Bytes from which on a limit is none; version 1 of cgroups writes a very large number."""


def num_cores(cgroup: Path = _CGROUP) -> int:
    """Return how many cores this process may use: by its affinity and by the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    quota = _words(cgroup / "cpu.max") or [
        *_words(cgroup / "cpu/cpu.cfs_quota_us"),
        *_words(cgroup / "cpu/cpu.cfs_period_us"),
    ]
    if len(quota) == 2 and quota[0].isdecimal() and int(quota[1]) > 0:
        cores = min(cores, max(1, int(quota[0]) // int(quota[1])))
    return cores


def free_memory(cgroup: Path = _CGROUP, meminfo: Path = _MEMINFO) -> int:
    """Return how many bytes are free: of the machine, and of what the container may have.

    What the container keeps of files counts as free: it is given back when it is asked for. A system that says nothing
    is taken to have enough.
    """
    free = [_of_machine(meminfo)]
    for limit, used, stat in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        words, now = _words(cgroup / limit), _words(cgroup / used)
        if words and now and words[0].isdecimal() and int(words[0]) < _UNLIMITED:
            free.append(int(words[0]) - int(now[0]) + _files_kept(cgroup / stat))
    return max(0, min(free))


def _of_machine(meminfo: Path) -> int:
    words = _words(meminfo)
    return int(words[words.index("MemAvailable:") + 1]) * 1024 if "MemAvailable:" in words else _UNLIMITED


def _files_kept(stat: Path) -> int:
    words = _words(stat)
    name = next((each for each in ("inactive_file", "total_inactive_file") if each in words), None)
    return 0 if name is None else int(words[words.index(name) + 1])


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []
