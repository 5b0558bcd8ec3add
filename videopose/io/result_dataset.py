"""A result as an xarray dataset, laid out as the package movement has its poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from videopose.optional import load_optional
from videopose.types import F32, F64

Dataset = Any
"""An `xarray.Dataset`: an optional package, without types where it is not installed."""


def pose_dataset(
    xy: F32 | F64,
    confidence: F32 | F64,
    time: F64,
    ids: Sequence[int],
    keypoints: Sequence[str],
    *,
    rate: float,
    source: str,
) -> Dataset:  # fmt: skip
    """Build a dataset of `position` (time, space, keypoint, individual) and `confidence` (time, keypoint, individual).

    Args:
        xy: (F, P, K, 2) image pixels; NaN = absent.
        confidence: (F, P, K) scores.
        time: (F,) seconds.
        ids: P track ids; individual 3 is called `id3`.
        keypoints: K names.
        rate: frames per second.
        source: the file it comes from.

    Raises:
        InputError: xarray is not installed.
    """
    xarray = load_optional("xarray", "to_xarray", "exports")
    individuals = [f"id{each}" for each in ids]
    coords = {"time": time, "space": ["x", "y"], "keypoints": list(keypoints), "individuals": individuals}
    order = ("time", "space", "keypoints", "individuals")
    scores = np.transpose(confidence, (0, 2, 1)).astype(np.float64)
    return xarray.Dataset(
        {
            "position": (order, np.transpose(xy, (0, 3, 2, 1)).astype(np.float64)),
            "confidence": (("time", "keypoints", "individuals"), scores),
        },
        coords=coords,
        attrs={"ds_type": "poses", "fps": rate, "time_unit": "seconds", "source_software": "videopose",
               "source_file": source},
    )  # fmt: skip
