"""Tables as arrays by person: what formats hold that have a column per individual and a row per frame."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.own_result import ASSUMED_RATE
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.io.result import atomic_write
from videopose.skeletons import SKELETONS, Skeleton, make_skeleton
from videopose.types import F64, I64, UNTRACKED

_MOST_VALUES = 200_000_000
"""Numbers in the arrays of one file; a few ids far apart in a long video must not ask for more memory than there is."""


@dataclass(frozen=True, eq=False)
class Individuals:
    """The people of a video, one row per frame from the first on, one column per person.

    Attributes:
        ids: P track ids, in the order in which people appear.
        xy: (F, P, K, 2) image pixels; NaN = absent.
        keypoint_score: (F, P, K); NaN = not given or absent.
        score: (F, P); likewise.
        rate: frames per second.
        video: path of the video, or of the table's file.
    """

    ids: list[int]
    xy: F64
    keypoint_score: F64
    score: F64
    rate: float
    video: str


def individuals_of(table: PoseTable) -> Individuals:
    """Arrange people by their ids; regions of crowds and people without an id are left out.

    Raises:
        DatasetError: nobody has an id, somebody is twice in a frame, or it would be too large.
    """
    table = in_frame_order(table)
    table = table[~table.crowd & (table.track_id != UNTRACKED)]
    if not len(table):
        raise DatasetError(
            f"{table.source or table.name}: nobody has a track id. Run videopose track on the poses first"
        )
    ids = list(dict.fromkeys(table.track_id.tolist()))
    place = {track_id: column for column, track_id in enumerate(ids)}
    frames = 1 + max(frame.number or 0 for frame in table.frames)
    shape = (frames, len(ids), len(table.skeleton))
    if 3 * np.prod([float(side) for side in shape]) > _MOST_VALUES:
        raise DatasetError(
            f"{table.source or table.name}: {frames} frames of {len(ids)} people are too many for this format. Convert "
            "a part of the video, or one person with --only"
        )
    rows = np.array([table.frames[position].number or 0 for position in table.frame.tolist()], np.int64)
    columns = np.array([place[each] for each in table.track_id.tolist()], np.int64)
    cells, count = np.unique(rows * len(ids) + columns, return_counts=True)
    if (count > 1).any():
        frame, column = divmod(int(cells[count > 1][0]), len(ids))
        raise DatasetError(f"{table.source or table.name}: id {ids[column]} is twice in frame {frame}")
    xy, keypoint_score = np.full((*shape, 2), np.nan), np.full(shape, np.nan)
    score = np.full(shape[:2], np.nan)
    xy[rows, columns], keypoint_score[rows, columns], score[rows, columns] = table.xy, table.keypoint_score, table.score
    rate = ASSUMED_RATE if table.header is None else table.header.video.frame_rate
    video = table.source if table.header is None else table.header.video.path
    return Individuals(ids, xy, keypoint_score, score, float(rate), video)


def table_of(
    path: Path, keypoints: Sequence[str], names: Sequence[str], xy: F64, keypoint_score: F64, *,
    score: F64 | None = None, time: F64 | None = None, edges: Sequence[tuple[int, int]] = (),
) -> PoseTable:  # fmt: skip
    """Build a table from arrays by person; who has no keypoint in a frame is not in it.

    Args:
        path: of the file.
        keypoints: K names.
        names: P names of individuals; the number at the end of each is its id, else they are numbered.
        xy: (F, P, K, 2) image pixels; NaN = absent.
        keypoint_score: (F, P, K).
        score: (F, P) of people, if the format has it.
        time: (F,) seconds, if the format has it.
        edges: between keypoints.

    Raises:
        DatasetError: a keypoint is named twice.
    """
    ids = ids_of(names)
    rows, columns = np.nonzero(np.isfinite(xy[..., 0] + xy[..., 1]).any(axis=2))
    here = np.asarray(np.isfinite(xy[rows, columns]).all(axis=2))
    frames = [
        FrameEntry(number=number, time=None if time is None else float(time[number])) for number in range(len(xy))
    ]
    return make_table(
        path.name.split(".")[0], skeleton_of_names(path, keypoints, edges), frames, rows, source=str(path), placed=True,
        xy=np.where(here[..., None], xy[rows, columns], np.nan), track_id=ids[columns],
        keypoint_score=np.where(here, keypoint_score[rows, columns], np.nan),
        score=None if score is None else score[rows, columns],
    )  # fmt: skip


def ids_of(names: Sequence[str]) -> I64:
    """Return the number at the end of each name; where one has none or two have the same, all are numbered from 1."""
    found = [re.search(r"(\d{1,9})$", name) for name in names]
    numbers = [int(each[1]) for each in found if each is not None]
    if len(numbers) != len(names) or len(set(numbers)) != len(names):
        numbers = list(range(1, len(names) + 1))
    return np.array(numbers, np.int64)


def skeleton_of_names(path: Path, keypoints: Sequence[str], edges: Sequence[tuple[int, int]] = ()) -> Skeleton:
    """Return the known skeleton with these keypoints, else one built from them.

    Raises:
        DatasetError: a keypoint is named twice.
    """
    names = [str(name) for name in keypoints]
    for skeleton in SKELETONS.values():
        if list(skeleton.keypoints) == names:
            return skeleton
    if len(set(names)) != len(names):
        raise DatasetError(f"{path}: names a keypoint twice")
    return make_skeleton(f"file{len(names)}", names, [(names[a], names[b]) for a, b in edges])


@contextmanager
def written_by_path(path: Path) -> Iterator[Path]:
    """Lend a path to a library that opens files itself; what it wrote there appears under the name when it is whole.

    Raises:
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    with tempfile.TemporaryDirectory(prefix="videopose") as folder:
        part = Path(folder) / f"file{path.suffix}"
        yield part
        with part.open("rb") as written, atomic_write(path) as file:
            shutil.copyfileobj(written, file)
