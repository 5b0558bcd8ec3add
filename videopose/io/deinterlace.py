"""Images of interlaced video: two halves, every other line each, taken a moment apart."""

from __future__ import annotations

import cv2
import numpy as np

from videopose.types import U8

_COMB = 12
"""Levels by which a line must leave the range of both its neighbours; less is noise, and is seen by nobody."""


def deinterlace(image: U8) -> U8:
    """Replace what the second half shows of things that have moved on since the first.

    Where a line of the second half is brighter, or darker, than both its neighbours from the first, that is taken for a
    comb and becomes their mean; everything that stands still keeps all its lines. No other image is looked at, so
    decoding may begin anywhere.

    Args:
        image: (H, W, 3) uint8 as decoded, before it is scaled or turned.

    Returns:
        A new image of the same size.
    """
    first, second = image[0::2], image[1::2]
    if not len(second):
        return image.copy()
    above = first[: len(second)]
    below = np.concatenate([first[1:], first[-1:]])[: len(second)]
    mean = (above >> 1) + (below >> 1) + (above & below & 1)
    darker = cv2.subtract(np.minimum(above, below), second)  # stops at 0
    brighter = cv2.subtract(second, np.maximum(above, below))
    is_comb = (np.maximum(darker, brighter) > _COMB).any(axis=2, keepdims=True)
    out = image.copy()
    out[1::2] = np.where(is_comb, mean, second)
    return out
