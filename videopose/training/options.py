"""What a training config may say, apart from what its task adds."""

from __future__ import annotations

from typing import Literal

from videopose.config import Options


class OptimiserOptions(Options):
    """AdamW (or SGD) with a warm-up and a falling learning rate."""

    name: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    """Not applied to biases and norms."""
    clip_norm: float = 5.0
    """Largest norm of the whole gradient; 0 = do not clip."""
    schedule: Literal["cosine", "step"] = "cosine"
    warmup_steps: int = 300
    final_factor: float = 0.02
    """Where the cosine ends, as a share of the learning rate."""
    milestones: tuple[float, ...] = (0.7, 0.9)
    """For `step`: shares of the training after which the rate falls to a tenth."""


class Phase(Options):
    """A stretch of the training with its own input size: small first, because most is learned cheaply there."""

    until: float
    """Share of all steps at which the phase ends."""
    input_hw: tuple[int, int]


class LoopOptions(Options):
    """The loop itself."""

    steps: int
    """Optimiser steps in all."""
    batch_size: int = 64
    """Samples per step over all processes and accumulated parts."""
    accumulate: int = 1
    """Parts a batch is computed in, where memory does not hold it whole."""
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """`auto`: bf16 where the hardware computes in it, else float32."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    processes: int = 1
    """Processes for data-parallel training."""
    threads: int = 0
    """CPU threads per process; 0 = leave it to PyTorch."""
    workers: int = 1
    """Threads that prepare batches ahead."""
    ema_decay: float = 0.9995
    seed: int = 0
    log_every: int = 50
    save_every: int = 500
    evaluate_every: int = 2000
    cache_gib: float = 8.0
    """Memory for decoded training images."""
