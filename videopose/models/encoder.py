"""The residual encoder the shipped detector and pose network share: plain 3x3 convolutions, four strides.

Plain convolutions rather than depthwise ones, because on a CPU they run several times nearer to the processor's peak:
fewer multiply-adds do not make a network faster when each waits for memory (`docs/default-models.md` has the times).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm(inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, activate: bool = True) -> nn.Sequential:
    """Chain a convolution, its batch norm and, unless told otherwise, a ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if activate:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity.

    Source:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, figure 2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_norm(channels, channels)
        self.second = conv_norm(channels, channels, activate=False)
        nn.init.zeros_(self.second[1].weight)  # a block starts as the identity: deep nets then train from scratch

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return F.relu(x + self.second(self.first(x)), inplace=True)


class ResidualEncoder(nn.Module):
    """Image to features at strides 4, 8, 16 and 32.

    Attributes:
        widths: channels of the four outputs.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.stem = conv_norm(3, widths[0] // 2, stride=2)
        stages: list[nn.Module] = []
        channels = widths[0] // 2
        for width, depth in zip(widths, depths, strict=True):
            blocks = [ResidualBlock(width) for _ in range(depth)]
            stages.append(nn.Sequential(conv_norm(channels, width, stride=2), *blocks))
            channels = width
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode normalised images.

        Args:
            image: (N, 3, H, W), H and W multiples of 32.

        Returns:
            Four tensors (N, widths[i], H / 2**(i + 2), W / 2**(i + 2)).
        """
        features = []
        x = self.stem(image)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
