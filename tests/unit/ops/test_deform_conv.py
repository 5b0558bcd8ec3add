"""Deformable convolution against a loop over every output pixel, channel and tap."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from videopose.errors import InputError, ShapeError
from videopose.ops.deform_conv import IS_COMPILED, DeformConv2d, deform_conv2d, plain_deform_conv2d

EXACT = 1e-11  # double precision; the two orders of summation differ


def bilinear(plane, y, x):
    height, width = plane.shape
    total = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                total += (1 - abs(y - row)) * (1 - abs(x - column)) * plane[row, column].item()
    return total


def brute_force(x, offset, weight, bias, mask, layout):
    stride, padding, dilation, groups, deform_groups = layout
    num, channels = x.shape[:2]
    outer, inner, kernel_h, kernel_w = weight.shape
    out = torch.zeros(num, outer, *offset.shape[2:], dtype=x.dtype)
    for n, o, i, j in torch.cartesian_prod(*(torch.arange(size) for size in out.shape)).tolist():
        total = 0.0 if bias is None else bias[o].item()
        for c in range(inner):
            channel = o // (outer // groups) * inner + c
            group = channel // (channels // deform_groups)
            for tap in range(kernel_h * kernel_w):
                place = group * kernel_h * kernel_w + tap
                dy, dx = offset[n, 2 * place : 2 * place + 2, i, j].tolist()
                y = i * stride - padding + tap // kernel_w * dilation + dy
                column = j * stride - padding + tap % kernel_w * dilation + dx
                value = bilinear(x[n, channel], y, column)
                factor = 1.0 if mask is None else mask[n, place, i, j].item()
                total += weight[o, c, tap // kernel_w, tap % kernel_w].item() * value * factor
        out[n, o, i, j] = total
    return out


def make_case(*, stride=1, padding=1, dilation=1, groups=1, deform_groups=1, kernel=(3, 3), size=(5, 4), spread=2.0):
    num, channels, outer = 2, 4, 2
    x = torch.randn(num, channels, *size, dtype=torch.float64)
    weight = torch.randn(outer, channels // groups, *kernel, dtype=torch.float64)
    out_hw = functional.conv2d(x[:, : channels // groups], weight, None, stride, padding, dilation).shape[2:]
    taps = math.prod(kernel)
    offset = torch.randn(num, deform_groups * taps * 2, *out_hw, dtype=torch.float64) * spread
    mask = torch.rand(num, deform_groups * taps, *out_hw, dtype=torch.float64)
    bias = torch.randn(outer, dtype=torch.float64)
    return x, offset, weight, bias, mask, (stride, padding, dilation, groups, deform_groups)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 2), st.integers(0, 2), st.integers(1, 2), st.sampled_from([1, 2]), st.sampled_from([1, 2, 4]),
    st.sampled_from([(3, 3), (1, 1), (2, 3)]), st.booleans(), st.integers(0, 99),
)  # fmt: skip
def test_plain_version_equals_the_loop(stride, padding, dilation, groups, deform_groups, kernel, modulated, seed):
    torch.manual_seed(seed)
    layout = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, offset, weight, bias, mask, numbers = make_case(
        **layout, deform_groups=deform_groups, kernel=kernel, size=(6, 5)
    )
    mask, bias = (mask, bias) if modulated else (None, None)

    ours = plain_deform_conv2d(x, offset, weight, bias, mask, numbers)

    assert (ours - brute_force(x, offset, weight, bias, mask, numbers)).abs().max() < EXACT


def test_without_offsets_it_is_a_convolution():
    x, offset, weight, bias, mask, _ = make_case()

    ours = deform_conv2d(x, offset * 0, weight, bias, mask=torch.ones_like(mask), padding=1)

    assert torch.allclose(ours, functional.conv2d(x, weight, bias, padding=1), atol=EXACT)


def test_places_far_outside_read_zero():
    x, offset, weight, *_ = make_case()

    assert deform_conv2d(x, offset * 0 + 100, weight, padding=1).abs().max() == 0


@pytest.mark.parametrize("modulated", [False, True])
def test_gradients_are_right(modulated):
    x, offset, weight, bias, mask, layout = make_case(size=(3, 3), deform_groups=2, spread=0.4)
    offset = offset + 0.05  # bilinear interpolation has no derivative on whole pixels
    parts = [part.requires_grad_() for part in (x, offset, weight, bias, mask)]

    def run(x, offset, weight, bias, mask):
        return plain_deform_conv2d(x, offset, weight, bias, mask if modulated else None, layout)

    assert torch.autograd.gradcheck(run, parts)


def test_offsets_that_do_not_fit_are_an_error():
    x, offset, weight, *_ = make_case()

    with pytest.raises(ShapeError, match=r"offset has shape \(2, 18, 5, 3\)"):
        deform_conv2d(x, offset[..., :-1], weight, padding=1)


def test_masks_that_do_not_fit_are_an_error():
    x, offset, weight, bias, mask, _ = make_case()

    with pytest.raises(ShapeError, match="mask has shape"):
        deform_conv2d(x, offset, weight, bias, mask=mask[:, 1:], padding=1)


def test_groups_that_do_not_divide_are_an_error():
    x, offset, weight, *_ = make_case()

    with pytest.raises(InputError, match="3 deformable groups; both must divide"):
        deform_conv2d(x, offset, weight, padding=1, deform_groups=3)


def test_layer_keeps_the_size_with_fitting_padding():
    layer = DeformConv2d(4, 6, padding=3, dilation=3, deform_groups=2, bias=True)

    out = layer(torch.randn(1, 4, 8, 6), torch.zeros(1, 36, 8, 6), torch.ones(1, 18, 8, 6))

    assert out.shape == (1, 6, 8, 6)


@pytest.mark.skipif(not IS_COMPILED, reason="mmcv is not installed: pip install 'videopose[mmcv]'")
@pytest.mark.parametrize("modulated", [False, True])
def test_mmcv_s_operator_agrees(modulated):
    x, offset, weight, bias, mask, layout = (
        part.float() if isinstance(part, torch.Tensor) else part for part in make_case(deform_groups=2)
    )
    mask, bias = (mask, bias) if modulated else (None, None)

    compiled = deform_conv2d(x, offset, weight, bias, mask=mask, padding=1, deform_groups=2)

    assert torch.allclose(compiled, plain_deform_conv2d(x, offset, weight, bias, mask, layout), atol=1e-5)


def test_the_layout_in_memory_does_not_matter():
    torch.manual_seed(0)
    layer = DeformConv2d(4, 4, padding=1, deform_groups=4)
    x, offset, mask = torch.randn(2, 4, 6, 5), torch.randn(2, 72, 6, 5), torch.rand(2, 36, 6, 5)
    plain = layer(x, offset, mask)

    layer = layer.to(memory_format=torch.channels_last)
    x, offset, mask = (given.contiguous(memory_format=torch.channels_last) for given in (x, offset, mask))

    assert torch.equal(layer(x, offset, mask), plain)
