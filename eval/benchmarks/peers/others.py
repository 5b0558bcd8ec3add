"""Contestants that are not ours: decoding alone, rtmlib, Ultralytics. Their packages are optional.

MMPose is not among them: its compiled parts (mmcv) install neither beside current setuptools nor beside current torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import av
import cv2
import numpy as np

from videopose.errors import InputError

from .clock import Clock, Numbers
from .material import Box, Material


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


class _Given:
    """A detector that looks boxes up, frame by frame."""

    det_mode = "human"

    def __init__(self, boxes: list[list[Box]]) -> None:
        self._boxes = iter(boxes)

    def __call__(self, image: np.ndarray) -> list[Box]:
        return next(self._boxes)


def rtmlib(backend: str) -> Callable[[Material, int, int], Numbers]:
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
