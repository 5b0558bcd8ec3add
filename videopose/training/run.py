"""From a training config to a finished run: the one call the command line makes."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from videopose import __version__
from videopose.config import Options, dump
from videopose.errors import ConfigError, InputError, WeightsError
from videopose.io.disk import refusals_said
from videopose.models import name_converter
from videopose.models.weights import read_card, read_state, save_weights
from videopose.training.checkpoint import State
from videopose.training.detector_task import DetectorTask, DetectorTaskOptions
from videopose.training.loop import Progress, train
from videopose.training.options import LoopOptions, OptimiserOptions
from videopose.training.pose_task import PoseTask, PoseTaskOptions
from videopose.training.refiner_task import RefinerTask, RefinerTaskOptions
from videopose.training.task import Task
from videopose.training.temporal_task import TemporalTask, TemporalTaskOptions


class TrainOptions(Options):
    """A whole training config: `configs/train/*.yaml`."""

    task: Literal["pose", "detector", "refiner", "temporal"]
    pose: PoseTaskOptions | None = None
    detector: DetectorTaskOptions | None = None
    refiner: RefinerTaskOptions | None = None
    temporal: TemporalTaskOptions | None = None
    loop: LoopOptions
    optimiser: OptimiserOptions = OptimiserOptions()
    start_from: str = ""
    """Weights to begin with where names and shapes fit, ours or another release's; relative to the working folder."""


def create_task(options: TrainOptions, data_dir: Path, run_dir: Path = Path()) -> Task:
    """Build the task a config names; what it prepares once is kept in the run's folder.

    Raises:
        ConfigError: the section of that name is missing.
        DatasetError: its data cannot be read.
    """
    if options.task == "pose" and options.pose is not None:
        return PoseTask(options.pose, options.loop, data_dir)
    if options.task == "detector" and options.detector is not None:
        return DetectorTask(options.detector, options.loop, data_dir)
    if options.task == "refiner" and options.refiner is not None:
        return RefinerTask(options.refiner, options.loop, data_dir)
    if options.task == "temporal" and options.temporal is not None:
        return TemporalTask(options.temporal, options.loop, data_dir, run_dir)
    raise ConfigError(f"task: {options.task} needs a section of that name")


def run_training(
    options: TrainOptions,
    data_dir: Path,
    run_dir: Path,
    *,
    resume: bool = False,
    stop_after: int | None = None,
    on_step: Progress | None = None,
) -> dict[str, float]:
    """Train as a config says and leave everything about the run in `run_dir`.

    Besides the checkpoints there is `weights.safetensors`: the best averaged weights at half precision, with all that
    is needed to use them (`--set pose.weights=…`).

    Args:
        options: the config.
        data_dir: folder its data sets' paths are relative to.
        run_dir: made if it does not exist.
        resume: go on from its `last.pt`.
        stop_after: stop at this step, to be resumed later.
        on_step: called after every step.

    Returns:
        The last scores.

    Raises:
        InputError: the run exists already and `resume` is not given.
        WeightsError: the weights to start from are missing, damaged or of another architecture.
        VideoPoseError: the training diverged.
    """
    with refusals_said(run_dir):
        if (run_dir / "last.pt").exists() and not resume:
            raise InputError(f"{run_dir}: holds a run already; pass --resume to continue it, or name another folder")
        run_dir.mkdir(parents=True, exist_ok=True)
    task = create_task(options, data_dir, run_dir)
    with refusals_said(run_dir):
        (run_dir / "config.yaml").write_text(dump(options), encoding="utf-8")
        (run_dir / "versions.json").write_text(json.dumps(_versions(), indent=1) + "\n", encoding="utf-8")

    def keep(model: nn.Module, scores: dict[str, float]) -> None:
        weights = replace(task.describe(run_dir.name), scores=scores)
        save_weights(run_dir / "weights.safetensors", _half(model), weights)

    start_from = _first_weights(Path(options.start_from), task) if options.start_from and not resume else None
    return train(
        task,
        options.loop,
        options.optimiser,
        run_dir,
        resume=resume,
        stop_after=stop_after,
        start_from=start_from,
        on_step=on_step,
        on_best=keep,
    )


def _first_weights(path: Path, task: Task) -> State:
    """Read weights to begin with; those that do not describe themselves come from another release."""
    if not path.is_file():
        raise WeightsError(f"start_from = {path}: there is no such file; paths are relative to the working folder")
    state = read_state(path)
    return dict(state) if read_card(path) else name_converter(task.describe("").architecture)(state)


def _half(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors at half precision, which costs no accuracy here and half the bytes."""
    state = model.state_dict()
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}


def _versions() -> dict[str, str]:
    """Describe what a run was made with; the commit only where the package lies in a git checkout."""
    found = {name: version(name) for name in ("torch", "lightning-fabric", "numpy", "opencv-python-headless")}
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = ""
    return {"videopose": __version__, "commit": commit, **found}
