"""Measure `videopose run` beside other packages, in turns.

    python -m videopose.eval.benchmarks.peers.compare CLIP --work FOLDER [--people 1,3,10,40] [--rounds 3] [-o OUT.json]

needs `pip install 'videopose[onnx]'` and, for the peers, `pip install --no-deps rtmlib==0.0.16`. The pose network is
RTMPose with random weights, the same file for all; boxes lie on a grid and wander. A machine that does other work makes
the wall clock worthless: the processor's time, user and system, can still be trusted, with `--cores 1` most.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from videopose.errors import InputError, nearest_name
from videopose.runtime.choice import instruction_set

from .clock import Numbers
from .contestants import BASE, CONTESTANTS, USUAL
from .material import Material
from .network import prepare

FRAMES = {1: 48, 3: 24, 10: 12, 40: 4}
"""For so many people a frame, so many frames; for other numbers as for the next smaller one."""
Report = dict[str, dict[str, list[Numbers]]]
"""People -> contestant -> a row of numbers per round."""


class Runner:
    """A contestant's process. One that fails says why, once, and is not asked again."""

    def __init__(self, name: str, material: Material, *, cores: int = 0, command: Sequence[str] = ()) -> None:
        self.name, self.failed = name, ""
        module = "videopose.eval.benchmarks.peers.worker"
        parts = [name, str(material.clip), str(material.folder), material.architecture, str(cores)]
        self._errors = (material.folder / f"{name}.log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [*(command or (sys.executable, "-W", "ignore", "-m", module)), *parts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, people: int, frames: int) -> Numbers | None:
        """Measure once; None if the contestant cannot run here."""
        if self.failed:
            return None
        assert self._process.stdin is not None, "it was opened"
        assert self._process.stdout is not None, "it was opened"
        try:
            self._process.stdin.write(f"{people} {frames}\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self._errors.seek(0)
            self.failed = (self._errors.read().strip().splitlines() or ["ended without a word"])[-1]
            return None
        self.failed = answer.get("failed", "")
        numbers: Numbers | None = answer.get("numbers")
        return numbers

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._errors.close()


def compare(runners: Sequence[Runner], people: Sequence[int], *, rounds: int, frames: Mapping[int, int]) -> Report:
    """Ask all contestants in turn, again and again; a first round warms up and does not count."""
    report: Report = {str(count): {runner.name: [] for runner in runners} for count in people}
    for number in range(rounds + 1):
        for count in people if number else people[:1]:
            for runner in runners:
                numbers = runner.ask(count, frames[count])
                if number and numbers is not None:
                    report[str(count)][runner.name].append(numbers)
    return report


def summary(rows: Sequence[Numbers], people: int) -> Numbers:
    """Return medians over the rounds: rates, processor milliseconds a frame, memory, time to the first result."""

    def median(values: Sequence[float]) -> float:
        return round(statistics.median(values), 3)

    rates = [row["frames"] / row["wall"] for row in rows]
    return {
        "frames_per_second": median(rates),
        "people_per_second": median([rate * people for rate in rates]),
        "cpu_ms_a_frame": median([1000 * row["cpu"] / row["frames"] for row in rows]),
        "peak_mb": median([row["peak_mb"] for row in rows]),
        "first_seconds": median([row["first"] for row in rows]),
    }


def table(report: Report, failed: Mapping[str, str]) -> str:
    """Write the medians as Markdown, the processor's time also as a multiple of `BASE`'s in the same round."""
    head = "| people | who | frames/s | people/s | CPU ms a frame | times " + BASE + " | peak MB | first result, s |\n"
    lines = [head, "|" + "---|" * 8 + "\n"]
    for people, taken in report.items():
        for name, rows in taken.items():
            if not rows:
                continue
            numbers = summary(rows, int(people))
            pairs = zip(rows, taken.get(BASE, []), strict=False)
            ratios = [(a["cpu"] / a["frames"]) / (b["cpu"] / b["frames"]) for a, b in pairs]
            ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
            lines.append(
                f"| {people} | {name} | {numbers['frames_per_second']:.1f} | {numbers['people_per_second']:.1f} "
                f"| {numbers['cpu_ms_a_frame']:.1f} | {ratio} | {numbers['peak_mb']:.0f} "
                f"| {numbers['first_seconds']:.1f} |\n"
            )
    return "".join([*lines, *(f"{name} could not run: {why}\n" for name, why in failed.items())])


def machine() -> dict[str, Any]:
    """Describe what it was measured on."""
    packages = ("torch", "openvino", "onnxruntime", "rtmlib", "ultralytics", "av", "videopose")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": _processor(),
        "instruction_set": instruction_set(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **{name: found for name in packages if (found := _version(name))},
    }


def _processor() -> str:
    try:
        rows = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((row.partition(":")[2].strip() for row in rows if row.startswith("model name")), platform.processor())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def frames_for(people: int) -> int:
    """Return how many frames are run with so many people in each."""
    return FRAMES[max((known for known in FRAMES if known <= people), default=min(FRAMES))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder of networks and boxes; kept")
    parser.add_argument("--people", default="1,3,10,40")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=0, help="of each measurement; 0 = fewer with more people")
    parser.add_argument("--cores", type=int, default=0, help="bind every contestant to so many cores; 0 = all")
    parser.add_argument("--network", choices=["rtmpose_s", "rtmpose_m"], default="rtmpose_m")
    parser.add_argument("--who", default=",".join(USUAL))
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args(arguments)
    names, people = asked.who.split(","), [int(part) for part in asked.people.split(",")]
    for name in names:
        if name not in CONTESTANTS:
            raise InputError(f"--who {name}: no contestant has this name. {nearest_name(name, CONTESTANTS)}")
    material = Material(asked.clip, asked.work, asked.network)
    prepare(material)
    facts = machine()
    runners = [Runner(name, material, cores=asked.cores) for name in names]
    try:
        frames = {count: asked.frames or frames_for(count) for count in people}
        report = compare(runners, people, rounds=asked.rounds, frames=frames)
    finally:
        for runner in runners:
            runner.close()
    failed = {runner.name: runner.failed for runner in runners if runner.failed}
    sys.stdout.write(f"{json.dumps(facts)}\n{table(report, failed)}")
    if asked.output is not None:
        document = {"machine": facts, "network": asked.network, "clip": asked.clip.name, "frames": frames}
        document |= {"cores_each": asked.cores or facts["cores"], "failed": failed, "rounds": report}
        asked.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
