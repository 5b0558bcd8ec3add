"""Identify files by their content: a run that goes on must have the video and weights it began with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from videopose.errors import InputError, VideoPoseError
from videopose.io._references import named_files
from videopose.io.backends.images import image_files
from videopose.io.result import JsonObject

_BLOCK = 1 << 20

Stamp = tuple[tuple[int, ...], ...]
"""What the file system says of files: it differs once one is written, replaced or gone."""


def video_identity(path: Path) -> JsonObject:
    """Compute a video's identity from its content, quickly: size, and SHA-256 over size, first and last MiB."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_BLOCK))
        file.seek(max(_BLOCK, size - _BLOCK))
        digest.update(file.read(_BLOCK))
    return {"bytes": size, "sha256": digest.hexdigest()}


def file_identity(path: Path) -> JsonObject:
    """Compute a file's identity from all of its content."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def clip_identity(clip: str | Path) -> JsonObject:
    """Compute an input's identity: a video's quickly, that of images by their names and all of their content.

    A list of other files is told by those files too.

    Raises:
        OSError: a file cannot be read.
        VideoError: there are no images.
    """
    if not _is_images(clip):
        return _video_with_references(Path(clip))
    digest = hashlib.sha256()
    size = 0
    files = image_files(str(clip))
    for path in files:
        content = file_identity(path)
        size += content["bytes"]
        digest.update(json.dumps([path.name, content["sha256"]]).encode())
    return {"files": len(files), "bytes": size, "sha256": digest.hexdigest()}


def _video_with_references(path: Path) -> JsonObject:
    named = [(str(each), video_identity(each)) for each in named_files(path)]
    own = video_identity(path)
    if not named:
        return own
    digest = hashlib.sha256(json.dumps([own, named]).encode())
    return {"files": 1 + len(named), "bytes": own["bytes"], "sha256": digest.hexdigest()}


def clip_files(clip: str | Path) -> list[Path]:
    """List the files a clip is made of, those a list of files names among them.

    Raises:
        OSError: a file cannot be read.
        VideoError: there are no images.
    """
    return image_files(str(clip)) if _is_images(clip) else [Path(clip), *named_files(Path(clip))]


def _is_images(clip: str | Path) -> bool:
    path = Path(clip)
    return path.is_dir() or (not path.exists() and any(sign in str(clip) for sign in "*?["))


class WatchedClip:
    """Notices when a clip is replaced while it is read.

    Make it before the clip is opened. What the file system says of it is asked often, its content only when that has
    changed: renaming or touching a file replaces nothing.

    Args:
        clip: a video file, a folder of images or a glob; it may turn out not to be there.
    """

    def __init__(self, clip: str | Path) -> None:
        self._clip = clip
        self._stamp = _stamp(clip)
        self.identity: JsonObject = {}

    def identify(self) -> JsonObject:
        """Find out the clip's identity, which `check` compares with.

        Raises:
            InputError: it cannot be read.
        """
        try:
            self.identity = clip_identity(self._clip)
        except OSError as error:
            raise InputError(f"{self._clip}: cannot be read ({error.strerror or error}). Check the path") from error
        return self.identity

    def check(self) -> None:
        """Check that the clip is still the one it was.

        Raises:
            InputError: its content has changed, or it is gone.
        """
        stamp = _stamp(self._clip)
        if stamp == self._stamp:
            return
        try:
            is_same = clip_identity(self._clip) == self.identity
        except (OSError, VideoPoseError):
            is_same = False
        if not is_same:
            raise InputError(
                f"{self._clip}: was replaced while it was read. Put the former one back and type the same command "
                "again, or start over with --restart"
            )
        self._stamp = stamp


def _stamp(clip: str | Path) -> Stamp:
    try:
        found = [path.stat() for path in clip_files(clip)]
    except (OSError, VideoPoseError):
        return ()
    return tuple((each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns) for each in found)


def difference(old: JsonObject, new: JsonObject, prefix: str = "") -> list[str]:
    """Describe what differs between two nested mappings, one short sentence per value.

    Two files of one name that differ in their checksum are said to differ in content.

    Example:
        >>> difference({"pose": {"flip": True}}, {"pose": {"flip": False}})
        ['pose.flip was true and is false']
        >>> difference({"boxes": {"path": "a.txt", "sha256": "1"}}, {"boxes": {"path": "a.txt", "sha256": "2"}})
        ['boxes (a.txt) has other content']
    """
    changes = []
    for key in sorted({*old, *new}):
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            name = now.get("path", now.get("name"))
            if name == before.get("path", before.get("name")) and _checksums(before) != _checksums(now):
                changes.append(f"{prefix}{key}{f' ({name})' if name else ''} has other content")
            else:
                changes += difference(before, now, f"{prefix}{key}.")
        elif before != now:
            changes.append(f"{prefix}{key} was {json.dumps(before)} and is {json.dumps(now)}")
    return changes


def _checksums(facts: JsonObject) -> list[object]:
    return [facts.get("sha256"), facts.get("data_sha256")]


def files_identity(files: Mapping[str, Path]) -> JsonObject:
    """Compute the identity of the files options name, from all of their content; missing ones are marked."""
    return {key: _named_identity(path) for key, path in files.items()}


def _named_identity(path: Path) -> JsonObject:
    try:
        return {"path": str(path), **file_identity(path)}
    except OSError as error:
        return {"path": str(path), "sha256": f"cannot be read: {error.strerror}"}
