"""What commands ask of the C library, and that they ask nothing where it is another."""

import ctypes
import subprocess
import sys

import pytest

from videopose.cli.memory import reuse_memory

CODE = """
import resource, sys
import numpy as np
from videopose.cli.memory import reuse_memory
if sys.argv[1] == "reuse":
    reuse_memory()
def batch():
    return [np.ones(2 << 20, np.uint8) for _ in range(10)]
batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


class Other:
    """A C library without `mallopt`."""


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Other())

    reuse_memory()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_are_left_alone(monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", None)

    reuse_memory()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not the GNU C library")
def test_memory_of_one_batch_serves_the_next():
    pages = {}
    for word in ("keep", "reuse"):
        done = subprocess.run([sys.executable, "-c", CODE, word], capture_output=True, text=True, check=True)
        pages[word] = int(done.stdout)

    assert pages["reuse"] < 0.1 * pages["keep"], "pages taken from the system"
