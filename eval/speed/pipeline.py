"""How much a whole run costs beside its network calls alone, and where the rest goes."""

from __future__ import annotations

import platform
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from videopose import __version__
from videopose.api import Run, run
from videopose.estimators.workers import run_batches
from videopose.stages.flow import Pipeline, Prefetch, Stage
from videopose.types import Record


@dataclass
class Calls:
    """The outermost network calls of a run, with their inputs.

    Attributes:
        inputs: (network, arguments) in the order of the calls.
    """

    inputs: list[tuple[nn.Module, tuple[Any, ...]]] = field(default_factory=list)
    _inside: threading.local = field(default_factory=threading.local)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record every call of a network while the context lasts, whoever makes it."""

        def before(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            depth = getattr(self._inside, "depth", 0)
            if depth == 0:
                self.inputs.append((module, tuple(argument.clone() for argument in arguments)))
            self._inside.depth = depth + 1

        def after(module: nn.Module, arguments: Any, output: Any) -> None:
            self._inside.depth -= 1

        hooks = [register_module_forward_pre_hook(before), register_module_forward_hook(after)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def replay(self, device: torch.device) -> float:
        """Make the same calls again, side by side as in the run, with nothing between them; give the seconds."""

        @torch.inference_mode()
        def call(recorded: tuple[nn.Module, tuple[Any, ...]]) -> None:
            recorded[0](*recorded[1])

        started = time.perf_counter()
        run_batches(call, self.inputs, device)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - started


@dataclass(frozen=True)
class Timed:
    """A stage with a stopwatch: its own time, without that of the stages before it.

    Attributes:
        stage: what is timed.
        name: what the time is booked on.
        seconds: name -> seconds so far; shared by all stages of a run.
    """

    stage: Stage
    name: str
    seconds: dict[str, float]

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Pass the stage's records through."""
        stream = self.stage(self._upstream(records))
        while True:
            started = time.perf_counter()
            try:
                record = next(stream)
            except StopIteration:
                return
            finally:
                self._book(time.perf_counter() - started)
            yield record

    def _upstream(self, records: Iterable[Record]) -> Iterator[Record]:
        iterator = iter(records)
        while True:
            started = time.perf_counter()
            record = next(iterator, None)
            self._book(started - time.perf_counter())  # time waited for others is not this stage's
            if record is None:
                return
            yield record

    def _book(self, seconds: float) -> None:
        self.seconds[self.name] = self.seconds.get(self.name, 0.0) + seconds


def timed(pipeline: Pipeline, seconds: dict[str, float]) -> Pipeline:
    """Put a stopwatch on every stage of a pipeline but those that only hand over to another thread."""
    stages = (
        stage if isinstance(stage, Prefetch) else Timed(stage, type(stage).__name__, seconds)
        for stage in pipeline.stages
    )
    return replace(pipeline, stages=tuple(stages))


def measure_pipeline(
    clip: Path, *, pipeline: str, overrides: tuple[str, ...], frames: int, device: str
) -> dict[str, Any]:
    """Run a clip three times: as a user does, with stopwatches, and its network calls alone.

    Returns:
        Wall seconds, seconds of the network calls alone, their ratio, frames and people per second, and the share of
        each stage (`Any`: plain JSON values).
    """
    asked = {"pipeline": pipeline, "overrides": overrides, "frames": (0, frames - 1), "device": device}
    with tempfile.TemporaryDirectory() as folder:
        _drain(run(clip, Path(folder) / "warm.json", **(asked | {"frames": (0, min(frames, 32) - 1)})))  # type: ignore[arg-type]
        begun = run(clip, Path(folder) / "out.json", **asked)  # type: ignore[arg-type]
        started = time.perf_counter()
        num_frames, num_people = _drain(begun)
        wall = time.perf_counter() - started
        calls, stages = Calls(), dict[str, float]()
        with calls.recorded():
            _drain(_with_stopwatches(run(clip, Path(folder) / "timed.json", **asked), stages))  # type: ignore[arg-type]
    chosen = torch.device(begun.header.provenance["device"])
    networks = min(calls.replay(chosen) for _ in range(2))
    return {
        "clip": clip.name,
        "pipeline": pipeline,
        "frames": num_frames,
        "people": num_people,
        "wall_seconds": wall,
        "network_seconds": networks,
        "wall_vs_networks": wall / networks if networks else None,
        "frames_per_second": num_frames / wall,
        "people_per_second": num_people / wall,
        "stage_seconds": stages,
    }


def _with_stopwatches(begun: Run, seconds: dict[str, float]) -> Run:
    begun.wrap_stages(lambda stages: timed(stages, seconds))
    return begun


def _drain(begun: Run) -> tuple[int, int]:
    num_frames = num_people = 0
    for frame in begun:
        num_frames += 1
        num_people += len(frame.people)
    return num_frames, num_people


def machine() -> dict[str, str | int]:
    """Say what the numbers were measured on."""
    return {
        "videopose": __version__,
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "python": platform.python_version(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
