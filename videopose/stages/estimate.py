"""The stage that estimates poses: people batched across frames, boxes from detections or from the last poses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from videopose.errors import InputError
from videopose.estimators.base import Estimator
from videopose.estimators.mapped import HeatmapEstimator
from videopose.geometry.boxes import clip
from videopose.geometry.keypoints import boxes_around
from videopose.stages.concurrency import map_concurrently
from videopose.stages.pipeline import TemporalContext, batched
from videopose.types import Detections, PersonCrops, Poses, Record


@dataclass(frozen=True)
class EstimatePoses:
    """Estimate poses in windows of records, so that the network sees full batches even with one person a frame.

    A record without detections takes its boxes from the poses of the record before it. Such records wait for one
    another, but the runs that begin at each detected record do not: all runs of a window advance together, one frame
    at a time, and share batches.

    Attributes:
        estimator: what finds keypoints.
        window: records looked at together.
        at_once: windows under way at the same time; they do not depend on one another.
        min_keypoint_score: keypoints below it do not shape the next box.
        min_pose_score: people below it are not followed to the next frame without a detection.
        box_padding: from a pose's extent to the person's box, about what detectors draw.
    """

    estimator: Estimator
    window: int = 16
    at_once: int = 1
    min_keypoint_score: float = 0.1
    min_pose_score: float = 0.03
    box_padding: float = 1.2

    @property
    def context(self) -> TemporalContext:
        """Windows are looked at one by one."""
        return TemporalContext(window=self.window, is_closed=True)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Estimate poses in a stream of records with images."""
        for estimated in map_concurrently(self._window, batched(records, self.window), self.at_once):
            yield from estimated

    def _window(self, batch: list[Record]) -> list[Record]:
        if batch[0].detections is None:
            raise InputError(f"frame {batch[0].frame.index} has no detections; a detector stands before EstimatePoses")
        starts = [row for row, record in enumerate(batch) if record.detections is not None]
        runs = [range(start, end) for start, end in zip(starts, [*starts[1:], len(batch)], strict=True)]
        done: dict[int, Poses] = {}
        crops: dict[int, PersonCrops] = {}
        asked: dict[int, Detections] = {}
        for step in range(max(len(run) for run in runs)):
            rows = [run[step] for run in runs if step < len(run)]
            boxes = [self._boxes(batch[row], asked.get(row - 1), done.get(row - 1)) for row in rows]
            images = [batch[row].frame.image for row in rows]
            if any(image is None for image in images):
                raise InputError("EstimatePoses needs images; it stands before DropImages")
            found, seen = self._estimate([image for image in images if image is not None], boxes)
            asked.update(zip(rows, boxes, strict=True))
            done.update(zip(rows, found, strict=True))
            crops.update(zip(rows, seen, strict=False))
        return [replace(record, poses=done[row], crops=crops.get(row)) for row, record in enumerate(batch)]

    def _estimate(
        self, images: Sequence[Tensor], boxes: Sequence[Detections]
    ) -> tuple[Sequence[Poses], Sequence[PersonCrops]]:
        """Return the poses of each image and, if this stage keeps it, what the network saw of them."""
        return self.estimator.estimate(images, boxes), ()

    def _boxes(self, record: Record, asked: Detections | None, before: Poses | None) -> Detections:
        if record.detections is not None:
            return record.detections
        assert asked is not None, "a run starts with detections"
        assert before is not None, "a run starts with detections"
        assert record.frame.image is not None, "checked by the caller"
        followed = before[before.score >= self.min_pose_score]
        around = boxes_around(followed.keypoints, min_score=self.min_keypoint_score, padding=self.box_padding)
        boxes = np.where(np.isfinite(around), around, followed.xyxy).astype(np.float32)
        height, width = record.frame.image.shape[1:]
        # The box keeps its detector's score: a pose's own holds it as a factor and would shrink from frame to frame.
        origin = (followed.xyxy[:, None] == asked.xyxy[None]).all(2).argmax(1) if len(followed) else np.zeros(0, int)
        return Detections(clip(boxes, (height, width)), asked.score[origin])


@dataclass(frozen=True)
class EstimateWithHeatmaps(EstimatePoses):
    """Estimate poses as `EstimatePoses`, and leave what the network saw of each in the record, for temporal stages."""

    estimator: HeatmapEstimator

    def _estimate(
        self, images: Sequence[Tensor], boxes: Sequence[Detections]
    ) -> tuple[Sequence[Poses], Sequence[PersonCrops]]:
        found = self.estimator.estimate_with_crops(images, boxes)
        return [poses for poses, _ in found], [crops for _, crops in found]
