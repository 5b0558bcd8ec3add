"""DEKR's decoding: people's centres, the keypoints each pixel there points to, and which of them are one person twice.

Everything is done on the network's cells: the heat at a keypoint is read from four of them, no map is ever enlarged,
and of the offsets only those at the centres are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from videopose.codecs.scene import FoundPeople, Outputs
from videopose.types import F32, I64

STRIDE = 4
_WIDE_MAPS = ((300.0, 7), (200.0, 5), (0.0, 3))
"""(Mean side of the heatmap, cells; width of the neighbourhood a centre is the highest of)."""


@dataclass(frozen=True)
class DEKRCodec:
    """(N, K + 1, h, w) heatmaps, the centre's last, and (N, 2 K, h, w) offsets -> people.

    Cell i stands for the input pixel 4 i, as in the release.

    Attributes:
        num_keypoints: K.
        max_people: centres looked at per scale, and people per image.
        min_center: heat of a centre.
        same_distance: two people are one where more keypoints than `same_keypoints` are nearer than this part of
            the diagonal of the pose.
        same_keypoints: see `same_distance`; None = as published, 8 of 17 and 7 of 14.
        decrease: factor on the scores of other scales than the first.

    Source:
        Geng et al., Bottom-Up Human Pose Estimation Via Disentangled Keypoint Regression, CVPR 2021, section 3, and its
        release for the order of steps: of the best centres, duplicates are removed by the mean heat of their keypoints.
        Other than there, a person all of whose keypoints lie in one place is left out instead of ending the run.
    """

    num_keypoints: int = 17
    max_people: int = 30
    min_center: float = 0.01
    same_distance: float = 0.05
    same_keypoints: int | None = None
    decrease: float = 0.9
    name: str = "dekr"
    multiple: int = 64

    def mirror(self, images: Tensor, /) -> Tensor:
        """Mirror (N, 3, H, W) images and move them left by 3 pixels: pixel 4 i is where cell i is looked for."""
        mirrored = images.flip(-1)
        shift = STRIDE - 1
        return torch.cat([mirrored[..., shift:], mirrored[..., -shift:]], -1)

    def flip_average(self, outputs: Outputs, mirrored: Outputs, flip_index: Tensor, /) -> Outputs:
        """Average heatmaps and offsets; see `SceneCodec`."""
        (heat, offsets), (other_heat, other_offsets) = outputs, mirrored
        partners = torch.cat([flip_index, flip_index.new_tensor([self.num_keypoints])])
        sign = offsets.new_tensor([-1.0, 1.0])[:, None, None]
        pairs = other_offsets.flip(-1).reshape(len(offsets), self.num_keypoints, 2, *offsets.shape[2:])
        back = (pairs[:, flip_index] * sign).flatten(1, 2)
        return (heat + other_heat.flip(-1)[:, partners]) / 2, (offsets + back) / 2

    def decode(self, outputs: Sequence[Outputs], scales: Sequence[float], /) -> list[FoundPeople]:
        """Find the people of each image; see `SceneCodec`."""
        found = [self._proposals(maps, offsets, scale) for (maps, offsets), scale in zip(outputs, scales, strict=True)]
        people = []
        for row in range(len(outputs[0][0])):
            poses, center = self._joined([(each[row][0], each[row][1]) for each in found])
            heat = np.zeros(poses.shape[:2], np.float32)
            for (maps, _), scale in zip(outputs, scales, strict=True):
                heat += heat_at(maps[row, : self.num_keypoints], poses, STRIDE / scale) / len(scales)
            people.append(self._without_repeats(poses, center, heat))
        return people

    def _proposals(self, heat: Tensor, offsets: Tensor, scale: float) -> list[tuple[F32, F32]]:
        """Return for each image (M, K, 2) keypoints in input pixels of scale 1, and (M,) the heat of their centres."""
        centers = heat[:, -1:].float()
        height, width = centers.shape[-2:]
        around = next(window for side, window in _WIDE_MAPS if (height + width) / 2 > side)
        highest = functional.max_pool2d(centers, around, 1, around // 2)
        heights = torch.where(centers == highest, centers, 0.0).flatten(1)
        score, index = heights.topk(min(self.max_people, height * width))
        offset = offsets.float().flatten(2).gather(2, index[:, None].expand(-1, offsets.shape[1], -1))
        offset = offset.view(len(offset), self.num_keypoints, 2, -1).permute(0, 3, 1, 2)  # (N, M, K, 2)
        place = torch.stack([index % width, index // width], -1).float()[:, :, None]
        poses = (place - offset) * (STRIDE / scale)
        kept = score > self.min_center
        return [
            (each[rows].cpu().numpy(), heats[rows].cpu().numpy())
            for each, heats, rows in zip(poses, score, kept, strict=True)
        ]

    def _joined(self, scales: Sequence[tuple[F32, F32]]) -> tuple[F32, F32]:
        """Join an image's proposals of all scales; those of others than the first count for less."""
        best = scales[0][1].max(initial=0.0) if len(scales[0][1]) else 1.0
        scores = [scales[0][1]]
        for _, score in scales[1:]:
            scores.append(score / max(score.max(initial=0.0), 1e-12) * best * self.decrease)
        return np.concatenate([poses for poses, _ in scales]), np.concatenate(scores).astype(np.float32)

    def _without_repeats(self, poses: F32, center: F32, heat: F32) -> FoundPeople:
        kept = self.kept(poses, heat.mean(1)) if len(poses) else np.zeros(0, np.int64)
        score = (center[:, None] * heat)[kept]
        order = np.argsort(-score.mean(1), kind="stable")[: self.max_people]
        keypoints = np.concatenate([poses[kept], score[..., None]], -1)[order].astype(np.float32)
        return FoundPeople(keypoints, score.mean(1)[order].astype(np.float32))

    def kept(self, poses: F32, heat: F32) -> I64:
        """Choose one of every group of poses that are the same person, the one with the highest mean heat.

        Args:
            poses: (M, K, 2).
            heat: (M,) mean over the keypoints.

        Returns:
            Rows, in the order their groups are met.
        """
        extent = poses.max(1) - poses.min(1)
        diagonal = np.sqrt((extent**2).sum(-1))
        distance = np.sqrt(((poses[:, None] - poses[None]) ** 2).sum(-1))
        near = (distance < self.same_distance * diagonal[:, None, None]).sum(-1)
        limit = self.same_keypoints or (8 if self.num_keypoints == 17 else self.num_keypoints // 2)
        is_same = (near > limit) | np.eye(len(poses), dtype=bool)
        ignored = diagonal == 0
        chosen = []
        for row in range(len(poses)):
            if ignored[row]:
                continue
            group = np.flatnonzero(is_same[row])
            best = group[heat[group].argmax()]
            if not ignored[best]:
                chosen.append(best)
                ignored[group] = True
        return np.array(chosen, np.int64)


def heat_at(maps: Tensor, poses: F32, stride: float) -> F32:
    """Read each keypoint's heatmap at its pixel.

    Args:
        maps: (K, h, w).
        poses: (M, K, 2) x, y in input pixels.
        stride: input pixels per cell; cell i lies at pixel i * stride, and beyond the last one nothing changes.

    Returns:
        (M, K).
    """
    height, width = maps.shape[1:]
    size = np.array([width, height])
    pixel = np.floor(np.nan_to_num(poses)).clip(0, np.maximum(size * int(stride) - 1, 0))
    place = (pixel / stride).clip(0, size - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    part = torch.from_numpy((place - low).astype(np.float32)).to(maps.device)
    rows = torch.arange(maps.shape[0], device=maps.device)
    x0, y0, x1, y1 = (
        torch.from_numpy(each).to(maps.device) for each in (low[..., 0], low[..., 1], high[..., 0], high[..., 1])
    )
    values = maps.float()
    top = values[rows, y0, x0] * (1 - part[..., 0]) + values[rows, y0, x1] * part[..., 0]
    bottom = values[rows, y1, x0] * (1 - part[..., 0]) + values[rows, y1, x1] * part[..., 0]
    return (top * (1 - part[..., 1]) + bottom * part[..., 1]).cpu().numpy()


def dekr_codec(num_keypoints: int) -> DEKRCodec:
    """Build the codec for a number of keypoints; CrowdPose's 14 have a factor of their own for other scales."""
    codec = DEKRCodec(num_keypoints)
    return replace(codec, decrease=0.8) if num_keypoints == 14 else codec
