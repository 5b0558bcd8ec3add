"""Image and boxes in, results in image pixels out. This file is the table of what is learned; importing it is cheap."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videopose.skeletons import Skeleton
    from videopose.tracking.cost import Similarity

LEARNED_SIMILARITIES = {"entailment": ("entailment", "EntailmentSimilarity")}
"""`tracker.similarity` -> module in this folder and class, for those that need torch and weights."""


def learned_similarity(name: str, skeleton: Skeleton) -> Similarity | None:
    """Build the similarity of that name, None if it needs no network.

    Raises:
        WeightsError: its weights cannot be read.
    """
    if name not in LEARNED_SIMILARITIES:
        return None
    module, member = LEARNED_SIMILARITIES[name]
    built: Similarity = getattr(importlib.import_module(f"videopose.estimators.{module}"), member)(skeleton)
    return built
