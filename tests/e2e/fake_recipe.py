"""A recipe without networks: people who follow from the image alone, so whole runs can be tested in seconds.

Run as a script it is `videopose` with this recipe in place of every other: for tests that kill a process.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from videopose import catalog
from videopose.cli.main import main
from videopose.config import InputPath, Options
from videopose.io.boxes_file import check_boxes, read_boxes
from videopose.skeletons import skeleton_named
from videopose.stages.pipeline import DropImages, Pipeline, TemporalContext, batched
from videopose.types import Poses, Record

SECONDS_A_FRAME = "VIDEOPOSE_TEST_SECONDS_A_FRAME"


class DetectorOptions(Options):
    source: Literal["network", "file", "frame"] = "network"
    boxes: InputPath = ""


class Numbers(Options):
    first: int = 1
    names: InputPath = ""


class PipelineOptions(Options):
    recipe: str = "fake"
    people: int = 2
    window: int = 5
    before: int = 0
    numbers: Numbers = Numbers()
    detector: DetectorOptions = DetectorOptions()
    pose: dict[str, str] = Field(default_factory=dict)  # what shipped configs say of it


@dataclass(frozen=True)
class InventPeople:
    """Put people where the image's brightness says; work in batches whose size shows in the score."""

    options: PipelineOptions

    @property
    def context(self) -> TemporalContext:
        return TemporalContext(before=self.options.before)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        for batch in batched(records, self.options.window):
            time.sleep(float(os.environ.get(SECONDS_A_FRAME, 0)) * len(batch))
            for record in batch:
                yield replace(record, poses=self._poses(record, len(batch)))

    def _poses(self, record: Record, batch: int) -> Poses:
        image = record.frame.image.float()
        level = float(image.mean())
        count = self.options.people
        keypoints = np.zeros((count, 17, 3), np.float32)
        keypoints[..., 0] = np.linspace(5, image.shape[2] - 5, 17) + level / 100
        keypoints[..., 1] = np.linspace(5, image.shape[1] - 5, max(count, 1))[:count, None] + level / 7
        keypoints[..., 2] = np.linspace(0.1, 1.0, 17)
        box = np.tile(np.array([[1, 2, image.shape[2] - 1, image.shape[1] - 2]], np.float32), (count, 1))
        score = np.full(count, 1 - batch / 100, np.float32)
        return Poses(keypoints, score, box, np.full(count, -1, np.int64))


@dataclass(frozen=True)
class NumberPeople:
    """Stand for a tracker: the first person of a frame is 1, the second 2."""

    first: int = 1

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        for record in records:
            yield replace(record, poses=replace(record.poses, track_id=np.arange(len(record.poses)) + self.first))


@dataclass(frozen=True)
class FakeRecipe:
    options: PipelineOptions

    @property
    def skeleton(self):
        return skeleton_named("coco17")

    def networks(self, device: torch.device) -> Pipeline:
        if self.options.detector.source == "file":
            read_boxes(Path(self.options.detector.boxes))
        return Pipeline((InventPeople(self.options), DropImages()))

    def tracks(self) -> Pipeline:
        return Pipeline((NumberPeople(self.options.numbers.first),))

    def needed(self):
        return []

    def weights(self):
        return [{"option": "people", "name": "fake", "sha256": "0" * 64}]

    def split(self):
        networks = self.options.model_dump(mode="json")
        return networks, {"numbers": networks.pop("numbers")}

    def check_inputs(self, video):
        if self.options.detector.source == "file":
            check_boxes(Path(self.options.detector.boxes), video)


RECIPE = FakeRecipe


def config_file(folder: Path) -> Path:
    """Write a config that names this recipe."""
    path = folder / "fake.yaml"
    path.write_text("recipe: fake\n")
    return path


def install(patch=setattr) -> None:
    """Let the catalog answer every name with this recipe."""
    patch(catalog, "recipe", lambda name: sys.modules[__name__])


if __name__ == "__main__":
    install()
    sys.exit(main())
