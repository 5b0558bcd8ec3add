"""Many runs in one process leave nothing behind: no threads, no open files, no memory."""

import gc
import os
import threading
from pathlib import Path

import pytest
from video_files import write_video

import videopose

OPTIONS = ["detector.source=frame", "pose.input_hw=[64, 32]"]
RUNS = 50


def _handles() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the listing's own descriptor counts the same each time


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208


def _megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts handles the Linux way")
def test_fifty_runs_leave_nothing_behind(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=8)
    seen = []

    for number in range(RUNS):
        output = tmp_path / f"{number}.json" if number % 2 else None
        assert len(list(videopose.run(clip, output, overrides=OPTIONS))) == 8
        gc.collect()
        seen.append((_handles(), _threads(), threading.active_count(), _megabytes()))

    warm, last = seen[9], seen[-1]
    assert last[:3] <= warm[:3], seen
    assert last[3] - warm[3] < 30, [round(each[3]) for each in seen]
