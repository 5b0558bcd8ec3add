"""The interfaces between images and results: who finds people, who their keypoints, and who both at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from videopose.skeletons import Skeleton
from videopose.types import Detections, Poses


class Detector(Protocol):
    """Finds people in images."""

    def detect(self, images: Sequence[Tensor], /) -> list[Detections]:
        """Find the people in each image.

        Args:
            images: each (3, H, W) uint8 RGB, sizes may differ.

        Returns:
            One `Detections` per image in image pixels, best first; zero rows where there are no people.
        """
        ...


class Estimator(Protocol):
    """Finds the keypoints of people whose boxes are known."""

    skeleton: Skeleton

    def estimate(self, images: Sequence[Tensor], boxes: Sequence[Detections], /) -> list[Poses]:
        """Estimate a pose for each box of each image; people of all images share batches.

        Args:
            images: each (3, H, W) uint8 RGB.
            boxes: for each image the people in it, image pixels.

        Returns:
            One `Poses` per image, untracked, in image pixels, in the boxes' order but for removed duplicates.
        """
        ...


class SceneFinder(Protocol):
    """Finds people and their keypoints at once."""

    skeleton: Skeleton

    def estimate(self, images: Sequence[Tensor], /) -> list[Poses]:
        """Find everybody in each image.

        Args:
            images: each (3, H, W) uint8 RGB, sizes may differ.

        Returns:
            One `Poses` per image, untracked, in image pixels, best first; zero rows where there are no people.
        """
        ...
