"""UDP: lengths are counted in intervals between pixel centres, so that mirroring and scaling commute."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videopose.codecs.heatmaps import (
    HeatmapLayout,
    blur,
    gather_around,
    gaussian_targets,
    newton_step,
    peaks,
    target_weights,
)
from videopose.geometry.affine import scaling
from videopose.types import F64

_FLOOR, _CEILING = 0.001, 50.0
_AROUND = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1))
"""Bounds before the logarithm; the published code's."""
_RIDGE = 1e-7
"""Keeps the 2x2 systems solvable on a plateau."""


@dataclass(frozen=True)
class UDPCodec(HeatmapLayout):
    """Keypoints <-> heatmaps; heatmap pixel i is crop pixel i (W - 1) / (w - 1).

    The crop itself is UDP's too: see `crop_alignment`.

    Source:
        Huang et al., The Devil Is in the Details: Delving Into Unbiased Data Processing, CVPR 2020, section 3.2.
    """

    name: str = "udp"

    @property
    def crop_alignment(self) -> F64:
        """(3, 3) from plain crop pixels: intervals between pixel centres are counted, so (size - 1) / size of them."""
        height, width = self.input_hw
        return scaling((width - 1) / width, (height - 1) / height)

    @property
    def crop_from_heatmap(self) -> F64:
        """(3, 3) transform from heatmap pixels to crop pixels: intervals to intervals."""
        (height, width), (h, w) = self.input_hw, self.heatmap_hw
        return scaling((width - 1) / (w - 1), (height - 1) / (h - 1))

    @property
    def blur_kernel(self) -> int:
        """Width of the smoothing kernel, heatmap pixels: 11 for a spread of 2, 17 for 3, as published."""
        return 6 * max(1, round(self.spread)) - 1

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Build target heatmaps.

        Args:
            keypoints: (N, K, 3) x, y in crop pixels and visibility; 0 = not labelled.

        Returns:
            (N, K, h, w) targets, peak 1 at the exact place, and (N, K) weights, 0 where not labelled or outside.
        """
        center = keypoints[..., :2] / self._interval(keypoints)
        pixel = torch.trunc(center + 0.5)
        weights = target_weights(keypoints, pixel, self.heatmap_hw, self.spread)
        targets = gaussian_targets(center, self.heatmap_hw, self.spread, window=pixel)
        return targets * weights[..., None, None], weights

    def decode(self, output: Tensor, /) -> Tensor:
        """Find keypoints in heatmaps.

        Args:
            output: (N, K, h, w).

        Returns:
            (N, K, 3) float32 x, y in crop pixels and score in [0, 1], which is 0 where no value is positive.
        """
        maps = torch.nan_to_num(output.float())
        peak, score = peaks(maps)
        smooth = blur(maps, self.blur_kernel, border="reflect")
        place = peak + _newton_shift(smooth, peak)
        place = torch.where(score[..., None] > 0, place, 0.0)
        return torch.cat([place * self._interval(place), score.clamp(0, 1)[..., None]], -1)

    def flip_back(self, output: Tensor, flip_index: Tensor, /) -> Tensor:
        """Mirror heatmaps of a mirrored crop back; with UDP's intervals no shift is needed."""
        return output.flip(-1)[:, flip_index]

    def _interval(self, like: Tensor) -> Tensor:
        return like.new_tensor(self.crop_from_heatmap.diagonal()[:2])


def _newton_shift(maps: Tensor, peak: Tensor) -> Tensor:
    # the nearest edge stands for what lies outside, as published
    around = gather_around(maps, peak, _AROUND).clamp(_FLOOR, _CEILING).log()
    center, right, left, below, above, se, nw = around
    gradient = torch.stack([right - left, below - above], -1) * 0.5
    xx, yy = right - 2 * center + left, below - 2 * center + above
    xy = 0.5 * (se - right - below + 2 * center - left - above + nw)
    return newton_step(gradient, xx + _RIDGE, yy + _RIDGE, xy)
