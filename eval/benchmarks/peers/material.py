"""What all contestants are given: boxes that wander over a clip, and where one network lies in the forms they take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Material:
    """What a contestant works on.

    Attributes:
        clip: the video.
        folder: of everything below; contestants may write there.
        architecture: of the pose network, `rtmpose_s` or `rtmpose_m`.
    """

    clip: Path
    folder: Path
    architecture: str = "rtmpose_m"

    @property
    def graph(self) -> Path:
        """The network as ONNX with the outputs of OpenMMLab's files: bins of x, bins of y."""
        return self.folder / f"{self.architecture}.onnx"

    @property
    def checkpoint(self) -> Path:
        """The same network as weights of this package."""
        return self.folder / f"{self.architecture}.safetensors"

    def boxes_file(self, people: int, frames: int) -> Path:
        """Return a file of boxes, MOT's det.txt, for so many people in each of so many frames; written if missing."""
        path = self.folder / f"{self.clip.name}.{people}x{frames}.txt"
        if not path.exists():
            lines = [
                f"{frame + 1},-1,{x1:.2f},{y1:.2f},{x2 - x1:.2f},{y2 - y1:.2f},0.9,-1,-1,-1\n"
                for frame, boxes in enumerate(self.boxes(people, frames))
                for x1, y1, x2, y2 in boxes
            ]
            path.write_text("".join(lines), encoding="utf-8")
        return path

    def boxes(self, people: int, frames: int) -> list[list[Box]]:
        """Return the boxes of each frame, xyxy image pixels."""
        with av.open(str(self.clip)) as container:
            stream = container.streams.video[0]
            size_wh = (stream.width, stream.height)
        return [list(_on_a_grid(people, frame, size_wh)) for frame in range(frames)]


def _on_a_grid(people: int, frame: int, size_wh: tuple[int, int]) -> Iterator[Box]:
    """Yield people on a grid, a little smaller than their cells, who wander by a few pixels."""
    width, height = size_wh
    columns = max(1, round(math.sqrt(people * width / height)))
    rows = -(-people // columns)
    w, h = 0.9 * width / columns, 0.95 * height / rows
    for person in range(people):
        x = max(0.0, (person % columns + 0.05) * width / columns + 2 * math.sin(0.3 * frame + person))
        y = max(0.0, (person // columns + 0.02) * height / rows + 2 * math.cos(0.2 * frame + person))
        yield (round(x, 2), round(y, 2), round(x + w, 2), round(y + h, 2))
