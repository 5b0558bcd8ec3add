"""Annotated trajectories of the people of whole videos, as trackers are compared and trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videopose.errors import DatasetError
from videopose.geometry.keypoints import boxes_around
from videopose.skeletons import skeleton_named
from videopose.types import F32, F64, I64

SKELETON = skeleton_named("lsp14")
_MPII_ORDER = (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 8, 9)  # the file's joint ids in the order of lsp14
_MIN_LABELLED = 3
"""People with fewer labelled keypoints have no size to speak of, and are left out."""

FRAME_RATE = 25.0
"""Frames per second of the annotated videos (PoseTrack 2017 does not say; its clips are 24 to 30)."""


@dataclass(frozen=True, eq=False)
class TrueVideo:
    """The people of one annotated video.

    Attributes:
        name: of the video.
        time: (F,) seconds.
        track: per frame (G,) ids.
        keypoints: per frame (G, K, 3) x, y in image pixels, visibility: 0 not labelled, 1 hidden, 2 visible.
        xyxy: per frame (G, 4) boxes around the labelled keypoints.
    """

    name: str
    time: F64
    track: tuple[I64, ...]
    keypoints: tuple[F32, ...]
    xyxy: tuple[F32, ...]


def read_truth(path: Path) -> list[TrueVideo]:
    """Read annotated trajectories (`tracks/bonn_train.json`).

    Raises:
        DatasetError: the file cannot be read as that format.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        return [_true_video(video) for video in document["videos"]]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: cannot read annotated tracks: {error}") from error


def _true_video(video: dict[str, Any]) -> TrueVideo:
    tracks, keypoints, xyxy = [], [], []
    for people in video["frames"]:
        people = [person for person in people if len(person["points"]) >= _MIN_LABELLED]
        table = np.zeros((len(people), len(SKELETON), 3), np.float32)
        for row, person in enumerate(people):
            for joint, x, y, visible in person["points"]:
                table[row, _MPII_ORDER.index(joint)] = x, y, 1 + visible
        tracks.append(np.array([person["track"] for person in people], np.int64))
        keypoints.append(table)
        xyxy.append(boxes_around(table, padding=1.2))
    time = np.arange(len(tracks)) / FRAME_RATE
    return TrueVideo(video["name"], time, tuple(tracks), tuple(keypoints), tuple(xyxy))


def thin(video: TrueVideo, every: int) -> TrueVideo:
    """Keep every so many-th frame, with its own time."""
    return select(video, np.arange(0, len(video.time), every))


def select(video: TrueVideo, rows: I64) -> TrueVideo:
    """Keep some frames."""
    picked = rows.tolist()
    return TrueVideo(
        video.name,
        video.time[rows],
        tuple(video.track[row] for row in picked),
        tuple(video.keypoints[row] for row in picked),
        tuple(video.xyxy[row] for row in picked),
    )


def split(videos: Sequence[TrueVideo]) -> tuple[list[TrueVideo], list[TrueVideo]]:
    """Return the videos that are reported, and every third one, on which settings are chosen."""
    chosen_on = [video for number, video in enumerate(videos) if number % 3 == 2]
    return [video for number, video in enumerate(videos) if number % 3 != 2], chosen_on
