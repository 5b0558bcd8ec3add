"""ResNet trunks: the encoder of SimpleBaseline, CPN and of the regression networks. Names as in torchvision."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import Bottleneck

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Bottlenecks per stage by depth; He et al., CVPR 2016, table 1."""


class ResNet(nn.Module):
    """Bottleneck ResNet without its classifier.

    Args:
        depth: 50, 101 or 152.
        caffe: put strides where the original caffe release has them; same names, other outputs.

    Attributes:
        widths: channels of the four stages, at strides 4, 8, 16 and 32.

    Source:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
    """

    widths = (256, 512, 1024, 2048)

    def __init__(self, depth: int = 50, *, caffe: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inner = 64
        for index, count in enumerate(BLOCKS[depth]):
            width, stride = 64 * 2**index, 1 if index == 0 else 2
            first = Bottleneck(inner, width, stride=stride, caffe=caffe)
            inner = width * 4
            rest = [Bottleneck(inner, width, caffe=caffe) for _ in range(count - 1)]
            self.add_module(f"layer{index + 1}", nn.Sequential(first, *rest))

    def stages(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to the outputs of the four stages, finest first."""
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = functional.max_pool2d(x, 3, 2, padding=1)
        outputs = []
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = self.get_submodule(name)(x)
            outputs.append(x)
        return outputs
