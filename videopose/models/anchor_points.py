"""What detectors with an anchor point per cell answer, whatever they say of a box's sides."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class AnchorPoints(Protocol):
    """The answer of a network at each of P anchor points of N images."""

    @property
    def score(self) -> Tensor:
        """(N, P) logits of "a person, and the box fits"."""
        ...

    @property
    def points(self) -> Tensor:
        """(P, 2) x, y of the points in input pixels."""
        ...

    @property
    def stride(self) -> Tensor:
        """(P,) input pixels."""
        ...

    def boxes(self) -> Tensor:
        """Return the boxes, (N, P, 4) xyxy in input pixels."""
        ...

    def boxes_at(self, images: Tensor, points: Tensor) -> Tensor:
        """Return the boxes at chosen points: (Q,) image rows, (Q,) points -> (Q, 4) xyxy in input pixels."""
        ...


class DistanceOutput(NamedTuple):
    """Distances to the sides, said outright.

    Attributes:
        score: as in `AnchorPoints`.
        distances: (N, P, 4) input pixels to left, top, right, bottom; may be negative.
        points: as in `AnchorPoints`.
        stride: as in `AnchorPoints`.
    """

    score: Tensor
    distances: Tensor
    points: Tensor
    stride: Tensor

    def boxes(self) -> Tensor:
        """Return the boxes; see `AnchorPoints`."""
        return boxes_around_points(self.points, self.distances)

    def boxes_at(self, images: Tensor, points: Tensor) -> Tensor:
        """Return the boxes at chosen points; see `AnchorPoints`."""
        return boxes_around_points(self.points[points], self.distances[images, points])


class DistributionOutput(NamedTuple):
    """Distances to the sides as distributions over whole strides.

    Attributes:
        score: as in `AnchorPoints`.
        sides: (N, P, 4, B) logits over whole distances 0 … B - 1, in strides, to left, top, right, bottom.
        points: as in `AnchorPoints`.
        stride: as in `AnchorPoints`.
    """

    score: Tensor
    sides: Tensor
    points: Tensor
    stride: Tensor

    def boxes(self) -> Tensor:
        """Return the expected boxes; see `AnchorPoints`."""
        return boxes_around_points(self.points, _expected(self.sides, self.stride))

    def boxes_at(self, images: Tensor, points: Tensor) -> Tensor:
        """Return the expected boxes at chosen points; see `AnchorPoints`."""
        return boxes_around_points(self.points[points], _expected(self.sides[images, points], self.stride[points]))


def anchor_points(parts: tuple[Tensor, ...]) -> AnchorPoints:
    """Return a detector's outputs under their names again, which other runtimes do not keep."""
    if isinstance(parts, DistanceOutput | DistributionOutput):
        return parts
    return (DistanceOutput if parts[1].ndim == 3 else DistributionOutput)(*parts)


def _expected(sides: Tensor, stride: Tensor) -> Tensor:
    bins = torch.arange(sides.shape[-1], device=sides.device, dtype=torch.float32)
    return (torch.softmax(sides.float(), -1) * bins).sum(-1) * stride[:, None]


def boxes_around_points(points: Tensor, distances: Tensor) -> Tensor:
    """Return (..., 4) xyxy of (..., 2) points and (..., 4) distances to left, top, right, bottom."""
    distances = distances.float()
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], -1)


def cell_points(level: Tensor, stride: int, *, offset: float = 0.5) -> tuple[Tensor, Tensor]:
    """Return the points of a level's cells in input pixels, box convention (edges on whole numbers), and the stride.

    Args:
        level: (N, C, h, w).
        stride: input pixels per cell.
        offset: where in its cell a point lies: 0.5 = the middle, 0 = the top left corner.

    Returns:
        (h w, 2) x, y and (h w,) the stride.
    """
    height, width = level.shape[-2:]
    rows = (torch.arange(height, device=level.device, dtype=torch.float32) + offset) * stride
    columns = (torch.arange(width, device=level.device, dtype=torch.float32) + offset) * stride
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], -1).flatten(0, 1), torch.full((height * width,), float(stride), device=level.device)
