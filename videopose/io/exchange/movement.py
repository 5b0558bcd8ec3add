"""The netCDF files of the package movement: its xarray dataset of poses, as `StoredResult.to_xarray` gives it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.head import Head
from videopose.io.exchange.individuals import individuals_of, table_of, written_by_path
from videopose.io.exchange.table import PoseTable
from videopose.io.result_dataset import pose_dataset
from videopose.optional import load_optional


def matches(head: Head) -> bool:
    """Check whether a file is netCDF, by its ending."""
    return head.suffix == ".nc"


def write(table: PoseTable, path: Path) -> None:
    """Write a dataset as netCDF 3, which needs no package but xarray.

    Raises:
        InputError: xarray is not installed.
        DatasetError: nobody has a track id.
    """
    people = individuals_of(table)
    time = np.arange(len(people.xy)) / people.rate
    dataset = pose_dataset(
        people.xy, people.keypoint_score, time, people.ids, table.skeleton.keypoints,
        rate=people.rate, source=people.video,
    )  # fmt: skip
    with written_by_path(path) as part:
        dataset.to_netcdf(part, engine="scipy")


def read(path: Path) -> PoseTable:
    """Read a dataset of poses, in netCDF 3.

    Raises:
        InputError: xarray is not installed.
        DatasetError: the file is damaged, or of another kind.
    """
    xarray = load_optional("xarray", "movement's files", "exports")
    try:
        dataset = xarray.load_dataset(path, engine="scipy")
        position = dataset["position"].transpose("time", "individuals", "keypoints", "space").sel(space=["x", "y"])
        confidence = dataset["confidence"].transpose("time", "individuals", "keypoints").to_numpy()
        names = [[str(each) for each in dataset.coords[axis].to_numpy()] for axis in ("keypoints", "individuals")]
        time = dataset.coords["time"].to_numpy().astype(np.float64)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, EOFError) as error:
        raise DatasetError(f"{path}: not a netCDF 3 file of poses ({' '.join(str(error).split())[:120]})") from error
    return table_of(path, names[0], names[1], position.to_numpy().astype(np.float64), confidence, time=time)
