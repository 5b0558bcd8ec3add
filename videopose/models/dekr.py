"""DEKR: every keypoint of a person regressed from the pixels around its centre, by a branch of its own.

Tensor names are those of the original release (HRNet/DEKR).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import BasicBlock, conv_norm
from videopose.models.hrnet import HRNetTrunk
from videopose.models.names import convert_flat
from videopose.ops.deform_conv import DeformConv2d

_TAPS = ((-1.0, -1.0, -1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0), (-1.0, 0.0, 1.0, -1.0, 0.0, 1.0, -1.0, 0.0, 1.0))
"""Places of a 3 x 3 kernel's taps: dy, then dx."""


class AdaptiveBlock(nn.Module):
    """A residual 3x3 convolution whose taps each pixel moves by an affine transform of its own.

    Args:
        width: channels in and out.

    Source:
        Geng et al., Bottom-Up Human Pose Estimation Via Disentangled Keypoint Regression, CVPR 2021, equations 2 and 3:
        the taps' places G become A G + t, A (2 x 2) and t (2) predicted at every pixel.
    """

    regular_matrix: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("regular_matrix", torch.tensor(_TAPS), persistent=False)
        self.transform_matrix_conv = nn.Conv2d(width, 4, 3, padding=1)
        self.translation_conv = nn.Conv2d(width, 2, 3, padding=1)
        self.adapt_conv = DeformConv2d(width, width, 3, padding=1)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, width, H, W) to the same shape."""
        num, _, height, width = x.shape
        transform = self.transform_matrix_conv(x).view(num, 2, 2, height, width)
        moved = torch.einsum("nijhw,jt->ntihw", transform, self.regular_matrix)
        moved = moved - self.regular_matrix.t()[None, :, :, None, None] + self.translation_conv(x)[:, None]
        y = self.bn(self.adapt_conv(x, moved.reshape(num, 18, height, width)))
        return functional.relu(y + x)


class PlainBlock(nn.Module):
    """A residual 3x3 convolution: what the paper's ablation has instead of `AdaptiveBlock`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = conv_norm(width, width, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, width, H, W) to the same shape."""
        return functional.relu(self.conv(x) + x)


class DEKR(HRNetTrunk):
    """Heatmaps of all keypoints and of people's centres, and from every pixel the way to each keypoint of its person.

    Args:
        width: channels of the finest branch of the trunk, and of the heatmap head.
        num_keypoints: K.
        keypoint_width: channels each keypoint's regression has to itself.
        adaptive: blocks of the regression move their taps; False is the paper's ablation without it.
        separate: each keypoint is regressed by a branch of its own; False is the ablation with a single branch.

    Source:
        Geng et al., CVPR 2021, section 3; table 1 counts the four combinations of the last two.
    """

    def __init__(
        self,
        *,
        width: int = 32,
        num_keypoints: int = 17,
        keypoint_width: int = 15,
        adaptive: bool = True,
        separate: bool = True,
    ) -> None:
        super().__init__(width=width, outputs=4)
        self.num_keypoints = num_keypoints
        block = AdaptiveBlock if adaptive else PlainBlock
        branches = num_keypoints if separate else 1
        inner = keypoint_width * num_keypoints // branches
        self.transition_heatmap = conv_norm(15 * width, width, 1)
        self.transition_offset = conv_norm(15 * width, keypoint_width * num_keypoints, 1)
        self.head_heatmap = nn.Sequential(
            nn.Sequential(BasicBlock(width, width)), nn.Conv2d(width, num_keypoints + 1, 1)
        )
        self.offset_feature_layers = nn.ModuleList(nn.Sequential(block(inner), block(inner)) for _ in range(branches))
        self.offset_final_layer = nn.ModuleList(
            nn.Conv2d(inner, 2 * num_keypoints // branches, 1) for _ in range(branches)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map whole images to heatmaps and offsets.

        Args:
            images: (N, 3, H, W) normalised; H and W multiples of 32.

        Returns:
            (N, K + 1, H / 4, W / 4) heatmaps, the centre's last, and (N, 2 K, H / 4, W / 4): x0, y0, x1 … in cells;
            a pixel's person has its keypoint at pixel - offset.
        """
        xs = self.scales(self.stem(images))
        size = xs[0].shape[-2:]
        scaled = [functional.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in xs[1:]]
        features = torch.cat([xs[0], *scaled], 1)
        heatmaps: Tensor = self.head_heatmap(self.transition_heatmap(features))
        parts = self.transition_offset(features).chunk(len(self.offset_feature_layers), 1)
        regressed = [
            last(layers(part))
            for layers, last, part in zip(self.offset_feature_layers, self.offset_final_layer, parts, strict=True)
        ]
        return heatmaps, torch.cat(regressed, 1)


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the names of the original release (also data-parallel) to ours, and drop the constant it keeps."""
    return {name: value for name, value in convert_flat(state).items() if not name.endswith(".regular_matrix")}
