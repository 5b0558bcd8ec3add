"""Markers as motion capture has them: OpenSim's TRC (as Sports2D lays it out) and C3D. x to the right, y up, z 0.

Coordinates are metres where it is known how many metres a pixel is (`PoseTable.metres_per_pixel`), else pixels. One
person's markers are called as the keypoints; with several, `id3_left_knee`.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from videopose.errors import DatasetError, InputError
from videopose.io.exchange.head import Head
from videopose.io.exchange.individuals import Individuals, individuals_of, table_of, written_by_path
from videopose.io.exchange.table import PoseTable
from videopose.io.result import atomic_write
from videopose.optional import load_optional
from videopose.types import F64

_PIXELS = "px"
_MOST_C3D_FRAMES = 65_535


def matches_trc(head: Head) -> bool:
    """Check whether a file is a table of markers."""
    return head.suffix == ".trc"


def matches_c3d(head: Head) -> bool:
    """Check whether a file is C3D, by its ending."""
    return head.suffix == ".c3d"


def _markers(table: PoseTable, people: Individuals) -> tuple[list[str], F64, str]:
    """Return names of markers, (F, markers, 2) places with y up, and their unit."""
    keypoints = table.skeleton.keypoints
    names = list(keypoints) if len(people.ids) == 1 else [f"id{who}_{name}" for who in people.ids for name in keypoints]
    scale = table.metres_per_pixel or 1.0
    xy = people.xy.reshape(len(people.xy), -1, 2) * [scale, -scale]
    return names, xy + 0.0, _PIXELS if table.metres_per_pixel is None else "m"


def write_trc(table: PoseTable, path: Path) -> None:
    """Write a TRC file; cells of absent keypoints are empty.

    Raises:
        DatasetError: nobody has a track id.
    """
    people = individuals_of(table)
    names, xy, unit = _markers(table, people)
    frames, rate = len(xy), f"{people.rate:g}"
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{'id' + str(people.ids[0]) if len(people.ids) == 1 else table.name}.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "\t".join([rate, rate, str(frames), str(len(names)), unit, rate, "0", str(frames)]),
        "Frame#\tTime\t" + "".join(f"{name}\t\t\t" for name in names),
        "\t\t" + "\t".join(f"X{number}\tY{number}\tZ{number}" for number in range(1, len(names) + 1)),
    ]
    for frame, row in enumerate(xy.tolist()):
        cells = (f"{x!r}\t{y!r}\t0.0" if x == x else "\t\t" for x, y in row)
        lines.append(f"{frame}\t{frame / people.rate:.6f}\t" + "\t".join(cells))
    with atomic_write(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def read_trc(path: Path) -> PoseTable:
    """Read a TRC file whose markers are in pixels.

    Raises:
        DatasetError: the file is damaged; the line is named.
        InputError: its markers are in metres, so that nobody knows where in an image they are.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    if len(lines) < 5 or not lines[0].startswith("PathFileType"):
        raise DatasetError(f"{path}: not a TRC file: its first line does not begin with PathFileType")
    facts = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    _check_unit(path, facts.get("Units", "?"))
    names = [name for name in lines[3].split("\t")[2:] if name]
    body = [line for line in lines[5:] if line.strip()]
    xy, time = np.full((len(body), len(names), 2), np.nan), np.zeros(len(body))
    for row, line in enumerate(body):
        cells = line.split("\t")
        try:
            time[row] = float(cells[1])
            values = [float(cell) if cell.strip() else np.nan for cell in cells[2 : 2 + 3 * len(names)]]
            xy[row] = np.array(values).reshape(len(names), 3)[:, :2]
        except (ValueError, IndexError) as error:
            raise DatasetError(
                f"{path}: line {row + 6} is not three numbers for each of {len(names)} markers"
            ) from error
    alone = re.search(r"id(\d{1,9})\.trc$", lines[0])
    return _table(path, names, xy * [1, -1], time, alone=alone[1] if alone else "1")


def _check_unit(path: Path, unit: str) -> None:
    if unit.strip() != _PIXELS:
        raise InputError(
            f"{path}: its markers are in {unit}, not in pixels of an image; convert the result it is made from"
        )


def _table(path: Path, names: list[str], xy: F64, time: F64, *, alone: str = "1") -> PoseTable:
    found = [re.fullmatch(r"id(\d{1,9})_(.+)", name) for name in names]
    labels = [(each[1], each[2]) if each else (alone, name) for each, name in zip(found, names, strict=True)]
    people, keypoints = (list(dict.fromkeys(label[level] for label in labels)) for level in (0, 1))
    out = np.full((len(xy), len(people), len(keypoints), 2), np.nan)
    for marker, (who, name) in enumerate(labels):
        out[:, people.index(who), keypoints.index(name)] = xy[:, marker]
    return table_of(path, keypoints, people, out, np.full(out.shape[:3], np.nan), time=time)


def write_c3d(table: PoseTable, path: Path) -> None:
    """Write a C3D file; absent keypoints have the residual -1, by which C3D says so.

    Raises:
        InputError: the package c3d is not installed, or there are more frames than C3D can number.
        DatasetError: nobody has a track id.
    """
    c3d = load_optional("c3d", "C3D files", "exports")
    people = individuals_of(table)
    names, xy, unit = _markers(table, people)
    if len(xy) > _MOST_C3D_FRAMES:
        raise InputError(f"{path}: C3D numbers {_MOST_C3D_FRAMES} frames at most, not {len(xy)}; write trc")
    writer = c3d.Writer(point_rate=people.rate, analog_rate=0, point_units=unit)
    writer.set_point_labels(names)
    here = np.asarray(np.isfinite(xy).all(axis=2))
    points = np.zeros((len(xy), len(names), 5), np.float32)
    points[..., :2] = np.where(here[..., None], xy, 0)
    points[..., 3] = np.where(here, 0, -1)
    writer.add_frames([(each, np.zeros((0, 0))) for each in points])
    with written_by_path(path) as part, part.open("wb") as file:
        writer.write(file)


def read_c3d(path: Path) -> PoseTable:
    """Read a C3D file whose markers are in pixels.

    Raises:
        InputError: the package c3d is not installed, or its markers are in another unit.
        DatasetError: the file is damaged.
    """
    c3d = load_optional("c3d", "C3D files", "exports")
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there is nothing but markers
            reader = c3d.Reader(file)
            unit = _text(reader.get("POINT:UNITS"))
            names = [str(label).strip() for label in reader.point_labels]
            rate = float(reader.point_rate)
            rows = [points for _, points, _ in reader.read_frames()]
    except (OSError, ValueError, KeyError, AttributeError, AssertionError, IndexError, TypeError) as error:
        raise DatasetError(f"{path}: not a C3D file, or damaged ({' '.join(str(error).split())[:120]})") from error
    _check_unit(path, unit)
    points = np.array(rows, np.float64).reshape(len(rows), len(names), 5)
    xy = np.where(points[..., 3:4] >= 0, points[..., :2] * [1, -1], np.nan)
    return _table(path, names, xy, np.arange(len(rows)) / rate)


def _text(parameter: Any) -> str:  # Any: a parameter of the package c3d
    return "?" if parameter is None else str(parameter.string_value).strip()
