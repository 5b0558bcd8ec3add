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
from videopose.io.reader import open_video
from videopose.runtime.workers import run_batches
from videopose.stages.pipeline import Pipeline, Prefetch, Stage
from videopose.types import Record
from videopose.workflows.run import run
from videopose.workflows.running import Run


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

    def replay(self, device: torch.device) -> None:
        """Repeat the same calls, side by side as in the run, with nothing between them."""

        @torch.inference_mode()
        def call(recorded: tuple[nn.Module, tuple[Any, ...]]) -> None:
            recorded[0](*recorded[1])

        run_batches(call, self.inputs, device)
        if device.type == "cuda":
            torch.cuda.synchronize(device)


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
    """Measure the time of every stage of a pipeline but those that only hand over to another thread."""
    stages = (
        stage if isinstance(stage, Prefetch) else Timed(stage, type(stage).__name__, seconds)
        for stage in pipeline.stages
    )
    return replace(pipeline, stages=tuple(stages))


@dataclass
class Clock:
    """Wall and processor time of a stretch of work; the processor's, of all threads, is the one a busy machine spares.

    Attributes:
        wall: seconds.
        processor: seconds of all threads together.
    """

    wall: float = 0.0
    processor: float = 0.0

    @contextmanager
    def running(self) -> Iterator[Clock]:
        """Measure the time of a block."""
        self.start()
        yield self
        self.stop()

    def start(self) -> None:
        """Start at zero."""
        self.wall, self.processor = -time.perf_counter(), -time.process_time()

    def stop(self) -> None:
        """Measure the time since the start."""
        self.wall += time.perf_counter()
        self.processor += time.process_time()


@dataclass(frozen=True)
class Whole:
    """A run from loaded networks to written result.

    Attributes:
        clock: of all of it.
        loading: wall seconds before it: weights read, networks prepared.
        behind: wall seconds after the last frame came out of the networks: tracks linked, smoothed, written.
        num_frames: how many frames came out.
        num_people: how many people there are in them, frame by frame.
    """

    clock: Clock
    loading: float
    behind: float
    num_frames: int
    num_people: int


def drain(begun: Run) -> Whole:
    """Run to the end and measure the time."""
    clock, last = Clock(), 0.0
    entered = time.perf_counter()

    def progress(done: int, total: int) -> None:
        nonlocal last
        last = time.perf_counter()
        if not done:
            clock.start()

    begun.progress = progress
    num_frames = num_people = 0
    for frame in begun:
        num_frames += 1
        num_people += len(frame.people)
    behind = time.perf_counter() - last
    clock.stop()
    return Whole(clock, time.perf_counter() - entered - clock.wall, behind, num_frames, num_people)


def measure_pipeline(
    clip: Path, *, pipeline: str, overrides: tuple[str, ...], frames: int, device: str, rounds: int = 3
) -> dict[str, Any]:
    """Run a clip as a user does and, in turn with it, make its network calls alone.

    Loading is told apart: it comes once a run, however long the video is. Of each side the least disturbed round
    counts.

    Args:
        clip: the video.
        pipeline: name or file of the config.
        overrides: `key=value` texts laid over it.
        frames: how many frames are run.
        device: auto, cpu, cuda …
        rounds: how often both are done.

    Returns:
        Seconds of the run and of its network calls alone by the clock and by the processor, their ratios, frames and
        people per second, and where a run spends its time (`Any`: plain JSON values).
    """
    asked: dict[str, Any] = {  # Any: the arguments of `run`
        "pipeline": pipeline, "overrides": overrides, "frames": (0, frames - 1), "device": device
    }  # fmt: skip
    calls, stages, wholes, alone = Calls(), dict[str, float](), list[Whole](), list[Clock]()
    with tempfile.TemporaryDirectory() as folder:
        begun = run(clip, Path(folder) / "timed.json", **asked)
        begun.instrument(lambda pipeline: timed(pipeline, stages))
        with calls.recorded():
            drain(begun)  # the first run also warms up what the others use
        for number in range(rounds):
            wholes.append(drain(run(clip, Path(folder) / f"{number}.json", **asked)))
            with Clock().running() as clock:
                calls.replay(torch.device(begun.header.provenance["device"]))
            alone.append(clock)
        with Clock().running() as decoding:
            num_decoded = sum(1 for _ in open_video(clip, frames=(0, frames - 1)))
    best = min(wholes, key=lambda whole: whole.clock.wall)
    wall, networks = best.clock.wall, min(clock.wall for clock in alone)
    processor, network_processor = (min(each) for each in (
        [whole.clock.processor for whole in wholes], [clock.processor for clock in alone]
    ))  # fmt: skip
    return {
        "clip": clip.name,
        "pipeline": pipeline,
        "frames": best.num_frames,
        "people": best.num_people,
        "wall_seconds": wall,
        "network_seconds": networks,
        "wall_vs_networks": wall / networks if calls.inputs else None,
        "processor_seconds": processor,
        "network_processor_seconds": network_processor,
        "processor_vs_networks": processor / network_processor if calls.inputs else None,
        "frames_per_second": best.num_frames / wall,
        "people_per_second": best.num_people / wall,
        "loading_seconds": best.loading,
        "behind_networks_seconds": best.behind,
        "decoding_alone_seconds": decoding.processor * best.num_frames / num_decoded,
        "rounds": [[whole.clock.wall, clock.wall] for whole, clock in zip(wholes, alone, strict=True)],
        "stage_seconds": stages,
    }


def machine() -> dict[str, str | int]:
    """Describe what the numbers were measured on."""
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
