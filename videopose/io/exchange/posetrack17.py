"""PoseTrack 2017: one JSON per sequence, `annolist` of frames, every number wrapped in a list.

The same rectangle fields carry the head box in ground truth. Files of tens of megabytes are common, so regular ones are
read in columns by Arrow; whatever Arrow finds irregular is walked entry by entry, which also words the errors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from videopose.io.exchange.cursor import Cursor, Json, read_json
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import skeleton_named
from videopose.types import F64, I64, UNTRACKED

SKELETON = skeleton_named("posetrack15")

KEYPOINTS_BY_ID = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "head_bottom", "nose", "head_top",
)  # fmt: skip
"""The format's ids 0 … 14; `head_bottom` is the neck of the 2017 papers."""

_COLUMN_OF_ID = np.array([SKELETON.index_of(name) for name in KEYPOINTS_BY_ID])
_HEAD = ("x1", "y1", "x2", "y2")


class _IrregularError(Exception):
    """The columns do not have the plain shape; walk the file instead."""


def read(path: Path) -> PoseTable:
    """Read a sequence.

    Rectangles without points are kept (`posed` is False), because a frame with any rectangle counts as annotated.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    try:
        return _from_columns(path)
    except (pa.ArrowException, _IrregularError, OSError):
        return from_json(read_json(path))


def from_json(top: Cursor) -> PoseTable:
    """Build the table from a parsed file, entry by entry.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    frames: list[FrameEntry] = []
    frame: list[int] = []
    track, posed, score, head = [], [], [], []
    point_row: list[int] = []
    points: list[tuple[int, float, float, float, int]] = []
    for position, entry in enumerate(top.key("annolist").items()):
        frames.append(_frame(entry))
        for rectangle in entry.key("annorect").items():
            drawn = _points_of(rectangle)
            point_row += [len(frame)] * len(drawn or ())
            points += drawn or ()
            frame.append(position)
            posed.append(drawn is not None)
            track_id = rectangle.get("track_id")
            track.append(UNTRACKED if track_id is None or track_id.value == [] else track_id.single().integer())
            person = rectangle.get("score")
            score.append(np.nan if person is None or person.value == [] else person.single().number())
            corners = [rectangle.get(name) for name in _HEAD]
            head.append([np.nan if corner is None else corner.single().number() for corner in corners])
    columns = np.array(points, np.float64).reshape(-1, 5)
    return _table(
        top.file, frames, frame, np.array(point_row, np.int64), columns,
        track_id=track, posed=posed, score=score, head_xyxy=np.array(head).reshape(-1, 4),
    )  # fmt: skip


def _frame(entry: Cursor) -> FrameEntry:
    image = entry.get("image")
    name = image.single().key("name").text() if image is not None else ""
    number, labelled = entry.get("imgnum"), entry.get("is_labeled")
    return FrameEntry(
        name=name,
        number=number.single().integer() if number is not None and number.value != [] else None,
        labelled=bool(labelled.single().integer()) if labelled is not None and labelled.value != [] else None,
        ignore_regions=_regions(entry.get("ignore_regions")),
    )


def _regions(entry: Cursor | None) -> tuple[tuple[tuple[float, float], ...], ...]:
    if entry is None:
        return ()
    return tuple(
        tuple(
            (point.key("x").single().number(), point.key("y").single().number())
            for point in region.key("point").items()
        )
        for region in entry.items()
    )


def _points_of(rectangle: Cursor) -> list[tuple[int, float, float, float, int]] | None:
    """Give (id, x, y, score, visibility) of every point, or None if the rectangle lists none."""
    wrapped = rectangle.get("annopoints")
    if wrapped is None or wrapped.value == []:
        return None
    listed = next(iter(wrapped.items())).get("point")
    if listed is None:
        return None
    rows = []
    for point in listed.items():
        identity = point.key("id").single()
        number = identity.integer()
        if not 0 <= number < len(KEYPOINTS_BY_ID):
            identity.fail(f"is {number}; keypoint ids go from 0 to {len(KEYPOINTS_BY_ID) - 1}")
        score, visible = point.get("score"), point.get("is_visible")
        rows.append(
            (
                number,
                point.key("x").single().number(),
                point.key("y").single().number(),
                np.nan if score is None else score.single().number(),
                -1 if visible is None or visible.value == [] else visible.single().integer(),
            )
        )
    return rows


def _from_columns(path: Path) -> PoseTable:
    size = path.stat().st_size
    options = pa_json.ReadOptions(use_threads=False, block_size=max(size + 1, 1 << 16))
    whole = pa_json.read_json(path, read_options=options)
    if whole.num_rows != 1 or "annolist" not in whole.column_names:
        raise _IrregularError
    entries = _flat(whole["annolist"].combine_chunks())
    rectangles, frame = _children(entries, "annorect", required=True)
    wrapped, wrapped_of = _children(rectangles, "annopoints")
    if len(np.unique(wrapped_of)) != len(wrapped_of):
        raise _IrregularError
    points, drawn_of = _children(wrapped, "point")
    posed = np.zeros(len(rectangles), bool)
    posed[wrapped_of[_given(wrapped, "point")]] = True
    columns = np.stack(
        [
            _single(points, "id"),
            _single(points, "x"),
            _single(points, "y"),
            _single(points, "score", optional=True),
            _single(points, "is_visible", optional=True, missing=-1),
        ],
        axis=1,
    )
    ids = columns[:, 0]
    if len(ids) and (ids.min() < 0 or ids.max() >= len(KEYPOINTS_BY_ID) or (ids % 1).any()):
        raise _IrregularError
    frames = _frames_from_columns(str(path), entries)
    track_id = _single(rectangles, "track_id", optional=True, missing=UNTRACKED)
    if (track_id % 1).any() or (np.abs(track_id) > 2**52).any():
        raise _IrregularError
    return _table(
        str(path), frames, frame, wrapped_of[drawn_of], columns,
        track_id=track_id, posed=posed, score=_single(rectangles, "score", optional=True),
        head_xyxy=np.stack([_single(rectangles, name, optional=True) for name in _HEAD], axis=1),
    )  # fmt: skip


def _frames_from_columns(file: str, entries: pa.StructArray) -> list[FrameEntry]:
    names = [field.name for field in entries.type if field.name != "annorect"]
    if "ignore_regions" in names:
        rest = pa.StructArray.from_arrays([entries.field(name) for name in names], names)
        return [_frame(entry) for entry in Cursor(file, "annolist", rest.to_pylist()).items()]
    images, image_of = _children(entries, "image")
    if not np.array_equal(image_of, np.arange(len(entries))) or not pa.types.is_string(_field(images, "name").type):
        raise _IrregularError
    names = _field(images, "name").to_pylist()
    number = _single(entries, "imgnum", optional=True)
    labelled = _single(entries, "is_labeled", optional=True)
    if None in names or (number % 1 > 0).any():
        raise _IrregularError
    return [
        FrameEntry(
            name=name,
            number=None if np.isnan(count) else int(count),
            labelled=None if np.isnan(looked) else bool(looked),
        )
        for name, count, looked in zip(names, number, labelled, strict=True)
    ]


def _flat(array: pa.Array) -> pa.Array:
    if not pa.types.is_list(array.type) or not pa.types.is_struct(array.type.value_type) or array.null_count:
        raise _IrregularError
    flat = array.flatten()
    if flat.null_count:
        raise _IrregularError
    return flat


def _field(parent: pa.StructArray, name: str) -> pa.Array:
    if not pa.types.is_struct(parent.type) or parent.type.get_field_index(name) < 0:
        raise _IrregularError
    return parent.field(name)


def _given(parent: pa.StructArray, name: str) -> I64:
    if parent.type.get_field_index(name) < 0:
        return np.zeros(0, np.int64)
    return np.flatnonzero(parent.field(name).is_valid().to_numpy(zero_copy_only=False))


def _children(parent: pa.StructArray, name: str, *, required: bool = False) -> tuple[pa.Array, I64]:
    """Give the entries of a list field of every row, flat, and the row each belongs to."""
    column = _field(parent, name)
    if not pa.types.is_list(column.type) or not pa.types.is_struct(column.type.value_type):
        raise _IrregularError
    if required and column.null_count:
        raise _IrregularError
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    flat = column.flatten()
    if flat.null_count:
        raise _IrregularError
    return flat, np.repeat(np.arange(len(lengths)), lengths)


def _single(parent: pa.StructArray, name: str, *, optional: bool = False, missing: float = np.nan) -> F64:
    """Give a number per row out of a field that wraps each in a list of one."""
    if optional and (len(parent) == 0 or parent.type.get_field_index(name) < 0):
        return np.full(len(parent), missing)
    column = _field(parent, name)
    if not pa.types.is_list(column.type) or not (
        pa.types.is_integer(column.type.value_type) or pa.types.is_floating(column.type.value_type)
    ):
        raise _IrregularError
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    values = column.flatten()
    lengths = pc.list_value_length(column).drop_null().to_numpy(zero_copy_only=False)
    if values.null_count or (lengths != 1).any() or not (optional or valid.all()):
        raise _IrregularError
    out = np.full(len(parent), missing, np.float64)
    out[valid] = values.to_numpy(zero_copy_only=False)
    if not np.isfinite(out[valid]).all():
        raise _IrregularError
    return out


def _table(file: str, frames: list[FrameEntry], frame: Json, row: I64, points: F64, **columns: Json) -> PoseTable:
    n, k = len(frame), len(SKELETON)
    xy, score = np.full((n, k, 2), np.nan), np.full((n, k), np.nan)
    visibility = np.zeros((n, k), np.int64)
    column = _COLUMN_OF_ID[points[::-1, 0].astype(np.int64)]
    backwards = row[::-1]  # of two points with one id the first is meant; numpy keeps the last write
    xy[backwards, column] = points[::-1, 1:3]
    score[backwards, column] = points[::-1, 3]
    visibility[backwards, column] = points[::-1, 4].astype(np.int64)
    return make_table(
        Path(file).stem, SKELETON, frames, frame,
        xy=xy, keypoint_score=score, visibility=visibility, source=file, **columns,
    )  # fmt: skip


def to_json(table: PoseTable) -> Json:
    """Write a table whose skeleton is `posetrack15` in this format; `read` gives it back.

    What the format cannot hold: person boxes, areas, image sizes and frame times.
    """
    annolist: list[Json] = []
    for position, frame in enumerate(table.frames):
        rows = range(*table.rows_of(position).indices(len(table)))
        entry: Json = {"image": [{"name": frame.name}], "annorect": [_rectangle(table, row) for row in rows]}
        if frame.number is not None:
            entry["imgnum"] = [frame.number]
        if frame.labelled is not None:
            entry["is_labeled"] = [int(frame.labelled)]
        if frame.ignore_regions:
            entry["ignore_regions"] = [
                {"point": [{"x": [x], "y": [y]} for x, y in region]} for region in frame.ignore_regions
            ]
        annolist.append(entry)
    return {"annolist": annolist}


def _rectangle(table: PoseTable, row: int) -> Json:
    rectangle: Json = {}
    for name, value in zip(_HEAD, table.head_xyxy[row].tolist(), strict=True):
        if np.isfinite(value):
            rectangle[name] = [value]
    if table.track_id[row] != UNTRACKED:
        rectangle["track_id"] = [int(table.track_id[row])]
    if np.isfinite(table.score[row]):
        rectangle["score"] = [float(table.score[row])]
    rectangle["annopoints"] = []
    if table.posed[row]:
        rectangle["annopoints"] = [{"point": [_point(table, row, i) for i in range(len(KEYPOINTS_BY_ID))]}]
        rectangle["annopoints"][0]["point"] = [each for each in rectangle["annopoints"][0]["point"] if each]
    return rectangle


def _point(table: PoseTable, row: int, number: int) -> Json:
    column = _COLUMN_OF_ID[number]
    x, y = table.xy[row, column].tolist()
    if not np.isfinite(x):
        return None
    point: Json = {"id": [number], "x": [x], "y": [y]}
    if np.isfinite(table.keypoint_score[row, column]):
        point["score"] = [float(table.keypoint_score[row, column])]
    if table.visibility[row, column] >= 0:
        point["is_visible"] = [int(table.visibility[row, column])]
    return point
