"""DARK: a Gaussian on the exact place; decoded by a Taylor expansion of the smoothed heatmap's logarithm."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videopose.codecs.heatmaps import (
    SHARPNESS,
    blur,
    gather_around,
    gaussian_targets,
    newton_step,
    peaks,
    presence,
    target_weights,
)
from videopose.codecs.msra import MSRACodec

ABSENT_HEIGHT = 0.85
"""Height of the cell that stands for "not in this crop": a perfect heatmap is then present to .93, an empty one absent
to .6, and the height of its peak says the rest."""
_FLOOR = 1e-10
_AROUND = (
    (0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (2, 0), (-2, 0), (0, 2), (0, -2), (1, 1), (-1, 1), (1, -1), (-1, -1)
)  # fmt: skip


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
    absent: bool = False
    """Whether labelled keypoints outside the crop are learned too, as heatmaps of 0, and the score is the peak's height
    times the probability of being in the crop."""

    @property
    def absent_logit(self) -> float | None:
        """Logit of the cell that stands for "not in this crop", on the scale of `SHARPNESS`; None without one."""
        return SHARPNESS * ABSENT_HEIGHT if self.absent else None

    @property
    def blur_kernel(self) -> int:
        """Width of the smoothing kernel in use, heatmap pixels: 11 for a spread of 2, 17 for 3, as published."""
        return 6 * max(1, round(self.spread)) - 1 if self.kernel is None else self.kernel

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Build target heatmaps, (N, K, h, w) and (N, K); see `MSRACodec.encode`."""
        center = keypoints[..., :2] / self.stride
        weights = target_weights(keypoints, center, self.heatmap_hw, self.spread)
        targets = gaussian_targets(center, self.heatmap_hw, self.spread, window=None)
        targets = targets * weights[..., None, None]
        return targets, (keypoints[..., 2] > 0).float() if self.absent else weights

    def decode(self, output: Tensor, /) -> Tensor:
        """Find keypoints in heatmaps, (N, K, 3) in crop pixels; see `MSRACodec.decode`."""
        maps = torch.nan_to_num(output.float())
        peak, score = peaks(maps)
        place = peak + _taylor_shift(maps, peak, score, self.blur_kernel)
        score = score.clamp(0, 1)
        if self.absent_logit is not None:
            score = score * presence(maps * SHARPNESS, self.absent_logit)
        return torch.cat([place * self.stride, score[..., None]], -1)


def fine_dark(input_hw: tuple[int, int]) -> DarkCodec:
    """Build the DARK codec of PP-TinyPose, which smooths with a 3 x 3 kernel only."""
    return DarkCodec(input_hw, name="dark3", kernel=3)


def fine_dark_with_absent(input_hw: tuple[int, int]) -> DarkCodec:
    """Build PP-TinyPose's codec with an absent answer."""
    return DarkCodec(input_hw, name="dark3_absent", kernel=3, absent=True)


def _taylor_shift(heatmaps: Tensor, peak: Tensor, score: Tensor, kernel: int) -> Tensor:
    """Return the (N, K, 2) way from each peak to the maximum of the smoothed heatmap's logarithm, heatmap pixels."""
    smooth = blur(heatmaps, kernel, border="zero")
    after = smooth.flatten(2).amax(-1)
    # the smoothed map keeps the height of the original, so that the floor below means the same for both
    kept = score / torch.where(after == 0, 1.0, after)
    logs = (gather_around(smooth, peak, _AROUND) * kept).clamp_min(_FLOOR).log()
    center, right, left, below, above, right2, left2, below2, above2, se, sw, ne, nw = logs
    gradient = torch.stack([right - left, below - above], -1) * 0.5
    xx = (right2 - 2 * center + left2) * 0.25
    yy = (below2 - 2 * center + above2) * 0.25
    xy = (se - sw - ne + nw) * 0.25
    height, width = smooth.shape[2:]
    x, y = peak[..., 0], peak[..., 1]
    inner = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    return newton_step(gradient, xx, yy, xy) * inner[..., None]
