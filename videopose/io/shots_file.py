"""Lists of shots: where a video changes to another scene, a frame index to a line."""

from __future__ import annotations

from pathlib import Path

from videopose.errors import DatasetError


def read_shots(path: Path) -> tuple[int, ...]:
    """Read the index of the first frame of every shot; that of the first one may be left out.

    Blank lines and what stands behind a # are passed over.

    Raises:
        DatasetError: the file cannot be read, or a line is no frame index larger than the one before.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read. Write the first frame of each shot, one a line") from error
    starts: list[int] = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        if not (text.isascii() and text.isdigit() and len(text) < 16) or (starts and int(text) <= starts[-1]):
            raise DatasetError(
                f"{path}: line {number}: {text[:40]!r} is no frame index larger than the one before. "
                "Write the first frame of each shot, one a line"
            )
        starts.append(int(text))
    return tuple(start for start in starts if start > 0)
