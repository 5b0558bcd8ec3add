"""Regression: the network gives coordinates themselves."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videopose.codecs.base import PlainCodec
from videopose.errors import check_shape


@dataclass(frozen=True)
class RegressionCodec(PlainCodec):
    """Keypoints <-> coordinates as fractions of the crop: 0 is the left or upper edge's pixel, 1 lies beyond the last.

    Attributes:
        input_hw: (height, width) of the crop, crop pixels.

    Source:
        Toshev and Szegedy, DeepPose, CVPR 2014, section 3.1; Sun et al., Integral Human Pose Regression, ECCV 2018.
    """

    input_hw: tuple[int, int]
    name: str = "regression"

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Build target coordinates.

        Args:
            keypoints: (N, K, 3) x, y in crop pixels and visibility; 0 = not labelled.

        Returns:
            (N, K, 2) fractions and (N, K) weights, 0 where not labelled or outside the crop.
        """
        targets = keypoints[..., :2] / self._size(keypoints)
        inside = ((targets >= 0) & (targets <= 1)).all(-1)
        return targets, ((keypoints[..., 2] > 0) & inside).float()

    def decode(self, output: Tensor, /) -> Tensor:
        """Scale coordinates back to the crop.

        Args:
            output: (N, K, 2) fractions, or (N, K, 3) with a score; without one the score is 1.

        Returns:
            (N, K, 3) float32 x, y in crop pixels and score in [0, 1]; a place that is not finite is (0, 0), score 0.
        """
        check_shape("output", output, None, None, None)
        place = output[..., :2].float() * self._size(output)
        score = output[..., 2].float() if output.shape[-1] > 2 else torch.ones_like(place[..., 0])
        finite = place.isfinite().all(-1) & score.isfinite()
        decoded = torch.cat([place, score.clamp(0, 1)[..., None]], -1)
        return torch.where(finite[..., None], decoded, 0.0)

    def flip_back(self, output: Tensor, flip_index: Tensor, /) -> Tensor:
        """Mirror the coordinates found in a mirrored crop: column x is column W - 1 - x."""
        restored = output[:, flip_index].clone()
        restored[..., 0] = (self.input_hw[1] - 1) / self.input_hw[1] - restored[..., 0]
        return restored

    def _size(self, like: Tensor) -> Tensor:
        return like.new_tensor([self.input_hw[1], self.input_hw[0]])
