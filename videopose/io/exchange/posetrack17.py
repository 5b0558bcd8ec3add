"""PoseTrack 2017 and HiEve: one JSON per sequence, `annolist` of frames, every number wrapped in a list.

A rectangle's x1 … y2 are the head box in PoseTrack's ground truth and the person's box in HiEve. Files of tens of
megabytes are common, so regular ones are read in columns by Arrow; whatever Arrow finds irregular is walked entry by
entry, which also words the errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from videopose.io.exchange import arrow_json
from videopose.io.exchange.cursor import Cursor, Json, read_json
from videopose.io.exchange.head import Head
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import Skeleton, make_skeleton, skeleton_named
from videopose.types import F64, I64, UNTRACKED


@dataclass(frozen=True)
class Layout:
    """What the numbers of an `annolist` file mean.

    Attributes:
        skeleton: of the table.
        keypoints_by_id: names of the ids 0, 1, 2 …
        box: column of the table that x1 … y2 are.
    """

    skeleton: Skeleton
    keypoints_by_id: tuple[str, ...]
    box: str

    @cached_property
    def column_of_id(self) -> I64:
        """Positions of the ids in the skeleton."""
        return np.array([self.skeleton.index_of(name) for name in self.keypoints_by_id])


KEYPOINTS_BY_ID = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "head_bottom", "nose", "head_top",
)  # fmt: skip
"""PoseTrack's ids 0 … 14; `head_bottom` is the neck of the 2017 papers."""

POSETRACK = Layout(skeleton_named("posetrack15"), KEYPOINTS_BY_ID, "head_xyxy")

_HIEVE_KEYPOINTS = (
    "nose", "thorax", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
)  # fmt: skip
HIEVE = Layout(
    make_skeleton(
        "hieve14",
        list(_HIEVE_KEYPOINTS),
        [("nose", "thorax")]
        + [
            (f"{side}_{a}", f"{side}_{b}")
            for side in ("left", "right")
            for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
        ],
    ),
    _HIEVE_KEYPOINTS,
    "xyxy",
)
"""Human in Events; its chest is our thorax (humaninevents.org/format.html, table 1)."""

_CORNERS = ("x1", "y1", "x2", "y2")
_OURS = np.array([-1, 1, 2])  # `is_visible` -1 (not given), 0 and 1 in the table's terms: not given, hidden, visible


def matches(head: Head) -> bool:
    """Check whether a file is an `annolist`, be it PoseTrack's or HiEve's, which cannot be told apart."""
    return head.mentions("annolist")


def read(path: Path, layout: Layout = POSETRACK) -> PoseTable:
    """Read a sequence.

    Rectangles without points are kept (`posed` is False), because a frame with any rectangle counts as annotated.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    try:
        return _from_columns(path, layout)
    except (pa.ArrowException, arrow_json.IrregularError, OSError):
        return from_json(read_json(path), layout)


def read_frames(path: Path) -> PoseTable:
    """Read a sequence whose frames need not have rectangles, as in test sets.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    return from_json(read_json(path), is_annotated=False)


def from_json(top: Cursor, layout: Layout = POSETRACK, *, is_annotated: bool = True) -> PoseTable:
    """Build the table from a parsed file, entry by entry.

    Args:
        top: of the file.
        layout: what its numbers mean.
        is_annotated: every frame must list rectangles; those of a test set need not.

    Raises:
        DatasetError: the file is not of this format; entry and key are named.
    """
    frames: list[FrameEntry] = []
    frame: list[int] = []
    track, posed, score, corners = [], [], [], []
    point_row: list[int] = []
    points: list[tuple[int, float, float, float, int]] = []
    for position, entry in enumerate(top.key("annolist").items()):
        frames.append(_frame(entry))
        rectangles = entry.key("annorect") if is_annotated else entry.get("annorect")
        for rectangle in () if rectangles is None else rectangles.items():
            drawn = _points_of(rectangle, layout)
            point_row += [len(frame)] * len(drawn or ())
            points += drawn or ()
            frame.append(position)
            posed.append(drawn is not None)
            track_id = rectangle.get("track_id")
            track.append(UNTRACKED if track_id is None or track_id.value == [] else track_id.single().integer())
            person = rectangle.get("score")
            score.append(np.nan if person is None or person.value == [] else person.single().number())
            listed = [rectangle.get(name) for name in _CORNERS]
            corners.append([np.nan if each is None else each.single().number() for each in listed])
    columns = np.array(points, np.float64).reshape(-1, 5)
    return _table(
        layout, top.file, frames, frame, np.array(point_row, np.int64), columns,
        track_id=track, posed=posed, score=score, **{layout.box: np.array(corners).reshape(-1, 4)},
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


def _points_of(rectangle: Cursor, layout: Layout) -> list[tuple[int, float, float, float, int]] | None:
    """Return (id, x, y, score, visibility) of every point, or None if the rectangle lists none."""
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
        if not 0 <= number < len(layout.keypoints_by_id):
            identity.fail(f"is {number}; keypoint ids go from 0 to {len(layout.keypoints_by_id) - 1}")
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


def _from_columns(path: Path, layout: Layout) -> PoseTable:
    entries = arrow_json.flat(arrow_json.read(path, "annolist"))
    rectangles, frame = arrow_json.children(entries, "annorect", required=True)
    wrapped, wrapped_of = arrow_json.children(rectangles, "annopoints")
    if len(np.unique(wrapped_of)) != len(wrapped_of):
        raise arrow_json.IrregularError
    points, drawn_of = arrow_json.children(wrapped, "point")
    posed = np.zeros(len(rectangles), bool)
    posed[wrapped_of[arrow_json.given(wrapped, "point")]] = True
    columns = np.stack(
        [
            arrow_json.single(points, "id"),
            arrow_json.single(points, "x"),
            arrow_json.single(points, "y"),
            arrow_json.single(points, "score", optional=True),
            arrow_json.single(points, "is_visible", optional=True, missing=-1),
        ],
        axis=1,
    )
    ids = columns[:, 0]
    if len(ids) and (ids.min() < 0 or ids.max() >= len(layout.keypoints_by_id) or (ids % 1).any()):
        raise arrow_json.IrregularError
    frames = _frames_from_columns(str(path), entries)
    track_id = arrow_json.single(rectangles, "track_id", optional=True, missing=UNTRACKED)
    if (track_id % 1).any() or (np.abs(track_id) > 2**52).any():
        raise arrow_json.IrregularError
    return _table(
        layout, str(path), frames, frame, wrapped_of[drawn_of], columns,
        track_id=track_id, posed=posed, score=arrow_json.single(rectangles, "score", optional=True),
        **{layout.box: np.stack([arrow_json.single(rectangles, name, optional=True) for name in _CORNERS], axis=1)},
    )  # fmt: skip


def _frames_from_columns(file: str, entries: pa.StructArray) -> list[FrameEntry]:
    names = [field.name for field in entries.type if field.name != "annorect"]
    if "ignore_regions" in names:
        rest = pa.StructArray.from_arrays([entries.field(name) for name in names], names)
        return [_frame(entry) for entry in Cursor(file, "annolist", rest.to_pylist()).items()]
    images, image_of = arrow_json.children(entries, "image")
    if not np.array_equal(image_of, np.arange(len(entries))) or not pa.types.is_string(
        arrow_json.field(images, "name").type
    ):
        raise arrow_json.IrregularError
    names = arrow_json.field(images, "name").to_pylist()
    number = arrow_json.single(entries, "imgnum", optional=True)
    labelled = arrow_json.single(entries, "is_labeled", optional=True)
    if None in names or (number % 1 > 0).any():
        raise arrow_json.IrregularError
    return [
        FrameEntry(
            name=name,
            number=None if np.isnan(count) else int(count),
            labelled=None if np.isnan(looked) else bool(looked),
        )
        for name, count, looked in zip(names, number, labelled, strict=True)
    ]


def _table(
    layout: Layout, file: str, frames: list[FrameEntry], frame: Json, row: I64, points: F64, **columns: Json
) -> PoseTable:
    n, k = len(frame), len(layout.skeleton)
    xy, score = np.full((n, k, 2), np.nan), np.full((n, k), np.nan)
    visibility = np.zeros((n, k), np.int64)
    column = layout.column_of_id[points[::-1, 0].astype(np.int64)]
    backwards = row[::-1]  # of two points with one id the first is meant; numpy keeps the last write
    xy[backwards, column] = points[::-1, 1:3]
    score[backwards, column] = points[::-1, 3]
    visibility[backwards, column] = _OURS[points[::-1, 4].clip(-1, 1).astype(np.int64) + 1]
    return make_table(
        Path(file).stem, layout.skeleton, frames, frame,
        xy=xy, keypoint_score=score, visibility=visibility, source=file, **columns,
    )  # fmt: skip


def to_json(table: PoseTable, layout: Layout = POSETRACK) -> Json:
    """Write a table of the layout's skeleton in this format; `read` gives it back.

    What the format cannot hold: areas, image sizes, frame times, and either person or head boxes.
    """
    annolist: list[Json] = []
    for position, frame in enumerate(table.frames):
        rows = range(*table.rows_of(position).indices(len(table)))
        entry: Json = {"image": [{"name": frame.name}], "annorect": [_rectangle(table, row, layout) for row in rows]}
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


def _rectangle(table: PoseTable, row: int, layout: Layout) -> Json:
    rectangle: Json = {}
    for name, value in zip(_CORNERS, getattr(table, layout.box)[row].tolist(), strict=True):
        if np.isfinite(value):
            rectangle[name] = [value]
    if table.track_id[row] != UNTRACKED:
        rectangle["track_id"] = [int(table.track_id[row])]
    if np.isfinite(table.score[row]):
        rectangle["score"] = [float(table.score[row])]
    rectangle["annopoints"] = []
    if table.posed[row]:
        rectangle["annopoints"] = [
            {"point": [_point(table, row, i, layout) for i in range(len(layout.keypoints_by_id))]}
        ]
        rectangle["annopoints"][0]["point"] = [each for each in rectangle["annopoints"][0]["point"] if each]
    return rectangle


def _point(table: PoseTable, row: int, number: int, layout: Layout) -> Json:
    column = layout.column_of_id[number]
    x, y = table.xy[row, column].tolist()
    if not np.isfinite(x):
        return None
    point: Json = {"id": [number], "x": [x], "y": [y]}
    if np.isfinite(table.keypoint_score[row, column]):
        point["score"] = [float(table.keypoint_score[row, column])]
    if table.visibility[row, column] >= 0:
        point["is_visible"] = [int(table.visibility[row, column] == 2)]
    return point
