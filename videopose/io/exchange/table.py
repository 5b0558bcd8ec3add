"""`PoseTable`: the people of one sequence or image set, annotated or predicted, as flat columns.

Every exchange format is read into this table and written from it, and every scoring protocol reads it. A value that a
file does not give is NaN (or -1 for ids), never a made-up one. Coordinates are those of the files: image pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from videopose.errors import InputError, check_shape
from videopose.io.result import ResultHeader
from videopose.skeletons import Skeleton
from videopose.types import F64, I64, SEEN, U8, UNTRACKED, Bool


@dataclass(frozen=True, slots=True)
class FrameEntry:
    """One image of a sequence, as its file names it.

    Attributes:
        name: the image's file name, "" if the format has none.
        number: the image's id or frame number in the file, None if it has none.
        size_hw: (height, width) in pixels, None if unknown.
        labelled: whether a person looked at it; None if the file does not say.
        time: seconds, None if unknown.
        ignore_regions: polygons, each (V, 2) as a tuple of (x, y), whose inside does not count.
        crowd_index: CrowdPose's measure of crowding in [0, 1], None if unknown.
    """

    name: str = ""
    number: int | None = None
    size_hw: tuple[int, int] | None = None
    labelled: bool | None = None
    time: float | None = None
    ignore_regions: tuple[tuple[tuple[float, float], ...], ...] = ()
    crowd_index: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PoseTable:
    """People of one sequence (or of one set of unrelated images), one row each.

    Attributes:
        name: of the sequence, as in the file's name.
        skeleton: whose K keypoints these are.
        frames: F images, in the order of the file.
        frame: (N,) position in `frames`, not decreasing.
        xy: (N, K, 2) image pixels; NaN = absent.
        keypoint_score: (N, K) belief; NaN = not given.
        visibility: (N, K) 0 not labelled, 1 hidden, 2 visible, -1 not given.
        score: (N,) belief in the person; NaN = not given.
        xyxy: (N, 4) person boxes; NaN = not given.
        head_xyxy: (N, 4) head boxes; NaN = not given.
        track_id: (N,) -1 = not given.
        area: (N,) square pixels; NaN = not given.
        crowd: (N,) the row is a region of many people, not a person.
        posed: (N,) the file lists keypoints for this row, though perhaps none of them is present.
        blank: (N,) as truth the pose does not count: no keypoint is labelled, or COCO's `num_keypoints` is 0.
        zero_id: (N,) the entry's own id is 0, which COCO's tool takes for "no match".
        keypoint_source: (N, K) where each keypoint comes from, SEEN, FILLED or CORRECTED; SEEN where a file does not
            say.
        derived: names of keypoints that were computed from others, not read.
        source: file the table was read from, for messages.
        first_number: what the format calls the first frame of a video, where frames have no names (MOT: 1).
        placed: the frames' numbers are frames of a video counted from 0, whatever their names say.
        category: the file's number for people, where it numbers categories.
        unscorable: why a protocol that goes by the entries' ids cannot score this; "" = it can.
        header: of the result the table was read from; None if it was none.
        metres_per_pixel: for formats whose coordinates may be metres; None = pixels.
    """

    name: str
    skeleton: Skeleton
    frames: tuple[FrameEntry, ...]
    frame: I64
    xy: F64
    keypoint_score: F64
    visibility: I64
    score: F64
    xyxy: F64
    head_xyxy: F64
    track_id: I64
    area: F64
    crowd: Bool
    posed: Bool
    blank: Bool
    zero_id: Bool
    keypoint_source: U8
    derived: frozenset[str] = field(default=frozenset())
    source: str = ""
    first_number: int = 0
    placed: bool = False
    category: int | None = None
    unscorable: str = ""
    header: ResultHeader | None = None
    metres_per_pixel: float | None = None

    def __post_init__(self) -> None:
        n, k = len(self.frame), len(self.skeleton)
        check_shape("PoseTable.xy", self.xy, n, k, 2)
        check_shape("PoseTable.keypoint_score", self.keypoint_score, n, k)
        check_shape("PoseTable.visibility", self.visibility, n, k)
        check_shape("PoseTable.keypoint_source", self.keypoint_source, n, k)
        check_shape("PoseTable.xyxy", self.xyxy, n, 4)
        check_shape("PoseTable.head_xyxy", self.head_xyxy, n, 4)
        for name in ("score", "track_id", "area", "crowd", "posed", "blank", "zero_id"):
            check_shape(f"PoseTable.{name}", getattr(self, name), n)
        if n and (self.frame[0] < 0 or self.frame[-1] >= len(self.frames) or (np.diff(self.frame) < 0).any()):
            raise InputError(
                f"{self.source or self.name}: people are not in the order of the {len(self.frames)} frames"
            )

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, rows: Any) -> PoseTable:  # Any: a mask, a slice or an index array, as numpy takes them
        return replace(self, **{name: getattr(self, name)[rows] for name in ROW_COLUMNS})

    @property
    def present(self) -> Bool:
        """(N, K) keypoints that have coordinates."""
        return np.isfinite(self.xy[..., 0])

    def on_frames(self, frames: Sequence[FrameEntry], place: I64) -> PoseTable:
        """Return the people other frames.

        Args:
            frames: the new ones.
            place: (F,) position of each old frame among the new ones, -1 = its people are left out.
        """
        target = place[self.frame] if len(self) else self.frame
        order = np.argsort(target, kind="stable")
        order = order[target[order] >= 0]
        columns = {name: getattr(self, name)[order] for name in ROW_COLUMNS}
        return replace(self, frames=tuple(frames), **{**columns, "frame": target[order]})

    def boxes(self) -> F64:
        """(N, 4) person boxes, those not given put around the keypoints; NaN where there are none either."""
        here = np.expand_dims(self.present, -1)
        low = np.where(here, self.xy, np.inf).min(axis=1, initial=np.inf)
        high = np.where(here, self.xy, -np.inf).max(axis=1, initial=-np.inf)
        around = np.concatenate([low, high], axis=1)
        around[~np.isfinite(around).all(axis=1)] = np.nan
        return np.where(np.isfinite(self.xyxy).all(axis=1, keepdims=True), self.xyxy, around)

    def rows_of(self, position: int) -> slice:
        """Return the rows of one frame."""
        start, stop = np.searchsorted(self.frame, [position, position + 1])
        return slice(int(start), int(stop))


ROW_COLUMNS = (
    "frame", "xy", "keypoint_score", "visibility", "score", "xyxy", "head_xyxy", "track_id", "area", "crowd", "posed",
    "blank", "zero_id", "keypoint_source",
)  # fmt: skip


def make_table(
    name: str,
    skeleton: Skeleton,
    frames: Sequence[FrameEntry],
    frame: Any,
    *,
    source: str = "",
    derived: frozenset[str] = frozenset(),
    first_number: int = 0,
    category: int | None = None,
    unscorable: str = "",
    header: ResultHeader | None = None,
    placed: bool = False,
    **columns: Any,  # Any: whatever numpy takes for a column of `PoseTable`
) -> PoseTable:
    """Build a table from the columns a format has; the others are filled with "not given".

    Rows are put into frame order; rows of one frame keep theirs.

    Raises:
        ShapeError: a column does not have one entry per row.
    """
    position = np.asarray(frame, np.int64).reshape(-1)
    n, k = len(position), len(skeleton)
    shapes: Mapping[str, tuple[tuple[int, ...], Any, Any]] = {
        "xy": ((n, k, 2), np.float64, np.nan),
        "keypoint_score": ((n, k), np.float64, np.nan),
        "visibility": ((n, k), np.int64, -1),
        "score": ((n,), np.float64, np.nan),
        "xyxy": ((n, 4), np.float64, np.nan),
        "head_xyxy": ((n, 4), np.float64, np.nan),
        "track_id": ((n,), np.int64, UNTRACKED),
        "area": ((n,), np.float64, np.nan),
        "crowd": ((n,), np.bool_, False),
        "posed": ((n,), np.bool_, True),
        "zero_id": ((n,), np.bool_, False),
        "keypoint_source": ((n, k), np.uint8, SEEN),
    }
    filled: dict[str, Any] = {}  # Any: arrays of three kinds
    for column, (shape, kind, missing) in shapes.items():
        given = columns.pop(column, None)
        if given is None:
            filled[column] = np.full(shape, missing, kind)
        else:
            array = np.asarray(given, kind)
            filled[column] = array.reshape(shape) if array.size == 0 else array
    blank = columns.pop("blank", None)
    if blank is None:
        blank = ~(np.isfinite(filled["xy"][..., 0]) & (filled["visibility"] != 0)).any(axis=1)
    filled["blank"] = np.asarray(blank, np.bool_).reshape(n)
    if columns:
        raise TypeError(f"PoseTable has no column {', '.join(columns)}")
    if n and (np.diff(position) < 0).any():
        order = np.argsort(position, kind="stable")
        position = position[order]
        filled = {column: array[order] for column, array in filled.items()}
    return PoseTable(
        name, skeleton, tuple(frames), frame=position, derived=derived, source=source, first_number=first_number,
        category=category, unscorable=unscorable, header=header, placed=placed, **filled,
    )  # fmt: skip
