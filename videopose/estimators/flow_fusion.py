"""Where the current frame's cells lie in its neighbours' heatmaps, measured by dense optical flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from videopose.estimators.neighbors import FrameContext, FrameWindow, NeighborMatch, SamplingGrid
from videopose.geometry.affine import apply, invert
from videopose.geometry.sampling import cell_centers
from videopose.image_motion.optical_flow import OpticalFlow, moved_with_flow, shrink_image
from videopose.types import F32, F64, U8, Bool


@dataclass(frozen=True, eq=False)
class FlowWarp:
    """Find for each cell where its pixel was, or will be, in the other frame, by optical flow.

    Where the flow there and the flow back disagree, as at the edge of what hides something or in a blurred image, and
    where it leaves the image, the flow is masked: such a cell moves as the person's trusted cells do in the middle,
    or stays where it is if there are too few of those. Between images of different size nothing is to be trusted.

    Attributes:
        flow: measures dense flow between two images.
        crop_from_cell: (3, 3) from the codec.
        size_hw: (height, width) of the maps, cells.
        max_side: images are made this small for measuring, pixels.

    Source:
        Pfister et al., Flowing ConvNets for Human Pose Estimation in Videos, ICCV 2015, section 3.1; the check of the
        way back is that of Sundaram et al., Dense Point Trajectories by GPU-Accelerated Large Displacement Optical
        Flow, ECCV 2010, section 3.
    """

    flow: OpticalFlow
    crop_from_cell: F64
    size_hw: tuple[int, int]
    max_side: int = 480

    def measure(self, windows: Sequence[FrameWindow], /) -> SamplingGrid:
        """Measure the flow between each frame with people and its neighbours, both ways, each pair once."""
        images: dict[int, tuple[U8, float]] = {}
        fields: dict[tuple[int, int], F32] = {}
        for window in windows:
            if not len(window.center.people):
                continue
            for neighbor in window.neighbors:
                if neighbor is not None:
                    self._measure(window.center, neighbor, images, fields)
                    self._measure(neighbor, window.center, images, fields)
        scales = {index: scale for index, (_, scale) in images.items()}

        def places(links: Sequence[NeighborMatch]) -> tuple[Tensor, Tensor]:
            pairs = [self._places(link, fields, scales) for link in links]
            return torch.from_numpy(np.stack([where for where, _ in pairs])).float(), torch.from_numpy(
                np.stack([trusted for _, trusted in pairs])
            )

        return places

    def _measure(
        self,
        start: FrameContext,
        end: FrameContext,
        images: dict[int, tuple[U8, float]],
        fields: dict[tuple[int, int], F32],
    ) -> None:
        if (start.index, end.index) in fields or start.image.shape != end.image.shape:
            return
        for moment in (start, end):
            if moment.index not in images:
                images[moment.index] = shrink_image(moment.image, self.max_side)
        fields[start.index, end.index] = self.flow(images[start.index][0], images[end.index][0])

    def _places(
        self, link: NeighborMatch, fields: dict[tuple[int, int], F32], scales: dict[int, float]
    ) -> tuple[F64, Bool]:
        """Return (h, w, 2) cells of the neighbour's maps and (h, w) whether to trust them, for one person."""
        pair = (link.center.index, link.neighbor.index)
        in_image = apply(invert(link.center_crop) @ self.crop_from_cell, cell_centers(self.size_hw))
        if pair in fields:
            scale = scales[pair[0]]
            in_image = moved_with_flow(fields[pair], fields[pair[::-1]], in_image * scale) / scale
        trusted = np.full(self.size_hw, pair in fields)
        return apply(invert(self.crop_from_cell) @ link.neighbor_crop, in_image), trusted
