"""Draw the people of a video frame by frame: what lies behind them in time, too."""

from __future__ import annotations

from collections import deque

import numpy as np

from videopose.drawing.heads import hide_heads
from videopose.drawing.limbs import DrawStyle
from videopose.drawing.options import DrawOptions
from videopose.drawing.people import draw_people, track_color
from videopose.drawing.strokes import blend_line
from videopose.skeletons import Skeleton
from videopose.types import F32, U8, UNTRACKED, Poses


class Overlay:
    """Draws into the frames of a video, in order.

    Args:
        skeleton: of the poses.
        options: what is drawn, and how.
    """

    def __init__(self, skeleton: Skeleton, options: DrawOptions) -> None:
        self._skeleton, self._options = skeleton, options
        self._trails: dict[int, deque[tuple[float, F32]]] = {}

    def hide(self, image: U8, poses: Poses | None) -> None:
        """Make heads unrecognisable, in place, if that is wanted."""
        if self._options.blur_faces and poses is not None:
            hide_heads(image, poses, self._skeleton)

    def draw(self, image: U8, poses: Poses | None, time: float) -> None:
        """Draw the people of a frame into its image, in place.

        Args:
            image: (H, W, 3) RGB, contiguous.
            poses: of the frame, image pixels; None is nobody.
            time: of the frame, seconds.
        """
        if "trail" in self._options.draw:
            self._follow(poses, time)
            self._draw_trails(image, time)
        if poses is not None:
            draw_people(image, poses, self._skeleton, self._options)

    def _follow(self, poses: Poses | None, time: float) -> None:
        """Add where everybody is to their trails, and drop what is too old."""
        for row in range(0 if poses is None else len(poses)):
            assert poses is not None
            track_id = int(poses.track_id[row])
            if track_id != UNTRACKED:
                self._trails.setdefault(track_id, deque()).append((time, self._place(poses, row)))
        for track_id, trail in list(self._trails.items()):
            while trail and trail[0][0] < time - self._options.trail_seconds:
                trail.popleft()
            if not trail:
                del self._trails[track_id]

    def _place(self, poses: Poses, row: int) -> F32:
        """Return the middle of the hips, or of the box where they are not seen, (2,) image pixels."""
        names = self._skeleton.keypoints
        hips = [index for index, name in enumerate(names) if name in ("left_hip", "right_hip", "pelvis")]
        points = poses.keypoints[row, hips]
        seen = points[np.isfinite(points).all(1) & (points[:, 2] >= self._options.min_score)]
        if len(seen):
            return np.asarray(seen[:, :2].mean(0), np.float32)
        x1, y1, x2, y2 = poses.xyxy[row]
        return np.array([(x1 + x2) / 2, (y1 + y2) / 2], np.float32)

    def _draw_trails(self, image: U8, time: float) -> None:
        width = DrawStyle.for_size((image.shape[0], image.shape[1]), self._options.scale).line * 0.8
        for track_id, trail in sorted(self._trails.items()):
            for (before, start), (_, end) in zip(trail, list(trail)[1:], strict=False):
                strength = 1 - (time - before) / self._options.trail_seconds
                blend_line(image, start, end, track_color(track_id), max(1.0, width), max(0.1, 0.9 * strength))
