"""The table of codecs. A codec turns keypoints into training targets and network output back, in one object."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np

from videopose.errors import UnknownNameError, nearest_name
from videopose.geometry.affine import scaling
from videopose.types import F64

if TYPE_CHECKING:
    from videopose.codecs.base import Codec

CODECS: dict[str, tuple[str, str]] = {
    "msra": ("msra", "MSRACodec"),
    "msra8": ("msra", "coarse_msra"),
    "dark": ("dark", "DarkCodec"),
    "udp": ("udp", "UDPCodec"),
    "megvii": ("megvii", "MegviiCodec"),
    "simcc": ("simcc", "SimCCCodec"),
    "regression": ("regression", "RegressionCodec"),
    "spatial": ("spatial", "SpatialCodec"),
}
"""Name -> file in this folder and class or function in it."""


def create_codec(name: str, input_hw: tuple[int, int]) -> Codec:
    """Make the codec weights or a config name, for crops of a size.

    Raises:
        UnknownNameError: there is no such codec.
    """
    module, member = _entry(name)
    codec: Codec = getattr(importlib.import_module(f"videopose.codecs.{module}"), member)(input_hw)
    return codec


def crop_alignment(name: str, input_hw: tuple[int, int]) -> F64:
    """Return the (3, 3) transform from plain crop pixels to those the codec's networks were trained on.

    Compose it as `crop_alignment(...) @ crop_from_box(...)`. It is the identity except for UDP, which counts the
    intervals between pixel centres instead of pixels, so that its crops are smaller by (size - 1) / size.

    Raises:
        UnknownNameError: there is no such codec.

    Source:
        Huang et al., The Devil Is in the Details: Delving Into Unbiased Data Processing, CVPR 2020, section 3.2.
    """
    _entry(name)
    if name != "udp":
        return np.eye(3)
    height, width = input_hw
    return scaling((width - 1) / width, (height - 1) / height)


def _entry(name: str) -> tuple[str, str]:
    if name not in CODECS:
        raise UnknownNameError(f"no codec is named {name!r}. {nearest_name(name, CODECS)}")
    return CODECS[name]
