"""The residual encoder the shipped detector and pose network share: plain 3x3 convolutions, four strides.

Plain convolutions rather than depthwise ones, because on a CPU they run several times nearer to the processor's peak:
fewer multiply-adds do not make a network faster when each waits for memory (`docs/default-models.md` has the times).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Chain a 3x3 convolution, its batch norm and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity.

    Source:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, figure 2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_norm(channels, channels)
        norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(norm.weight)  # a block starts as the identity: deep nets then train from scratch
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm)

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
