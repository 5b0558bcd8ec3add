"""The clock every contestant is measured by. It imports nothing that a contestant does not need."""

from __future__ import annotations

import resource
import time
from pathlib import Path

Numbers = dict[str, float]
"""frames: done; wall: seconds from loaded networks to the last result; cpu: seconds of all threads, user and system, in
that time; first: seconds from nothing loaded to the first frame's result; peak_mb: most memory held."""


class Clock:
    """Takes the times of one measurement; started when nothing is loaded yet."""

    def __init__(self) -> None:
        _forget_peak()
        self._begun = time.perf_counter()
        self._wall = self._cpu = self._first = 0.0

    def loaded(self) -> None:
        """Note that networks are ready and work begins."""
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()

    def frame_done(self) -> None:
        """Note a frame's result; the first one counts."""
        self._first = self._first or time.perf_counter() - self._begun

    def over(self, frames: int) -> Numbers:
        """Return what was taken."""
        return {
            "frames": frames,
            "wall": time.perf_counter() - self._wall,
            "cpu": _cpu_seconds() - self._cpu,
            "first": self._first,
            "peak_mb": _peak_mb(),
        }


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _forget_peak() -> None:
    """Start the kernel's record of the most memory anew, where it keeps one."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _peak_mb() -> float:
    try:
        rows = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(row.split()[1]) / 1024 for row in rows if row.startswith("VmHWM"))
