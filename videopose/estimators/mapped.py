"""Poses together with the heatmaps they were read from: what one frame lends to its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videopose.errors import check_shape
from videopose.estimators.topdown import TopDownEstimator, in_image, poses_of
from videopose.images import Image, as_images
from videopose.skeletons import Skeleton
from videopose.types import F32, F64, Detections, Poses


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PosesWithHeatmaps(Poses):
    """The people in one frame, and what the network saw of each.

    Attributes:
        maps: (N, K, h, w) float32 output of the network: logits or heatmaps, as its codec has it; C >= K channels where
            the network also gives features.
        crop_from_image: (N, 3, 3) how each person was brought into the crop.
        box_score: (N,) in [0, 1], of the box each person was found in.
    """

    heatmaps: Tensor
    crop_from_image: F64
    box_score: F32

    def __post_init__(self) -> None:
        Poses.__post_init__(self)
        check_shape("PosesWithHeatmaps.maps", self.heatmaps, len(self.score), None, None, None)
        check_shape("PosesWithHeatmaps.crop_from_image", self.crop_from_image, len(self.score), 3, 3)
        check_shape("PosesWithHeatmaps.box_score", self.box_score, len(self.score))

    def __getitem__(self, rows: Any) -> PosesWithHeatmaps:  # Any: as in `Poses`
        few = np.atleast_1d(np.arange(len(self))[rows])
        return PosesWithHeatmaps(
            self.keypoints[few],
            self.score[few],
            self.xyxy[few],
            self.track_id[few],
            self.heatmaps[torch.from_numpy(few).to(self.heatmaps.device)],
            self.crop_from_image[few],
            self.box_score[few],
            skeleton=self.skeleton,
        )

    @property
    def boxes(self) -> Detections:
        """The boxes people were found in."""
        return Detections(self.xyxy, self.box_score)


class HeatmapEstimator:
    """Top-down estimation of single frames that keeps the heatmaps; a `Estimator`.

    Attributes:
        single: what cuts people out and runs the network, once per person and frame.
        channels: which of the network's channels are heatmaps; the others are features for a head.
        skeleton: of the poses.
    """

    def __init__(self, single: TopDownEstimator, channels: slice = slice(None)) -> None:
        self.single, self.channels = single, channels
        self.skeleton: Skeleton = single.skeleton

    def estimate(self, images: Image | Sequence[Image], boxes: Sequence[Detections], /) -> list[Poses]:
        """Estimate a pose for each box of each image; see `Estimator`. Each answer is a `PosesWithHeatmaps`."""
        single = self.single
        images = as_images(images, single.device)
        owners = [row for row, people in enumerate(boxes) for _ in range(len(people))]
        if not owners:
            return [self._nobody() for _ in images]
        crop_from_image = single.crop_from_image(np.concatenate([people.xyxy for people in boxes]))
        heatmaps = self.heatmaps([images[row] for row in owners], crop_from_image)
        keypoints = in_image(single.network.decode(heatmaps[:, self.channels]), crop_from_image)
        starts = np.cumsum([0, *(len(people) for people in boxes)])
        return [
            single.oks_nms(
                _mapped(poses_of(keypoints[rows], people, self.skeleton), heatmaps[rows], crop_from_image[rows], people)
            )
            for rows, people in zip(map(slice, starts[:-1], starts[1:]), boxes, strict=True)
        ]

    def heatmaps(self, images: Sequence[Tensor], crop_from_image: F64) -> Tensor:
        """Run the network on people, one image and one (3, 3) transform each; (N, C, h, w) float32.

        A channel that holds NaN or infinity says nothing: it comes out as zeros.
        """
        heatmaps = self.single.run(self.single.network.output, images, crop_from_image).float()
        return torch.where(heatmaps.isfinite().flatten(2).all(-1)[..., None, None], heatmaps, 0.0)

    def _nobody(self) -> PosesWithHeatmaps:
        num_keypoints = len(self.skeleton)
        none = Poses.empty(num_keypoints, skeleton=self.skeleton)
        return _mapped(none, torch.zeros(0, num_keypoints, 1, 1), np.zeros((0, 3, 3)), Detections.empty())


def _mapped(poses: Poses, heatmaps: Tensor, crop_from_image: F64, people: Detections) -> PosesWithHeatmaps:
    return PosesWithHeatmaps(
        poses.keypoints,
        poses.score,
        poses.xyxy,
        poses.track_id,
        heatmaps,
        crop_from_image,
        np.nan_to_num(people.score),
        skeleton=poses.skeleton,
    )
