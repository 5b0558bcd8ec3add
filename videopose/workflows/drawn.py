"""The frames of a result with its people drawn in: what overlays, animations and contact sheets are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import inf
from pathlib import Path

import cv2
import numpy as np

from videopose.drawing.options import DrawOptions
from videopose.drawing.overlay import Overlay
from videopose.errors import InputError
from videopose.io.base import VideoReader
from videopose.io.reader import open_video
from videopose.io.results import StoredResult, read_result
from videopose.types import U8, Frame, Poses, Record


@dataclass(eq=False)
class DrawnVideo:
    """The frames of a result with its people drawn in, one at a time.

    Attributes:
        reader: of the clip, from the first frame that is drawn on.
        result: whose people they are.
        options: what is drawn, and how.
        wanted: first and last index, inclusive.
        every: take every nth.
        image_hw: height and width at which a frame is drawn on.
        side_by_side: whether each is preceded by the frame as it was.
        first: the first record that is drawn.
        num_frames: how many images will come, if none is missing.
        path: of the clip, for messages.
        last: index and time of the image that came last.
    """

    reader: VideoReader
    result: StoredResult
    options: DrawOptions
    wanted: tuple[int, float]
    every: int
    image_hw: tuple[int, int]
    side_by_side: bool
    first: Record
    num_frames: int
    path: Path
    last: tuple[int, float] = (-1, 0.0)

    @staticmethod
    def open(
        clip: Path,
        poses: str | Path,
        options: DrawOptions,
        *,
        frames: tuple[int, int | None] | None,
        every: int,
        width: int | None,
        side_by_side: bool,
        frame_rate: float | None = None,
        stream: int | None = None,
        allow_references: bool = False,
        keep_holes: bool = False,
    ) -> DrawnVideo:
        """Check that a result is of a clip, and open both; as `render`."""
        result = read_result(poses)
        start, stop = (0, None) if frames is None else frames
        wanted = (start, inf if stop is None else stop)
        chosen = _chosen(result, wanted)
        first = next(chosen, None)
        records = 1 + sum(1 for _ in chosen)
        if first is None:
            is_empty = next(islice(result, 1), None) is None
            what = "holds no frame" if is_empty else f"holds none of the frames {start}-{'' if stop is None else stop}"
            raise InputError(f"{poses}: {what}, so there is nothing to draw on")
        reader = open_video(
            clip, frames=(first.frame.index, None), frame_rate=_frame_rate(clip, result, frame_rate), stream=stream,
            allow_references=allow_references, keep_holes=keep_holes,
        )  # fmt: skip
        known = all(result.header.video.size_hw)  # what was converted from another format may not say
        if known and reader.info.size_hw != result.header.video.size_hw:
            raise InputError(
                f"{poses}: is of a video of {_size(result.header.video.size_hw)} pixels, but {clip} has "
                f"{_size(reader.info.size_hw)}. Give the video it was made of"
            )
        image_hw = _image_size(reader.info.size_hw, width, side_by_side=side_by_side)
        return DrawnVideo(
            reader, result, options, wanted, every, image_hw, side_by_side, first, -(-records // every), clip
        )

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the images that come out."""
        return self.image_hw[0], self.image_hw[1] * (2 if self.side_by_side else 1)

    @property
    def begin(self) -> float:
        """Time of the clip that becomes time 0, seconds: 0 where the clip is drawn from its beginning."""
        return self.first.frame.time if self.first.frame.index else 0.0

    def __iter__(self) -> Iterator[tuple[U8, float]]:
        """Yield each image, (H, W, 3) RGB, with its time in the clip, seconds."""
        overlay = Overlay(self.result.header.skeleton, self.options)
        for number, (frame, record) in enumerate(self._pairs()):
            assert frame.image is not None, "readers give images"
            if number % self.every:
                continue
            self.last = frame.index, frame.time
            image: U8 = np.ascontiguousarray(frame.image.permute(1, 2, 0).numpy())
            image, poses = _resized(image, record.poses, self.image_hw)
            overlay.hide(image, poses)
            before = image.copy() if self.side_by_side else None
            overlay.draw(image, poses, frame.time)
            yield image if before is None else np.hstack([before, image]), frame.time

    def _pairs(self) -> Iterator[tuple[Frame, Record]]:
        """Pair each record that is wanted with its frame; frames without a record are skipped."""
        frames = self.reader.frames()
        for record in _chosen(self.result, self.wanted):
            frame = next((frame for frame in frames if frame.index >= record.frame.index), None)
            if frame is None or frame.index != record.frame.index:
                which = f"frame {record.frame.index} is not in {self.path}"
                raise InputError(f"{self.result.path}: {which}. Give the video it was made of")
            yield frame, record


def _chosen(result: StoredResult, wanted: tuple[int, float]) -> Iterator[Record]:
    for record in result:
        if record.frame.index > wanted[1]:
            return
        if record.frame.index >= wanted[0]:
            yield record


def _frame_rate(clip: Path, result: StoredResult, given: float | None) -> float | None:
    if given is not None or clip.is_file():
        return given
    return float(result.header.video.frame_rate)


def _size(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]}x{size_hw[0]}"


def _image_size(size_hw: tuple[int, int], width: int | None, *, side_by_side: bool) -> tuple[int, int]:
    if width is None:
        return size_hw
    wide = max(2, width // 2 if side_by_side else width)
    return max(2, round(size_hw[0] * wide / size_hw[1])), wide


def _resized(image: U8, poses: Poses | None, size_hw: tuple[int, int]) -> tuple[U8, Poses | None]:
    """Resize an image and its people before anything is drawn, so that lines and labels suit what is seen."""
    if image.shape[:2] == size_hw:
        return image, poses
    factor = np.array([size_hw[1] / image.shape[1], size_hw[0] / image.shape[0]], np.float32)
    way = cv2.INTER_AREA if factor[0] < 1 else cv2.INTER_CUBIC
    smaller = np.asarray(cv2.resize(image, size_hw[::-1], interpolation=way), np.uint8)
    if poses is None:
        return smaller, None
    keypoints, xyxy = poses.keypoints.copy(), poses.xyxy.copy()
    keypoints[..., :2] = (keypoints[..., :2] + 0.5) * factor - 0.5  # a whole number is a pixel's centre
    xyxy = (xyxy + 0.5) * np.tile(factor, 2) - 0.5
    return smaller, replace(poses, keypoints=keypoints, xyxy=xyxy.astype(np.float32))
