"""Freed memory stays with the process where glibc allows it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PAGE_FAULTS = """
import resource, sys
import numpy as np
from videopose.runtime.memory import keep_freed_memory
was_set = keep_freed_memory() if sys.argv[1] == "keep" else False
for round in range(30):
    blocks = [np.ones(4 << 20, np.uint8) for _ in range(8)]
    del blocks
    if round == 9:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(was_set, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str, **environment: str) -> tuple[str, int]:
    command = [sys.executable, "-c", PAGE_FAULTS, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    was_set, faults = done.stdout.split()
    return was_set, int(faults)


glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


@glibc
def test_blocks_come_back_without_page_faults() -> None:
    was_set, faults = _faults("keep", PYTHONPATH=":".join(sys.path))
    assert was_set == "True"
    assert faults < _faults("leave", PYTHONPATH=":".join(sys.path))[1] / 10


@glibc
def test_what_a_user_has_set_stays() -> None:
    was_set, _ = _faults("keep", PYTHONPATH=":".join(sys.path), MALLOC_TRIM_THRESHOLD_="131072")
    assert was_set == "False"
