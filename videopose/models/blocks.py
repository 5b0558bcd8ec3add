"""Residual blocks and small helpers several architectures are made of. Names follow the original releases."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def conv3x3(inner: int, outer: int, *, stride: int = 1) -> nn.Conv2d:
    """Build a 3x3 convolution that keeps the size (at stride 1), without bias."""
    return nn.Conv2d(inner, outer, 3, stride, padding=1, bias=False)


def conv_norm(inner: int, outer: int, kernel: int = 3, *, stride: int = 1, relu: bool = True) -> nn.Sequential:
    """Build convolution (no bias), batch norm and, by default, ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(inner, outer, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outer),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


def shortcut(inner: int, outer: int, *, stride: int = 1) -> nn.Sequential | None:
    """Build the projection of a residual block, or None where the identity fits."""
    if stride == 1 and inner == outer:
        return None
    return conv_norm(inner, outer, 1, stride=stride, relu=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut.

    Source:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, figure 5 left.
    """

    expansion = 1

    def __init__(self, inner: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = conv3x3(inner, width, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(inner, width, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, H, W) to (N, width, H / stride, W / stride)."""
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)), inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions and a shortcut; the output is four times as wide as the middle.

    Args:
        inner: input channels.
        width: channels of the middle.
        stride: of the 3x3 convolution, or of the first 1x1 one in the caffe style.
        caffe: put the stride where the original (caffe) release has it.

    Source:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, figure 5 right.
    """

    expansion = 4

    def __init__(self, inner: int, width: int, *, stride: int = 1, caffe: bool = False) -> None:
        super().__init__()
        first, middle = (stride, 1) if caffe else (1, stride)
        self.conv1 = nn.Conv2d(inner, width, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride=middle)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * 4)
        self.downsample = shortcut(inner, width * 4, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, H, W) to (N, 4 width, H / stride, W / stride)."""
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = functional.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)), inplace=True)


class ConvUnit(nn.Module):
    """Convolution, batch norm, activation, under the names `conv` and `bn` that OpenMMLab and others use.

    Args:
        inner: input channels.
        outer: output channels.
        kernel: width and height of the kernel; the padding keeps the size at stride 1.
        stride: of the convolution.
        groups: of the convolution.
        norm: whether a batch norm follows.
        bias: whether the convolution has one; None = where no norm follows.
        activation: module that comes last; None = none.
    """

    def __init__(
        self,
        inner: int,
        outer: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        norm: bool = True,
        bias: bool | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        with_bias = not norm if bias is None else bias
        self.conv = nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=with_bias)
        self.bn = nn.BatchNorm2d(outer) if norm else nn.Identity()
        self.activation = nn.Identity() if activation is None else activation

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, H, W) to (N, outer, H / stride, W / stride)."""
        out: Tensor = self.activation(self.bn(self.conv(x)))
        return out


class SeparableConv(nn.Module):
    """A depthwise unit and a 1x1 unit, under OpenMMLab's names.

    Args:
        inner: input channels.
        outer: output channels.
        kernel: of the depthwise convolution.
        stride: of the depthwise convolution.
        inside: activation between the two; None = none.
        activation: activation at the end.
    """

    def __init__(
        self,
        inner: int,
        outer: int,
        kernel: int,
        *,
        stride: int = 1,
        inside: nn.Module | None = None,
        activation: nn.Module,
    ) -> None:
        super().__init__()
        self.depthwise_conv = ConvUnit(inner, inner, kernel, stride=stride, groups=inner, activation=inside)
        self.pointwise_conv = ConvUnit(inner, outer, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inner, H, W) to (N, outer, H / stride, W / stride)."""
        out: Tensor = self.pointwise_conv(self.depthwise_conv(x))
        return out
