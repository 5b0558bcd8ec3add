"""Dense optical flow between two images behind one interface, small images for it, points carried along by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from videopose.errors import InputError, WeightsError
from videopose.types import F32, F64, U8, Bool

FlowName = Literal["dis", "farneback", "tvl1", "torch"]

FLAT, STEEP = 0.5, 0.01
"""A flow and its way back may miss each other by this, squared: pixels, and per square pixel of the two ways."""
LEAST_TRUSTED = 0.05
"""Share of a person's cells whose flow must be consistent before the others follow them."""


class OpticalFlow(Protocol):
    """Measures where the pixels of one image have moved to in the next."""

    def __call__(self, before: U8, after: U8, /) -> F32:
        """Return (H, W, 2) the shift x, y of each pixel of `before`, pixels.

        Args:
            before: (H, W, 3) RGB.
            after: (H, W, 3) RGB.
        """
        ...


@dataclass(frozen=True, eq=False)
class ClassicFlow:
    """One of OpenCV's methods, on grey images.

    Attributes:
        calculate: (grey before, grey after) -> (H, W, 2).
    """

    calculate: Callable[[U8, U8], F32]

    def __call__(self, before: U8, after: U8, /) -> F32:
        """Measure the flow."""
        first, second = (np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) for image in (before, after))
        return self.calculate(first, second)


class TorchFlow:
    """A learned flow from a TorchScript file, called as RAFT is.

    Args:
        path: a module that takes two (1, 3, H, W) float images in 0 … 255, H and W multiples of 8, and gives
            (1, 2, H, W) pixels or a list of such whose last is the best.

    Raises:
        WeightsError: the file cannot be loaded.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError, OSError) as error:
            raise WeightsError(
                f"{path}: cannot be loaded as TorchScript; export the flow with torch.jit.save"
            ) from error

    def __call__(self, before: U8, after: U8, /) -> F32:
        """Measure the flow."""
        height, width = before.shape[:2]
        grow = (0, -width % 8, 0, -height % 8)
        images = [
            torch.nn.functional.pad(torch.from_numpy(image).permute(2, 0, 1)[None].float(), grow, mode="replicate")
            for image in (before, after)
        ]
        with torch.inference_mode():
            flow = self._module(*images)
        last = flow[-1] if isinstance(flow, list | tuple) else flow
        return np.ascontiguousarray(last[0, :, :height, :width].permute(1, 2, 0).numpy(), np.float32)


def create_flow(name: FlowName, path: Path | None = None) -> OpticalFlow:
    """Build an optical flow.

    Args:
        name: `dis` (Kroeger et al., ECCV 2016), `farneback` (SCIA 2003), `tvl1` (Zach et al., DAGM 2007; needs the
            contrib build of OpenCV) or `torch` (RAFT or the like from a file).
        path: of the TorchScript file, for `torch`.

    Raises:
        InputError: OpenCV lacks the method, or `torch` has no path.
        WeightsError: the file cannot be loaded.
    """
    if name == "dis":
        dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
        return ClassicFlow(lambda before, after: dis.calc(before, after, None))
    if name == "farneback":
        return ClassicFlow(_farneback)
    if name == "tvl1":
        contrib = getattr(cv2, "optflow", None)
        if contrib is None:
            raise InputError("flow tvl1: this OpenCV has no optflow module; install opencv-contrib-python, or use dis")
        tvl1 = contrib.DualTVL1OpticalFlow_create()
        return ClassicFlow(lambda before, after: tvl1.calc(before, after, None))
    if path is None:
        raise InputError("flow torch: give the TorchScript file in flow_path")
    return TorchFlow(path)


def _farneback(before: U8, after: U8) -> F32:
    nothing = np.zeros((*before.shape, 2), np.float32)
    return np.asarray(cv2.calcOpticalFlowFarneback(before, after, nothing, 0.5, 4, 21, 3, 7, 1.5, 0), np.float32)


def shrink_image(image: Tensor, max_side: int) -> tuple[U8, float]:
    """Shrink an image for measuring motion.

    Args:
        image: (3, H, W) uint8 RGB on any device.
        max_side: no side comes out longer, pixels.

    Returns:
        (h, w, 3) RGB and its scale: small pixels per image pixel.
    """
    array: U8 = np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
    scale = min(1.0, max_side / max(array.shape[:2]))
    if scale < 1:
        size = (round(array.shape[1] * scale), round(array.shape[0] * scale))
        array = np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), np.uint8)
    return array, scale


def warp_points(flow: F32, points: F32) -> F32:
    """Move points by the flow under them.

    Args:
        flow: (H, W, 2) pixels.
        points: (..., 2) x, y in the same pixels; those outside take the flow of the nearest border pixel.

    Returns:
        Points of the same shape.
    """
    flat = points.reshape(-1, 2).astype(np.float32)
    if not len(flat):
        return points.copy()
    # cv2 reads a map of at most 32767 columns; points stand in rows of one.
    shift = cv2.remap(flow, flat[:, None, :1], flat[:, None, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(flat + shift[:, 0], np.float32).reshape(points.shape)


def moved_with_flow(there: F32, back: F32, points: F64) -> F64:
    """Move a person's points by the flow where it is consistent, the others as most of those have moved.

    Args:
        there: (H, W, 2) flow, pixels.
        back: (H, W, 2) flow from the second image to the first.
        points: (..., 2) x, y in the first image.

    Returns:
        (..., 2) x, y in the second image.
    """
    moved, trusted = consistent(there, back, points.astype(np.float32))
    shift = (moved - points)[trusted]
    usual = np.median(shift, axis=0) if len(shift) >= LEAST_TRUSTED * trusted.size else np.zeros(2)
    return np.where(trusted[..., None], moved, points + usual)


def consistent(there: F32, back: F32, points: F32) -> tuple[F32, Bool]:
    """Move points by a flow and say where the flow back agrees.

    Args:
        there: (H, W, 2) flow, pixels.
        back: (H, W, 2) flow from the second image to the first.
        points: (..., 2) x, y in the first image.

    Returns:
        (..., 2) x, y in the second image, and (...) whether both ends lie in their images and the ways agree.
    """
    moved = warp_points(there, points)
    returned = warp_points(back, moved)
    miss = ((returned - points) ** 2).sum(-1)
    way = ((moved - points) ** 2).sum(-1) + ((returned - moved) ** 2).sum(-1)
    last = np.array([there.shape[1] - 1, there.shape[0] - 1])
    inside = ((points >= 0) & (points <= last) & (moved >= 0) & (moved <= last)).all(-1)
    return moved, np.asarray((miss <= STEEP * way + FLAT) & inside)
