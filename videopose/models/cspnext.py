"""CSPNeXt with a heatmap head: what RTMPose's trunks are pre-trained as. Names as in MMPose."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from videopose.models.names import from_mmpose, strip_wrapper
from videopose.models.rtmpose import CSPNeXt
from videopose.models.simple_baseline import deconv_layers


class _Head(nn.Module):
    def __init__(self, inner: int, num_keypoints: int) -> None:
        super().__init__()
        self.deconv_layers = deconv_layers(inner, (256, 256, 256))
        self.final_layer = nn.Conv2d(256, num_keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        heatmaps: Tensor = self.final_layer(self.deconv_layers(x))
        return heatmaps


class CSPNeXtPose(nn.Module):
    """CSPNeXt, three transposed convolutions and a 1x1 heatmap head.

    Args:
        width: factor on the trunk's channels.
        depth: factor on the trunk's number of blocks.
        num_keypoints: heatmap channels.

    Source:
        Jiang et al., RTMPose: Real-Time Multi-Person Pose Estimation based on MMPose, 2023, section 3.2.
    """

    def __init__(self, *, width: float, depth: float, num_keypoints: int = 17) -> None:
        super().__init__()
        self.backbone = CSPNeXt(width=width, depth=depth)
        self.head = _Head(self.backbone.num_features, num_keypoints)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to heatmaps (N, K, H / 4, W / 4)."""
        heatmaps: Tensor = self.head(self.backbone(x))
        return heatmaps


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert MMPose's names to ours, which are the same but for wrappers and constants."""
    return from_mmpose(strip_wrapper(state))
