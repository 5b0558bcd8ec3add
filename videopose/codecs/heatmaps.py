"""What the heatmap codecs share: their sizes, Gaussian targets, peaks, blur. All of it runs on the heatmaps' device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from videopose.codecs.base import PlainCodec
from videopose.errors import check_shape
from videopose.geometry.affine import scaling
from videopose.types import F64

try:
    import cv2
except ImportError:  # where packed trainings run: torch smooths as well, and slowly
    cv2 = None  # type: ignore[assignment]

SHARPNESS = 10.0
"""Factor on heatmaps that peak at 1 before the softmax over their cells."""


def default_sigma(input_hw: tuple[int, int]) -> float:
    """Return the spread the published models use: 2 heatmap pixels for crops 256 high, 3 for 384."""
    return 2.0 * input_hw[0] / 256


@dataclass(frozen=True)
class HeatmapLayout(PlainCodec):
    """Where a codec's heatmap pixels lie in the crop, and how wide its targets are.

    Attributes:
        input_hw: (height, width) of the crop, crop pixels.
        stride: crop pixels per heatmap pixel, nominally.
        heatmap_sigma: spread of the target, heatmap pixels; None = as the published models of this input size.
    """

    input_hw: tuple[int, int]
    stride: int = 4
    heatmap_sigma: float | None = None

    @property
    def heatmap_hw(self) -> tuple[int, int]:
        """(height, width) of the heatmap, heatmap pixels."""
        return self.input_hw[0] // self.stride, self.input_hw[1] // self.stride

    @property
    def sharpness(self) -> float:
        """Factor that makes heatmaps logits of a distribution over their cells."""
        return SHARPNESS

    @property
    def spread(self) -> float:
        """The spread in use, heatmap pixels."""
        return default_sigma(self.input_hw) if self.heatmap_sigma is None else self.heatmap_sigma

    @property
    def crop_from_heatmap(self) -> F64:
        """(3, 3) transform from heatmap pixels to crop pixels: plain stride, unless the codec says otherwise."""
        return scaling(self.stride)


def gaussian_targets(
    centers: Tensor, heatmap_hw: tuple[int, int], heatmap_sigma: float, *, window: Tensor | None
) -> Tensor:
    """Draw one unnormalised Gaussian per keypoint.

    Args:
        centers: (N, K, 2) x, y of the peaks, heatmap pixels.
        heatmap_hw: (height, width) of the heatmaps.
        heatmap_sigma: spread, heatmap pixels.
        window: (N, K, 2) pixel around which the Gaussian is cut off after three spreads; None = not cut.

    Returns:
        (N, K, h, w) float32 with a peak of 1.
    """
    height, width = heatmap_hw
    rows = torch.arange(height, device=centers.device, dtype=torch.float32)
    columns = torch.arange(width, device=centers.device, dtype=torch.float32)
    spread = -0.5 / heatmap_sigma**2
    along_x = torch.exp((columns - centers[..., :1]) ** 2 * spread)
    along_y = torch.exp((rows - centers[..., 1:]) ** 2 * spread)
    if window is not None:
        radius = int(heatmap_sigma * 3)
        along_x = along_x * ((columns - window[..., :1]).abs() <= radius)
        along_y = along_y * ((rows - window[..., 1:]).abs() <= radius)
    return along_y[..., :, None] * along_x[..., None, :]


def target_weights(keypoints: Tensor, pixel: Tensor, heatmap_hw: tuple[int, int], heatmap_sigma: float) -> Tensor:
    """Find which keypoints can be learned from: labelled, and their Gaussian's window touches the heatmap.

    Args:
        keypoints: (N, K, 3) with the visibility last.
        pixel: (N, K, 2) heatmap pixel of each keypoint.
        heatmap_hw: (height, width) of the heatmaps.
        heatmap_sigma: spread, heatmap pixels.

    Returns:
        (N, K) float32, 0 or 1.
    """
    radius = heatmap_sigma * 3
    height, width = heatmap_hw
    # the far edge is exclusive, hence the + 1, and both are cut towards zero: the published code counts a window as
    # touching that ends just before column 0
    low, high = torch.trunc(pixel - radius), torch.trunc(pixel + radius + 1)
    touches = (low[..., 0] < width) & (low[..., 1] < height) & (high >= 0).all(-1)
    return ((keypoints[..., 2] > 0) & touches).float()


def presence(logits: Tensor, absent_logit: float) -> Tensor:
    """Compute the probability that a keypoint is in the crop at all: of all cells together against the absent one.

    Args:
        logits: (N, K, h, w).
        absent_logit: of the further cell.

    Returns:
        (N, K) in [0, 1].

    Source:
        The further cell is the "no interest point" of DeTone et al., SuperPoint, CVPR workshops 2018, section 3.2;
        here its logit is constant, because the network moves all others against it.
    """
    return (logits.float().flatten(2).logsumexp(-1) - absent_logit).sigmoid()


def peaks(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Find each heatmap's maximum; NaN counts as nothing there.

    Args:
        heatmaps: (N, K, h, w).

    Returns:
        (N, K, 2) int64 x, y of the first maximum, (0, 0) where the maximum is not positive; (N, K) float32 maxima.

    Raises:
        ShapeError: the heatmaps do not have four axes.
    """
    check_shape("heatmaps", heatmaps, None, None, None, None)
    width = heatmaps.shape[3]
    rows = torch.nan_to_num(heatmaps.float()).flatten(2)
    index = first_largest(rows)
    score = rows.gather(2, index[..., None])[..., 0]
    index = torch.where(score > 0, index, 0)
    return torch.stack([index % width, index // width], -1), score


def first_largest(values: Tensor) -> Tensor:
    """Return the column of the first largest value in each row; on a CPU NumPy is ten times as fast as PyTorch."""
    if values.device.type == "cpu":
        return torch.from_numpy(values.detach().numpy().argmax(-1))
    return values.argmax(-1)


def gather(heatmaps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Read each heatmap at one place per keypoint, (N, K) int64 x and y; places outside read the nearest edge."""
    height, width = heatmaps.shape[2:]
    index = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    return heatmaps.flatten(2).gather(2, index[..., None])[..., 0]


def gather_around(heatmaps: Tensor, peak: Tensor, offsets: tuple[tuple[int, int], ...]) -> Tensor:
    """Read each heatmap at places around one place per keypoint, all at once.

    Args:
        heatmaps: (N, K, h, w).
        peak: (N, K, 2) int64 x, y.
        offsets: P pairs (dx, dy), heatmap pixels.

    Returns:
        (P, N, K); places outside read the nearest edge.
    """
    height, width = heatmaps.shape[2:]
    x, y = (peak[..., None, :] + torch.tensor(offsets, device=peak.device)).unbind(-1)
    index = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    return heatmaps.flatten(2).gather(2, index).permute(2, 0, 1)


def quarter_shift(heatmaps: Tensor, peak: Tensor) -> Tensor:
    """Return the quarter pixel from each peak towards its higher neighbour, per axis.

    Args:
        heatmaps: (N, K, h, w).
        peak: (N, K, 2) int64 x, y.

    Returns:
        (N, K, 2) shifts of -0.25, 0 or 0.25; 0 on both axes near the border, as in the published code.

    Source:
        Newell et al., Stacked Hourglass Networks, ECCV 2016, section 3.4.
    """
    height, width = heatmaps.shape[2:]
    x, y = peak[..., 0], peak[..., 1]
    along_x = gather(heatmaps, x + 1, y) - gather(heatmaps, x - 1, y)
    along_y = gather(heatmaps, x, y + 1) - gather(heatmaps, x, y - 1)
    inner = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
    return torch.stack([along_x, along_y], -1).sign() * 0.25 * inner[..., None]


def blur(heatmaps: Tensor, kernel: int, *, border: str) -> Tensor:
    """Smooth heatmaps with a Gaussian whose spread follows from the kernel's size, OpenCV's rule.

    Args:
        heatmaps: (N, K, h, w).
        kernel: odd width of the kernel, heatmap pixels.
        border: `zero`, or `reflect` (the edge pixel not repeated).

    Returns:
        (N, K, h, w).
    """
    spread = 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8
    offset = torch.arange(kernel, device=heatmaps.device, dtype=torch.float64) - kernel // 2
    weights = torch.exp(-0.5 * (offset / spread) ** 2)
    weights = (weights / weights.sum()).to(heatmaps.dtype)
    mode = "constant" if border == "zero" else "reflect"
    if cv2 is not None and heatmaps.device.type == "cpu" and not heatmaps.requires_grad:
        return _blurred_by_opencv(heatmaps, weights, mode)
    planes = heatmaps.flatten(0, 1)[:, None]
    planes = functional.pad(planes, (kernel // 2,) * 4, mode=mode)
    planes = functional.conv2d(planes, weights[None, None, None, :])
    planes = functional.conv2d(planes, weights[None, None, :, None])
    return planes[:, 0].view_as(heatmaps)


def _blurred_by_opencv(heatmaps: Tensor, weights: Tensor, mode: str) -> Tensor:
    """Smooth all heatmaps in one call, as one tall image; 15 times as fast as PyTorch's convolution of one channel."""
    num, num_keypoints, height, width = heatmaps.shape
    if not num * num_keypoints:
        return heatmaps.clone()
    radius = len(weights) // 2
    tall = functional.pad(heatmaps.flatten(0, 1)[:, None], (0, 0, radius, radius), mode=mode).reshape(-1, width)
    sides = cv2.BORDER_CONSTANT if mode == "constant" else cv2.BORDER_REFLECT_101
    smooth = cv2.sepFilter2D(tall.numpy(), -1, weights.numpy(), weights.numpy(), borderType=sides)
    rows = torch.from_numpy(smooth).view(-1, height + 2 * radius, width)[:, radius : radius + height]
    return rows.reshape(num, num_keypoints, height, width)


def newton_step(gradient: Tensor, xx: Tensor, yy: Tensor, xy: Tensor) -> Tensor:
    """Solve the 2x2 systems of one Newton step towards a maximum.

    Args:
        gradient: (..., 2) first derivatives along x and y.
        xx: (...) second derivatives, as are `yy` and `xy`.
        yy: (...).
        xy: (...).

    Returns:
        (..., 2) the step; 0 where the system has no solution.
    """
    determinant = xx * yy - xy * xy
    solvable = determinant != 0
    safe = torch.where(solvable, determinant, 1.0)
    x = (xy * gradient[..., 1] - yy * gradient[..., 0]) / safe
    y = (xy * gradient[..., 0] - xx * gradient[..., 1]) / safe
    return torch.stack([x, y], -1) * solvable[..., None]
