"""What a whole image looks like in 816 bytes: colours and a thumbnail, to tell one scene from another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from videopose.tracking.shots import BINS, THUMBNAIL_HW
from videopose.types import U8

if TYPE_CHECKING:
    from torch import Tensor

_SAMPLED = 256
"""Pixels of the longer side that are looked at, at least; every nth is taken, so a large image costs no more."""
_SMALL_WH = (64, 36)


def image_signature(image: Tensor) -> U8:
    """Describe an image for finding shot changes.

    Args:
        image: (3, H, W) uint8 RGB on any device.

    Returns:
        (D,) the square roots of the shares of `BINS` hues x saturations x values, times 255, then `THUMBNAIL_HW` RGB.
    """
    step = max(1, max(image.shape[1:]) // _SAMPLED)
    sampled = np.ascontiguousarray(image[:, ::step, ::step].permute(1, 2, 0).cpu().numpy())
    small = np.asarray(cv2.resize(sampled, _SMALL_WH, interpolation=cv2.INTER_AREA), np.uint8)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, list(BINS), [0, 180, 0, 256, 0, 256]).ravel()
    colours = np.rint(255 * np.sqrt(counts / counts.sum())).astype(np.uint8)
    thumbnail = cv2.resize(small, THUMBNAIL_HW[::-1], interpolation=cv2.INTER_AREA)
    return np.concatenate([colours, np.asarray(thumbnail, np.uint8).ravel()])
