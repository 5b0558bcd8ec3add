"""What scores mean: how far they are from the share that is right, and two numbers that bring them there."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

EDGE = 1e-3
"""Scores are taken to lie between it and one less it, so that their log-odds are finite."""
_STEPS = 50


def fit_calibration(score: ArrayLike, right: ArrayLike, *, ridge: float = 1.0) -> tuple[float, float]:
    """Find a and b of right = sigmoid(a logit(score) + b), the most likely ones.

    Args:
        score: (N,) in [0, 1].
        right: (N,) whether each was right.
        ridge: how strongly a is held near 1 and b near 0, in samples; it decides where there are few.

    Returns:
        a and b; (1, 0) without samples.

    Source:
        Platt, Probabilistic Outputs for Support Vector Machines, 1999, section 2, on the score's log-odds.
    """
    odds, outcome = logit(score), np.asarray(right, np.float64)
    columns, start = np.stack([odds, np.ones_like(odds)], 1), np.array([1.0, 0.0])
    found = start.copy()
    for _ in range(_STEPS):
        chance = sigmoid(columns @ found)
        slope = columns.T @ (chance - outcome) + ridge * (found - start)
        curvature = (columns * (chance * (1 - chance))[:, None]).T @ columns + ridge * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        found -= step * min(1.0, 1.0 / max(1e-12, float(np.abs(step).max())))  # Newton's step, at most 1 long
    return float(found[0]), float(found[1])


def calibration_error(score: ArrayLike, right: ArrayLike, *, bins: int = 10) -> float:
    """Measure how far scores are from the share that is right, on average over equal bins of the score.

    Args:
        score: (N,) in [0, 1].
        right: (N,) whether each was right.
        bins: number of bins.

    Source:
        Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015 (ECE).
    """
    scores, outcome = np.asarray(score, np.float64), np.asarray(right, np.float64)
    if not len(scores):
        return float("nan")
    place = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = np.bincount(place, scores - outcome, minlength=bins)
    return float(np.abs(gaps).sum() / len(scores))


def logit(score: ArrayLike) -> np.ndarray:
    """Return the log-odds of scores, those at the ends moved in by `EDGE`."""
    inner = np.clip(np.asarray(score, np.float64), EDGE, 1 - EDGE)
    return np.asarray(np.log(inner / (1 - inner)))


def sigmoid(odds: ArrayLike) -> np.ndarray:
    """Return the chance that belongs to log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(odds, np.float64))))
