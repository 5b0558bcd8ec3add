"""True trajectories of people, for learning how they move: no images, one person through time each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from videopose.config import Options
from videopose.data.coco import load_json
from videopose.data.jhmdb import read_jhmdb
from videopose.errors import DatasetError
from videopose.skeletons import Skeleton, shared_keypoints, skeleton_named
from videopose.types import F32, F64, I64, Bool

_MPII = skeleton_named("mpii16")
_ANNOTATION_JITTER = 1.0
"""Standard deviation, in frames, of the kernel that takes the annotators' own jitter away before positions between
frames are read off: labels were clicked frame by frame, or copied on and moved now and then."""

_FEWEST_FRAMES = 8


class TrajectorySource(Options):
    """A file of annotated trajectories and the part of it that is used."""

    name: str
    format: Literal["tracks", "jhmdb"] = "tracks"
    annotations: str
    """File, relative to the data folder."""
    share: float = 1.0
    """How much of every batch it gives, relative to the others."""
    fold: Literal["train", "val"] = "train"
    """Of `tracks`, every third video is `val`, as in the tracking benchmark; JHMDB has its own split."""
    frame_rate: float = 25.0
    """Frames per second of the videos, of which the files say nothing."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One person through time, at every moment.

    Attributes:
        name: of video and person.
        seconds: of the last labelled frame; the first is at 0.
        frame_rate: of the labels.
        labelled: (T, K) which keypoints are labelled, frame by frame.
        hidden: (T, K) of these, which are marked as hidden.
        size: pixels, the square root of the area of the box around the keypoints, in the middle of the frames.
        curve: seconds → (K, 2) image pixels, smooth, through unlabelled stretches too.
    """

    name: str
    seconds: float
    frame_rate: float
    labelled: Bool
    hidden: Bool
    size: float
    curve: CubicSpline

    def at(self, seconds: F64) -> tuple[F64, Bool, Bool]:
        """Return (T, K, 2) positions in person sizes, and which are labelled and hidden, at (T,) moments."""
        frame = np.clip(np.rint(seconds * self.frame_rate).astype(np.int64), 0, len(self.labelled) - 1)
        return np.asarray(self.curve(seconds), np.float64) / self.size, self.labelled[frame], self.hidden[frame]


def load_trajectories(folder: Path, source: TrajectorySource, skeleton: Skeleton) -> list[Trajectory]:
    """Read the trajectories of a data set that are long enough to be of use.

    Raises:
        DatasetError: the file is not of its format, or nothing is left of the chosen part.
    """
    path = folder / source.annotations
    if source.format == "jhmdb":
        people = {
            clip.name: _with_face_as_nose(clip.keypoints, skeleton)
            for clip in read_jhmdb(path, path.parent / "clips", _JHMDB)
            if clip.split == source.fold
        }
    else:
        people = _read_tracks(path, source.fold, skeleton)
    found = [_trajectory(name, keypoints, source.frame_rate) for name, keypoints in sorted(people.items())]
    kept = [each for each in found if each is not None]
    if not kept:
        raise DatasetError(f"{path}: no trajectory of {_FEWEST_FRAMES} frames is left in the {source.fold} part")
    return kept


_JHMDB = skeleton_named("jhmdb15")


def _with_face_as_nose(keypoints: F32, skeleton: Skeleton) -> F32:
    """Rename JHMDB's keypoints; the middle of its faces is near enough to a nose to learn motion from."""
    out = np.zeros((len(keypoints), len(skeleton), 3), np.float32)
    source, target = shared_keypoints(_JHMDB, skeleton)
    out[:, target] = keypoints[:, source]
    if "nose" in skeleton.keypoints:
        out[:, skeleton.index_of("nose")] = keypoints[:, _JHMDB.index_of("face")]
    return out


def _read_tracks(path: Path, fold: str, skeleton: Skeleton) -> dict[str, F32]:
    """Read `{"videos": [{"name", "frames": [[{"track", "points": [[MPII id, x, y, is visible] …]} …] …]} …]}`."""
    document: dict[str, Any] = load_json(path)
    source, target = shared_keypoints(_MPII, skeleton)
    people: dict[str, F32] = {}
    try:
        for number, video in enumerate(document["videos"]):
            if (number % 3 == 2) != (fold == "val"):
                continue
            for track, table in _tables(video["frames"]).items():
                placed = np.zeros((len(table), len(skeleton), 3), np.float32)
                placed[:, target] = table[:, source]
                people |= _unbroken(f"{video['name']}:{track}", placed)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DatasetError(f"{path}: not a file of annotated tracks: {type(error).__name__} {error}") from error
    return people


def _tables(frames: list[Any]) -> dict[int, F32]:
    """Return, per track, (T, 16, 3) x, y and visibility over all frames; `Any` is what JSON holds."""
    tables: dict[int, F32] = defaultdict(lambda: np.zeros((len(frames), len(_MPII), 3), np.float32))
    for number, people in enumerate(frames):
        for person in people:
            for joint, x, y, visible in person["points"]:
                tables[person["track"]][number, joint] = x, y, 1 + bool(visible)
    return tables


def _unbroken(name: str, keypoints: F32) -> dict[str, F32]:
    """Cut (T, K, 3) where nobody is labelled."""
    frames = np.flatnonzero((keypoints[..., 2] > 0).sum(axis=1) >= 3)
    pieces: list[I64] = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return {f"{name}:{piece[0]}": keypoints[piece] for piece in pieces if len(piece)}


def _trajectory(name: str, keypoints: F32, frame_rate: float) -> Trajectory | None:
    labelled = keypoints[..., 2] > 0
    if len(keypoints) < _FEWEST_FRAMES or labelled.any(axis=1).sum() < _FEWEST_FRAMES:
        return None
    time = np.arange(len(keypoints)) / frame_rate
    xy = np.zeros((*labelled.shape, 2))
    for keypoint in np.flatnonzero(labelled.any(axis=0)):
        known = labelled[:, keypoint]
        for axis in range(2):
            xy[:, keypoint, axis] = np.interp(time, time[known], keypoints[known, keypoint, axis])
    shown = np.where(labelled[..., None], keypoints[..., :2], np.nan)
    shown = shown[labelled.sum(axis=1) >= 3]
    if not len(shown):
        return None
    extent = np.nanmax(shown, axis=1) - np.nanmin(shown, axis=1)
    size = 1.2 * float(np.median(np.sqrt(np.maximum(extent.prod(axis=1), 1.0))))  # boxes are 1.2 times that wide
    calm = gaussian_filter1d(xy, _ANNOTATION_JITTER, axis=0, mode="nearest")
    return Trajectory(
        name, float(time[-1]), frame_rate, labelled, keypoints[..., 2] == 1, max(size, 8.0), CubicSpline(time, calm)
    )
