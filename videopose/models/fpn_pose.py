"""The shipped pose network: residual encoder, top-down feature pyramid to stride 4, one heatmap per keypoint."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from videopose.models.encoder import ResidualBlock, ResidualEncoder


class FpnPose(nn.Module):
    """Crop to heatmap logits at stride 4.

    Source:
        Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017, section 3, with one output level and a
        residual block to refine it, as in CPN's GlobalNet (Chen et al., CVPR 2018, section 3.1).
    """

    def __init__(
        self,
        num_keypoints: int,
        *,
        widths: Sequence[int] = (32, 64, 128, 224),
        depths: Sequence[int] = (1, 3, 4, 2),
        decoder_width: int = 56,
    ) -> None:
        super().__init__()
        self.encoder = ResidualEncoder(widths, depths)
        self.laterals = nn.ModuleList(nn.Conv2d(width, decoder_width, 1) for width in widths)
        self.refine = nn.Sequential(ResidualBlock(decoder_width))
        self.head = nn.Conv2d(decoder_width, num_keypoints, 1)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) normalised crops -> (N, K, H / 4, W / 4) logits; H and W multiples of 32."""
        features = self.encoder(image)
        merged = self.laterals[-1](features[-1])
        for lateral, feature in zip(reversed(self.laterals[:-1]), reversed(features[:-1]), strict=True):
            merged = lateral(feature) + F.interpolate(merged, scale_factor=2.0, mode="nearest")
        out: Tensor = self.head(self.refine(merged))
        return out
