"""MSRA: a Gaussian on the nearest heatmap pixel; decoded by the maximum and a quarter pixel towards its neighbour."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videopose.codecs.heatmaps import HeatmapLayout, gaussian_targets, peaks, quarter_shift, target_weights


@dataclass(frozen=True)
class MSRACodec(HeatmapLayout):
    """Keypoints <-> heatmaps as in SimpleBaseline and HRNet; heatmap pixel (i, j) is crop pixel (stride i, stride j).

    Source:
        Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018.
    """

    name: str = "msra"

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Build target heatmaps.

        Args:
            keypoints: (N, K, 3) x, y in crop pixels and visibility; 0 = not labelled.

        Returns:
            (N, K, h, w) targets, peak 1, and (N, K) weights, 0 where not labelled or outside.
        """
        # truncated towards zero, not floored: the published code casts to int
        pixel = torch.trunc(keypoints[..., :2] / self.stride + 0.5)
        weights = target_weights(keypoints, pixel, self.heatmap_hw, self.spread)
        targets = gaussian_targets(pixel, self.heatmap_hw, self.spread, window=pixel)
        return targets * weights[..., None, None], weights

    def decode(self, output: Tensor, /) -> Tensor:
        """Find keypoints in heatmaps.

        Args:
            output: (N, K, h, w).

        Returns:
            (N, K, 3) float32 x, y in crop pixels and score in [0, 1], which is 0 where no value is positive.
        """
        peak, score = peaks(output)
        place = peak + quarter_shift(output, peak)
        return torch.cat([place * self.stride, score.clamp(0, 1)[..., None]], -1)

    def flip_back(self, output: Tensor, flip_index: Tensor, /) -> Tensor:
        """Mirror heatmaps of a mirrored crop back, and shift them one pixel to the right.

        Mirroring sends crop column x to W - 1 - x, and with plain stride that is not the mirrored heatmap column:
        the two differ by (stride - 1) / stride of a heatmap pixel, which whole pixels meet best with one.
        """
        restored = output.flip(-1)[:, flip_index]
        return torch.cat([restored[..., :1], restored[..., :-1]], -1)


def coarse_msra(input_hw: tuple[int, int]) -> MSRACodec:
    """Build the MSRA codec of networks with heatmaps of an eighth of the crop, such as convolutional pose machines."""
    return MSRACodec(input_hw, stride=8, name="msra8")
