"""Megvii's: targets as mixtures of wide Gaussians; decoded by the smoothed maximum, a quarter and a half pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videopose.codecs.heatmaps import blur, peaks, quarter_shift, target_weights
from videopose.codecs.msra import MSRACodec
from videopose.geometry.affine import scaling, translation
from videopose.types import F64

_SCALE = 255.0
"""Targets, and so the networks' outputs, peak at this value."""


@dataclass(frozen=True)
class MegviiCodec(MSRACodec):
    """Keypoints <-> heatmaps as in CPN, MSPN and RSN.

    Attributes:
        blur_kernel: width of the Gaussian, heatmap pixels: it draws the targets and smooths the output.

    Source:
        Li et al., Rethinking on Multi-Stage Networks for Human Pose Estimation, 2019, section 3; decoding as in
        MMPose's `MegviiHeatmap`.
    """

    blur_kernel: int = 11
    name: str = "megvii"

    @property
    def crop_from_heatmap(self) -> F64:
        """(3, 3) transform from heatmap pixels to crop pixels: a pixel's value stands for its middle."""
        return scaling(self.stride) @ translation(0.5, 0.5)

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Build target heatmaps, (N, K, h, w) with a peak of 255, and (N, K) weights; see `MSRACodec.encode`."""
        height, width = self.heatmap_hw
        pixel = (keypoints[..., :2] / self.stride).floor()
        weights = target_weights(keypoints, pixel, self.heatmap_hw, 0.0)
        column, row = pixel[..., 0].clamp(0, width - 1).long(), pixel[..., 1].clamp(0, height - 1).long()
        spikes = torch.zeros(*keypoints.shape[:2], height * width, device=keypoints.device)
        spikes.scatter_(2, (row * width + column)[..., None], weights[..., None])
        smooth = blur(spikes.view(*keypoints.shape[:2], height, width), self.blur_kernel, border="zero")
        highest = smooth.amax((2, 3), keepdim=True)
        targets = smooth / torch.where(highest > 0, highest, 1.0) * _SCALE
        return targets * weights[..., None, None], weights

    def decode(self, output: Tensor, /) -> Tensor:
        """Find keypoints in heatmaps, (N, K, 3) in crop pixels; see `MSRACodec.decode`.

        Scores are the maxima over 255 and not moved up by a half, as the release does for its ranking.
        """
        smooth = blur(torch.nan_to_num(output.float()), self.blur_kernel, border="zero")
        before, after = (maps.amax((2, 3), keepdim=True) for maps in (torch.nan_to_num(output.float()), smooth))
        smooth = smooth * before / torch.where(after == 0, 1.0, after)
        peak, score = peaks(smooth)
        height, width = self.heatmap_hw
        x, y = peak[..., 0], peak[..., 1]
        inner = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
        place = peak + quarter_shift(smooth, peak) + 0.5 * inner[..., None]  # a pixel's value stands for its middle
        return torch.cat([place * self.stride, (score / _SCALE).clamp(0, 1)[..., None]], -1)

    def flip_back(self, output: Tensor, flip_index: Tensor, /) -> Tensor:
        """Mirror heatmaps of a mirrored crop back; pixels stand for their middles, so no shift is needed."""
        return output.flip(-1)[:, flip_index]
