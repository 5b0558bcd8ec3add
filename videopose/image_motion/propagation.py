"""Propagate labelled poses through the images between two labelled frames, from both sides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from videopose.image_motion.optical_flow import OpticalFlow, moved_with_flow
from videopose.types import F32, F64, U8

FlowPair = tuple[F32, F32]
"""(H, W, 2) flow from an image to the next, and back."""


def flow_pairs(flow: OpticalFlow, images: Sequence[U8]) -> list[FlowPair]:
    """Measure the flow between each image and the next, both ways; images of one size."""
    return [(flow(a, b), flow(b, a)) for a, b in pairwise(images)]


def follow_points(points: F64, pairs: Sequence[FlowPair], *, backwards: bool = False) -> F64:
    """Follow a person's points from image to image.

    Args:
        points: (K, 2) x, y in the first image, or in the last one.
        pairs: of the T images' neighbours, T - 1.
        backwards: start at the last image.

    Returns:
        (T, K, 2) x, y, in the order of the images.
    """
    path = [points]
    for there, back in reversed(pairs) if backwards else pairs:
        path.append(moved_with_flow(back, there, path[-1]) if backwards else moved_with_flow(there, back, path[-1]))
    return np.stack(path[::-1] if backwards else path)


def without_drift(first: F32, last: F32, onward: F64, backward: F64, share: F64) -> tuple[F64, F64]:
    """Correct what each path misses the other label by, in proportion to the time that has passed.

    Args:
        first: (K, 3) x, y and score of the earlier label; score 0 = not labelled.
        last: (K, 3) of the later one.
        onward: (T, K, 2) the earlier label, carried to each frame and to the later label's.
        backward: (T, K, 2) the later label, likewise.
        share: (T,) how much of the time between the two has passed, 0 at the earlier label and 1 at the later one.

    Returns:
        The two paths, (T, K, 2); unchanged where a keypoint is labelled on one side only.
    """
    both = ((first[:, 2] > 0) & (last[:, 2] > 0)).reshape(-1, 1)
    late = share[:, None, None]
    return (
        onward + np.where(both, late * (last[:, :2] - onward[-1]), 0),
        backward + np.where(both, (1 - late) * (first[:, :2] - backward[0]), 0),
    )


def blend_paths(first: F32, last: F32, onward: F64, backward: F64, share: F64) -> F32:
    """Join what was carried from two labels, each counting by how near it is; arguments as of `without_drift`.

    Returns:
        (T, K, 3). A keypoint labelled on one side only is carried from there with a score that fades to 0 at the
        other; one labelled on neither is 0, 0 with score 0.
    """
    here = np.stack([first[:, 2] > 0, last[:, 2] > 0])
    late = share[:, None, None]
    onward, backward = without_drift(first, last, onward, backward, share)
    weights = np.stack([(1 - late) * here[0][:, None], late * here[1][:, None]])
    total = weights.sum(axis=0)
    mixed = (weights[0] * onward + weights[1] * backward) / np.where(total > 0, total, 1)
    score = weights[0] * first[:, 2:] + weights[1] * last[:, 2:]
    return np.concatenate([mixed * (total > 0), score], axis=2).astype(np.float32)
