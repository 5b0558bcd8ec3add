"""Ground truth in MATLAB files: MPII, LSP and its extension, JHMDB, Penn Action.

MATLAB counts pixels from 1 and we from 0 (`geometry/affine.py`), so all coordinates are moved by one pixel.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from videopose.errors import DatasetError
from videopose.io.exchange.head import Head
from videopose.io.exchange.table import FrameEntry, PoseTable, make_table
from videopose.skeletons import skeleton_named
from videopose.types import F64

Struct = Any
"""What scipy makes of a MATLAB struct; its fields are attributes, hence `Any`."""


def matches(head: Head) -> bool:
    """Check whether a file is MATLAB's; which of the sets it is of says its reader."""
    return head.suffix == ".mat"


def read(path: Path) -> PoseTable:
    """Read a file of any of the four data sets, told apart by the names of its variables.

    Raises:
        DatasetError: the file cannot be read, or is of none of them.
    """
    variables = _load(path)
    for key, reader in (("RELEASE", _mpii), ("pos_img", _jhmdb), ("joints", _lsp), ("visibility", _penn)):
        if key in variables:
            try:
                table = reader(variables, path)
            except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
                raise DatasetError(f"{path}: {key} does not have the data set's layout ({error})") from error
            return replace(table, xy=table.xy - 1, xyxy=table.xyxy - 1, head_xyxy=table.head_xyxy - 1)
    names = ", ".join(sorted(name for name in variables if not name.startswith("__")))
    raise DatasetError(f"{path}: holds {names}; RELEASE, joints, pos_img or visibility is needed")


def _load(path: Path) -> dict[str, Any]:
    try:
        return dict(loadmat(path, squeeze_me=True, struct_as_record=False))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (MatReadError, ValueError, TypeError, NotImplementedError) as error:
        raise DatasetError(f"{path}: not a MATLAB file this reader knows ({error}); save it as version 7") from error


def _lsp(variables: dict[str, Any], path: Path) -> PoseTable:
    """LSP is (3, 14, N) with a third number that says "hidden"; LSPET is (14, 3, N) with one that says "labelled"."""
    skeleton, joints = skeleton_named("lsp14"), np.atleast_3d(np.asarray(variables["joints"], np.float64))
    if joints.shape[:2] == (3, 14):
        xyv = joints.transpose(2, 1, 0)
        visibility = np.where(xyv[..., 2] > 0, 1, 2)
    elif joints.shape[:2] == (14, 3):
        xyv = joints.transpose(2, 0, 1)
        visibility = np.where(xyv[..., 2] > 0, 2, 0)
    else:
        raise ValueError(f"joints has shape {joints.shape}, neither (3, 14, N) nor (14, 3, N)")
    digits = 5 if joints.shape[0] == 14 else 4
    frames = [FrameEntry(name=f"im{number:0{digits}d}.jpg", number=number) for number in range(1, len(xyv) + 1)]
    xy = np.where(visibility[..., None] > 0, xyv[..., :2], np.nan)
    return make_table(path.stem, skeleton, frames, np.arange(len(xyv)), source=str(path), xy=xy, visibility=visibility)


def _jhmdb(variables: dict[str, Any], path: Path) -> PoseTable:
    """`pos_img` is (2, 15, F); one person in every frame, with the box of the puppet mask where that is there too."""
    skeleton, position = skeleton_named("jhmdb15"), np.asarray(variables["pos_img"], np.float64)
    if position.ndim == 2:
        position = position[..., None]
    if position.shape[:2] != (2, len(skeleton)):
        raise ValueError(f"pos_img has shape {position.shape}, not (2, 15, F)")
    xy = position.transpose(2, 1, 0)
    frames = [FrameEntry(name=f"{number:05d}.png", number=number) for number in range(1, len(xy) + 1)]
    return make_table(
        path.parent.name or path.stem, skeleton, frames, np.arange(len(xy)), source=str(path), xy=xy,
        visibility=np.full(xy.shape[:2], 2), track_id=np.zeros(len(xy)), xyxy=_puppet_boxes(path, xy),
    )  # fmt: skip


def _puppet_boxes(path: Path, xy: F64) -> F64:
    """Read boxes from `puppet_mask/<action>/<video>/puppet_mask.mat` beside `joint_positions`; else around the pose."""
    boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    video = path.absolute().parent
    mask = video.parents[min(2, len(video.parents) - 1)] / "puppet_mask" / video.parent.name / video.name
    if not (mask / "puppet_mask.mat").is_file():
        return boxes
    masks = np.atleast_3d(_load(mask / "puppet_mask.mat")["part_mask"]) > 0
    for number in range(min(len(boxes), masks.shape[2])):  # a few videos have fewer masks than frames
        y, x = np.nonzero(masks[..., number])
        if len(x):
            boxes[number] = np.array([x.min(), y.min(), x.max(), y.max()]) + 1  # in MATLAB's numbers, as the rest
    return boxes


def _penn(variables: dict[str, Any], path: Path) -> PoseTable:
    """`x`, `y` and `visibility` are (F, 13), `bbox` is (F, 4), `dimensions` rows, columns and frames."""
    skeleton = skeleton_named("penn13")
    xy = np.stack([np.atleast_2d(variables["x"]), np.atleast_2d(variables["y"])], axis=-1).astype(np.float64)
    if xy.shape[1] != len(skeleton):
        raise ValueError(f"x has shape {xy.shape[:2]}, not (F, 13)")
    seen = np.atleast_2d(variables["visibility"]) > 0
    rows, columns = (int(value) for value in np.ravel(variables["dimensions"])[:2])
    frames = [
        FrameEntry(name=f"{number:06d}.jpg", number=number, size_hw=(rows, columns)) for number in range(1, len(xy) + 1)
    ]
    boxes = np.full((len(xy), 4), np.nan)
    given = np.atleast_2d(np.asarray(variables.get("bbox", np.zeros((0, 4))), np.float64))
    boxes[: min(len(given), len(xy))] = given[: len(xy)]  # a few files have a box less than frames
    return make_table(
        path.stem, skeleton, frames, np.arange(len(xy)), source=str(path),
        xy=np.where(seen[..., None], xy, np.nan), visibility=np.where(seen, 2, 0), xyxy=boxes,
        track_id=np.zeros(len(xy)),
    )  # fmt: skip


def _mpii(variables: dict[str, Any], path: Path) -> PoseTable:
    """`RELEASE.annolist` has images with rectangles: head box, points with MPII ids, and images to test on without."""
    skeleton, images = skeleton_named("mpii16"), np.atleast_1d(variables["RELEASE"].annolist)
    frames, frame, heads, points, flags = [], [], [], [], []
    for position, image in enumerate(images):
        frames.append(FrameEntry(name=str(image.image.name)))
        for rectangle in np.atleast_1d(getattr(image, "annorect", np.array([]))):
            drawn = _mpii_points(rectangle, len(skeleton))
            if drawn is None:
                continue
            frame.append(position)
            heads.append([_number(getattr(rectangle, corner, np.nan)) for corner in ("x1", "y1", "x2", "y2")])
            points.append(drawn[0])
            flags.append(drawn[1])
    n, k = len(frame), len(skeleton)
    return make_table(
        path.stem, skeleton, frames, frame, source=str(path), head_xyxy=np.array(heads).reshape(n, 4),
        xy=np.array(points).reshape(n, k, 2), visibility=np.array(flags, np.int64).reshape(n, k),
    )  # fmt: skip


def _mpii_points(rectangle: Struct, count: int) -> tuple[F64, F64] | None:
    listed = getattr(getattr(rectangle, "annopoints", None), "point", None)
    if listed is None:
        return None
    xy, visibility = np.full((count, 2), np.nan), np.zeros(count)
    for point in np.atleast_1d(listed):
        number = int(point.id)
        xy[number] = _number(point.x), _number(point.y)
        seen = getattr(point, "is_visible", 1)
        visibility[number] = 1 + int(np.size(seen) > 0 and int(seen) > 0)  # empty means hidden
    return xy, visibility


def _number(value: Any) -> float:  # Any: a number, or an empty array where MATLAB has []
    return float(value) if np.size(value) else np.nan
