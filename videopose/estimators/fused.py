"""Estimate people of a frame from that frame and its neighbours: a head over heatmaps of several frames.

Each person is looked at once per frame, through the box of that frame; neighbours' heatmaps are moved into the
current crop. So a window of three frames costs the backbone what one frame costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from videopose.estimators.heads import FusionHead, head_network
from videopose.estimators.mapped import HeatmapEstimator
from videopose.estimators.neighbors import FrameWindow, NeighborMatch, SamplingGrid, Warp, match_neighbors
from videopose.estimators.topdown import batches_of, in_image
from videopose.geometry.sampling import sample_maps
from videopose.runtime.workers import run_batches
from videopose.types import F32, Poses


class FusedEstimator:
    """Gathers each person's heatmaps over a window, lets a head fuse them, and decodes.

    Attributes:
        single: single-frame estimation, whose network and codec serve here too.
        before: neighbours of the past the head looks at.
        after: neighbours of the future.
    """

    def __init__(
        self, single: HeatmapEstimator, head: FusionHead, warp: Warp, *, max_seconds: float, recrop: bool
    ) -> None:
        """Combine a network and a head.

        Args:
            single: gives the heatmaps.
            head: fuses heatmaps of a window.
            warp: brings neighbours' heatmaps into the current crop.
            max_seconds: neighbours more seconds away are left out.
            recrop: cut every neighbour with the current frame's box and run the network on it again, as the papers'
                releases do: 1 + F times the work.
        """
        self.single = single
        self.before, self.after = head.before, head.after
        self._head, self._warp = head_network(head), warp
        self._max_seconds, self._recrop = max_seconds, recrop

    def fuse(self, windows: Sequence[FrameWindow], /) -> list[Poses]:
        """Estimate the people of each window's current frame; people of all windows share batches.

        Args:
            windows: with `before` + `after` neighbours each.

        Returns:
            One `Poses` per window, untracked, in the order of its people.
        """
        people = [(window, row) for window in windows for row in range(len(window.center.people))]
        if not people:
            nobody = Poses.empty(len(self.single.skeleton), skeleton=self.single.skeleton)
            return [nobody for _ in windows]
        places = self._warp.measure(windows)
        links = self._looked_at(
            [match_neighbors(*each, max_seconds=self._max_seconds, recrop=self._recrop) for each in people]
        )

        def work(rows: range) -> F32:
            heatmaps = torch.stack([window.center.crops.heatmaps[row] for window, row in (people[i] for i in rows)])
            (fused,) = self._head(heatmaps, *self._gathered(heatmaps, [links[i] for i in rows], places))
            crops = np.stack([window.center.crops.crop_from_image[row] for window, row in (people[i] for i in rows)])
            return in_image(self.single.single.network.decode(fused), crops)

        batches = batches_of(len(people), self.single.single.batch_size)
        keypoints = np.concatenate(run_batches(work, batches, self.single.single.device))
        starts = np.cumsum([0, *(len(window.center.people) for window in windows)])
        return [
            self.single.single.scored(keypoints[start:end], window.center.crops.boxes)
            for start, end, window in zip(starts[:-1], starts[1:], windows, strict=True)
        ]

    def _looked_at(self, links: list[list[NeighborMatch]]) -> list[list[NeighborMatch]]:
        """Run the network for the links that have no heatmaps yet."""
        missing = [link for each in links for link in each if link.heatmaps is None]
        if not missing:
            return links
        crops = np.stack([link.neighbor_crop for link in missing])
        heatmaps = iter(self.single.heatmaps([link.neighbor.image for link in missing], crops))
        return [
            [link if link.heatmaps is not None else replace(link, heatmaps=next(heatmaps)) for link in each]
            for each in links
        ]

    def _gathered(
        self, center: Tensor, links: list[list[NeighborMatch]], places: SamplingGrid
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Warp neighbours' heatmaps to the current crops: what a head takes besides the current heatmaps.

        The current frame's own values stand where there is no neighbour, and where the warp is not to be trusted.
        """
        num_neighbors = self.before + self.after
        neighbors = center[:, None].repeat(1, num_neighbors, 1, 1, 1)
        seconds = torch.zeros(len(center), num_neighbors, device=center.device)
        present = torch.zeros(len(center), num_neighbors, dtype=torch.bool, device=center.device)
        owners = [(row, link) for row, each in enumerate(links) for link in each]
        if not owners:
            return neighbors, seconds, present
        rows, chosen = [row for row, _ in owners], [link for _, link in owners]
        slots = [link.place for link in chosen]
        where, trusted = places(chosen)
        heatmaps = torch.stack([link.heatmaps for link in chosen if link.heatmaps is not None])
        warped = sample_maps(heatmaps, where.to(center.device))
        neighbors[rows, slots] = torch.where(trusted[:, None].to(center.device), warped, center[rows])
        seconds[rows, slots] = torch.tensor(
            [link.neighbor.time - link.center.time for link in chosen], device=center.device
        )
        present[rows, slots] = True
        return neighbors, seconds, present
