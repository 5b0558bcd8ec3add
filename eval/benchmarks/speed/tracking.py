"""Speed and memory of everything behind the journal: online tracking, and a whole result from file to file.

`python -m videopose.eval.benchmarks.speed.tracking` writes `tracking.json` beside itself. Every measurement has a
process of its own, because the peak of a process's memory never falls. Seconds are of CPU time, so a busy machine
counts less.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from videopose import __version__
from videopose.io.journal_store import JournalStore
from videopose.io.result import ResultHeader
from videopose.io.results import write_result
from videopose.skeletons import skeleton_named
from videopose.tracking.tracker import create_tracker
from videopose.types import UNTRACKED, Frame, Poses, Record, VideoInfo
from videopose.workflows.retrack import retrack, retrack_options, retrack_records

SKELETON = skeleton_named("body19")
FRAME_RATE = 25
CHUNK = 64
ONLINE = ("oks", "iou", "kalman", "two-stage", "observation")


def people_walking(num_frames: int, num_people: int) -> Iterator[Record]:
    """Simulate people who walk in circles, tremble, and are missed for up to a second now and then."""
    random = np.random.default_rng(0)
    shape = random.uniform(-0.5, 0.5, (num_people, len(SKELETON), 2)) * [100, 200]
    center = random.uniform(200, 3000, (num_people, 2))
    phase, pace = random.uniform(0, 6, num_people), random.uniform(0.1, 0.5, num_people)
    unseen = np.zeros(num_people, np.int64)
    for number in range(num_frames):
        seconds = number / FRAME_RATE
        sway = [300 * np.sin(pace * seconds + phase), 80 * np.cos(0.7 * pace * seconds + phase)]
        xy = (center + np.stack(sway, 1))[:, None] + shape + random.normal(0, 2, shape.shape)
        hides = random.random(num_people) < 0.005
        unseen = np.where(unseen > 0, unseen - 1, np.where(hides, random.integers(3, FRAME_RATE, num_people), 0))
        score = random.uniform(0.4, 1, (*xy.shape[:2], 1))
        poses = Poses(
            np.concatenate([xy, score], axis=2).astype(np.float32),
            np.full(num_people, 0.9, np.float32),
            np.concatenate([xy.min(1), xy.max(1)], axis=1).astype(np.float32),
            np.full(num_people, UNTRACKED, np.int64),
        )
        yield Record(Frame(number, seconds, None), poses=poses[unseen == 0])


def online(name: str, num_people: int = 30, num_frames: int = 300) -> dict[str, Any]:
    """Count frames a second of an online tracker."""
    options = retrack_options(name, []).tracker
    frames = list(people_walking(num_frames, num_people))
    tracker = create_tracker(options, SKELETON)
    started = time.process_time()
    for record in frames:
        assert record.poses is not None
        tracker.step(record.poses, record.frame.time)
    return {"people": num_people, "frames_per_second": round(num_frames / (time.process_time() - started))}


def growth(num_people: int = 2, minutes: int = 20) -> dict[str, Any]:
    """Compare the peak of memory after the second half of a one-minute run with that of a long one."""
    with tempfile.TemporaryDirectory() as folder:
        peaks = []
        for length in (1, minutes):
            journal = Path(folder) / f"{length}.partial"
            _in_a_process("write_journal", str(journal), str(length * 60 * FRAME_RATE), str(num_people))
            peaks.append(_second_half(journal, Path(folder) / f"{length}.json"))
    return {
        "people": num_people,
        "minutes": minutes,
        "first_minute_mb": round(peaks[0]),
        "whole_mb": round(peaks[1]),
        "growth_mb": round(peaks[1] - peaks[0]),
    }


def _second_half(journal: Path, target: Path) -> float:
    with write_result(target, _header()) as writer:
        for record in retrack_records(JournalStore(journal, {}), retrack_options(None, []), SKELETON):
            writer.write(record)
    return _peak_mb()


def write_journal(folder: str, num_frames: str, num_people: str) -> dict[str, Any]:
    """Write what the networks would have written."""
    store = JournalStore(Path(folder), {})
    kept: list[Record] = []
    for record in people_walking(int(num_frames), int(num_people)):
        kept.append(record)
        if len(kept) == CHUNK:
            store.append(kept)
            kept = []
    store.append(kept)
    store.finish([])
    return {}


def million(suffix: str, num_people: int = 30, num_poses: int = 1_000_000) -> dict[str, Any]:
    """Track a million poses from file to file, as `videopose track` does."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / f"source{suffix}", Path(folder) / f"target{suffix}"
        poses = _in_a_process("write_source", str(source), str(num_poses // num_people), str(num_people))["poses"]
        started = time.process_time()
        summary = retrack(source, target, retrack_options(None, []))
        seconds = time.process_time() - started
    return {
        "poses": poses,
        "summary": summary,
        "seconds": round(seconds, 1),
        "poses_per_second": round(poses / seconds),
        "peak_mb": round(_peak_mb()),
    }


def write_source(path: str, num_frames: str, num_people: str) -> dict[str, Any]:
    """Write a result to be tracked."""
    poses = 0
    with write_result(Path(path), _header()) as writer:
        for record in people_walking(int(num_frames), int(num_people)):
            assert record.poses is not None
            poses += len(record.poses)
            writer.write(record)
    return {"poses": poses}


def _header() -> ResultHeader:
    return ResultHeader(VideoInfo("walking.mp4", (2160, 3840), Fraction(FRAME_RATE)), SKELETON)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


PARTS: dict[str, Callable[..., dict[str, Any]]] = {  # Any: each has arguments of its own, given as texts
    "online": online,
    "growth": growth,
    "million": million,
    "write_journal": write_journal,
    "write_source": write_source,
}


def _in_a_process(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "videopose.eval.benchmarks.speed.tracking", *arguments]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **_ONE_CORE})
    facts: dict[str, Any] = json.loads(answer.stdout)
    return facts


_ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measure() -> dict[str, Any]:
    """Run all measurements, one after the other."""
    return {
        "machine": {"videopose": __version__, "python": platform.python_version(), "numpy": np.__version__},
        "date": time.strftime("%Y-%m-%d"),
        "online": {name: _in_a_process("online", name) for name in ONLINE},
        "growth": _in_a_process("growth"),
        "million": {suffix: _in_a_process("million", suffix) for suffix in (".json", ".parquet")},
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(PARTS[sys.argv[1]](*sys.argv[2:])) + "\n")
    else:
        text = json.dumps(measure(), indent=2) + "\n"
        Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")
        sys.stdout.write(text)
