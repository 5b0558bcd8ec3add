"""SimCC: each coordinate is a class among 1-D bins."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videopose.codecs.base import PlainCodec
from videopose.errors import check_shape

_PIXELS_PER_VARIANCE = 8
"""RTMPose's spreads for 192, 256, 288 and 384 pixels: the square root of an eighth."""


@dataclass(frozen=True)
class SimCCCodec(PlainCodec):
    """Keypoints <-> two rows of bins per keypoint, side by side: first the bins of x, then those of y.

    Attributes:
        input_hw: (height, width) of the crop, crop pixels.
        bins_per_pixel: bins per crop pixel.
        bin_sigma: spread of the targets along x and y, bins; None = as in RTMPose for this input size.

    Source:
        Li et al., SimCC: a Simple Coordinate Classification Perspective for Human Pose Estimation, ECCV 2022,
        section 3; spreads as in Jiang et al., RTMPose, 2023.
    """

    input_hw: tuple[int, int]
    bins_per_pixel: int = 2
    bin_sigma: tuple[float, float] | None = None
    name: str = "simcc"

    @property
    def num_bins(self) -> tuple[int, int]:
        """Number of bins along x and along y."""
        return self.input_hw[1] * self.bins_per_pixel, self.input_hw[0] * self.bins_per_pixel

    @property
    def spread(self) -> tuple[float, float]:
        """The spread in use along x and y, bins."""
        if self.bin_sigma is not None:
            return self.bin_sigma
        height, width = self.input_hw
        return (width / _PIXELS_PER_VARIANCE) ** 0.5, (height / _PIXELS_PER_VARIANCE) ** 0.5

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Build target rows.

        Args:
            keypoints: (N, K, 3) x, y in crop pixels and visibility; 0 = not labelled.

        Returns:
            (N, K, bins of x + bins of y) targets, peak 1 in each part, and (N, K) weights, 0 where not labelled or
            where no target reaches into the crop.
        """
        place = (keypoints[..., :2] * self.bins_per_pixel).round()
        rows, inside = [], keypoints[..., 2] > 0
        for axis, (count, spread) in enumerate(zip(self.num_bins, self.spread, strict=True)):
            bins = torch.arange(count, device=keypoints.device, dtype=torch.float32)
            center = place[..., axis, None]
            rows.append(torch.exp(-0.5 * ((bins - center) / spread) ** 2))
            inside = inside & (place[..., axis] - 3 * spread < count) & (place[..., axis] + 3 * spread + 1 > 0)
        weights = inside.float()
        return torch.cat(rows, -1) * weights[..., None], weights

    def decode(self, output: Tensor, /) -> Tensor:
        """Find the highest bin of each row.

        Args:
            output: (N, K, bins of x + bins of y) logits.

        Returns:
            (N, K, 3) float32 x, y in crop pixels and score in [0, 1], the lower of the two maxima; (0, 0) where it is
            not positive.
        """
        check_shape("output", output, None, None, sum(self.num_bins))
        rows = torch.split(torch.nan_to_num(output.float()), list(self.num_bins), -1)
        (score_x, x), (score_y, y) = (row.max(-1) for row in rows)
        score = torch.minimum(score_x, score_y)
        place = torch.stack([x, y], -1) / self.bins_per_pixel * (score > 0)[..., None]
        return torch.cat([place, score.clamp(0, 1)[..., None]], -1)

    def flip_back(self, output: Tensor, flip_index: Tensor, /) -> Tensor:
        """Mirror rows of a mirrored crop back; only those of x are mirrored, and shifted by `bins_per_pixel` - 1 bins.

        Crop column c goes to W - 1 - c, that is bin b to B - bins_per_pixel - b, but mirrored bins go to B - 1 - b.
        """
        row_x, row_y = torch.split(output[:, flip_index], list(self.num_bins), -1)
        shift = self.bins_per_pixel - 1
        mirrored = row_x.flip(-1)
        mirrored = torch.cat([mirrored[..., shift:], mirrored[..., mirrored.shape[-1] - shift :]], -1)
        return torch.cat([mirrored, row_y], -1)
