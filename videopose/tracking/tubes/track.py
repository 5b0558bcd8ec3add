"""One person through time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from videopose.errors import check_shape
from videopose.shapes import ShowsShapes
from videopose.types import F32, F64, I64

TrackRow = tuple[int, float, F32, np.float32, F32]
"""One person in one frame: frame index, seconds, (K, 3) keypoints, pose score, (4,) box."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Track(ShowsShapes):
    """One person through time.

    Attributes:
        track_id: the person's id.
        index: (T,) frame indices, increasing; frames in which the person is absent are left out.
        time: (T,) seconds.
        keypoints: (T, K, 3) x, y in image pixels and score.
        score: (T,) pose scores.
        xyxy: (T, 4) boxes in image pixels.
    """

    track_id: int
    index: I64
    time: F64
    keypoints: F32
    score: F32
    xyxy: F32

    def __post_init__(self) -> None:
        t = len(self.index)
        check_shape("Track.time", self.time, t)
        check_shape("Track.keypoints", self.keypoints, t, None, 3)
        check_shape("Track.score", self.score, t)
        check_shape("Track.xyxy", self.xyxy, t, 4)

    def __len__(self) -> int:
        return len(self.index)

    @staticmethod
    def from_rows(track_id: int, rows: Iterable[TrackRow]) -> Track:
        """Stack what was seen of one person, frame by frame; at least one row."""
        index, time, keypoints, score, xyxy = zip(*rows, strict=True)
        return Track(
            track_id,
            np.array(index, np.int64),
            np.array(time, np.float64),
            np.stack(keypoints),
            np.array(score, np.float32),
            np.stack(xyxy),
        )
