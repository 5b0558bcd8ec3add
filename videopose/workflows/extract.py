"""Images out of a video, under the names that exported annotations give them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from videopose.errors import InputError, VideoPoseError
from videopose.io.disk import refusals_said
from videopose.io.exchange.any_result import read_result
from videopose.io.exchange.frames import frame_name
from videopose.io.reader import open_video
from videopose.io.result import atomic_write
from videopose.types import Frame, Gap

_log = logging.getLogger(__name__)


def extract_frames(
    clip: str | Path,
    folder: Path,
    *,
    poses: Path | None = None,
    frames: tuple[int, int | None] | None = None,
    every: int = 1,
    overwrite: bool = False,
    stream: int | None = None,
    allow_references: bool = False,
    keep_holes: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, Sequence[Gap]]:
    """Write frames as PNG, as they are displayed, each named by its index in the whole video.

    Args:
        clip: the video, folder or glob.
        folder: where the images go; made if it is not there.
        poses: a result or export; only the frames it lists are written.
        frames: first and last index wanted, inclusive; a last of None is the end.
        every: take every nth of these frames.
        overwrite: replace images that are there.
        stream: number of the video stream, as `open_video` takes it.
        allow_references: let the clip name other local files.
        keep_holes: numbers missing among the names of a folder's images become gaps.
        progress: called with (frames done, all frames).

    Returns:
        How many images were written, and the frames that could not be decoded.

    Raises:
        InputError: an image is there already, or a result lists frames the video has not.
        VideoError: the clip cannot be opened.
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    wanted = None if poses is None else {record.frame.index for record in read_result(poses)}
    if wanted is not None:
        if not wanted:
            raise InputError(f"{poses}: lists no frame, so there is nothing to write")
        frames = frames or (min(wanted), max(wanted))
    reader = open_video(
        clip, frames=frames, every=every, stream=stream, allow_references=allow_references, keep_holes=keep_holes
    )
    with refusals_said(folder):
        folder.mkdir(parents=True, exist_ok=True)
    written: set[int] = set()
    for done, frame in enumerate(reader.frames(), start=1):
        if wanted is None or frame.index in wanted:
            _write(folder / frame_name(frame.index), frame, overwrite=overwrite)
            written.add(frame.index)
        if progress is not None:
            progress(done, reader.num_frames)
    gaps = tuple(reader.gaps)
    _check_found(poses, wanted, written, gaps, is_whole=frames is None and every == 1)
    return len(written), gaps


def _check_found(
    poses: Path | None, wanted: set[int] | None, written: set[int], gaps: Sequence[Gap], *, is_whole: bool
) -> None:
    """Raise `InputError` where none of a result's frames is in the video; log those that are missing."""
    if wanted is None:
        return
    if not written:
        raise InputError(f"{poses}: none of its frames is in the video. Give the video it was made of")
    lost = {index for gap in gaps for index in range(gap.first, gap.last + 1)}
    missing = sorted(wanted - written - lost)
    if missing:
        _log.warning("%s: %d of its frames are not among those written, first %d", poses, len(missing), missing[0])


def _write(path: Path, frame: Frame, *, overwrite: bool) -> None:
    if frame.image is None:
        raise InputError(f"frame {frame.index} has no image")
    with refusals_said(path):
        if path.exists() and not overwrite:
            raise InputError(
                f"{path}: is already there. Add --overwrite to replace it, or choose another place with -o"
            )
    image = np.ascontiguousarray(frame.image.permute(1, 2, 0).cpu().numpy()[..., ::-1])
    done, data = cv2.imencode(".png", image)
    if not done:
        raise VideoPoseError(f"{path}: the image of frame {frame.index} cannot be encoded")
    with atomic_write(path) as file:
        file.write(data.tobytes())
