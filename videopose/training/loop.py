"""The training loop: one visible function. Device, precision and processes come from Lightning Fabric."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.seed import seed_everything

from videopose.errors import ConfigError, VideoPoseError, WeightsError
from videopose.runtime.device import choose_device
from videopose.training.checkpoint import State, load_state, save_state
from videopose.training.hooks import CsvLog
from videopose.training.optim import MovingAverage, freeze_norm_statistics, learning_rate, make_optimiser
from videopose.training.options import LoopOptions, OptimiserOptions
from videopose.training.task import Batch, Task

log = logging.getLogger(__name__)

Progress = Callable[[int, dict[str, float]], None]
"""Called with the steps done and the newest numbers; the command line shows a bar with it."""


def train(
    task: Task,
    loop: LoopOptions,
    optimiser_options: OptimiserOptions,
    run_dir: Path,
    *,
    resume: bool = False,
    stop_after: int | None = None,
    start_from: State | None = None,
    on_step: Progress | None = None,
    on_best: Callable[[torch.nn.Module, dict[str, float]], None] | None = None,
) -> dict[str, float]:
    """Train a network and keep `last.pt` and `best.pt` in `run_dir`.

    Args:
        task: network, batches, loss and score.
        loop: sizes and intervals.
        optimiser_options: how weights move.
        run_dir: existing folder for checkpoints and the log.
        resume: go on from `last.pt`, exactly as if the run had never stopped.
        stop_after: stop at this step, as an interruption would, with a checkpoint.
        start_from: tensors to begin with instead of random ones, where name and shape fit.
        on_step: called after every step on the first process.
        on_best: called with the averaged network and its scores whenever those are the best yet.

    Returns:
        The last evaluation's scores, {} if there was none.

    Raises:
        ConfigError: the batch cannot be shared out evenly.
        WeightsError: `resume` without a readable `last.pt`, or `start_from` has nothing the network could take.
        VideoPoseError: the loss or its gradient is not finite; the last checkpoint is from before.
    """
    if loop.batch_size % (loop.processes * loop.accumulate):
        raise ConfigError(
            f"loop.batch_size = {loop.batch_size}: cannot be shared out to {loop.processes} processes x "
            f"{loop.accumulate} accumulated parts; choose a multiple of {loop.processes * loop.accumulate}"
        )
    fabric = make_fabric(loop)
    if loop.threads:
        torch.set_num_threads(loop.threads)
    seed_everything(loop.seed, verbose=False)
    model = task.build().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start_from is not None:
        _begin_with(model, start_from)
    optimiser = make_optimiser(model, optimiser_options)
    average = MovingAverage(model.to(fabric.device), loop.ema_decay)
    step, best, is_measured = 0, float("-inf"), True
    if resume:
        state = load_state(run_dir / "last.pt")
        model.load_state_dict(state["model"])
        average.model.load_state_dict(state["ema"])
        factors = [group["factor"] for group in optimiser.param_groups]
        optimiser.load_state_dict(state["optimiser"])
        for group, factor in zip(optimiser.param_groups, factors, strict=True):
            group["factor"] = factor  # the config's, which may have changed since, not the checkpoint's
        step, best = int(state["step"]), float(state["best"])
        is_measured = bool(state.get("is_measured", True))
        if state.get("precision"):
            fabric.strategy.precision.load_state_dict(state["precision"])
    wrapped, optimiser = fabric.setup(model, optimiser)

    def snapshot() -> State:
        return {
            "model": model.state_dict(),
            "ema": average.model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "precision": fabric.strategy.precision.state_dict(),  # the loss's scale, with fp16
            "step": step,
            "best": best,
            "is_measured": is_measured,
        }

    scores: dict[str, float] = {}

    def measure() -> None:
        nonlocal scores, best, is_measured
        log.info("step %d: evaluating; last.pt is as of this step", step)
        scores = task.evaluate(average.model, fabric.device)
        is_measured = True
        if table is not None and scores:
            log.info("step %d: %s", step, ", ".join(f"{key} {value:.4f}" for key, value in scores.items()))
            table.write(step, scores)
            table.restart_clock()
        if task.monitor not in scores or scores[task.monitor] > best:  # unmeasured, the newest counts as best
            best = scores.get(task.monitor, best)
            save_state(run_dir / "best.pt", snapshot())
            if on_best is not None:
                on_best(average.model, scores)
        save_state(run_dir / "last.pt", snapshot())

    table = CsvLog(run_dir, start_step=step) if fabric.is_global_zero else None
    saved = step
    if not is_measured and fabric.is_global_zero:  # stopped while it was evaluated
        measure()
    last = min(loop.steps, stop_after if stop_after is not None else loop.steps)
    for parts in _batches_ahead(task, loop, fabric, step, last):
        wrapped.train()
        if loop.freeze_norms:
            freeze_norm_statistics(wrapped)
        torch.manual_seed(loop.seed + step)  # dropout and the like draw the same after a resume
        rate = learning_rate(step, loop.steps, optimiser_options)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        optimiser.zero_grad()
        logged: dict[str, float] = {}
        for position, batch in enumerate(parts):
            waiting = fabric.no_backward_sync(wrapped) if position + 1 < len(parts) else nullcontext()
            with waiting:
                loss, named = task.loss(wrapped, batch)
                fabric.backward(loss / len(parts))
            for key, value in {"loss": loss.detach(), **named}.items():
                logged[key] = logged.get(key, 0.0) + float(value) / len(parts)
        limit = optimiser_options.clip_norm or math.inf
        norm = fabric.clip_gradients(wrapped, optimiser, max_norm=limit, error_if_nonfinite=False)
        assert norm is not None
        # fp16 meets infinite gradients as a matter of course: it skips the step and scales the loss down
        if not math.isfinite(logged["loss"]) or (loop.precision != "16-mixed" and not math.isfinite(float(norm))):
            raise _diverged(step + 1, logged["loss"], run_dir / "last.pt", saved)
        optimiser.step()
        average.update(model, step)
        step += 1

        due = step == loop.steps or step % loop.evaluate_every == 0
        if table is not None:
            table.add(logged)
            if step % loop.log_every == 0 or due:
                table.flush(step, loop.log_every * loop.batch_size, {"learning_rate": rate})
        if due or step == last or step % loop.save_every == 0:
            saved, is_measured = step, not due
            if fabric.is_global_zero:
                save_state(run_dir / "last.pt", snapshot())
                if due:
                    measure()
        fabric.barrier() if due else None
        if on_step is not None and fabric.is_global_zero:
            on_step(step, logged)
    if table is not None:
        table.close()
    return scores


def _diverged(step: int, loss: float, checkpoint: Path, saved: int) -> VideoPoseError:
    kept = f"{checkpoint} is as after step {saved}, go on from it with --resume" if saved else "nothing is saved yet"
    return VideoPoseError(
        f"step {step}: the loss ({loss:.4g}) or its gradient is not finite. Lower optimiser.learning_rate or set "
        f"loop.precision=32-true; {kept}"
    )


def make_fabric(loop: LoopOptions) -> Fabric:
    """Choose device and precision: a GPU if there is one, bf16 where the hardware computes in it.

    Raises:
        InputError: there is no such device here.
    """
    device = choose_device(loop.device).type
    precision = loop.precision
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported() if device == "cuda" else torch.cpu._is_avx512_bf16_supported()
        precision = "bf16-mixed" if fast else "32-true"
    fabric = Fabric(accelerator=device, devices=loop.processes, precision=precision)
    fabric.launch()
    return fabric


def _begin_with(model: torch.nn.Module, state: State) -> None:
    own = model.state_dict()
    fitting = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
    if not fitting:
        raise WeightsError(
            f"start_from: none of its {len(state)} tensors has the name and shape of one of {type(model).__name__}'s; "
            "name weights of the same architecture"
        )
    log.info("%d of %d tensors start from the given weights", len(fitting), len(own))
    model.load_state_dict(fitting, strict=False)


def _batches_ahead(task: Task, loop: LoopOptions, fabric: Fabric, start: int, stop: int) -> Iterator[list[Batch]]:
    """Yield each step's parts for this process, prepared ahead by threads, in order."""
    parts = loop.accumulate * fabric.world_size
    size = loop.batch_size // parts
    mine = [
        range(number * size, (number + 1) * size)
        for number in range(fabric.global_rank * loop.accumulate, (fabric.global_rank + 1) * loop.accumulate)
    ]

    def prepare(step: int) -> list[Batch]:
        return [task.batch(step, rows, fabric.device, step / loop.steps) for rows in mine]

    with ThreadPoolExecutor(loop.workers) as pool:
        waiting: list[Future[list[Batch]]] = []
        for step in range(start, stop):
            while len(waiting) <= loop.workers and step + len(waiting) < stop:
                waiting.append(pool.submit(prepare, step + len(waiting)))
            yield waiting.pop(0).result()
