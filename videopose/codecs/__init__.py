"""The table of codecs. A codec turns keypoints into training targets and network output back, in one object."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from videopose.errors import UnknownNameError, nearest_name

if TYPE_CHECKING:
    from videopose.codecs.base import Codec

CODECS: dict[str, tuple[str, str]] = {
    "msra": ("msra", "MSRACodec"),
    "msra8": ("msra", "coarse_msra"),
    "dark": ("dark", "DarkCodec"),
    "dark3": ("dark", "fine_dark"),
    "dark3_absent": ("dark", "fine_dark_with_absent"),
    "udp": ("udp", "UDPCodec"),
    "megvii": ("megvii", "MegviiCodec"),
    "simcc": ("simcc", "SimCCCodec"),
    "regression": ("regression", "RegressionCodec"),
    "spatial": ("spatial", "SpatialCodec"),
    "spatial_absent": ("spatial", "spatial_with_absent"),
}
"""Name -> file in this folder and class or function in it."""


def create_codec(name: str, input_hw: tuple[int, int]) -> Codec:
    """Build the codec that weights or a config name, for crops of a size.

    Raises:
        UnknownNameError: there is no such codec.
    """
    if name not in CODECS:
        raise UnknownNameError(f"no codec is named {name!r}. {nearest_name(name, CODECS)}")
    module, member = CODECS[name]
    codec: Codec = getattr(importlib.import_module(f"videopose.codecs.{module}"), member)(input_hw)
    return codec
