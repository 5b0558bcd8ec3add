"""The contestants: each runs its own code over a clip with given boxes and says what that took.

Optional packages are imported when their contestant is asked for; none is a dependency of videopose. MMPose is not
among them: its compiled parts (mmcv) install neither beside current setuptools nor beside current torch.
"""

from __future__ import annotations

import importlib
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from videopose.errors import InputError
from videopose.workflows.run import run

from .material import Box, Material

Numbers = dict[str, float]
"""frames: done; wall: seconds from loaded networks to the last result; cpu: seconds of all threads, user and system, in
that time; first: seconds from nothing loaded to the first frame's result; peak_mb: most memory held."""
Contestant = Callable[[Material, int, int], Numbers]
"""From the material, the people in a frame and the number of frames."""


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


def decode(material: Material, people: int, frames: int) -> Numbers:
    """Decode the clip with PyAV to RGB and do nothing else: the floor."""
    clock, done = Clock(), 0
    with av.open(str(material.clip)) as container:
        clock.loaded()
        for frame in container.decode(video=0):
            frame.to_ndarray(format="rgb24")
            done += 1
            clock.frame_done()
            if done == frames:
                break
    return clock.over(done)


def ours(*overrides: str) -> Contestant:
    """Build `videopose run` with given boxes, tracking, smoothing and the written result included."""

    def measure(material: Material, people: int, frames: int) -> Numbers:
        result = material.folder / "ours.json"
        files = {"graph": material.graph, "checkpoint": material.checkpoint}
        settings = [
            "detector.source=file",
            f"detector.boxes={material.boxes_file(people, frames)}",
            f"pose.model={material.architecture}",
            *(each.format(**files) for each in overrides),
        ]
        clock = Clock()

        def progress(done: int, total: int) -> None:
            clock.frame_done() if done else clock.loaded()

        begun = run(
            material.clip,
            result,
            overrides=settings,
            frames=(0, frames - 1),
            device="cpu",
            overwrite=True,
            restart=True,
            progress=progress,
        )
        done = sum(1 for _ in begun)
        numbers = clock.over(done)
        result.unlink(missing_ok=True)
        return numbers

    return measure


class _Given:
    """A detector that looks boxes up, frame by frame."""

    det_mode = "human"

    def __init__(self, boxes: list[list[Box]]) -> None:
        self._boxes = iter(boxes)

    def __call__(self, image: np.ndarray) -> list[Box]:
        return next(self._boxes)


def rtmlib(backend: str) -> Contestant:
    """Build rtmlib's `PoseTracker`, its detector replaced by the given boxes."""

    def measure(material: Material, people: int, frames: int) -> Numbers:
        package, networks = _package("rtmlib"), _package("rtmlib.tools.pose_estimation.rtmpose")
        boxes = material.boxes(people, frames)
        clock = Clock()

        class Solution:
            """What `PoseTracker` asks for: two networks."""

            def __init__(self, backend: str, device: str, to_openpose: bool = False) -> None:
                self.det_model = _Given(boxes)
                self.pose_model = networks.RTMPose(
                    str(material.graph),
                    model_input_size=(192, 256),
                    backend=backend,
                    device=device,
                    to_openpose=to_openpose,
                )

        tracker = package.PoseTracker(Solution, backend=backend, device="cpu")
        clock.loaded()
        done = _read_through(material, frames, tracker, clock)
        return clock.over(done)

    return measure


def ultralytics(material: Material, people: int, frames: int) -> Numbers:
    """Run Ultralytics' one-stage pose network from its own description, random weights, boxes unused."""
    package = _package("ultralytics")
    clock = Clock()
    model = package.YOLO("yolo11n-pose.yaml", task="pose")
    clock.loaded()
    done = _read_through(material, frames, lambda image: model.predict(image, verbose=False, device="cpu"), clock)
    return clock.over(done)


def _read_through(material: Material, frames: int, work: Callable[[Any], object], clock: Clock) -> int:
    """Call a function with the clip's frames as OpenCV reads them, as these packages' examples do."""
    capture = cv2.VideoCapture(str(material.clip))
    done = 0
    while done < frames:
        there, image = capture.read()
        if not there:
            break
        work(image)
        done += 1
        clock.frame_done()
    return done


def _package(name: str) -> Any:  # Any: the packages carry no types
    try:
        return importlib.import_module(name)
    except ImportError as error:
        root = name.partition(".")[0]
        raise InputError(f"{root} is not installed; run `pip install --no-deps {root}`, or leave it out") from error


CONTESTANTS: dict[str, Contestant] = {
    "decode": decode,
    "rtmlib-onnxruntime": rtmlib("onnxruntime"),
    "rtmlib-openvino": rtmlib("openvino"),
    "ours": ours("pose.weights={graph}"),
    "ours-torch": ours("pose.weights={checkpoint}", "runtime=torch", "precision=float32"),
    "ours-bfloat16": ours("pose.weights={graph}", "precision=bfloat16"),
    "ultralytics": ultralytics,
}
"""Name -> what is measured; `ours` is what a user gets who brings the file, on this machine's default runtime."""
USUAL = ("decode", "rtmlib-onnxruntime", "rtmlib-openvino", "ours", "ours-torch")
BASE = "rtmlib-openvino"
"""What the others are compared with."""
