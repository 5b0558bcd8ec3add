"""Our own contestant: `videopose run`."""

from __future__ import annotations

from collections.abc import Callable

from videopose.workflows.run import run

from .clock import Clock, Numbers
from .material import Material


def ours(*overrides: str) -> Callable[[Material, int, int], Numbers]:
    """Build `videopose run` with given boxes, tracking, smoothing and the written result included."""

    def measure(material: Material, people: int, frames: int) -> Numbers:
        result = material.folder / "ours.json"
        files = {"graph": material.graph, "checkpoint": material.checkpoint}
        settings = [
            "detector.source=file",
            f"detector.boxes={material.boxes_file(people, frames)}",
            f"pose.model={material.architecture}",
            *(each.format(**files) for each in overrides),
        ]
        clock = Clock()

        def progress(done: int, total: int) -> None:
            clock.frame_done() if done else clock.loaded()

        begun = run(
            material.clip,
            result,
            overrides=settings,
            frames=(0, frames - 1),
            device="cpu",
            overwrite=True,
            restart=True,
            progress=progress,
        )
        done = sum(1 for _ in begun)
        numbers = clock.over(done)
        result.unlink(missing_ok=True)
        return numbers

    return measure
