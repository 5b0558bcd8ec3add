"""The command line of packed trainings: `python -m videopose.training.packed` on a bare machine."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from videopose.errors import VideoPoseError
from videopose.training.packed.session import Run, train_packed


def parser(prog: str) -> argparse.ArgumentParser:
    """Build the parser; what it does not set is the pack's."""
    made = argparse.ArgumentParser(prog=prog, description="Train a pose network from the parts of a pack.")
    add = made.add_argument
    add("parts", nargs="+", type=Path, metavar="PART", help="Parts of one pack; the first has the teacher.")
    add("--out", type=Path, required=True, help="Folder for weights.safetensors and log.csv.")
    add("--state", type=Path, metavar="FOLDER", help="Folder for what --resume goes on from [OUT/state].")
    add("--seconds", type=float, help="Time of the whole command; the rate falls over what is left of it.")
    add("--steps", type=int, help="Instead of --seconds: so many steps.")
    add(
        "--until",
        type=float,
        default=1.0,
        help="Share of the training that is done then, if a second call goes on [1].",
    )
    add("--batch-size", type=int, help="People per step [the pack's].")
    add("--rate", type=float, help="Highest learning rate [the pack's].")
    add("--architecture", help="Network to train [the pack's].")
    add("--model", type=json.loads, metavar="JSON", help="Its options [the pack's].")
    add("--teacher-weight", type=float, help="Factor on the teacher's loss; 0 does without [the pack's].")
    add("--start", type=Path, metavar="FILE", help="Weights to begin with, where names and shapes fit.")
    add("--resume", action="store_true", help="Go on from the state.")
    add("--every", type=float, default=60.0, help="Seconds between weights, states and rows of the log [60].")
    add("--compile", dest="compiled", action="store_true", help="Translate the network by torch.compile first.")
    add("--device", default="auto", help="auto, cpu or cuda [auto].")
    add("--threads", type=int, default=8, help="Threads that unpack crops, and compute where there is no GPU [8].")
    add("--seed", type=int, default=0)
    add("--stop-after", type=int, metavar="STEP", help="Stop there; go on later with --resume.")
    return made


def run_command(arguments: Sequence[str], *, prog: str) -> Path:
    """Train as a command line says; return the path of the weights.

    Raises:
        VideoPoseError: see `train_packed`.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("videopose").setLevel(logging.INFO)
    return train_packed(Run(**vars_of(parser(prog).parse_args(list(arguments)))))


def vars_of(given: argparse.Namespace) -> dict[str, Any]:
    """Rename what the command line calls otherwise."""
    values = dict(vars(given))
    values["learning_rate"] = values.pop("rate")
    return values


def main() -> int:
    """Run the command line of a bare machine and give its exit code."""
    try:
        weights = run_command(sys.argv[1:], prog="python -m videopose.training.packed")
    except VideoPoseError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    sys.stdout.write(f"{weights}\n")
    return 0
