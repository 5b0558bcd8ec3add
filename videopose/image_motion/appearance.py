"""What people look like, as an embedding per person: an interface, and a histogram that needs no weights."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from videopose.geometry.boxes import scale_about_center
from videopose.types import F32, U8

_HUES, _TONES, _DIRECTIONS = 8, 4, 8
_GREY = 40
"""Saturation in 0 … 255 below which a pixel has no hue worth counting, only brightness."""


class AppearanceModel(Protocol):
    """Embeds people so that the dot product tells how alike they look; a learned one may be put in its place."""

    def __call__(self, image: U8, xyxy: F32, /) -> F32:
        """Return (N, D) embeddings of unit length.

        Args:
            image: (H, W, 3) RGB.
            xyxy: (N, 4) boxes in image pixels.
        """
        ...


class HistogramAppearance:
    """Colours and edge directions of the upper and the lower half of each person, as square roots of histograms."""

    def __call__(self, image: U8, xyxy: F32, /) -> F32:
        """Return (N, 40) embeddings of unit length."""
        height, width = image.shape[:2]
        inner = scale_about_center(xyxy, 0.7)  # the margin of a box is background
        out = np.zeros((len(xyxy), 2 * (_HUES + _TONES + _DIRECTIONS)), np.float32)
        for row, (x1, y1, x2, y2) in enumerate(inner.tolist()):
            left, right = int(np.clip(x1, 0, width - 2)), int(np.clip(x2, 2, width))
            top, bottom = int(np.clip(y1, 0, height - 4)), int(np.clip(y2, 4, height))
            crop = image[top : max(bottom, top + 4), left : max(right, left + 2)]
            middle = len(crop) // 2
            out[row] = np.concatenate([_histogram(crop[:middle]), _histogram(crop[middle:])])
        length = np.linalg.norm(out, axis=1, keepdims=True)
        return np.asarray(out / np.maximum(length, 1e-6), np.float32)


def _histogram(crop: U8) -> F32:
    hsv = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2HSV).astype(np.float32)
    hue, saturation, value = (hsv[..., channel].ravel() for channel in range(3))
    coloured = saturation >= _GREY
    colours = np.histogram(hue[coloured], _HUES, (0, 180))[0]
    tones = np.histogram(value[~coloured], _TONES, (0, 256))[0]
    brightness = hsv[..., 2]
    across, down = cv2.Sobel(brightness, cv2.CV_32F, 1, 0), cv2.Sobel(brightness, cv2.CV_32F, 0, 1)
    strength, angle = cv2.cartToPolar(across, down)
    edges = np.histogram(np.mod(angle, np.pi), _DIRECTIONS, (0, np.pi), weights=strength)[0]
    parts = [colours, tones]
    shares = np.concatenate(parts) / max(sum(int(part.sum()) for part in parts), 1)
    texture = 0.5 * edges / max(float(edges.sum()), 1e-6)
    return np.asarray(np.sqrt(np.concatenate([shares, texture])), np.float32)
