"""Time PoseTrack scoring beside motmetrics on the same files, and watch memory as sequences are added.

    python eval/benchmarks/speed/scoring.py --truth DIR/gt --predictions DIR/pred -o scoring.json [--beside N]

The case of the scoring issue is 50 generated sequences of 100 frames with 6 people. `--beside N` also tracks the first
N sequences with motmetrics (not a dependency), the way the official kit calls it, and compares the counts.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from videopose import catalog
from videopose.errors import VideoPoseError
from videopose.metrics.clear import count_clear
from videopose.types import F64


@click.command()
@click.option("--truth", type=click.Path(path_type=Path), required=True)
@click.option("--predictions", type=click.Path(path_type=Path), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--repeats", default=5)
@click.option("--beside", default=0, help="Sequences that motmetrics tracks too.")
@click.option("--sequences", default=0, help="Score the files over and over until so many are done; for memory.")
def main(truth: Path, predictions: Path, output: Path, repeats: int, beside: int, sequences: int) -> None:
    """Measure and write the figures."""
    kit: Any = catalog.protocol("posetrack")  # Any: a module found by name
    figures: dict[str, Any] = {
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
        "load_before": os.getloadavg()[0],
    }
    for name, workers, identities in (("one_process", 1, False), ("all_cores", None, False), ("with_hota", None, True)):
        figures[name] = _timed(
            lambda w=workers, i=identities: kit.score_folders(truth, predictions, workers=w, identities=i), repeats
        )
    if beside:
        figures["beside_motmetrics"] = _beside(kit, truth, predictions, beside)
    if sequences:
        figures["memory"] = _memory(kit, truth, predictions, sequences)
    output.write_text(json.dumps(figures, indent=1) + "\n")
    click.echo(json.dumps(figures, indent=1))


def _timed(call: Any, repeats: int) -> dict[str, Any]:
    walls, cpus = [], []
    scored = call()  # warm-up: files in the cache, modules imported
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), _cpu_seconds()
        scored = call()
        walls.append(time.perf_counter() - wall)
        cpus.append(_cpu_seconds() - cpu)
    return {
        "wall_s": {"median": statistics.median(walls), "lowest": min(walls), "highest": max(walls)},
        "cpu_s": {"median": statistics.median(cpus), "lowest": min(cpus), "highest": max(cpus)},
        "ap": scored.numbers["ap"]["total"],
        "mota": scored.numbers["mota"]["total"],
        "motp": scored.numbers["motp"]["total"],
    }


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _beside(kit: Any, truth: Path, predictions: Path, count: int) -> dict[str, Any]:
    """Track the first sequences with motmetrics, a tracker per keypoint, and with ours; compare the counts."""
    try:
        motmetrics = importlib.import_module("motmetrics")
    except ModuleNotFoundError as error:
        raise VideoPoseError("motmetrics is not installed; leave out --beside or `pip install motmetrics`") from error
    grids = [kit.grid_of(*pair) for pair in kit.pair_files(truth, predictions)[:count]]
    cpu = _cpu_seconds()
    ours = np.sum([_own(grid) for grid in grids], axis=0)
    own_cpu, cpu = _cpu_seconds() - cpu, _cpu_seconds()
    theirs = np.sum([_motmetrics(motmetrics, grid) for grid in grids], axis=0)
    cpu = _cpu_seconds() - cpu
    names = ("misses", "switches", "false_positives")
    return {
        "sequences": count,
        "cpu_s": {"ours": own_cpu, "motmetrics": cpu},
        "counts": {
            name: {"ours": float(a), "motmetrics": float(b)} for name, a, b in zip(names, ours, theirs, strict=True)
        },
    }


def _own(grid: Any) -> F64:
    """Track as `_motmetrics` does, with ours."""
    labelled, present, truth_id, predicted_id = (side[:-1] for side in grid.sides)
    counts = count_clear(grid.reach[:-1], labelled, present, truth_id, predicted_id)
    return np.array([counts.misses.sum(), counts.switches.sum(), counts.false_positives.sum()])


def _motmetrics(motmetrics: Any, grid: Any) -> F64:
    """Feed distances as the kit does: every frame but the last, one accumulator per keypoint."""
    labelled, present, truth_id, predicted_id = grid.sides
    host, total = motmetrics.metrics.create(), np.zeros(3)
    for k in range(labelled.shape[1]):
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for frame in range(len(labelled) - 1):
            rows, columns = labelled[frame, k], present[frame, k]
            accumulator.update(
                truth_id[frame][rows], predicted_id[frame][columns], grid.reach[frame, k][np.ix_(rows, columns)]
            )
        counts = host.compute(
            accumulator, metrics=["num_misses", "num_switches", "num_false_positives"], return_dataframe=False
        )
        total += [counts["num_misses"], counts["num_switches"], counts["num_false_positives"]]
    return total


def _memory(kit: Any, truth: Path, predictions: Path, sequences: int) -> dict[str, Any]:
    """Score the same files until so many sequences are done, one by one, keeping the counts as a long run would."""
    pairs, kept, peaks = kit.pair_files(truth, predictions), [], {}
    for number in range(sequences):
        kept.append(kit.score_folders(*pairs[number % len(pairs)], workers=1, identities=False).sequences[0])
        if number + 1 in (sequences // 20, sequences // 4, sequences // 2, sequences):
            peaks[number + 1] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    held = sum(array.nbytes for each in kept for array in (*each.keypoints.score, *each.keypoints.right)) / 2**20
    return {"peak_mib_after_sequences": peaks, "counts_mib": held}


if __name__ == "__main__":
    main()
