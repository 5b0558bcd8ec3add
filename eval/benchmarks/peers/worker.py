"""A contestant in a process of its own, which stays: it answers each line it reads with a line of numbers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from videopose.errors import VideoPoseError

from .contestants import CONTESTANTS
from .material import Material


def main(arguments: list[str]) -> None:
    """Answer lines of people and frames until there are no more.

    Args:
        arguments: contestant, clip, folder, architecture, cores (0 = all).
    """
    name, clip, folder, architecture, cores = arguments
    if int(cores) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    material = Material(Path(clip), Path(folder), architecture)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")  # packages print on the other one
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    contestant = CONTESTANTS[name].load()
    for line in sys.stdin:
        people, frames = map(int, line.split())
        try:
            answer = {"numbers": contestant(material, people, frames)}
        except VideoPoseError as error:
            answer = {"failed": str(error)}  # type: ignore[dict-item]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
