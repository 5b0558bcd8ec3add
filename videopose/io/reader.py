"""Open a video, whatever it is: a file through one of three decoders, a folder or a glob of images."""

from __future__ import annotations

import re
import stat
from fractions import Fraction
from pathlib import Path

from videopose.errors import InputError, UnknownNameError, VideoError, nearest_name
from videopose.io._image_files import SUFFIXES, image_files
from videopose.io._media import opened_media
from videopose.io.backends.decord import DecordReader
from videopose.io.backends.images import ImageReader
from videopose.io.backends.opencv import OpenCVReader
from videopose.io.backends.pyav import PyAVReader
from videopose.io.base import Selection, VideoReader

__all__ = ["BACKENDS", "VideoReader", "check_is_path", "open_video", "stored_size"]

BACKENDS: dict[str, type[PyAVReader]] = {"pyav": PyAVReader, "opencv": OpenCVReader, "decord": DecordReader}

IMAGE_FRAME_RATE = Fraction(25)
"""Images to the second where nobody says otherwise."""

_MOST_PER_SECOND = 1e6
"""Images to the second, and seconds to the image."""


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
    stream: int | None = None,
    allow_references: bool = False,
    keep_holes: bool = False,
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
        stream: number of the video stream wanted, as FFmpeg counts a file's streams; None for the one with the frames.
        allow_references: let a file name other local files (`.m3u8`, ffconcat), which are then read too.
        keep_holes: numbers missing among the names of a folder's images become gaps.

    Raises:
        InputError: an option makes no sense, or decord is not installed.
        UnknownNameError: there is no such backend.
        VideoError: the path cannot be opened, holds no video, is cut off, or has none of the frames.
    """
    selection = Selection(start, end, frames, every)
    if backend not in BACKENDS:
        raise UnknownNameError(f"no backend is named {backend!r}. {nearest_name(backend, BACKENDS)}")
    if frame_rate is not None and not 1 / _MOST_PER_SECOND <= frame_rate <= _MOST_PER_SECOND:
        raise InputError(f"frame_rate = {frame_rate}: give images per second, more than 0 and at most a million")
    check_is_path(str(path))
    file = Path(path)
    is_glob = not _exists(file) and any(sign in str(path) for sign in "*?[")
    is_folder = is_glob or (_exists(file) and file.is_dir())
    if not is_folder:
        _check_readable(file)
    if is_folder or file.suffix.lower() in SUFFIXES:
        rate = IMAGE_FRAME_RATE if frame_rate is None else _whole_parts(frame_rate)
        files = image_files(str(path)) if is_folder else [file]
        return ImageReader(str(path), files, selection, frame_rate=rate, strict=strict, keep_holes=keep_holes)
    if frame_rate is not None:
        raise InputError(f"{path}: a video file has its own timestamps; --frame-rate is for folders of images")
    if keep_holes:
        raise InputError(f"{path}: a video file has no numbers; --keep-holes is for folders of images")
    return BACKENDS[backend](file, selection, strict=strict, stream=stream, allow_references=allow_references)


def _whole_parts(frame_rate: Fraction | float) -> Fraction:
    """Write images to the second as a fraction of small numbers, slow ones (an image an hour) by their duration."""
    rate = Fraction(frame_rate)
    return rate.limit_denominator(1001) if rate >= 1 else 1 / (1 / rate).limit_denominator(1001)


def stored_size(path: Path) -> tuple[int, int] | None:
    """Return (height, width) of an image file's pixels before any turning by its EXIF tag; None if it is no image.

    Raises:
        VideoError: the file is called an image and is none.
    """
    if path.suffix.lower() not in SUFFIXES:
        return None
    _check_readable(path)
    with opened_media(path) as container:
        stream = next(iter(container.streams.video), None)
        size_hw = (int(stream.height), int(stream.width)) if stream is not None else (0, 0)
    if not all(size_hw):
        raise VideoError(f"{path}: is no image. Give one that opens")
    return size_hw


def check_is_path(path: str) -> None:
    """Raise `VideoError` for what can be no file here: an address, standard input, a name with a NUL byte."""
    if "\0" in path:
        raise VideoError(f"{path!r}: no file can have this name: it holds a NUL byte. Check the path")
    is_stream = path == "-" or path.startswith(("/dev/stdin", "/dev/fd/", "/proc/self/fd/"))
    if is_stream or (re.match(r"[a-z][a-z0-9+.-]*://", path, re.IGNORECASE) and not _exists(Path(path))):
        raise VideoError(f"{path}: streams and addresses are not read. Save the clip to a file first, and give that")


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # a name that is too long, or a folder above it that may not be read
        return False


def _check_readable(file: Path) -> None:
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            raise VideoError(f"{file}: is no file but a pipe or a device. Save the clip to a file first, and give that")
        with file.open("rb") as opened:
            is_empty = not opened.read(1)
    except FileNotFoundError as error:
        raise VideoError(f"{file}: no such file. Check the path") from error
    except VideoError:
        raise
    except OSError as error:
        raise VideoError(f"{file}: cannot be read ({error.strerror}). Check its permissions and the disk") from error
    if is_empty:
        raise VideoError(f"{file}: the file is empty (0 bytes). Copy or record it again")
