"""Where the current frame's cells lie in its neighbours' heatmaps, measured by dense optical flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from videopose.estimators.neighbors import Link, Moment, MomentWindow, Places
from videopose.estimators.optical_flow import OpticalFlow, carry_points, small_picture
from videopose.geometry.affine import apply, invert
from videopose.geometry.sampling import cell_centers
from videopose.types import F32, F64, U8, Bool

FLAT, STEEP = 0.5, 0.01
"""A flow and its way back may miss each other by this, squared: pixels, and per square pixel of the two ways."""
LEAST_TRUSTED = 0.05
"""Share of a person's cells whose flow must be consistent before the others follow them."""


@dataclass(frozen=True, eq=False)
class FlowWarp:
    """Look for each cell where optical flow says its pixel was, or will be, in the other frame.

    Where the flow there and the flow back disagree, as at the edge of what hides something or in a blurred picture, and
    where it leaves the picture, the flow is masked: such a cell moves as the person's trusted cells do in the middle,
    or stays where it is if there are too few of those. Between pictures of different size nothing is to be trusted.

    Attributes:
        flow: measures dense flow between two pictures.
        crop_from_cell: (3, 3) from the codec.
        size_hw: (height, width) of the maps, cells.
        max_side: pictures are made this small for measuring, pixels.

    Source:
        Pfister et al., Flowing ConvNets for Human Pose Estimation in Videos, ICCV 2015, section 3.1; the check of the
        way back is that of Sundaram et al., Dense Point Trajectories by GPU-Accelerated Large Displacement Optical
        Flow, ECCV 2010, section 3.
    """

    flow: OpticalFlow
    crop_from_cell: F64
    size_hw: tuple[int, int]
    max_side: int = 480

    def measure(self, windows: Sequence[MomentWindow], /) -> Places:
        """Measure the flow between each frame with people and its neighbours, both ways, each pair once."""
        pictures: dict[int, tuple[U8, float]] = {}
        fields: dict[tuple[int, int], F32] = {}
        for window in windows:
            if not len(window.center.people):
                continue
            for neighbor in window.neighbors:
                if neighbor is not None:
                    self._measure(window.center, neighbor, pictures, fields)
                    self._measure(neighbor, window.center, pictures, fields)
        scales = {index: scale for index, (_, scale) in pictures.items()}

        def places(links: Sequence[Link]) -> tuple[Tensor, Tensor]:
            pairs = [self._places(link, fields, scales) for link in links]
            return torch.from_numpy(np.stack([where for where, _ in pairs])).float(), torch.from_numpy(
                np.stack([trusted for _, trusted in pairs])
            )

        return places

    def _measure(
        self,
        start: Moment,
        end: Moment,
        pictures: dict[int, tuple[U8, float]],
        fields: dict[tuple[int, int], F32],
    ) -> None:
        if (start.index, end.index) in fields or start.image.shape != end.image.shape:
            return
        for moment in (start, end):
            if moment.index not in pictures:
                pictures[moment.index] = small_picture(moment.image, self.max_side)
        fields[start.index, end.index] = self.flow(pictures[start.index][0], pictures[end.index][0])

    def _places(self, link: Link, fields: dict[tuple[int, int], F32], scales: dict[int, float]) -> tuple[F64, Bool]:
        """Give (h, w, 2) cells of the neighbour's maps and (h, w) whether to trust them, for one person."""
        pair = (link.center.index, link.neighbor.index)
        in_image = apply(invert(link.center_crop) @ self.crop_from_cell, cell_centers(self.size_hw))
        if pair in fields:
            scale = scales[pair[0]]
            in_image = moved_with_flow(fields[pair], fields[pair[::-1]], in_image * scale) / scale
        trusted = np.full(self.size_hw, pair in fields)
        return apply(invert(self.crop_from_cell) @ link.neighbor_crop, in_image), trusted


def moved_with_flow(there: F32, back: F32, points: F64) -> F64:
    """Move a person's points by the flow where it is consistent, the others as most of those have moved.

    Args:
        there: (H, W, 2) flow, pixels.
        back: (H, W, 2) flow from the second picture to the first.
        points: (..., 2) x, y in the first picture.

    Returns:
        (..., 2) x, y in the second picture.
    """
    moved, trusted = consistent(there, back, points.astype(np.float32))
    shift = (moved - points)[trusted]
    usual = np.median(shift, axis=0) if len(shift) >= LEAST_TRUSTED * trusted.size else np.zeros(2)
    return np.where(trusted[..., None], moved, points + usual)


def consistent(there: F32, back: F32, points: F32) -> tuple[F32, Bool]:
    """Move points by a flow and say where the flow back agrees.

    Args:
        there: (H, W, 2) flow, pixels.
        back: (H, W, 2) flow from the second picture to the first.
        points: (..., 2) x, y in the first picture.

    Returns:
        (..., 2) x, y in the second picture, and (...) whether both ends lie in their pictures and the ways agree.
    """
    moved = carry_points(there, points)
    returned = carry_points(back, moved)
    miss = ((returned - points) ** 2).sum(-1)
    way = ((moved - points) ** 2).sum(-1) + ((returned - moved) ** 2).sum(-1)
    last = np.array([there.shape[1] - 1, there.shape[0] - 1])
    inside = ((points >= 0) & (points <= last) & (moved >= 0) & (moved <= last)).all(-1)
    return moved, np.asarray((miss <= STEEP * way + FLAT) & inside)
