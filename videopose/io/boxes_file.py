"""Person boxes somebody else found, by frame index, from any format that `videopose convert` reads."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError
from videopose.geometry.keypoints import boxes_around
from videopose.io.exchange.formats import read_table, recognise
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.mot import read_lines
from videopose.io.exchange.own_result import fitted
from videopose.io.exchange.table import PoseTable
from videopose.types import F64, Detections, VideoInfo

_log = logging.getLogger(__name__)

_MAY_LIE_OUTSIDE = 0.25
"""Share of boxes whose centre may be outside the image: trackers go on a little behind its border."""

_AT_MOST = 1000
"""Boxes in one frame: several times what the most crowded benchmark has, and a minute's work."""

_PADDING = 1.2
"""How much larger than the keypoints a box around them is."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a file says of the images its boxes are of.

    Attributes:
        last: the last frame it lists an image of; None if it lists none and only numbers frames.
        count: how many images it lists; likewise.
        sizes_hw: (height, width) of those that say so, pixels.
    """

    last: int | None = None
    count: int | None = None
    sizes_hw: frozenset[tuple[int, int]] = frozenset()


def read_boxes(path: Path) -> dict[int, Detections]:
    """Read boxes by frame index, best first.

    Which frame an image is says `io.exchange.frames`: MOT counts frames from 1, a list of COCO results uses the 0-based
    frame index as image id, images are numbered by their names. Boxes are those of the file, in image pixels; one that
    is not given is put around the keypoints. Crowd regions are nobody. Scores are brought into [0, 1] as in a result; a
    missing one, or MOT's -1, is 1.

    Raises:
        DatasetError: the file cannot be read, is of no known format, or holds no box; the message says where.
    """
    return _read(path)[0]


def check_boxes(path: Path, video: VideoInfo) -> None:
    """Check that boxes are of this video, as far as frames and pixels can tell.

    Raises:
        DatasetError: there are boxes of frames the video does not have, the images listed are more or of another size,
            or many boxes lie outside the image; and as `read_boxes` does.
    """
    boxes, listed = _read(path)
    height, width = video.size_hw
    frames = video.frames
    if frames is not None and listed.count is not None and listed.count > frames:
        raise DatasetError(
            f"{path}: lists {listed.count} images, but {video.path} has {frames} frames. Give boxes of this video"
        )
    last = max(max(boxes), listed.last or 0)
    if frames is not None and last >= frames:
        raise DatasetError(
            f"{path}: has boxes for frame {last}, counted from 0, but {video.path} has frames 0-{frames - 1}. "
            "Give boxes of this video; MOT counts frames from 1, a COCO results list from 0"
        )
    if frames is not None and listed.count is not None and listed.count < frames:
        # no error: containers claim frames they do not have, and a part of a video may be all somebody asks for
        _log.warning(
            "%s: lists %d images, %s has %d frames; those that are not listed have no boxes",
            *(path, listed.count, video.path, frames),
        )
    other = sorted(listed.sizes_hw - {video.size_hw})
    if other:
        raise DatasetError(
            f"{path}: is of images of {other[0][1]}x{other[0][0]} pixels, but {video.path} has {width}x{height}. "
            "Give boxes of this video"
        )
    xyxy = np.concatenate([people.xyxy for people in boxes.values()])
    centers = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    outside = int(((centers < 0) | (centers > (width, height))).any(1).sum())
    if outside > _MAY_LIE_OUTSIDE * len(xyxy):
        raise DatasetError(
            f"{path}: {outside} of {len(xyxy)} boxes lie outside the {width}x{height} pixels of {video.path}. "
            "Give boxes of this video, in pixels of the image as it is shown"
        )


def _read(path: Path) -> tuple[dict[int, Detections], Listed]:
    """Read a file once, though it is checked before a run and read again for it; what is said of it is said once."""
    try:
        facts = path.stat()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    return _read_once(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=1)
def _read_once(path: Path, _changed: int, _size: int) -> tuple[dict[int, Detections], Listed]:
    """Read a file and check what only boxes need: somebody in each of them, and not too many in a frame."""
    name = recognise(path)
    where: list[str] = []
    if name == "mot":  # its lines have numbers, which help more than frames do
        lines = read_lines(path)
        table = read_table(path, name)
        if len(table) == len(lines.number):
            where = [f"line {number}" for number in lines.number.tolist()]
    else:
        table = read_table(path, name)
    table = in_frame_order(fitted(table)[0])
    where = where or [f"frame {table.frames[position].number}" for position in table.frame.tolist()]
    boxes = _boxes(table, path, where)
    if table.crowd.any():
        boxes, table = boxes[~table.crowd], table[~table.crowd]
    if not len(table):
        raise DatasetError(f"{path}: it holds no box of a person. Give a MOT det.txt, COCO json or PoseTrack json")
    score = np.nan_to_num(table.score, nan=1.0)
    out = {}
    for position in np.unique(table.frame).tolist():
        rows = table.rows_of(position)
        index = table.frames[position].number
        assert index is not None, "frames in order have their index as number"
        if rows.stop - rows.start > _AT_MOST:
            raise DatasetError(
                f"{path}: frame {index} has {rows.stop - rows.start} boxes; at most {_AT_MOST} in a frame are taken. "
                "Keep the best ones"
            )
        best = rows.start + np.argsort(-score[rows], kind="stable")
        out[index] = Detections(boxes[best].astype(np.float32), score[best].astype(np.float32))
    return out, _listed(table)


def _boxes(table: PoseTable, path: Path, where: list[str]) -> F64:
    """Return (N, 4) boxes, those not given put around the keypoints with some room."""
    boxes = table.xyxy.copy()
    bare = np.flatnonzero(~np.isfinite(boxes).all(axis=1))
    if len(bare):
        here = table.present[bare]
        points = np.where(here[..., None], table.xy[bare], 0.0)
        boxes[bare] = boxes_around(np.dstack([points, here]).astype(np.float32), padding=_PADDING)
    nobody = bare[~np.isfinite(boxes[bare]).all(axis=1)]
    if len(nobody):
        raise DatasetError(f"{path}: {where[nobody[0]]}: neither a bbox nor a keypoint to put one around")
    sides = boxes[:, 2:] - boxes[:, :2]
    empty = np.flatnonzero((sides <= 0).any(axis=1) & ~table.crowd)
    if len(empty):
        (x, y), (width, height) = boxes[empty[0], :2], sides[empty[0]]
        raise DatasetError(
            f"{path}: {where[empty[0]]}: a box of {width:g}x{height:g} pixels at ({x:g}, {y:g}) holds nobody"
        )
    return boxes


def _listed(table: PoseTable) -> Listed:
    """List the images of a file; MOT text and lists of results mention only those with boxes."""
    if not any(frame.name for frame in table.frames):
        return Listed()
    sizes = frozenset(frame.size_hw for frame in table.frames if frame.size_hw is not None)
    return Listed(max(frame.number or 0 for frame in table.frames), len(table.frames), sizes)
