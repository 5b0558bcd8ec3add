"""From a decoder's image to 8-bit RGB: which matrix untagged video is read by, and HDR brought to SDR."""

from __future__ import annotations

from functools import cache

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter

from videopose.io._orientation import Orientation
from videopose.io.deinterlace import deinterlace
from videopose.types import F64, U8

_UNSPECIFIED = 2
_PQ, _HLG = 16, 18
"""Transfer characteristics of HDR video, ITU-T H.273 table 3."""

_WHITE = 203.0
"""What HDR video shows as white paper, cd/m2 (ITU-R BT.2408)."""

_KNEE = 0.6
"""Share of white up to which HDR is shown as bright as it is; above, ever brighter things come closer together."""


class Converter:
    """Converts decoded frames: whole, cropped, with square pixels, turned the way they are shown.

    Attributes:
        crop: left, top, right, bottom in decoded pixels that are shown; None for all.
        upright_hw: (height, width) of the shown part, its pixels square, before it is turned.
        orientation: how it is turned.
    """

    def __init__(
        self, upright_hw: tuple[int, int], orientation: Orientation, crop: tuple[int, int, int, int] | None
    ) -> None:
        self.upright_hw, self.orientation, self.crop = upright_hw, orientation, crop
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> U8:
        """Convert a frame to (H, W, 3) uint8 RGB."""
        # A stream may change its image size on the way; players show it at the size it began with, and so do we.
        height, width = self.upright_hw
        if not frame.interlaced_frame and self.crop is None:
            return self.orientation.apply(self._rgb(frame, height, width))
        image = self._rgb(frame, frame.height, frame.width)
        if frame.interlaced_frame:
            image = deinterlace(image)  # lines are whole only before scaling
        if self.crop is not None:
            left, top, right, bottom = self.crop
            image = np.ascontiguousarray(image[top:bottom, left:right])
        if image.shape[:2] != (height, width):
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        return self.orientation.apply(image)

    def _rgb(self, frame: av.VideoFrame, height: int, width: int) -> U8:
        if reads_as_bt709(frame):
            frame.colorspace = Colorspace.ITU709
        transfer = int(frame.color_trc)
        if transfer in (_PQ, _HLG):
            shown = self._reformatter.reformat(frame, format="rgb48le", width=width, height=height)
            line = shown.planes[0].line_size
            deep = np.ndarray((height, width, 3), "<u2", buffer=memoryview(shown.planes[0]), strides=(line, 6, 2))
            return np.asarray(sdr_of_hdr(transfer)[deep], np.uint8)
        shown = self._reformatter.reformat(frame, format="rgb24", width=width, height=height)
        plane = shown.planes[0]
        image: U8 = np.ndarray((height, width, 3), np.uint8, buffer=memoryview(plane), strides=(plane.line_size, 3, 1))
        # The decoder still looks at its own images; ours may be drawn on.
        return image.copy() if shown is frame else image


def reads_as_bt709(frame: av.VideoFrame) -> bool:
    """Check whether a frame that does not say is read as BT.709, as players do: from 720 lines or 1280 columns on."""
    return int(frame.colorspace) == _UNSPECIFIED and (frame.height >= 720 or frame.width >= 1280)


def is_plain(frame: av.VideoFrame) -> bool:
    """Check whether a frame is 8-bit SDR that any decoder turns into the same RGB."""
    depth = max(component.bits for component in frame.format.components)
    return (
        depth == 8
        and not frame.interlaced_frame
        and not reads_as_bt709(frame)
        and int(frame.color_trc) not in (_PQ, _HLG)
    )


@cache
def sdr_of_hdr(transfer: int) -> U8:
    """Build the table that brings a 16-bit HDR code to 8-bit SDR, (65536,).

    Up to `_KNEE` of reference white, things are as bright as the video says; above they are rolled off. Each channel
    goes its own way and BT.2020's colours are not converted to BT.709's, so they come out a little paler.

    Source:
        SMPTE ST 2084 (PQ), ITU-R BT.2100 (HLG, display of 1000 cd/m2), ITU-R BT.2408 (reference white), IEC 61966-2-1.
    """
    code = np.arange(65536) / 65535
    light = (_pq_light(code) if transfer == _PQ else _hlg_light(code)) / _WHITE
    rolled = _KNEE + (1 - _KNEE) * -np.expm1(-np.maximum(light - _KNEE, 0) / (1 - _KNEE))
    linear = np.where(light <= _KNEE, light, rolled)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(255 * encoded), np.uint8)


def _pq_light(code: F64) -> F64:
    power = code ** (1 / 78.84375)
    return np.asarray(
        10000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    )


def _hlg_light(code: F64) -> F64:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return np.asarray(1000 * scene**1.2)
