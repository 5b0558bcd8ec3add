"""Open a media file for FFmpeg: always this file, never an address, and nothing the file itself names.

FFmpeg takes a name with a colon for an address, and some formats are lists of other files. Here a path is a path, and
such lists are refused unless the caller allows them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import av
import av.logging

from videopose.errors import VideoError

_REFERRING = frozenset({"applehttp", "concat", "dash", "hls", "imf", "image2", "vobsub", "webm_dash_manifest"})
"""Formats that are lists of other files."""

_NETWORK_AND_DEVICES = frozenset(
    {"alsa", "avisynth", "fbdev", "kmsgrab", "lavfi", "oss", "rtp", "rtsp", "sap", "sdp", "vapoursynth", "x11grab"}
    | {"video4linux2,v4l2", "video4linux2", "v4l2", "image2pipe"}
)
"""Formats that read cameras, sockets or scripts: never a file with images in it."""

_LIST_HEADS = (b"#EXTM3U", b"ffconcat version", b"<?xml", b"<MPD", b"v=0", b"# VobSub index")


@contextmanager
def opened_media(path: Path, *, allow_references: bool = False) -> Iterator[av.container.InputContainer]:
    """Open a media file and close it again.

    Args:
        path: of the file; its name may hold any bytes.
        allow_references: let the file name other files (`.m3u8`, ffconcat, DASH), which are then read too.

    Raises:
        VideoError: FFmpeg finds no media in it, or it names other files and that is not allowed.
    """
    container = open_media(path, allow_references=allow_references)
    try:
        yield container
    finally:
        container.close()


def open_media(path: Path, *, allow_references: bool = False) -> av.container.InputContainer:
    """Open a media file, which the caller closes. See `opened_media`."""
    protocols = "file,crypto,data" if allow_references else "file"
    options = {"protocol_whitelist": protocols, "format_whitelist": _formats(allow_references)}
    try:
        return av.open(ffmpeg_name(path), mode="r", metadata_errors="replace", options=options)
    except (av.error.FFmpegError, UnicodeError, ValueError) as error:
        raise VideoError(_why_not_a_video(path, getattr(error, "strerror", None) or str(error))) from error


def ffmpeg_name(path: Path) -> str:
    """Write a path as FFmpeg's libraries must be given it, so that no part of it is taken for a protocol.

    Example:
        >>> ffmpeg_name(Path("concat:a.mp4"))
        'file:concat:a.mp4'
    """
    return f"file:{path}"


def is_text(path: Path) -> bool:
    """Check whether a name is text all through; OpenCV and decord take no other."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def readable_name(path: str | Path) -> str:
    r"""Write a path as text every file and terminal can hold; bytes that are no UTF-8 are shown as ``\xe9``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def writable_name(name: str) -> str:
    """Return a name as it is, unless it holds bytes that are no UTF-8: those are spelled out."""
    raw = os.fsencode(name)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("ascii", "backslashreplace")
    return name


@cache
def _formats(allow_references: bool) -> str:
    refused = _NETWORK_AND_DEVICES if allow_references else _NETWORK_AND_DEVICES | _REFERRING
    allowed = set()
    for name in av.formats_available:
        try:
            parts = set(av.ContainerFormat(name, "r").name.split(","))
        except ValueError:  # it can only be written
            continue
        if not parts & refused:
            allowed |= parts
    return ",".join(sorted(allowed))


def _why_not_a_video(path: Path, reason: str) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if head[4:8] == b"ftyp":
        return (
            f"{path}: cut off: the index an mp4 or mov ends with is missing ({reason}). "
            "Copy it again; if the recording itself broke off, repair it first"
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_LIST_HEADS):
        return (
            f"{path}: is a list that names other files. Give the video itself, or --allow-references to read local "
            "files it names"
        )
    return f"{path}: not a video ({reason}). Give a video file, or a folder of images"


_log_lock = threading.Lock()
_log_readers = 0
_log_before: tuple[int | None, bool] = (None, True)


@contextmanager
def demuxer_log() -> Iterator[list[tuple[int, str, str]]]:
    """Collect what FFmpeg says in this thread: damage to a container is only ever logged.

    The level is one for the whole process. Whoever comes first raises it and whoever leaves last puts it back, so that
    files opened in several threads at once do not leave it raised.
    """
    global _log_readers, _log_before
    with _log_lock:
        if _log_readers == 0:
            _log_before = av.logging.get_level(), av.logging.get_skip_repeated()
            av.logging.set_level(av.logging.WARNING)
            av.logging.set_skip_repeated(False)
        _log_readers += 1
    try:
        with av.logging.Capture(local=True) as logs:
            yield logs
    finally:
        with _log_lock:
            _log_readers -= 1
            if _log_readers == 0:
                av.logging.set_level(_log_before[0])
                av.logging.set_skip_repeated(_log_before[1])
