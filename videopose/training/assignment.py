"""Which anchor point learns which person: task-aligned assignment."""

from __future__ import annotations

import torch
from torch import Tensor

from videopose.training.losses import box_iou, pairwise_giou


@torch.no_grad()
def assign(
    score: Tensor,
    boxes: Tensor,
    points: Tensor,
    people: Tensor,
    *,
    top: int = 10,
    alpha: float = 0.5,
    beta: float = 4.0,
) -> tuple[Tensor, Tensor]:
    """Assign points of one image to people by how well they already answer.

    Args:
        score: (P,) probability of a person.
        boxes: (P, 4) predicted boxes, xyxy in input pixels.
        points: (P, 2) in input pixels.
        people: (G, 4) true boxes.
        top: points per person.
        alpha: exponent of the score in the alignment.
        beta: exponent of the IoU in the alignment.

    Returns:
        (P,) index of the person each point learns, -1 = background, and (P,) the quality it shall predict, 0 there.

    Source:
        Feng et al., TOOD: Task-aligned One-stage Object Detection, ICCV 2021, section 3.2.
    """
    owner = torch.full((len(points),), -1, dtype=torch.long, device=points.device)
    quality = torch.zeros(len(points), device=points.device)
    if not len(people):
        return owner, quality
    overlap = box_iou(people[:, None], boxes[None])
    inside = (points[None] > people[:, None, :2]).all(-1) & (points[None] < people[:, None, 2:]).all(-1)
    alignment = score[None] ** alpha * overlap**beta * inside
    best = alignment.topk(min(top, len(points)), dim=1)
    chosen = torch.zeros_like(inside).scatter_(1, best.indices, best.values > 0) & inside
    # A person whom no prediction overlaps yet still needs points: take the ones nearest to the middle.
    lost = ~chosen.any(1)
    if lost.any():
        distance = torch.cdist((people[lost, :2] + people[lost, 2:]) / 2, points)
        chosen[lost] = torch.zeros_like(chosen[lost]).scatter_(1, distance.topk(3, dim=1, largest=False).indices, True)
    claimed = torch.where(chosen, overlap, torch.full_like(overlap, -1.0))
    value, person = claimed.max(0)
    taken = value >= 0
    owner[taken] = person[taken]
    mine = alignment * (torch.arange(len(people), device=points.device)[:, None] == owner[None])
    strongest = mine.max(1).values.clamp_min(1e-9)
    best_overlap = (overlap * (mine > 0)).max(1).values
    quality[taken] = (mine.max(0).values / strongest[owner] * best_overlap[owner])[taken]
    return owner, quality


def giou_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """One minus generalised IoU, row by row."""
    return 1 - pairwise_giou(predicted, target)
