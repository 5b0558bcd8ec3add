"""Training the pose-sequence refiner on true trajectories with simulated noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from videopose.config import Options
from videopose.data.mixing import MixtureSampler
from videopose.data.pose_noise import NoiseOptions
from videopose.data.pose_windows import SKELETON, MotionOptions, PoseWindow, draw_window
from videopose.data.trajectories import Trajectory, TrajectorySource, load_trajectories
from videopose.learned_tracking.refiner import features_of
from videopose.models import create_model
from videopose.models.refiner import parts_of
from videopose.models.zoo import Weights
from videopose.tracking.cleaning.smoothers import rts
from videopose.tracking.cleaning.track_batches import TrackBatch
from videopose.training.options import LoopOptions
from videopose.training.task import Batch
from videopose.types import F64

_LEAST_ERROR = 0.005
"""Person sizes under which errors are not worth telling apart."""

_VALIDATION_BATCH = 32


class RefinerTaskOptions(Options):
    """The refiner and what it learns from."""

    model: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the architecture (whatever it takes, hence `Any`)."""
    frames: int = Field(default=32, ge=8)
    """Poses of a window at most; shorter ones are padded."""
    sources: tuple[TrajectorySource, ...]
    motion: MotionOptions = MotionOptions()
    noise: NoiseOptions = NoiseOptions()
    acceleration_weight: float = 1.0
    """Of the acceleration error in the loss, beside the position error."""
    validation: tuple[TrajectorySource, ...] = ()
    """Held-out trajectories; the score is the share of the formula's errors that is taken away."""
    validation_windows: int = Field(default=256, ge=_VALIDATION_BATCH)
    """Noisy windows drawn from each of them."""


class RefinerTask:
    """Position and acceleration errors of noisy windows, relative to what smoothing by formula leaves."""

    monitor = "gain"

    def __init__(self, options: RefinerTaskOptions, loop: LoopOptions, folder: Path) -> None:
        self.options = options
        self._seed = loop.seed
        self._batch_size = loop.batch_size
        self._people = [load_trajectories(folder, source, SKELETON) for source in options.sources]
        self._held_out = {s.name: load_trajectories(folder, s, SKELETON) for s in options.validation}
        shares = [source.share for source in options.sources]
        self._mixture = MixtureSampler([len(people) for people in self._people], shares, seed=loop.seed)

    def build(self) -> nn.Module:
        """Build the network; see `Task`."""
        return create_model("refiner", **self.options.model)

    def batch(self, step: int, rows: range, device: torch.device, progress: float) -> Batch:
        """Prepare part of a step's batch; see `Task`."""
        windows = []
        for number in (step * self._batch_size + row for row in rows):
            source, index = self._mixture[number]
            rng = np.random.default_rng([self._seed, number])
            windows.append(self._window(rng, self._people[source][index]))
        return self._on(device, windows)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare with the truth, each window by how hard it is; see `Task`."""
        position, acceleration = errors(refined(model, batch), batch)
        base_position, base_acceleration = errors(batch["base"], batch)
        position = (position / (base_position + _LEAST_ERROR)).mean()
        acceleration = (acceleration / (base_acceleration + _LEAST_ERROR)).mean()
        loss = position + self.options.acceleration_weight * acceleration
        return loss, {"position": position.detach(), "acceleration": acceleration.detach()}

    def describe(self, name: str) -> Weights:
        """Describe the trained weights; see `Task`."""
        return Weights(f"refiner.{name}", "", skeleton="", codec="", options=self.options.model)

    def evaluate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Measure what share of the formula's errors is taken away on held-out windows, mean over sources and both."""
        model.eval()
        scores: dict[str, float] = {}
        for name, people in self._held_out.items():
            total = torch.zeros(4)
            for number in range(self.options.validation_windows // _VALIDATION_BATCH):
                rng = np.random.default_rng([7, number])
                chosen = [people[row] for row in rng.integers(len(people), size=_VALIDATION_BATCH)]
                batch = self._on(device, [self._window(rng, person) for person in chosen])
                with torch.inference_mode():
                    both = (*errors(refined(model, batch), batch), *errors(batch["base"], batch))
                total += torch.stack([each.mean().cpu() for each in both])
            scores[f"position/{name}"] = float(1 - total[0] / total[2])
            scores[f"acceleration/{name}"] = float(1 - total[1] / total[3])
        return {"gain": float(np.mean(list(scores.values()))), **scores} if scores else scores

    def _window(self, rng: np.random.Generator, person: Trajectory) -> PoseWindow:
        return draw_window(rng, person, self.options.frames, self.options.motion, self.options.noise)

    def _on(self, device: torch.device, windows: Sequence[PoseWindow]) -> Batch:
        return {name: value.to(device) for name, value in as_batch(windows, self.options.frames).items()}


def refined(model: nn.Module, batch: Batch) -> Tensor:
    """Return (B, T, K, 2) refined positions, person sizes."""
    shift: Tensor = model(batch["features"], batch["parts"], batch["limbs"], batch["exists"], batch["valid"])
    return batch["base"] + batch["size"][:, None, None, None] * shift


def errors(points: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return (B,) mean position and acceleration errors of each window, person sizes (per frame²)."""
    labelled = batch["labelled"]
    off = points - batch["truth"]
    change = off[:, 2:] - 2 * off[:, 1:-1] + off[:, :-2]
    follows = labelled[:, 2:] * labelled[:, 1:-1] * labelled[:, :-2]
    return _mean_length(off, labelled), _mean_length(change, follows)


def _mean_length(vectors: Tensor, counted: Tensor) -> Tensor:
    length = (vectors.square().sum(-1) + 1e-8).sqrt()  # the square root has no slope at 0
    return (length * counted).sum((1, 2)) / counted.sum((1, 2)).clamp(min=1)


def as_batch(windows: Sequence[PoseWindow], length: int) -> Batch:
    """Pad windows to one length, smooth them by formula and describe them as the network reads them.

    Returns:
        What the network takes (`features`, `parts`, `limbs`, `exists`, `valid`), what it corrects (`base`, `size`) and
        what that is compared with (`truth`, `labelled`); float32, the batch first, person sizes.
    """

    def padded(rows: Sequence[F64]) -> F64:
        return np.stack([np.concatenate([each, np.repeat(each[-1:], length - len(each), 0)]) for each in rows], 1)

    valid = np.arange(length)[:, None] < np.array([len(window.time) for window in windows])
    series = TrackBatch(
        rows=np.where(valid, 0, -1),
        core=valid,
        time=padded([window.time for window in windows]),
        xy=padded([window.noisy.xy for window in windows]),
        score=padded([window.noisy.score for window in windows]),
        weight=padded([window.noisy.weight for window in windows]) * valid[..., None],
        size=np.array([window.size for window in windows]),
    )
    base = rts(series)
    labelled = padded([window.labelled.astype(np.float64) for window in windows]) * valid[..., None]
    _, limbs = parts_of(SKELETON)
    arrays = {
        "features": features_of(series, base),
        "base": base.swapaxes(0, 1),
        "truth": padded([window.truth for window in windows]).swapaxes(0, 1),
        "labelled": labelled.swapaxes(0, 1),
        "valid": valid.T,
        "size": series.size,
        "exists": np.stack([window.exists for window in windows]),
        "parts": np.stack([window.parts for window in windows]),
        "limbs": np.broadcast_to(limbs, (len(windows), len(limbs))),
    }
    return {name: torch.from_numpy(np.ascontiguousarray(value, np.float32)) for name, value in arrays.items()}
