"""Tell files apart by their content: a run that goes on must be about the same video it began with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from videopose.io.result import JsonObject

_BLOCK = 1 << 20


def file_identity(path: Path) -> JsonObject:
    """Tell files apart by content, quickly: size, and SHA-256 over size, first and last MiB.

    A folder is told by the names and sizes of its files.
    """
    if path.is_dir():
        files = sorted((file.name, file.stat().st_size) for file in path.iterdir() if file.is_file())
        return {"files": len(files), "sha256": hashlib.sha256(repr(files).encode()).hexdigest()}
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_BLOCK))
        file.seek(max(_BLOCK, size - _BLOCK))
        digest.update(file.read(_BLOCK))
    return {"bytes": size, "sha256": digest.hexdigest()}
