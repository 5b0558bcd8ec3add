"""A person's neighbours in time: which rows of which frames, and where their cells lie in the current crop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from videopose.geometry.affine import invert
from videopose.geometry.sampling import moved_cells
from videopose.types import F64, PersonCrops, Poses


@dataclass(frozen=True, slots=True, eq=False)
class FrameContext:
    """One frame as its neighbours see it.

    Attributes:
        index: of the frame.
        time: presentation time, seconds.
        image: (3, H, W) uint8 RGB.
        people: with provisional ids, by which people are found again in other frames; -1 = in no other.
        crops: what the network saw of each of them.
    """

    index: int
    time: float
    image: Tensor
    people: Poses
    crops: PersonCrops


@dataclass(frozen=True, slots=True, eq=False)
class FrameWindow:
    """A frame and those around it.

    Attributes:
        center: the current frame.
        neighbors: in time order, the current frame left out; None where the clip ends.
    """

    center: FrameContext
    neighbors: tuple[FrameContext | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NeighborMatch:
    """One person in the current frame and the same person in a neighbouring one.

    Attributes:
        place: which neighbour, counted in time order.
        center: the current frame.
        neighbor: the other.
        center_crop: (3, 3) crop_from_image of the person in the current frame.
        neighbor_crop: (3, 3) crop_from_image in the other.
        maps: (K, h, w) of the other; None where the network has yet to look, with the current frame's box.
    """

    place: int
    center: FrameContext
    neighbor: FrameContext
    center_crop: F64
    neighbor_crop: F64
    heatmaps: Tensor | None


SamplingGrid = Callable[[Sequence[NeighborMatch]], tuple[Tensor, Tensor]]
"""From links to (L, h, w, 2) where in the neighbours' maps the current crop's cells lie, x, y in cells, and (L, h, w)
whether that is to be trusted."""


class Warp(Protocol):
    """Computes where the current frame's cells lie in its neighbours' maps."""

    def measure(self, windows: Sequence[FrameWindow], /) -> SamplingGrid:
        """Measure what is needed for people of these windows, once for all of them."""
        ...


@dataclass(frozen=True, eq=False)
class BoxWarp:
    """A place in the image is the same place in every frame; only the crops differ.

    Attributes:
        crop_from_cell: (3, 3) from the codec.
        size_hw: (height, width) of the maps, cells.
    """

    crop_from_cell: F64
    size_hw: tuple[int, int]

    def measure(self, windows: Sequence[FrameWindow], /) -> SamplingGrid:
        """Measure nothing: the crops' transforms say it all."""
        return self._places

    def _places(self, links: Sequence[NeighborMatch]) -> tuple[Tensor, Tensor]:
        image_from_center = invert(np.stack([link.center_crop for link in links])) @ self.crop_from_cell
        cell_from_image = invert(self.crop_from_cell) @ np.stack([link.neighbor_crop for link in links])
        places = torch.from_numpy(moved_cells(cell_from_image @ image_from_center, self.size_hw)).float()
        return places, torch.ones(places.shape[:3], dtype=torch.bool)


def match_neighbors(window: FrameWindow, row: int, *, max_seconds: float, recrop: bool) -> list[NeighborMatch]:
    """Find a person of the current frame in the frames around it.

    Args:
        window: the current frame and its neighbours.
        row: of the person in the current frame.
        max_seconds: neighbours more seconds away are too far to say anything, as behind a gap in the video.
        recrop: look at every neighbour through the current frame's box, whoever was found there.

    Returns:
        One link for each neighbour within reach. People who have no box there, and everybody with `recrop`, are yet
        to be looked at.
    """
    center = window.center
    crop, track_id = center.crops.crop_from_image[row], center.people.track_id[row]
    links = []
    for place, neighbor in enumerate(window.neighbors):
        if neighbor is None or abs(neighbor.time - center.time) > max_seconds:
            continue
        same = np.flatnonzero((neighbor.people.track_id == track_id) & (track_id >= 0))
        if len(same) and not recrop:
            other = neighbor.crops.crop_from_image[same[0]]
            links.append(NeighborMatch(place, center, neighbor, crop, other, neighbor.crops.heatmaps[int(same[0])]))
        else:
            links.append(NeighborMatch(place, center, neighbor, crop, crop, None))
    return links
