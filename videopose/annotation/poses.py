"""What an operation changes, where keypoints are concerned: pure functions of a sheet, which they leave as it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from videopose.annotation import plans
from videopose.annotation.operations import (
    Add,
    CopyPrevious,
    Interpolate,
    Move,
    Operation,
    Place,
    PlacedPose,
    Propagate,
    SetVisibility,
)
from videopose.annotation.sheet import ABSENT, HIDDEN, SEEN, Delta, Sheet
from videopose.errors import InputError
from videopose.geometry.keypoints import boxes_around
from videopose.skeletons import Skeleton
from videopose.types import F32, F64, I64

_FLAGS = {"absent": ABSENT, "hidden": HIDDEN, "seen": SEEN}
_PADDING = 1.2
"""How much wider than the keypoints the box of a person is who was placed by hand."""

_STANDING = {
    "nose": (0.0, -0.42), "eye": (0.02, -0.44), "ear": (0.04, -0.43), "shoulder": (0.11, -0.32), "elbow": (0.15, -0.16),
    "wrist": (0.17, -0.01), "hip": (0.07, 0.02), "knee": (0.08, 0.25), "ankle": (0.08, 0.46),
    "head_bottom": (0.0, -0.34), "head_top": (0.0, -0.5), "thorax": (0.0, -0.32), "pelvis": (0.0, 0.02),
    "belly": (0.0, -0.12), "face": (0.0, -0.42),
}  # fmt: skip
"""Where the keypoints of somebody who stands and looks at us are, in parts of the person's height from the middle."""


def template(skeleton: Skeleton, x: float, y: float, height: float) -> F32:
    """Return a standing person, (K, 3) in image pixels with score 1; keypoints of unknown names are in the middle."""
    out = np.ones((len(skeleton), 3), np.float32)
    for number, name in enumerate(skeleton.keypoints):
        side = 1 if name.startswith("left_") else -1
        across, down = _STANDING.get(name.removeprefix("left_").removeprefix("right_"), (0.0, 0.0))
        out[number, :2] = x + side * across * height, y + down * height
    return out


def put(
    sheet: Sheet, track_id: int, frames: I64, keypoints: F32, visibility: I64 | None = None, *, accepted: bool = False
) -> list[Delta]:
    """Assign a person a pose in each of some frames: the one who is there gets it, else they are added.

    Args:
        sheet: the state.
        track_id: who.
        frames: (T,) of the result, none twice.
        keypoints: (T, K, 3) image pixels and score.
        visibility: (T, K); None = seen where the score is above 0.
        accepted: whether it is right for good.

    Raises:
        InputError: the result has no such frame, or a pose has no keypoint.
    """
    for frame in frames.tolist():
        sheet.position(frame)
    if visibility is None:
        visibility = np.where(keypoints[..., 2] > 0, SEEN, ABSENT)
    boxes = boxes_around(keypoints, padding=_PADDING)
    if not np.isfinite(boxes).all():
        bad = int(frames[~np.isfinite(boxes).all(axis=1)][0])
        raise InputError(f"frame {bad}: person {track_id} would have no keypoint. Delete the person instead")
    rows = np.array([sheet.row(track_id, frame) for frame in frames.tolist()], np.int64)
    missing = rows < 0
    was_there = rows[~missing]
    rows[missing] = sheet.append(frames[missing])
    boxes[~missing] = _around_both(boxes[~missing], sheet.xyxy[was_there])
    score = np.where(missing, 1.0, sheet.score[rows]).astype(np.float32)
    return [
        sheet.delta("alive", rows, True), sheet.delta("track_id", rows, track_id),
        sheet.delta("keypoints", rows, keypoints), sheet.delta("score", rows, score),
        sheet.delta("xyxy", rows, boxes), sheet.delta("edited", rows, True),
        sheet.delta("visibility", rows, visibility), sheet.delta("accepted", rows, accepted),
    ]  # fmt: skip


def _around_both(a: F32, b: F32) -> F32:
    return np.asarray(np.concatenate([np.minimum(a[:, :2], b[:, :2]), np.maximum(a[:, 2:], b[:, 2:])], axis=1))


def _there(sheet: Sheet, track_id: int, frame: int) -> int:
    row = sheet.row(track_id, frame)
    if row < 0:
        raise InputError(f"person {track_id} is not in frame {frame}. Choose a frame in which they are, or add them")
    return row


def _shown(sheet: Sheet, row: int) -> F32:
    """Return a pose with those keypoints at score 0 that an annotator calls absent."""
    pose: F32 = sheet.keypoints[row].copy()
    pose[sheet.visibility[row] == ABSENT, 2] = 0
    return pose


def _check_parts(sheet: Sheet, parts: Sequence[int]) -> None:
    if any(part >= len(sheet.skeleton) for part in parts):
        raise InputError(f"there is no keypoint {max(parts)}: skeleton {sheet.skeleton.name} has {len(sheet.skeleton)}")


def add(sheet: Sheet, do: Add) -> list[Delta]:
    """Add somebody who is not in a frame."""
    if sheet.row(do.track_id, do.first) >= 0:
        raise InputError(f"person {do.track_id} is in frame {do.first} already. Choose another id")
    if do.source_frame is not None and do.source_id is not None:
        pose = _shown(sheet, _there(sheet, do.source_id, do.source_frame)) + np.array([do.x, do.y, 0], np.float32)
        pose[:, 2] = np.where(pose[:, 2] > 0, 1, 0)
    else:
        pose = template(sheet.skeleton, do.x, do.y, do.height)
    return put(sheet, do.track_id, np.array([do.first]), pose[None])


def move(sheet: Sheet, do: Move) -> list[Delta]:
    """Place keypoints; they are certain from then on, and the box grows to hold them."""
    row = _there(sheet, do.track_id, do.first)
    parts = list(do.keypoints)
    _check_parts(sheet, parts)
    pose, flags, edited = sheet.keypoints[row].copy(), sheet.visibility[row].copy(), sheet.edited[row].copy()
    pose[parts, :2], pose[parts, 2], edited[parts] = list(do.keypoints.values()), 1, True
    flags[parts] = np.where(flags[parts] == HIDDEN, HIDDEN, SEEN)
    low, high = pose[parts, :2].min(axis=0), pose[parts, :2].max(axis=0)
    box = _around_both(np.concatenate([low, high])[None], sheet.xyxy[[row]])
    return [
        sheet.delta("keypoints", [row], pose[None]), sheet.delta("visibility", [row], flags[None]),
        sheet.delta("edited", [row], edited[None]), sheet.delta("xyxy", [row], box),
    ]  # fmt: skip


def set_visibility(sheet: Sheet, do: SetVisibility) -> list[Delta]:
    """Mark keypoints as seen, hidden or absent."""
    parts = list(do.keypoints)
    _check_parts(sheet, parts)
    rows = plans.present(sheet, do.track_id, do.first, do.last)
    poses, flags, edited = sheet.keypoints[rows].copy(), sheet.visibility[rows].copy(), sheet.edited[rows].copy()
    flags[:, parts], edited[:, parts] = _FLAGS[do.value], True
    if do.value != "absent":
        poses[:, parts, 2] = np.where(poses[:, parts, 2] > 0, poses[:, parts, 2], 1)
    return [
        sheet.delta("keypoints", rows, poses), sheet.delta("visibility", rows, flags),
        sheet.delta("edited", rows, edited),
    ]  # fmt: skip


def copy_previous(sheet: Sheet, do: CopyPrevious) -> list[Delta]:
    """Repeat a person's last pose before a frame."""
    rows = sheet.rows(do.track_id, 0, do.first - 1) if do.first else np.zeros(0, np.int64)
    if not len(rows):
        raise InputError(f"person {do.track_id} is in no frame before {do.first}: there is no pose to copy")
    pose = _shown(sheet, int(rows[-1]))
    return put(sheet, do.track_id, np.array([do.first]), pose[None], sheet.visibility[rows[-1:]].astype(np.int64))


def _ends(sheet: Sheet, track_id: int, first: int, last: int | None) -> tuple[F32, F32, I64, F64]:
    """Return the poses at both ends of a span, the frames between them, and how late each is, in [0, 1]."""
    if last is None:
        raise InputError("a span to be filled needs a last frame")
    a, b = _shown(sheet, _there(sheet, track_id, first)), _shown(sheet, _there(sheet, track_id, last))
    low, high = sheet.position(first), sheet.position(last)
    if high - low < 2:
        raise InputError(f"there is no frame between {first} and {last} to be filled")
    late = (sheet.time[low + 1 : high] - sheet.time[low]) / (sheet.time[high] - sheet.time[low])
    return a, b, sheet.index[low + 1 : high], late


def interpolate(sheet: Sheet, do: Interpolate) -> list[Delta]:
    """Interpolate a person on straight lines by time; a keypoint that one end lacks is absent between them."""
    a, b, frames, late = _ends(sheet, do.track_id, do.first, do.last)
    share = late[:, None, None].astype(np.float32)
    poses = (1 - share) * a + share * b
    poses[:, (a[:, 2] <= 0) | (b[:, 2] <= 0), 2] = 0
    return put(sheet, do.track_id, frames, poses)


def propagate(sheet: Sheet, do: Propagate) -> list[Delta]:
    """Use carried poses; their scores lie between those of the ends."""
    a, b, frames, late = _ends(sheet, do.track_id, do.first, do.last)
    carried = {pose.frame: pose for pose in do.poses}
    if sorted(carried) != frames.tolist() or any(pose.track_id != do.track_id for pose in do.poses):
        raise InputError(f"propagate: needs one pose of person {do.track_id} in each frame between the ends")
    poses, flags = _arrays(sheet, [carried[frame] for frame in frames.tolist()])
    blend = (1 - late[:, None]) * a[:, 2] + late[:, None] * b[:, 2]
    poses[..., 2] = np.where(flags == ABSENT, 0, blend)
    return put(sheet, do.track_id, frames, poses, flags)


def _arrays(sheet: Sheet, poses: Sequence[PlacedPose]) -> tuple[F32, I64]:
    """Convert poses to (T, K, 3) keypoints with score 1 or 0, and (T, K) visibility."""
    for pose in poses:
        if len(pose.keypoints) != len(sheet.skeleton):
            raise InputError(
                f"frame {pose.frame}: person {pose.track_id} has {len(pose.keypoints)} keypoints, and skeleton "
                f"{sheet.skeleton.name} {len(sheet.skeleton)}"
            )
    shape = (len(poses), len(sheet.skeleton))
    xy = np.array([[point[:2] for point in pose.keypoints] for pose in poses], np.float32).reshape(*shape, 2)
    flags = np.array([[_FLAGS[point[2]] for point in pose.keypoints] for pose in poses], np.int64).reshape(shape)
    return np.concatenate([xy, (flags > ABSENT)[..., None]], axis=2).astype(np.float32), flags


def place(sheet: Sheet, do: Place) -> list[Delta]:
    """Replace people by labels, person by person."""
    deltas: list[Delta] = []
    ordered = sorted(do.poses, key=lambda pose: (pose.track_id, pose.frame))
    for track_id, group in groupby(ordered, key=lambda pose: pose.track_id):
        poses = list(group)
        frames = np.array([pose.frame for pose in poses], np.int64)
        if len(np.unique(frames)) != len(frames):
            raise InputError(f"place: person {track_id} stands twice in one frame. Give each person an id of their own")
        keypoints, flags = _arrays(sheet, poses)
        deltas += put(sheet, track_id, frames, keypoints, flags, accepted=True)
    return deltas


def plan(sheet: Sheet, do: Operation) -> list[Delta]:
    """Plan what an operation changes; the sheet stays as it is.

    Raises:
        InputError: it cannot be done here.
    """
    deltas = plans.of_ids(sheet, do)
    if deltas is not None:
        return deltas
    match do:
        case Add():
            return add(sheet, do)
        case Move():
            return move(sheet, do)
        case SetVisibility():
            return set_visibility(sheet, do)
        case CopyPrevious():
            return copy_previous(sheet, do)
        case Interpolate():
            return interpolate(sheet, do)
        case Propagate():
            return propagate(sheet, do)
        case Place():
            return place(sheet, do)
    raise InputError(f"{do.op}: nothing is known of how it is done")
