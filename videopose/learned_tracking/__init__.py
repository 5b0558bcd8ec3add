"""Networks over tracks: pose entailment and the pose refiner."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videopose.skeletons import Skeleton
    from videopose.tracking.cleaning.smoothers import Smoother
    from videopose.tracking.options import SmoothingOptions
    from videopose.tracking.similarity import Similarity

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
    built: Similarity = getattr(importlib.import_module(f"videopose.learned_tracking.{module}"), member)(skeleton)
    return built


def learned_smoother(options: SmoothingOptions, skeleton: Skeleton) -> Smoother | None:
    """Build the smoother that options name, None if it needs no network.

    Raises:
        WeightsError: its weights cannot be read or do not fit.
    """
    if options.method != "learned":
        return None
    path = Path(options.weights) if options.weights else None
    built: Smoother = importlib.import_module("videopose.learned_tracking.refiner").LearnedSmoother(skeleton, path)
    return built
