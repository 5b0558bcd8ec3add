"""DARK: a Gaussian on the exact place; decoded by a Taylor expansion of the smoothed heatmap's logarithm."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videopose.codecs.heatmaps import blur, gather, gaussian_targets, newton_step, peaks, target_weights
from videopose.codecs.msra import MSRACodec


@dataclass(frozen=True)
class DarkCodec(MSRACodec):
    """Keypoints <-> heatmaps without the rounding of MSRA; the crop is MSRA's (plain stride).

    The authors' own release also changes the crop by half a pixel; the published checkpoints of MMPose, which this
    codec serves, do not.

    Source:
        Zhang et al., Distribution-Aware Coordinate Representation for Human Pose Estimation, CVPR 2020, section 3.
    """

    name: str = "dark"
    kernel: int | None = None
    """Width of the smoothing kernel, heatmap pixels; None = as the spread asks for."""

    @property
    def blur_kernel(self) -> int:
        """Width of the smoothing kernel in use, heatmap pixels: 11 for a spread of 2, 17 for 3, as published."""
        return 6 * max(1, round(self.spread)) - 1 if self.kernel is None else self.kernel

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Build target heatmaps, (N, K, h, w) and (N, K); see `MSRACodec.encode`."""
        center = keypoints[..., :2] / self.stride
        weights = target_weights(keypoints, center, self.heatmap_hw, self.spread)
        targets = gaussian_targets(center, self.heatmap_hw, self.spread, window=None)
        return targets * weights[..., None, None], weights

    def decode(self, output: Tensor, /) -> Tensor:
        """Find keypoints in heatmaps, (N, K, 3) in crop pixels; see `MSRACodec.decode`."""
        peak, score = peaks(output)
        place = peak + _taylor_shift(_smooth_log(output, self.blur_kernel), peak)
        return torch.cat([place * self.stride, score.clamp(0, 1)[..., None]], -1)


def fine_dark(input_hw: tuple[int, int]) -> DarkCodec:
    """Build the DARK codec of PP-TinyPose, which smooths with a 3 x 3 kernel only."""
    return DarkCodec(input_hw, name="dark3", kernel=3)


def _smooth_log(heatmaps: Tensor, kernel: int) -> Tensor:
    maps = torch.nan_to_num(heatmaps.float())
    smooth = blur(maps, kernel, border="zero")
    before, after = (m.amax((2, 3), keepdim=True) for m in (maps, smooth))
    # the smoothed map keeps the height of the original, so that the floor below means the same for both
    smooth = smooth * before / torch.where(after == 0, 1.0, after)
    return smooth.clamp_min(1e-10).log()


def _taylor_shift(log_maps: Tensor, peak: Tensor) -> Tensor:
    height, width = log_maps.shape[2:]
    x, y = peak[..., 0], peak[..., 1]

    def at(dx: int, dy: int) -> Tensor:
        return gather(log_maps, x + dx, y + dy)

    gradient = torch.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], -1) * 0.5
    xx = (at(2, 0) - 2 * at(0, 0) + at(-2, 0)) * 0.25
    yy = (at(0, 2) - 2 * at(0, 0) + at(0, -2)) * 0.25
    xy = (at(1, 1) - at(-1, 1) - at(1, -1) + at(-1, -1)) * 0.25
    inner = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    return newton_step(gradient, xx, yy, xy) * inner[..., None]
