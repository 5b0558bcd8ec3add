"""Poses together with the heatmaps they were read from, for estimators that compare frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from videopose.estimators.topdown import TopDownEstimator, in_image
from videopose.images import Image, as_images
from videopose.skeletons import Skeleton
from videopose.types import F64, Detections, PersonCrops, Poses


class HeatmapEstimator:
    """Top-down estimation of single frames that keeps the heatmaps; an `Estimator`.

    Attributes:
        single: what cuts people out and runs the network, once per person and frame.
        channels: which of the network's channels are heatmaps; the others are features for a head.
        skeleton: of the poses.
    """

    def __init__(self, single: TopDownEstimator, channels: slice = slice(None)) -> None:
        self.single, self.channels = single, channels
        self.skeleton: Skeleton = single.skeleton

    def estimate(self, images: Image | Sequence[Image], boxes: Sequence[Detections], /) -> list[Poses]:
        """Estimate a pose for each box of each image; see `Estimator`."""
        return [poses for poses, _ in self.estimate_with_crops(images, boxes)]

    def estimate_with_crops(
        self, images: Image | Sequence[Image], boxes: Sequence[Detections], /
    ) -> list[tuple[Poses, PersonCrops]]:
        """Estimate as `estimate`, and return with the poses of each image what the network saw of them."""
        single = self.single
        images = as_images(images, single.device)
        owners = [row for row, people in enumerate(boxes) for _ in range(len(people))]
        if not owners:
            return [self._nobody() for _ in images]
        crop_from_image = single.crop_from_image(np.concatenate([people.xyxy for people in boxes]))
        heatmaps = self.heatmaps([images[row] for row in owners], crop_from_image)
        keypoints = in_image(single.network.decode(heatmaps[:, self.channels]), crop_from_image)
        starts = np.cumsum([0, *(len(people) for people in boxes)])
        found = []
        for rows, people in zip(map(slice, starts[:-1], starts[1:]), boxes, strict=True):
            poses = single.scored(keypoints[rows], people)
            scored = Detections(poses.xyxy, np.nan_to_num(people.score))
            kept = single.kept_by_oks_nms(poses)
            found.append((poses[kept], PersonCrops(heatmaps[rows], crop_from_image[rows], scored)[kept]))
        return found

    def heatmaps(self, images: Sequence[Tensor], crop_from_image: F64) -> Tensor:
        """Run the network on people, one image and one (3, 3) transform each; (N, C, h, w) float32.

        A channel that holds NaN or infinity says nothing: it comes out as zeros.
        """
        heatmaps = self.single.run(self.single.network.output, images, crop_from_image).float()
        return torch.where(heatmaps.isfinite().flatten(2).all(-1)[..., None, None], heatmaps, 0.0)

    def _nobody(self) -> tuple[Poses, PersonCrops]:
        blank = torch.zeros(0, len(self.skeleton), 1, 1)
        crops = PersonCrops(blank, np.zeros((0, 3, 3)), Detections.empty())
        return Poses.empty(len(self.skeleton), skeleton=self.skeleton), crops
