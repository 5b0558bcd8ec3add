"""MSPN: several ResNet-and-back stages with features passed between them. Names as in the original release."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from videopose.models.blocks import ConvUnit
from videopose.models.names import from_mmpose, is_mmpose, rename, strip_wrapper
from videopose.models.resnet import BLOCKS

_WIDTH = 256
_STAGE_WIDTHS = (256, 512, 1024, 2048)


def _relu_unit(inner: int, outer: int, kernel: int = 1, *, stride: int = 1) -> ConvUnit:
    return ConvUnit(inner, outer, kernel, stride=stride, activation=nn.ReLU(inplace=True))


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)


class _Bottleneck(nn.Module):
    def __init__(self, inner: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv_bn_relu1 = _relu_unit(inner, width)
        self.conv_bn_relu2 = _relu_unit(width, width, 3, stride=stride)
        self.conv_bn_relu3 = ConvUnit(width, width * 4)
        same = stride == 1 and inner == width * 4
        self.downsample = None if same else ConvUnit(inner, width * 4, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_bn_relu3(self.conv_bn_relu2(self.conv_bn_relu1(x)))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class _Down(nn.Module):
    """ResNet stages, each of which may get the features of the stage before added."""

    def __init__(self) -> None:
        super().__init__()
        inner = 64
        for index, count in enumerate(BLOCKS[50]):
            width, stride = 64 * 2**index, 1 if index == 0 else 2
            blocks = [_Bottleneck(inner, width, stride=stride)]
            inner = width * 4
            blocks += [_Bottleneck(inner, width) for _ in range(count - 1)]
            self.add_module(f"layer{index + 1}", nn.Sequential(*blocks))

    def forward(self, x: Tensor, passed: list[Tensor]) -> list[Tensor]:
        outputs = []
        for index in range(4):
            x = self.get_submodule(f"layer{index + 1}")(x)
            if passed:
                x = x + passed[index]
            outputs.append(x)
        return outputs


class _Up(nn.Module):
    """One step back up: merge, predict, and what the next stage gets."""

    def __init__(self, inner: int, num_keypoints: int, *, coarsest: bool, passes_on: bool, finest: bool) -> None:
        super().__init__()
        self.u_skip = ConvUnit(inner, _WIDTH)
        self.up_conv = None if coarsest else ConvUnit(_WIDTH, _WIDTH)
        self.skip1 = _relu_unit(inner, inner) if passes_on else None
        self.skip2 = _relu_unit(_WIDTH, inner) if passes_on else None
        self.cross_conv = _relu_unit(_WIDTH, 64) if passes_on and finest else None
        self.res_conv1 = _relu_unit(_WIDTH, _WIDTH)
        self.res_conv2 = ConvUnit(_WIDTH, num_keypoints, 3)

    def merge(self, x: Tensor, coarser: Tensor | None) -> Tensor:
        merged = self.u_skip(x)
        if self.up_conv is not None and coarser is not None:
            merged = merged + self.up_conv(_resize(coarser, x))
        return functional.relu(merged)

    def predict(self, merged: Tensor) -> Tensor:
        heatmaps: Tensor = self.res_conv2(self.res_conv1(merged))
        return heatmaps

    def pass_on(self, x: Tensor, merged: Tensor) -> Tensor | None:
        if self.skip1 is None or self.skip2 is None:
            return None
        passed: Tensor = self.skip1(x) + self.skip2(merged)
        return passed


class _UpPath(nn.Module):
    def __init__(self, num_keypoints: int, *, passes_on: bool) -> None:
        super().__init__()
        for index, inner in enumerate(reversed(_STAGE_WIDTHS)):
            unit = _Up(inner, num_keypoints, coarsest=index == 0, passes_on=passes_on, finest=index == 3)
            self.add_module(f"up{index + 1}", unit)

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor], Tensor | None]:
        merged: Tensor | None = None
        heatmaps, passed = [], []
        cross: Tensor | None = None
        for index, x in enumerate(reversed(features)):
            unit = self.get_submodule(f"up{index + 1}")
            assert isinstance(unit, _Up)
            merged = unit.merge(x, merged)
            heatmaps.append(_resize(unit.predict(merged), features[0]))
            handed = unit.pass_on(x, merged)
            passed += [] if handed is None else [handed]
            cross = None if unit.cross_conv is None else unit.cross_conv(merged)
        return heatmaps, passed[::-1], cross


class _Stage(nn.Module):
    def __init__(self, num_keypoints: int, *, passes_on: bool) -> None:
        super().__init__()
        self.downsample = _Down()
        self.upsample = _UpPath(num_keypoints, passes_on=passes_on)


class _Top(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = _relu_unit(3, 64, 7, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(self.conv(x), 3, 2, padding=1)


class MSPN(nn.Module):
    """Multi-stage pyramid network on ResNet-50.

    Args:
        stages: 1 to 4.
        num_keypoints: heatmap channels.

    Source:
        Li et al., Rethinking on Multi-Stage Networks for Human Pose Estimation, 2019, section 3.
    """

    def __init__(self, *, stages: int = 2, num_keypoints: int = 17) -> None:
        super().__init__()
        self.top = _Top()
        self.num_stages = stages
        for index in range(stages):
            self.add_module(f"stage{index}", _Stage(num_keypoints, passes_on=index < stages - 1))

    def stages(self, x: Tensor) -> list[list[Tensor]]:
        """Map normalised crops (N, 3, H, W) to four predictions per stage, coarse to fine, (N, K, H / 4, W / 4)."""
        given, predictions = self.top(x), []
        passed: list[Tensor] = []
        for index in range(self.num_stages):
            stage = self.get_submodule(f"stage{index}")
            assert isinstance(stage, _Stage)
            heatmaps, passed, given = stage.upsample(stage.downsample(given, passed))
            predictions.append(heatmaps)
        return predictions

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to heatmaps (N, K, H / 4, W / 4) that peak at 255."""
        return self.stages(x)[-1][-1]


_FROM_MMPOSE = [
    (r"backbone\.top\.top\.0\.", "top.conv."),
    *(
        (
            rf"backbone\.multi_stage_mspn\.(\d+)\.downsample\.(layer\d\.\d+)\.{part}(\d)\.",
            rf"stage\1.downsample.\2.conv_bn_relu\3.{part}.",
        )
        for part in ("conv", "bn")
    ),
    (r"backbone\.multi_stage_mspn\.(\d+)\.upsample\.(up\d)\.in_skip\.", r"stage\1.upsample.\2.u_skip."),
    (r"backbone\.multi_stage_mspn\.(\d+)\.upsample\.(up\d)\.out_skip(\d)\.", r"stage\1.upsample.\2.skip\3."),
    (r"backbone\.multi_stage_mspn\.(\d+)\.", r"stage\1."),
]


def _from_head(name: str) -> str:
    found = re.match(r"head\.predict_layers\.(\d+)\.conv_layers\.(\d)\.(.*)", name)
    if not found:
        return name
    stage, unit = divmod(int(found[1]), 4)
    return f"stage{stage}.upsample.up{unit + 1}.res_conv{int(found[2]) + 1}.{found[3]}"


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the names of the original release or of MMPose to ours.

    The release adds a bias before each batch norm; it is taken off the norm's mean, which is the same thing.
    """
    names = strip_wrapper(state)
    if is_mmpose(names):
        renamed = rename(from_mmpose(names), _FROM_MMPOSE)
        return {_from_head(name): value for name, value in renamed.items()}
    out = {}
    for name, value in names.items():
        if name.endswith(".conv.bias"):
            continue
        bias = names.get(name.replace(".bn.running_mean", ".conv.bias")) if name.endswith("running_mean") else None
        out[name] = value if bias is None else value - bias
    return out
