"""SimpleBaseline: a ResNet and three transposed convolutions. Names as in the original release."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from videopose.models.names import convert_flat
from videopose.models.resnet import ResNet


def deconv_layers(inner: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Build transposed 4x4 convolutions, each doubling the resolution, with batch norm and ReLU."""
    layers: list[nn.Module] = []
    for outer in widths:
        layers += [
            nn.ConvTranspose2d(inner, outer, 4, 2, padding=1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(inplace=True),
        ]
        inner = outer
    return nn.Sequential(*layers)


class SimpleBaseline(ResNet):
    """ResNet, three transposed convolutions of 256 channels, a 1x1 heatmap head.

    Args:
        depth: 50, 101 or 152.
        num_keypoints: heatmap channels.
        caffe: as in `ResNet`.

    Source:
        Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018, section 2.
    """

    def __init__(self, *, depth: int = 50, num_keypoints: int = 17, caffe: bool = False) -> None:
        super().__init__(depth, caffe=caffe)
        self.deconv_layers = deconv_layers(self.widths[-1], (256, 256, 256))
        self.final_layer = nn.Conv2d(256, num_keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to heatmaps (N, K, H / 4, W / 4)."""
        heatmaps: Tensor = self.final_layer(self.deconv_layers(self.stages(x)[-1]))
        return heatmaps


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the names of the original release (also data-parallel) or of MMPose 0.x / 1.x to ours."""
    return convert_flat(state)
