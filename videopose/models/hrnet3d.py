"""HRNet whose first stages also look along time: a tube of crops of one person in, heatmaps of every frame out.

The tensors keep the names of HRNet's, with one axis more, so any checkpoint of a 2D HRNet can be inflated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.hrnet import HRNet
from videopose.models.hrnet import convert_names as convert_hrnet_names

INFLATED = ("conv1", "conv2", "layer1", "transition1", "stage2")
"""The parts whose 3x3 convolutions become 3x3x3: the stem and the first two stages."""
FRAMES = 5
"""Length of the tube that counts are given for."""
_TAPS = 3


class SpaceTimeConv(nn.Conv3d):
    """A 3x3x3 convolution that keeps the number of frames; the first and the last frame are repeated beyond the ends.

    Zeros there would make the ends of a tube look like a cut; with repeated frames a still tube stays still.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to (N, C', T, H / stride, W / stride)."""
        return super().forward(functional.pad(x, (0, 0, 0, 0, 1, 1), mode="replicate"))


class HRNet3D(HRNet):
    """An HRNet over a tube.

    Args:
        inflated: names of the parts whose 3x3 convolutions see the frame before and the frame after.
        options: of the 2D network (`Any`: they are HRNet's business).

    Source:
        Wang et al., Combining Detection and Tracking for Human Pose Estimation in Videos, CVPR 2020, section 3.1.
    """

    def __init__(self, *, inflated: Collection[str] = INFLATED, **options: Any) -> None:
        super().__init__(**options)
        for name, part in list(self.named_children()):
            setattr(self, name, _inflated(part, along_time=name in inflated))

    @staticmethod
    def example_shapes(input_hw: tuple[int, int]) -> list[tuple[int, ...]]:
        """Return the shapes of the inputs for one person."""
        return [(1, FRAMES, 3, *input_hw)]

    def forward(self, tube: Tensor) -> Tensor:
        """Map normalised tubes (N, T, 3, H, W), T of any length, to heatmaps (N, T, K, H / 4, W / 4)."""
        return super().forward(tube.transpose(1, 2)).transpose(1, 2)


def _inflated(module: nn.Module, *, along_time: bool) -> nn.Module:
    """Return a layer its counterpart with a time axis; of anything else, replace the layers inside."""
    if isinstance(module, nn.Conv2d):
        return _inflated_conv(module, along_time=along_time and module.kernel_size == (3, 3))
    if isinstance(module, nn.BatchNorm2d):
        return nn.BatchNorm3d(module.num_features)
    if isinstance(module, nn.Upsample):
        scale = float(module.scale_factor)  # type: ignore[arg-type]  # HRNet gives one number
        return nn.Upsample(scale_factor=(1.0, scale, scale), mode="nearest")
    for name, child in list(module.named_children()):
        setattr(module, name, _inflated(child, along_time=along_time))
    return module


def _inflated_conv(conv: nn.Conv2d, *, along_time: bool) -> nn.Conv3d:
    (height, width), (down, across) = conv.kernel_size, conv.stride
    build = SpaceTimeConv if along_time else nn.Conv3d
    return build(
        conv.in_channels,
        conv.out_channels,
        (_TAPS if along_time else 1, height, width),
        (1, down, across),
        padding=(0, height // 2, width // 2),
        bias=conv.bias is not None,
    )


def inflate(
    state: Mapping[str, Tensor], *, inflated: Collection[str] = INFLATED, how: Literal["center", "mean"] = "center"
) -> dict[str, Tensor]:
    """Convert the parameters of a 2D HRNet to those of a 3D one that gives the 2D result for a still tube.

    Args:
        state: a state dict of `HRNet`; what has a time axis already is left alone.
        inflated: as the 3D network has it.
        how: `center`: the frame itself counts alone, so that any tube gives the 2D result until something is learned;
            `mean`: the three frames count the same.

    Source:
        Carreira & Zisserman, Quo Vadis, Action Recognition?, CVPR 2017, section 2.4, for inflating as such.
    """
    shares = torch.tensor([0.0, 1.0, 0.0] if how == "center" else [1 / _TAPS] * _TAPS)
    out = {}
    for name, value in state.items():
        if value.ndim != 4:
            out[name] = value
        elif value.shape[2:] == (3, 3) and name.partition(".")[0] in inflated:
            out[name] = value[:, :, None] * shares.to(value)[:, None, None]
        else:
            out[name] = value[:, :, None]
    return out


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the names of HRNet's releases, or of MMPose, to ours, and inflate 2D parameters."""
    return inflate(convert_hrnet_names(state))
