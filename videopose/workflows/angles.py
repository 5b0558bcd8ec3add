"""Joint and segment angles of a result: from keypoints to a table, with what it was made from above it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from pydantic import Field

from videopose import __version__
from videopose.config import Options
from videopose.errors import InputError
from videopose.geometry.joint_angles import ANGLES, Facing, angle_of, facing_of, measured_angles, speeds, with_middles
from videopose.geometry.limbs import height_in_pixels, impossible_points, limb_lengths, summarise
from videopose.io.result import JsonObject, atomic_write
from videopose.io.result_arrays import ResultArrays
from videopose.io.results import StoredResult
from videopose.types import F64, FILLED, I64

SUFFIXES = (".csv", ".parquet", ".mot")
_DECIMALS = 3


class AngleOptions(Options):
    """Which keypoints count, and how a person stands to the camera."""

    min_score: float = Field(default=0.3, ge=0, le=1, description="keypoints with a lower score give no angles")
    keep_filled: bool = Field(default=False, description="use keypoints that were filled in, not seen")
    keep_impossible: bool = Field(
        default=False, description="use keypoints that make a limb too long, or jump in length"
    )
    max_stretch: float = Field(default=1.3, gt=1, description="ratio of a limb's lengths above which a pose cannot be")
    facing: Literal["auto", "right", "left", "front", "back"] = Field(
        default="auto", description="where people look in the image; auto goes by how their knees bend"
    )
    heights: dict[int, float] = Field(
        default={}, description="known heights in metres by id; id -1 stands for everybody"
    )
    pixels_per_metre: float | None = Field(default=None, gt=0, description="of a calibration segment in the image")


@dataclass(frozen=True, eq=False)
class PersonAngles:
    """The angles of one person.

    Attributes:
        track_id: of the person.
        rows: (T,) rows of the result's frames from the first to the last the person is in.
        facing: where the person looks.
        degrees: (T,) each, by the angle's name; NaN where it is not known.
        speeds: (T,) each, degrees per second.
        speed: (T,) of the middle of the hips, pixels or metres per second.
        metres_per_pixel: None if nothing is known of it.
        facts: what was measured of the person as a whole, for the header.
    """

    track_id: int
    rows: I64
    facing: Facing
    degrees: dict[str, F64]
    speeds: dict[str, F64]
    speed: F64
    metres_per_pixel: float | None
    facts: JsonObject


def measure_angles(stored: StoredResult, options: AngleOptions | None = None) -> list[PersonAngles]:
    """Measure everybody's angles in every frame.

    Args:
        stored: a result with tracked people.
        options: which keypoints count.

    Raises:
        InputError: nobody is tracked, the skeleton gives no angle, or a height is asked for of somebody without legs.
    """
    chosen = options or AngleOptions()
    names = stored.header.skeleton.keypoints
    if not measured_angles(names):
        raise InputError(f"{stored.path}: keypoints {', '.join(names) or 'none'} give no angle")
    arrays = stored.to_arrays()
    if not len(arrays.track_id):
        raise InputError(f"{stored.path}: nobody is tracked. Run videopose track on it first")
    unknown = sorted(set(chosen.heights) - {-1, *arrays.track_id.tolist()})
    if unknown:
        known = ", ".join(map(str, arrays.track_id.tolist()))
        raise InputError(f"{stored.path}: nobody has the id {unknown[0]} whose height is given. Known: {known}")
    return [_person(arrays, column, names, chosen) for column in range(len(arrays.track_id))]


def check_ids(stored: StoredResult, people: list[PersonAngles], ids: Sequence[int]) -> list[PersonAngles]:
    """Choose people by id; everybody if none is given.

    Raises:
        InputError: nobody has such an id.
    """
    by_id = {person.track_id: person for person in people}
    for each in ids:
        if each not in by_id:
            raise InputError(f"{stored.path}: nobody has the id {each}. Known: {', '.join(map(str, by_id))}")
    return [by_id[each] for each in ids] or people


def _person(arrays: ResultArrays, column: int, names: tuple[str, ...], options: AngleOptions) -> PersonAngles:
    seen = np.flatnonzero(np.isfinite(arrays.score[:, column]))
    rows = np.arange(seen[0], seen[-1] + 1)
    time = arrays.time[rows]
    points, counts = _trusted(arrays, column, rows, names, options)
    middles = with_middles(points)
    facing = facing_of(middles) if options.facing == "auto" else options.facing
    degrees = {name: angle_of(name, middles, facing) for name in measured_angles(names)}
    rates = {
        name: speeds(each, time, turn=180.0 if ANGLES[name].half_turn else 360.0) for name, each in degrees.items()
    }
    track_id = int(arrays.track_id[column])
    scale, said = _scale(track_id, points, options)
    hips = middles.get("mid_hip", np.full((len(rows), 2), np.nan)) * (scale or 1.0)
    speed = np.hypot(speeds(hips[:, 0], time, turn=None), speeds(hips[:, 1], time, turn=None))
    facts: JsonObject = {
        "facing": facing, "frames": len(seen), **counts, **said,
        "ranges": {name: _range(each) for name, each in degrees.items() if np.isfinite(each).any()},
        "limbs": _limbs(points, scale),
    }  # fmt: skip
    return PersonAngles(track_id, rows, facing, degrees, rates, speed, scale, facts)


def _trusted(
    arrays: ResultArrays, column: int, rows: I64, names: tuple[str, ...], options: AngleOptions
) -> tuple[dict[str, F64], JsonObject]:
    """Return (T, 2) points by name, NaN where they do not count, and how many do not and why."""
    keypoints = arrays.keypoints[rows, column].astype(np.float64)
    present = np.isfinite(keypoints[..., 0])
    doubtful = present & (keypoints[..., 2] < options.min_score)
    filled = present & (arrays.source[rows, column] == FILLED) & (not options.keep_filled)
    xy = np.where((doubtful | filled)[..., None], np.nan, keypoints[..., :2])
    points = {name: xy[:, position] for position, name in enumerate(names)}
    impossible = 0
    if not options.keep_impossible:
        wrong = impossible_points(points, arrays.time[rows], options.max_stretch)
        impossible = int(sum(each.sum() for each in wrong.values()))
        points = {name: np.where(wrong[name][:, None], np.nan, each) for name, each in points.items()}
    left_out = {"doubtful": int(doubtful.sum()), "filled": int((filled & ~doubtful).sum()), "impossible": impossible}
    return points, {"keypoints_left_out": left_out}


def _scale(track_id: int, points: dict[str, F64], options: AngleOptions) -> tuple[float | None, JsonObject]:
    height = options.heights.get(track_id, options.heights.get(-1))
    if height is not None:
        tall = height_in_pixels(points)
        return height / tall, {
            "metres_per_pixel": round(height / tall, 9),
            "height": height,
            "height_pixels": round(tall, 2),
        }
    if options.pixels_per_metre is not None:
        return 1 / options.pixels_per_metre, {"metres_per_pixel": round(1 / options.pixels_per_metre, 9)}
    return None, {"metres_per_pixel": None}


def _range(degrees: F64) -> JsonObject:
    low, high = float(np.nanmin(degrees)), float(np.nanmax(degrees))
    return {"least": round(low, 1), "most": round(high, 1), "range": round(high - low, 1)}


def _limbs(points: dict[str, F64], scale: float | None) -> JsonObject:
    """Describe how long each limb is, and how much its length varies over the track."""
    out: JsonObject = {}
    for limb, lengths in limb_lengths(points).items():
        found = summarise(lengths)
        if found.frames:
            unit, decimals = (1.0, 2) if scale is None else (scale, 4)
            out[limb] = {
                "median": round(found.median * unit, decimals), "full": round(found.full * unit, decimals),
                "spread": round(found.spread, 3), "frames": found.frames,
            }  # fmt: skip
    return out


def angle_table(arrays: ResultArrays, people: list[PersonAngles]) -> pa.Table:
    """Build a table, a row per frame and person in order of frames.

    Columns: `frame`, `time` (seconds), `track_id`, the angles (degrees), their speeds (`<angle>_speed`, degrees per
    second) and `hips_speed`, that of the hips' middle; null where not known.

    Args:
        arrays: of the result.
        people: measured in it.
    """
    rows = np.concatenate([person.rows for person in people])
    ids = np.concatenate([np.full(len(person.rows), person.track_id) for person in people])
    order = np.lexsort((ids, rows))

    def column(parts: list[F64]) -> pa.Array:
        values = np.concatenate(parts)[order].round(_DECIMALS) + 0.0
        return pa.array(values, mask=~np.isfinite(values))

    names = list(people[0].degrees)
    columns = {
        "frame": pa.array(arrays.index[rows][order]),
        "time": pa.array(arrays.time[rows][order]),
        "track_id": pa.array(ids[order]),
        **{name: column([person.degrees[name] for person in people]) for name in names},
        **{f"{name}_speed": column([person.speeds[name] for person in people]) for name in names},
        "hips_speed": column([person.speed for person in people]),
    }
    return pa.table(columns)


def angle_header(stored: StoredResult, options: AngleOptions, people: list[PersonAngles]) -> JsonObject:
    """Return what stands above the table: units, definitions, what was left out, and each person's facts."""
    scaled = any(person.metres_per_pixel is not None for person in people)
    return {
        "schema": "videopose-angles/1",
        "version": __version__,
        "result": str(stored.path),
        "video": stored.header.video.path,
        "units": {"angles": "degrees", "speeds": "degrees per second", "hips_speed": "m/s" if scaled else "pixels/s",
                  "limbs": "m" if scaled else "pixels"},
        "definitions": "Sports2D: flexion positive, segments anticlockwise from the horizontal, in the image plane",
        "options": options.model_dump(mode="json"),
        "people": {str(person.track_id): person.facts for person in people},
    }  # fmt: skip


def write_angles(path: Path, table: pa.Table, header: Mapping[str, object]) -> None:
    """Write angles as CSV, Parquet or OpenSim's motion file; the header stands where results have theirs.

    Raises:
        InputError: the suffix names no format, or a motion file is asked for several people.
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: angles are written as {', '.join(SUFFIXES)}, by the suffix; choose one of them")
    if suffix == ".mot":
        motion = _motion(path, table)
    with atomic_write(path) as file:
        if suffix == ".mot":
            file.write(motion)
        elif suffix == ".parquet":
            pq.write_table(table.replace_schema_metadata({b"videopose": text.encode()}), file, compression="zstd")
        else:
            file.write(f"# {text}\n{','.join(table.column_names)}\n".encode())
            pa_csv.write_csv(table, file, pa_csv.WriteOptions(include_header=False, quoting_style="none"))


def _motion(path: Path, table: pa.Table) -> bytes:
    """Write one person's angles as OpenSim reads them, as Sports2D lays them out; `nan` where not known."""
    ids = sorted(set(table["track_id"].to_pylist()))
    if len(ids) != 1:
        raise InputError(f"{path}: a motion file is of one person; choose one of {', '.join(map(str, ids))} with --id")
    names = [name for name in table.column_names if name in ANGLES]
    columns = [table["time"].to_numpy(), *(table[name].to_numpy() for name in names)]
    rows = ["\t".join(f"{value:.6g}" if place else f"{value:.6f}" for place, value in enumerate(row))
            for row in zip(*columns, strict=True)]  # fmt: skip
    head = ["Coordinates", "version=1", f"nRows={len(rows)}", f"nColumns={len(columns)}", "inDegrees=yes", "",
            "Units are S.I. units (second, meters, Newtons, ...)", "endheader",
            "\t".join(["time", *names])]  # fmt: skip
    return ("\n".join([*head, *rows]) + "\n").encode()
