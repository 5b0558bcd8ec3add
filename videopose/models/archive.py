"""Extract one file of a zip that somebody else made: nothing is written elsewhere, and no more than was said."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from videopose.errors import WeightsError

MOST_BYTES = 4 << 30
"""Of a file in a zip: no published network is larger."""

_MOST_FILES = 10_000
_CHUNK = 1 << 20


def extract(source: Path, name: str, target: Path) -> None:
    """Write the one file of this name in a zip, in whatever folder of the zip it lies.

    Args:
        source: the zip; nothing else in it is looked at.
        name: file name without a folder.
        target: the file to write.

    Raises:
        WeightsError: the file is no zip, is damaged, holds no such file or several, or a larger one than it says.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            info = _only(archive, name, source)
            with archive.open(info) as content, target.open("xb") as file:
                written = _copy(content, file, info.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise WeightsError(f"{source.name}: not a readable zip ({error}); delete it and fetch it again") from error
    if written != info.file_size:
        target.unlink(missing_ok=True)
        raise WeightsError(
            f"{source.name}: {info.filename} has another size than the zip says ({info.file_size} bytes); "
            "it is not what was published"
        )


def _only(archive: zipfile.ZipFile, name: str, source: Path) -> zipfile.ZipInfo:
    listed = archive.infolist()
    if len(listed) > _MOST_FILES:
        raise WeightsError(f"{source.name}: holds {len(listed)} files; it is not what was published")
    found = [info for info in listed if PurePosixPath(info.filename).name == name and not info.is_dir()]
    if len(found) != 1:
        raise WeightsError(f"{source.name}: holds {len(found)} files named {name}, not one; is it the right zip?")
    if found[0].file_size > MOST_BYTES:
        raise WeightsError(
            f"{source.name}: {name} in it would take {found[0].file_size} bytes, more than any network; it was refused"
        )
    return found[0]


def _copy(content: IO[bytes], file: IO[bytes], limit: int) -> int:
    """Copy until the end, or until more came than was said."""
    written = 0
    while written <= limit and (chunk := content.read(_CHUNK)):
        file.write(chunk)
        written += len(chunk)
    return written
