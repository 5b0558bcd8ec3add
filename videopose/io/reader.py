"""Open a video, whatever it is: a file through one of three decoders, a folder or a glob of images."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from pathlib import Path

from videopose.errors import InputError, UnknownNameError, VideoError, nearest_name
from videopose.io.backends.decord import DecordReader
from videopose.io.backends.images import ImageReader, image_files
from videopose.io.backends.opencv import OpenCVReader
from videopose.io.backends.pyav import PyAVReader
from videopose.io.base import Selection, VideoReader

__all__ = ["BACKENDS", "VideoReader", "open_video"]

BACKENDS: dict[str, type[PyAVReader]] = {"pyav": PyAVReader, "opencv": OpenCVReader, "decord": DecordReader}

IMAGE_FRAME_RATE = Fraction(25)
"""Images to the second where nobody says otherwise."""


def open_video(
    path: str | Path,
    *,
    backend: str = "pyav",
    start: float | None = None,
    end: float | None = None,
    frames: tuple[int, int | None] | None = None,
    every: int = 1,
    frame_rate: Fraction | float | None = None,
    strict: bool = False,
) -> VideoReader:
    """Open a video file, a folder of images or a glob of images.

    Args:
        path: the file or folder, or a pattern with `*`, `?` or `[`.
        backend: what decodes a file, `pyav`, `opencv` or `decord`.
        start: first presentation time wanted, seconds.
        end: presentation time to stop before, seconds.
        frames: first and last index wanted, inclusive; a last of None is the end.
        every: take every nth of these frames.
        frame_rate: images to the second, for a folder or a glob; 25 if not given.
        strict: frames that cannot be decoded are an error; otherwise they become gaps.

    Raises:
        InputError: an option makes no sense, or decord is not installed.
        UnknownNameError: there is no such backend.
        VideoError: the path cannot be opened, holds no video, is cut off, or has none of the frames.
    """
    selection = Selection(start, end, frames, every)
    if backend not in BACKENDS:
        raise UnknownNameError(f"no backend is named {backend!r}. {nearest_name(backend, BACKENDS)}")
    if frame_rate is not None and not 0 < frame_rate < inf:
        raise InputError(f"frame_rate = {frame_rate}: give images per second, more than 0")
    file = Path(path)
    is_glob = not file.exists() and any(sign in str(path) for sign in "*?[")
    if file.is_dir() or is_glob:
        rate = IMAGE_FRAME_RATE if frame_rate is None else Fraction(frame_rate).limit_denominator(1001)
        return ImageReader(str(path), image_files(str(path)), selection, frame_rate=rate, strict=strict)
    _check_readable(file)
    if frame_rate is not None:
        raise InputError(f"{path}: a video file has its own timestamps; --frame-rate is for folders of images")
    return BACKENDS[backend](file, selection, strict=strict)


def _check_readable(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            is_empty = not opened.read(1)
    except FileNotFoundError as error:
        raise VideoError(f"{file}: no such file. Check the path") from error
    except OSError as error:
        raise VideoError(f"{file}: cannot be read ({error.strerror}). Check its permissions and the disk") from error
    if is_empty:
        raise VideoError(f"{file}: the file is empty (0 bytes). Copy or record it again")
