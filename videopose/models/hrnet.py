"""HRNet: branches of several resolutions, kept alive side by side and fused again and again.

Tensor names are those of the original release (leoxiaobin/deep-high-resolution-net.pytorch).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import BasicBlock, Bottleneck, conv_norm
from videopose.models.names import convert_flat


class HighResolutionModule(nn.Module):
    """Residual blocks on each branch, then an exchange between all of them.

    Args:
        widths: channels per branch, finest first; each branch has half the resolution of the one before.
        blocks: residual blocks per branch.
        outputs: number of branches that come out; the finest only is enough before the head.
    """

    def __init__(self, widths: Sequence[int], *, blocks: int = 4, outputs: int | None = None) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, width) for _ in range(blocks))) for width in widths
        )
        rows = len(widths) if outputs is None else outputs
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_fuse(widths, i, j) for j in range(len(widths))) for i in range(rows)
        )

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        """Map one (N, C_i, H / 2^i, W / 2^i) per branch to the same, fused."""
        xs = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        fused = []
        for row in self.fuse_layers:
            assert isinstance(row, nn.ModuleList)
            # summed in branch order, as in the original, so that results agree to the last bits
            total = row[0](xs[0])
            for layer, x in zip(list(row)[1:], xs[1:], strict=True):
                total = total + layer(x)
            fused.append(functional.relu(total))
        return fused


def _fuse(widths: Sequence[int], target: int, source: int) -> nn.Module:
    if source == target:
        return nn.Identity()
    if source > target:
        lift = conv_norm(widths[source], widths[target], 1, relu=False)
        return lift.append(nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"))
    steps = [conv_norm(widths[source], widths[source], stride=2) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, conv_norm(widths[source], widths[target], stride=2, relu=False))


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    """Convert the branches of one stage to the widths of the next; the last branch makes the new one."""
    layers: list[nn.Module] = []
    for index, width in enumerate(after):
        if index < len(before):
            layers.append(nn.Identity() if before[index] == width else conv_norm(before[index], width))
        else:
            layers.append(nn.Sequential(conv_norm(before[-1], width, stride=2)))
    return nn.ModuleList(layers)


def _advance(transition: nn.ModuleList, xs: list[Tensor]) -> list[Tensor]:
    return [layer(xs[min(index, len(xs) - 1)]) for index, layer in enumerate(transition)]


class HRNetTrunk(nn.Module):
    """High-resolution network without a head.

    Args:
        width: channels of the finest branch; 32 and 48 are the published ones.
        modules: exchange modules in stages 2, 3 and 4.
        blocks: residual blocks per branch in each module.
        stem_blocks: bottlenecks of stage 1.
        stem_width: channels in the middle of the bottlenecks of stage 1.
        outputs: branches that come out of the last module, finest first.

    Source:
        Sun et al., Deep High-Resolution Representation Learning for Human Pose Estimation, CVPR 2019, section 3.
    """

    def __init__(
        self,
        *,
        width: int = 32,
        modules: tuple[int, int, int] = (1, 4, 3),
        blocks: int = 4,
        stem_blocks: int = 4,
        stem_width: int = 64,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, 2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        stem = [Bottleneck(64 if index == 0 else stem_width * 4, stem_width) for index in range(stem_blocks)]
        self.layer1 = nn.Sequential(*stem)
        widths = [width * 2**index for index in range(4)]
        self.transition1 = _transition([stem_width * 4], widths[:2])
        self.stage2 = nn.Sequential(*(HighResolutionModule(widths[:2], blocks=blocks) for _ in range(modules[0])))
        self.transition2 = _transition(widths[:2], widths[:3])
        self.stage3 = nn.Sequential(*(HighResolutionModule(widths[:3], blocks=blocks) for _ in range(modules[1])))
        self.transition3 = _transition(widths[:3], widths)
        last = [HighResolutionModule(widths, blocks=blocks) for _ in range(modules[2] - 1)]
        self.stage4 = nn.Sequential(*last, HighResolutionModule(widths, blocks=blocks, outputs=outputs))
        self.num_features = width

    def stem(self, x: Tensor) -> Tensor:
        """Map crops (N, 3, H, W) to low-level features (N, 4 stem widths, H / 4, W / 4)."""
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = functional.relu(self.bn2(self.conv2(x)), inplace=True)
        low: Tensor = self.layer1(x)
        return low

    def scales(self, low: Tensor) -> list[Tensor]:
        """Map the stem's features to those of the branches that come out, (N, width 2^i, H / 2^(2+i), W / 2^(2+i))."""
        xs = self.stage2(_advance(self.transition1, [low]))
        xs = self.stage3(_advance(self.transition2, xs))
        found: list[Tensor] = self.stage4(_advance(self.transition3, xs))
        return found

    def branches(self, low: Tensor) -> Tensor:
        """Map the stem's features to those of the finest branch, (N, width, H / 4, W / 4)."""
        return self.scales(low)[0]

    def features(self, x: Tensor) -> Tensor:
        """Map crops (N, 3, H, W) to features (N, width, H / 4, W / 4), before the head."""
        return self.branches(self.stem(x))


class HRNet(HRNetTrunk):
    """High-resolution network with a 1x1 heatmap head on the finest branch.

    Args:
        num_keypoints: heatmap channels.
        width: see `HRNetTrunk`, as are the others.
        modules: exchange modules in stages 2, 3 and 4.
        blocks: residual blocks per branch in each module.
        stem_blocks: bottlenecks of stage 1.
        stem_width: channels in the middle of the bottlenecks of stage 1.
    """

    def __init__(
        self,
        *,
        num_keypoints: int = 17,
        width: int = 32,
        modules: tuple[int, int, int] = (1, 4, 3),
        blocks: int = 4,
        stem_blocks: int = 4,
        stem_width: int = 64,
    ) -> None:
        super().__init__(width=width, modules=modules, blocks=blocks, stem_blocks=stem_blocks, stem_width=stem_width)
        self.final_layer = nn.Conv2d(width, num_keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to heatmaps (N, K, H / 4, W / 4)."""
        heatmaps: Tensor = self.final_layer(self.features(x))
        return heatmaps


def convert_names(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Convert the names of the original release (also data-parallel) or of MMPose 0.x / 1.x to ours."""
    return convert_flat(state)
