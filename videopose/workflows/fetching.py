"""Fetch what a pipeline needs and the store lacks, before its networks are loaded."""

from __future__ import annotations

from pathlib import Path

from videopose.models.fetch import FetchOptions, check_allowed, fetch
from videopose.models.store import find, find_loose
from videopose.models.zoo import Weights
from videopose.workflows.recipe import Recipe


def is_here(weights: Weights) -> bool:
    """Check whether weights can be loaded without a network."""
    return weights.is_shipped or Path(weights.file).is_absolute() or find(weights) is not None


def ensure(weights: Weights, options: FetchOptions) -> None:
    """Fetch weights unless they are here.

    Raises:
        WeightsError: they cannot be had; the message says what to copy where.
    """
    if not is_here(weights):
        fetch(weights, options)


def fetch_missing(recipe: Recipe, options: FetchOptions) -> list[Path]:
    """Fetch the published weights of a recipe that are not here.

    Args:
        recipe: the pipeline.
        options: how it is shown, and what was agreed to.

    Returns:
        What was fetched.

    Raises:
        WeightsError: one cannot be had; the message says what to copy where.
    """
    missing = [each.weights for each in recipe.needed() if not is_here(each.weights)]
    check_allowed([each for each in missing if find_loose(each) is None], options)
    return [fetch(each, options) for each in missing]
