"""What a training config may say, apart from what its task adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from videopose.config import Options


class OptimiserOptions(Options):
    """AdamW (or SGD) with a warm-up and a falling learning rate."""

    name: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    """Not applied to biases and norms."""
    clip_norm: float = Field(default=5.0, ge=0)
    """Largest norm of the whole gradient; 0 = do not clip."""
    schedule: Literal["cosine", "step"] = "cosine"
    warmup_steps: int = Field(default=300, ge=0)
    final_factor: float = 0.02
    """Where the cosine ends, as a share of the learning rate."""
    rate_factors: Mapping[str, float] = {}
    """Factors on the learning rate of parameters whose names begin so, e.g. of a new head on a trained network."""
    milestones: tuple[float, ...] = (0.7, 0.9)
    """For `step`: shares of the training after which the rate falls to a tenth."""


class Phase(Options):
    """A stretch of the training with its own input size: small first, because most is learned cheaply there."""

    until: float
    """Share of all steps at which the phase ends."""
    input_hw: tuple[int, int]


class LoopOptions(Options):
    """The loop itself."""

    steps: int = Field(ge=1)
    """Optimiser steps in all."""
    batch_size: int = Field(default=64, ge=1)
    """Samples per step over all processes and accumulated parts."""
    accumulate: int = Field(default=1, ge=1)
    """Parts a batch is computed in, where memory does not hold it whole."""
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """`auto`: bf16 where the hardware computes in it, else float32."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    processes: int = Field(default=1, ge=1)
    """Processes for data-parallel training."""
    threads: int = Field(default=0, ge=0)
    """CPU threads per process; 0 = leave it to PyTorch."""
    workers: int = Field(default=1, ge=1)
    """Threads that prepare batches ahead."""
    ema_decay: float = Field(default=0.9995, ge=0, lt=1)
    freeze_norms: bool = False
    """Keep the batch norms' running statistics: for going on from a network that was trained with large batches."""
    seed: int = 0
    log_every: int = Field(default=50, ge=1)
    save_every: int = Field(default=500, ge=1)
    evaluate_every: int = Field(default=2000, ge=1)
    cache_gib: float = Field(default=8.0, ge=0)
    """Memory for decoded training images, and as much again on a GPU."""
