"""Small facts in JSON with a checksum: what a kill or a bad disk has left of them is told from what was written."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

from videopose.io.result import JsonObject, atomic_write


def canonical(facts: JsonObject) -> bytes:
    """Write facts as the bytes their checksum is of."""
    return json.dumps(facts, sort_keys=True).encode()


def write_sealed(path: Path, facts: JsonObject) -> None:
    """Write facts and their checksum; when this returns, they outlive a power cut.

    Raises:
        VideoPoseError: the disk is full or the folder cannot be written to.
    """
    with atomic_write(path) as file:
        file.write(json.dumps({**facts, "crc32": zlib.crc32(canonical(facts))}, indent=1).encode())


def read_sealed(path: Path) -> JsonObject | None:
    """Read a JSON object with its checksum; None if it is not there or not as it was written."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(facts, dict):
        return None
    if "schema" not in facts and "version" in facts:
        return {}  # of a version that had no checksums
    checksum = facts.pop("crc32", None)
    return facts if checksum == zlib.crc32(canonical(facts)) else None
