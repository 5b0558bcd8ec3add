"""How thick faces and hands are drawn: many keypoints on little room. Numbers only."""

from __future__ import annotations

import numpy as np

from videopose.skeletons import Skeleton
from videopose.types import F32

_THIN = {"face": 0.4, "lefthand": 0.5, "righthand": 0.5}
"""Part -> share of the body's thickness, at most."""
_LINES_IN_EXTENT = 30
"""How many lines of a face or a hand fit side by side into its extent, at least."""


def part_widths(keypoints: F32, skeleton: Skeleton, line: float, *, min_score: float) -> list[float]:
    """Return how thick each keypoint of a person is drawn; those of faces and hands finer, the more so the smaller.

    Below 1 means one pixel and as much fainter, so that a hand of ten pixels does not become a blob.

    Args:
        keypoints: (K, 3) x, y in image pixels and score.
        skeleton: of them.
        line: thickness of the body's limbs, pixels.
        min_score: keypoints below are not seen.
    """
    width = [line] * len(skeleton)
    for name, rows in skeleton.slices.items():
        if name in _THIN:
            part = keypoints[rows]
            seen = part[(part[:, 2] >= min_score) & np.isfinite(part).all(axis=1), :2]
            extent = float(np.ptp(seen, axis=0).max()) if len(seen) else 0.0
            width[rows] = [min(line * _THIN[name], extent / _LINES_IN_EXTENT)] * len(part)
    return width
