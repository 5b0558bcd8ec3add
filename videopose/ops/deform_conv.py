"""Deformable convolution, version 1 and modulated version 2, in plain PyTorch; mmcv's operator where it is installed.

The plain implementation runs and differentiates on every device. It reads each tap by bilinear interpolation in one
`grid_sample` over all taps and groups, then multiplies by the weights; `docs/models.md` says what that costs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.errors import InputError, check_shape

try:
    from mmcv.ops import deform_conv2d as _compiled_v1
    from mmcv.ops import modulated_deform_conv2d as _compiled_v2
except ImportError:  # an optional extra: videopose[mmcv]
    _compiled_v1 = _compiled_v2 = None

IS_COMPILED = _compiled_v2 is not None
"""Whether mmcv's operator was found and is used."""


def deform_conv2d(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    deform_groups: int = 1,
) -> Tensor:
    """Convolve, each tap read where its offset says; by mmcv's operator if it was found.

    Args:
        x: (N, C, H, W).
        offset: (N, G * taps * 2, h, w) what is added to each tap's place, dy before dx, in pixels of `x`; G groups
            of input channels have offsets of their own.
        weight: (C', C / groups, kh, kw).
        bias: (C',) or None.
        mask: (N, G * taps, h, w) factors on the samples (version 2); None for version 1.
        stride: of the convolution, as are `padding` and `dilation`, the same along both axes.
        padding: zeros around `x`.
        dilation: distance between taps.
        groups: of the convolution.
        deform_groups: G.

    Returns:
        (N, C', h, w).

    Raises:
        ShapeError: offset or mask do not fit.
        InputError: channels are not divisible by the groups.

    Source:
        Dai et al., Deformable Convolutional Networks, ICCV 2017, section 2.1; Zhu et al., Deformable ConvNets v2,
        CVPR 2019, section 3.2.
    """
    layout = (stride, padding, dilation, groups, deform_groups)
    _check(x, offset, weight, mask, layout)
    if _compiled_v1 is None or _compiled_v2 is None:
        return plain_deform_conv2d(x, offset, weight, bias, mask, layout)
    if mask is None:
        out: Tensor = _compiled_v1(x, offset, weight, stride, padding, dilation, groups, deform_groups)
        return out if bias is None else out + bias[:, None, None]
    modulated: Tensor = _compiled_v2(x, offset, mask, weight, bias, stride, padding, dilation, groups, deform_groups)
    return modulated


def plain_deform_conv2d(
    x: Tensor, offset: Tensor, weight: Tensor, bias: Tensor | None, mask: Tensor | None, layout: tuple[int, ...]
) -> Tensor:
    """Compute what `deform_conv2d` computes without any compiled operator; `layout` holds its five numbers in order."""
    stride, padding, dilation, groups, deform_groups = layout
    (num, channels), (outer, _, kernel_h, kernel_w) = x.shape[:2], weight.shape
    taps, (height, width) = kernel_h * kernel_w, offset.shape[2:]
    moved = offset.reshape(num * deform_groups, taps, 2, height, width)
    grid = _sampling_grid(moved, x.shape[2:], (kernel_h, kernel_w), (stride, padding, dilation))
    planes = x.reshape(num * deform_groups, channels // deform_groups, *x.shape[2:])
    # places outside read zero, and those less than a pixel outside a part of the edge: the papers' convention
    samples = functional.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    samples = samples.view(num, deform_groups, channels // deform_groups, taps, height * width)
    if mask is not None:
        samples = samples * mask.reshape(num, deform_groups, 1, taps, height * width)
    columns = samples.reshape(num, groups, channels // groups * taps, height * width)
    kernels = weight.reshape(groups, outer // groups, channels // groups * taps)
    out = torch.matmul(kernels, columns).view(num, outer, height, width)
    return out if bias is None else out + bias[:, None, None]


def _sampling_grid(moved: Tensor, size_hw: torch.Size, kernel: tuple[int, int], layout: tuple[int, int, int]) -> Tensor:
    """Return where every tap of every output pixel reads, (M, taps * h, w, 2) x, y as `grid_sample` counts."""
    stride, padding, dilation = layout
    height, width = moved.shape[3:]

    def steps(count: int, size: int) -> Tensor:
        return torch.arange(count, device=moved.device, dtype=moved.dtype) * size

    tap_y, tap_x = torch.meshgrid(*(steps(size, dilation) for size in kernel), indexing="ij")
    row, column = steps(height, stride) - padding, steps(width, stride) - padding
    fixed_y, fixed_x = tap_y.reshape(-1, 1, 1) + row[:, None], tap_x.reshape(-1, 1, 1) + column
    # offsets are many: one pass over each half of them, everything else is prepared beside
    x = torch.add((2 * fixed_x + 1) / size_hw[1] - 1, moved[:, :, 1], alpha=2 / size_hw[1])
    y = torch.add((2 * fixed_y + 1) / size_hw[0] - 1, moved[:, :, 0], alpha=2 / size_hw[0])
    grid = torch.stack([x, y], -1)
    return grid.flatten(1, 2)


def _check(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, layout: tuple[int, ...]) -> None:
    stride, padding, dilation, groups, deform_groups = layout
    channels = x.shape[1]
    if channels % deform_groups or channels % groups or weight.shape[0] % groups:
        raise InputError(
            f"{channels} -> {weight.shape[0]} channels cannot be split into {groups} groups and {deform_groups} "
            "deformable groups; both must divide them"
        )
    kernel = weight.shape[2:]
    out_hw = [
        (size + 2 * padding - dilation * (taps - 1) - 1) // stride + 1
        for size, taps in zip(x.shape[2:], kernel, strict=True)
    ]
    taps = math.prod(kernel)
    check_shape("weight", weight, None, channels // groups, None, None)
    check_shape("offset", offset, len(x), deform_groups * taps * 2, *out_hw)
    if mask is not None:
        check_shape("mask", mask, len(x), deform_groups * taps, *out_hw)


class DeformConv2d(nn.Module):
    """A deformable convolution layer whose offsets (and mask) come from outside.

    Args:
        inner: input channels.
        outer: output channels.
        kernel: width and height of the kernel.
        padding: zeros around the input.
        dilation: distance between taps.
        deform_groups: groups of input channels with offsets of their own.
        bias: whether to add one.
    """

    def __init__(
        self,
        inner: int,
        outer: int,
        kernel: int = 3,
        *,
        padding: int = 0,
        dilation: int = 1,
        deform_groups: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outer, inner, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outer)) if bias else None
        self.padding, self.dilation, self.deform_groups = padding, dilation, deform_groups
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (N, inner, H, W) to (N, outer, h, w); offset and mask as in `deform_conv2d`."""
        return deform_conv2d(
            x,
            offset,
            self.weight,
            self.bias,
            mask=mask,
            padding=self.padding,
            dilation=self.dilation,
            deform_groups=self.deform_groups,
        )
