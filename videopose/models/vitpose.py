"""ViTPose: a plain vision transformer and a small decoder. Names as in the release, `keypoint_head` as `head`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from videopose.models.names import from_mmpose, rename, strip_wrapper
from videopose.models.simple_baseline import deconv_layers

PATCH = 16
_NORM_EPS = 1e-6


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, width * 3)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        num, tokens, width = x.shape
        query, key, value = self.qkv(x).view(num, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(num, tokens, width))
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, width * 4)
        self.fc2 = nn.Linear(width * 4, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_NORM_EPS)
        self.attn = _Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_NORM_EPS)
        self.mlp = _Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class _PatchEmbed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH, padding=2)  # the padding is the release's, not a plain ViT's

    def forward(self, x: Tensor) -> Tensor:
        tokens: Tensor = self.proj(x)
        return tokens


class VisionTransformer(nn.Module):
    """Plain transformer over patches of 16 x 16 pixels.

    Args:
        width: channels of a token.
        depth: blocks.
        heads: of each attention.
        input_hw: (height, width) of the crop, pixels; the learned positions belong to it.

    Source:
        Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021.
    """

    def __init__(self, *, width: int, depth: int, heads: int, input_hw: tuple[int, int]) -> None:
        super().__init__()
        tokens = (input_hw[0] // PATCH) * (input_hw[1] // PATCH)
        # one more than there are patches: the class token's position of pre-training is kept and added to all
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens + 1, width))
        self.patch_embed = _PatchEmbed(width)
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(depth))
        self.last_norm = nn.LayerNorm(width, eps=_NORM_EPS)
        self.num_features = width
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (N, 3, H, W) to features (N, width, H / 16, W / 16)."""
        patches = self.patch_embed(x)
        num, width, rows, columns = patches.shape
        tokens = patches.flatten(2).transpose(1, 2) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.last_norm(tokens).transpose(1, 2).reshape(num, width, rows, columns)
        return out


class _Decoder(nn.Module):
    """`classic`: two transposed convolutions and 1x1; `simple`: ReLU, upsampling by 4 and 3x3."""

    def __init__(self, width: int, num_keypoints: int, *, simple: bool) -> None:
        super().__init__()
        self.simple = simple
        if simple:
            self.final_layer = nn.Conv2d(width, num_keypoints, 3, padding=1)
        else:
            self.deconv_layers = deconv_layers(width, (256, 256))
            self.final_layer = nn.Conv2d(256, num_keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.simple:
            x = functional.interpolate(functional.relu(x), scale_factor=4, mode="bilinear", align_corners=False)
        else:
            x = self.deconv_layers(x)
        heatmaps: Tensor = self.final_layer(x)
        return heatmaps


class ViTPose(nn.Module):
    """Vision transformer with the classic or the simple decoder.

    Args:
        width: channels of a token.
        depth: blocks.
        heads: of each attention.
        simple: which decoder.
        num_keypoints: heatmap channels.
        input_hw: (height, width) of the crop, pixels.

    Source:
        Xu et al., ViTPose: Simple Vision Transformer Baselines for Human Pose Estimation, NeurIPS 2022, section 3.
    """

    def __init__(
        self,
        *,
        width: int,
        depth: int,
        heads: int,
        simple: bool = False,
        num_keypoints: int = 17,
        input_hw: tuple[int, int] = (256, 192),
    ) -> None:
        super().__init__()
        self.backbone = VisionTransformer(width=width, depth=depth, heads=heads, input_hw=input_hw)
        self.head = _Decoder(width, num_keypoints, simple=simple)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised crops (N, 3, H, W) to heatmaps (N, K, H / 4, W / 4)."""
        heatmaps: Tensor = self.head(self.backbone(x))
        return heatmaps


_FROM_MMPRETRAIN = [
    (r"backbone\.layers\.(\d+)\.ln(\d)\.", r"backbone.blocks.\1.norm\2."),
    (r"backbone\.layers\.(\d+)\.ffn\.layers\.0\.0\.", r"backbone.blocks.\1.mlp.fc1."),
    (r"backbone\.layers\.(\d+)\.ffn\.layers\.1\.", r"backbone.blocks.\1.mlp.fc2."),
    (r"backbone\.layers\.(\d+)\.", r"backbone.blocks.\1."),
    (r"backbone\.patch_embed\.projection\.", "backbone.patch_embed.proj."),
    (r"backbone\.ln1\.", "backbone.last_norm."),
]


def convert_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the names of the original release, or of MMPose 1.x with its trunk from MMPretrain, to ours.

    MMPose 1.x stores positions without the class token's: a zero one is put before them.
    """
    names = rename(from_mmpose(strip_wrapper(state)), _FROM_MMPRETRAIN)
    place, patches = names.get("backbone.pos_embed"), names.get("backbone.patch_embed.proj.weight")
    from_mmpretrain = any(name.startswith("backbone.layers.") for name in state)
    if place is not None and patches is not None and from_mmpretrain:
        names["backbone.pos_embed"] = torch.cat([torch.zeros_like(place[:, :1]), place], 1)
    return names
