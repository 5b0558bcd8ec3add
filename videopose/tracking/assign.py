"""Pair rows with columns so that the total similarity is greatest, or greedily the best pair first."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.types import F32, I64, Bool

Assignment = Literal["hungarian", "greedy"]


def assign(similarity: F32, min_similarity: float, method: Assignment = "hungarian") -> tuple[I64, I64]:
    """Pair rows with columns, each at most once.

    Args:
        similarity: (M, N) higher is better.
        min_similarity: pairs at or below it are never made, and do not take part in the optimum.
        method: `hungarian` for the greatest total, `greedy` for the best pair first.

    Returns:
        Row indices, increasing, and the column of each.

    Example:
        >>> rows, columns = assign(np.array([[0.9, 0.8], [0.8, 0.1]], np.float32), 0.0)
        >>> columns.tolist()
        [1, 0]
    """
    allowed = similarity > min_similarity
    if not allowed.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if method == "greedy":
        return _greedy(similarity, allowed)
    # A forbidden pair gains nothing, so it can never displace an allowed one.
    rows, columns = linear_sum_assignment(np.where(allowed, similarity - min_similarity, 0.0), maximize=True)
    kept = allowed[rows, columns]
    return rows[kept].astype(np.int64), columns[kept].astype(np.int64)


def _greedy(similarity: F32, allowed: Bool) -> tuple[I64, I64]:
    rows, columns = np.nonzero(allowed)
    free_row, free_column = np.ones(similarity.shape[0], bool), np.ones(similarity.shape[1], bool)
    pairs = []
    for best in np.argsort(-similarity[rows, columns], kind="stable"):
        row, column = rows[best], columns[best]
        if free_row[row] and free_column[column]:
            free_row[row] = free_column[column] = False
            pairs.append((row, column))
    chosen = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return chosen[:, 0], chosen[:, 1]


def is_clear(similarity: F32, rows: I64, columns: I64, margin: float) -> Bool:
    """Find which chosen pairs are better than every rival of either side by a margin.

    Args:
        similarity: (M, N).
        rows: (P,) of the pairs.
        columns: (P,) of the pairs.
        margin: similarity by which a pair must stand out.
    """
    others = similarity.copy()
    others[rows, columns] = -np.inf
    rival = np.maximum(others.max(axis=1, initial=-np.inf)[rows], others.max(axis=0, initial=-np.inf)[columns])
    return np.asarray(similarity[rows, columns] >= rival + margin)
