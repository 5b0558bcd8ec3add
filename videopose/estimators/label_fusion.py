"""Carried labels corrected by the image: a head fuses what the network sees with the heatmaps of both labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from videopose.estimators.heads import FusionHead, head_network
from videopose.estimators.mapped import HeatmapEstimator
from videopose.estimators.topdown import in_image
from videopose.geometry.affine import apply
from videopose.skeletons import Skeleton, shared_keypoints
from videopose.types import F32, F64, I64, Bool

NEAR, FAR = 0.06, 0.14
"""Parts of the box's longer side: a difference up to the first is the label's own idea of where a keypoint lies, one
from the second on is drift."""
KEPT, LOST = 0.03, 0.10
"""Likewise, of what the two paths miss the labels by: up to the first flow has kept the keypoint, from the second on it
has lost it."""
TRUST = 0.7
"""Share of a drift that is taken back."""
_LEAST = 1e-6


class LabelFusion:
    """Refines labels moved by flow with a head over windows that has the labels as neighbours, and corrects drift.

    Labels are exact and flow follows the surface of a body, but loses it; a network never loses the body, but puts
    keypoints a little elsewhere than an annotator does. So only what flow has lost and what is far from the network's
    answer is moved.

    Source:
        Propagation of sparse labels: Bertasius et al., Learning Temporal Pose Estimation from Sparsely-Labeled Videos,
        NeurIPS 2019, section 3.2. There labels are warped by the network alone, here flow carries them first.
    """

    def __init__(self, single: HeatmapEstimator, head: FusionHead, skeleton: Skeleton) -> None:
        """Combine a network and a head.

        Args:
            single: gives the current frame's heatmaps.
            head: fuses heatmaps of a window, with a neighbour on each side at least.
            skeleton: of the labels; keypoints the network does not know are left alone.
        """
        self._single, self._head = single, head_network(head)
        self._before, self._after = head.before, head.after
        self._rows: tuple[I64, I64] = shared_keypoints(skeleton, single.skeleton)

    @torch.inference_mode()
    def corrected(
        self, image: Tensor, carried: F32, paths: tuple[F64, F64], drift: F64, xyxy: F32, seconds: F64
    ) -> F32:
        """Correct one person's pose in one frame.

        Args:
            image: (3, H, W) uint8 RGB.
            carried: (K, 3) x, y and score, blended from both labels; score 0 = not labelled.
            paths: (K, 2) carried from the earlier label, and from the later one.
            drift: (K,) what the paths miss the labels by, image pixels.
            xyxy: (4,) the person's box.
            seconds: (2,) of the earlier and the later label, relative to the frame.

        Returns:
            (K, 3), the scores unchanged.
        """
        theirs, ours = self._rows
        crop = self._single.single.crop_from_image(xyxy[None])
        center = self._single.heatmaps([image], crop)
        neighbors = center[:, None].repeat(1, self._before + self._after, 1, 1, 1)
        when, present = torch.zeros(neighbors.shape[:2]), torch.zeros(neighbors.shape[:2], dtype=torch.bool)
        labelled = carried[theirs, 2] > 0
        for place, path, time in zip((self._before - 1, self._before), paths, seconds, strict=True):
            neighbors[0, place] = self._as_heatmaps(apply(crop[0], path[theirs]), labelled, center[0])
            when[0, place], present[0, place] = float(time), True
        codec = self._single.single.network.codec
        (heatmaps,) = self._head(center, neighbors, when.to(center.device), present.to(center.device))
        seen = in_image(codec.decode(heatmaps), crop)[0][ours]
        size = max(1.0, float((xyxy[2:] - xyxy[:2]).max()))
        lost = np.clip((drift / size - KEPT) / (LOST - KEPT), 0, 1)
        return _drift_taken_back(carried, theirs[labelled], seen[labelled, :2], lost, size)

    def _as_heatmaps(self, in_crop: F64, labelled: Bool, center: Tensor) -> Tensor:
        """Return (K', h, w) a label as the network would say it; the network's own maps for what is not labelled."""
        keypoints = np.zeros((len(center), 3), np.float32)
        keypoints[self._rows[1]] = np.concatenate([in_crop, 2.0 * labelled[:, None]], axis=1)
        codec = self._single.single.network.codec
        target, weight = codec.encode(torch.from_numpy(keypoints)[None].to(center.device))
        said = target[0].clamp_min(_LEAST).log() if codec.is_logits else target[0]
        return torch.where(weight[0][:, None, None] > 0, said, center)


def _drift_taken_back(carried: F32, rows: I64, seen: F32, lost: F64, size: float) -> F32:
    """Move lost keypoints towards where they are seen: none that are near, `TRUST` of the way those that are far."""
    out = carried.copy()
    shift = seen - carried[rows, :2]
    distance = np.linalg.norm(shift, axis=1, keepdims=True) / size
    out[rows, :2] += TRUST * lost[rows, None] * np.clip((distance - NEAR) / (FAR - NEAR), 0, 1) * shift
    return out
