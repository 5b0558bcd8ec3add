"""A training from packed parts against the clock: the loop, and what it leaves every minute."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from videopose.errors import InputError, VideoPoseError
from videopose.models import create_model
from videopose.skeletons import skeleton_named
from videopose.training.optim import MovingAverage
from videopose.training.packed.lesson import Lesson
from videopose.training.packed.parts import Pack, read_parts
from videopose.training.packed.states import (
    begin_with,
    load_state,
    read_log,
    read_weights,
    save_state,
    save_weights,
    write_log,
)
from videopose.training.pose_losses import with_stages

log = logging.getLogger(__name__)

_WARM = 0.02
"""Share of the training in which the learning rate rises."""
_FINAL = 0.01
"""Where its cosine ends, as a share of it."""
_RESERVE = 0.02
"""Share of the time that is kept for the last score and the last files."""


@dataclass(frozen=True)
class Run:
    """What a command line asks for; None leaves it to the pack.

    Attributes:
        parts: files of one pack.
        out: folder for the results.
        state: folder for what a training goes on from; `state` in `out` if not given.
        seconds: of the whole command; the learning rate falls over what is left of them once the crops are unpacked.
        steps: instead of `seconds`, so many steps in all: the same bytes on the same processor.
        until: share of the whole training that is done at the end of this command; below 1 if another one goes on.
        batch_size: people per step.
        learning_rate: at its highest.
        architecture: of the student.
        model: its options.
        teacher_weight: of the teacher's loss; 0 = do without.
        start: weights to begin with.
        resume: go on from the state.
        every: seconds between files; 0 = after every step.
        compiled: whether to translate the network by `torch.compile`.
        device: `cpu`, `cuda`, or `auto`.
        threads: on the processor.
        seed: of everything that is drawn.
        stop_after: stop at this step as an interruption would, with a state.
    """

    parts: Sequence[Path]
    out: Path
    state: Path | None
    seconds: float | None
    steps: int | None
    until: float
    batch_size: int | None
    learning_rate: float | None
    architecture: str | None
    model: Mapping[str, Any] | None
    teacher_weight: float | None
    start: Path | None
    resume: bool
    every: float
    compiled: bool
    device: str
    threads: int
    seed: int
    stop_after: int | None

    @property
    def state_folder(self) -> Path:
        """Where the state is."""
        return self.out / "state" if self.state is None else self.state


def train_packed(run: Run) -> Path:
    """Train from parts; return the path of the weights.

    Raises:
        DatasetError: a part cannot be used.
        InputError: there is a run in the folder already and it shall not be resumed, or seconds and steps are both
            or neither given.
        WeightsError: weights or state do not fit.
        VideoPoseError: the training diverged; the files are those of the minute before.
    """
    begun = time.monotonic()
    if (run.seconds is None) == (run.steps is None):
        raise InputError("give either --seconds or --steps")
    if not 0 < run.until <= 1:
        raise InputError(f"--until {run.until:g}: is a share of the training; give one above 0 and up to 1")
    if run.state_folder.exists() and not run.resume:
        raise InputError(f"{run.state_folder}: holds a run already; go on by --resume, or name another folder")
    run.out.mkdir(parents=True, exist_ok=True)
    device = _device(run)
    pack = read_parts(run.parts, device, threads=max(1, run.threads))
    if run.teacher_weight is not None:
        pack = _with_teacher_weight(pack, run.teacher_weight)
    student = dict(pack.header.student)
    if run.architecture is not None:
        student |= {"architecture": run.architecture, "model": {}}
    if run.model is not None:
        student["model"] = dict(run.model)
    lesson = Lesson(pack, student, batch_size=run.batch_size or pack.header.batch_size, seed=run.seed)
    log.info("%d people, %d held out, on %s, %.0f s", len(pack.labels), len(lesson.held_out), device,
             time.monotonic() - begun)  # fmt: skip
    session = _Session(run, pack, lesson, student, device)
    session.train(begun)
    return run.out / "weights.safetensors"


def _device(run: Run) -> torch.device:
    found = "cuda" if run.device == "auto" and torch.cuda.is_available() else run.device
    device = torch.device("cpu" if found == "auto" else found)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    elif run.threads:
        torch.set_num_threads(run.threads)
    return device


def _with_teacher_weight(pack: Pack, weight: float) -> Pack:
    teacher = {**pack.header.teacher, "weight": weight} if weight else {}
    if weight and not pack.header.teacher:
        raise InputError("--teacher-weight: the pack has no teacher; pack it from a config with pose.distill")
    return replace(pack, header=replace(pack.header, teacher=teacher))


class _Session:
    def __init__(self, run: Run, pack: Pack, lesson: Lesson, student: Mapping[str, Any], device: torch.device) -> None:
        header, optimiser = pack.header, pack.header.optimiser
        torch.manual_seed(run.seed)
        skeleton = skeleton_named(header.skeleton)
        name = str(student["architecture"])
        network = create_model(name, num_keypoints=len(skeleton), input_hw=header.input_hw, **student["model"])
        self._model = with_stages(network, name).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if run.start is not None and not run.resume:
            taken = begin_with(self._model, read_weights(run.start), run.start)
            log.info("begins with %d tensors of %s", taken, run.start)
        self._run, self._lesson, self._device = run, lesson, device
        self._rate = run.learning_rate or optimiser["learning_rate"]
        self._clip = optimiser["clip_norm"]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self._model.parameters() if (p.ndim > 1) == decays], "weight_decay": decay}
            for decays, decay in ((True, optimiser["weight_decay"]), (False, 0.0))
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=self._rate, fused=device.type == "cuda")
        self._average = MovingAverage(self._model, header.ema_decay)
        self._step, self._done = 0, 0.0
        if run.resume:
            self._step, self._done = load_state(run.state_folder, self._model, self._average, self._optimiser)
            log.info("goes on from step %d, %.0f %% done", self._step, 100 * self._done)
            if self._done >= run.until:
                raise InputError(
                    f"{run.state_folder}: {self._done:.0%} of the training is done, which is all that is asked for; "
                    "begin another one with its weights by --start"
                )
        self._rows = read_log(run.out / "log.csv", self._step)
        self._card = {
            **json.loads(header.card),
            "name": f"{name}.{run.out.name}",
            "options": dict(student["model"]),
        }

    def train(self, begun: float) -> None:
        """Run steps until the time or their number is used up."""
        run, started_with = self._run, self._done
        network: nn.Module = torch.compile(self._model) if run.compiled else self._model  # type: ignore[assignment]
        deadline = begun + run.seconds * (1 - _RESERVE) if run.seconds is not None else math.inf
        first = saved = time.monotonic()
        sums: dict[str, Tensor] = {}
        counted = timed = 0
        while self._done < run.until and self._step != run.stop_after:
            rate = self._set_rate()
            for name, value in self._take_step(network).items():
                sums[name] = sums.get(name, 0) + value
            self._step, counted, timed = self._step + 1, counted + 1, timed + 1
            if first == saved and timed == 1:  # the first step translates and tries out kernels: no measure of speed
                self._wait()
                first, timed = time.monotonic(), 0
            now = time.monotonic()
            if run.steps is not None:
                self._done = self._step / run.steps
            else:
                spent = min(1.0, (now - first) / max(1e-6, deadline - first))
                self._done = started_with + (run.until - started_with) * spent
            if now - saved >= run.every or self._done >= run.until or self._step == run.stop_after:
                speed = timed * self._lesson.batch_size / max(1e-6, now - max(first, saved))
                means = {name: float(value) / counted for name, value in sums.items()}
                self._keep({"seconds": now - begun, "done": self._done, **means, "learning_rate": rate}, speed)
                sums, counted, timed, saved = {}, 0, 0, time.monotonic()

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _set_rate(self) -> float:
        cosine = _FINAL + (1 - _FINAL) * 0.5 * (1 + math.cos(math.pi * self._done))
        rate = self._rate * min(1.0, 0.05 + self._done / _WARM) * cosine
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        return rate

    def _take_step(self, network: nn.Module) -> dict[str, Tensor]:
        self._model.train()
        torch.manual_seed(self._run.seed + self._step)  # dropout and the like draw the same after a resume
        losses = self._lesson.loss(network, self._step)
        self._optimiser.zero_grad()
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        if self._clip:
            nn.utils.clip_grad_norm_(self._model.parameters(), self._clip)
        self._optimiser.step()
        self._average.update(self._model, self._step)
        return {name: value.detach() for name, value in losses.items()}

    def _keep(self, row: dict[str, float], speed: float) -> None:
        """Write the log, the weights and a state, unless the training has come off the rails."""
        if not math.isfinite(row["loss"]):
            raise VideoPoseError(
                f"step {self._step}: the loss is not finite; --resume goes on from the files, with a lower --rate"
            )
        if speed:
            row["people_per_second"] = speed
        score = self._lesson.score(self._average.model)
        if math.isfinite(score):
            row["mean_oks"] = score
        log.info("step %d: %s", self._step, ", ".join(f"{name} {value:.4g}" for name, value in row.items()))
        self._rows.append({"step": str(self._step), **{name: f"{value:.6g}" for name, value in row.items()}})
        write_log(self._run.out / "log.csv", self._rows)
        scores = {"mean_oks": round(score, 4)} if math.isfinite(score) else {}
        save_weights(self._run.out / "weights.safetensors", self._average.model, {**self._card, "scores": scores})
        save_state(self._run.state_folder, self._step, self._done, self._model, self._average, self._optimiser)
