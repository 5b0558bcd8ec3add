"""Which images a folder or glob holds, in which order, and what number each of them has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from videopose.errors import InputError, VideoError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp"}
)

_NO_IMAGES = frozenset({"thumbs.db", "desktop.ini"})
"""What a file manager leaves in folders without hiding it."""

_MOST_HOLES = 10
"""So many times as many missing numbers as images are no lost frames: the numbers count something else."""


def image_files(path: str) -> list[Path]:
    """List the images of a folder, or the files a glob names, in natural order (`2.png` before `10.png`).

    Hidden files (`._1.png`, `.trash.png`), pipes and folders are left out, whatever they are called.

    Raises:
        VideoError: there is none, or the folder cannot be read.
    """
    try:
        found = _in_folder(path) if Path(path).is_dir() else _by_pattern(path)
    except VideoError:
        raise
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror}). Check its permissions and the disk") from error
    return sorted(found, key=natural_key)


def _in_folder(path: str) -> list[Path]:
    files = [file for file in Path(path).iterdir() if not _is_hidden(file)]
    found = [file for file in files if file.suffix.lower() in SUFFIXES and file.is_file()]
    if found:
        return found
    videos = sorted(file.name for file in files if file.suffix.lower() in VIDEO_SUFFIXES)
    if videos:
        raise VideoError(
            f"{path}: a folder of {len(videos)} videos, not of one video's images. Give them one by one, as in "
            f"{Path(path) / videos[0]}"
        )
    raise VideoError(
        f"{path}: a folder without images; their names end in {', '.join(sorted(SUFFIXES))}. "
        "Give a video, or a folder of images"
    )


def _by_pattern(path: str) -> list[Path]:
    folder, pattern = _split_glob(path)
    asks_for_hidden = Path(pattern).name.startswith(".")
    found = [file for file in folder.glob(pattern) if (asks_for_hidden or not _is_hidden(file)) and file.is_file()]
    if not found:
        raise VideoError(f"{path}: no file matches. Check the path and the pattern")
    return found


def _is_hidden(file: Path) -> bool:
    return file.name.startswith(".") or file.name.lower() in _NO_IMAGES


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Build a sort key in which numbers inside names count as numbers.

    Example:
        >>> sorted([Path("a10.png"), Path("a9.png")], key=natural_key)
        [PosixPath('a9.png'), PosixPath('a10.png')]
    """
    parts = re.split(r"([0-9]+)", str(path))
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _split_glob(path: str) -> tuple[Path, str]:
    parts = Path(path).parts
    first = next(index for index, part in enumerate(parts) if any(sign in part for sign in "*?["))
    return Path(*parts[:first]), str(Path(*parts[first:]))


def missing_behind(files: Sequence[Path]) -> list[int]:
    """Count the numbers that are missing between each image and the next one.

    Names that count in steps (0, 5, 10) lack nothing; names without one running number are not asked.

    Returns:
        As many numbers as there are images, the last 0; none where the names do not count frames.

    Example:
        >>> missing_behind([Path("a1.png"), Path("a2.png"), Path("a5.png")])
        [0, 2, 0]
    """
    matches = [re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", file.name) for file in files]
    if len({match and (match[1], match[3].lower()) for match in matches}) != 1 or len(files) < 2:
        return []
    numbers = [int(match[2]) for match in matches if match is not None]
    if len(numbers) < len(files):
        return []
    steps = [right - left for left, right in pairwise(numbers)]
    step = max(set(steps), key=lambda one: (steps.count(one), -one))
    if step < 1 or any(one < 1 or one % step for one in steps):
        return []
    missing = [one // step - 1 for one in steps]
    return [*missing, 0] if sum(missing) <= _MOST_HOLES * len(files) else []


def describe_holes(files: Sequence[Path], missing: Sequence[int]) -> str:
    """List the images behind which numbers are missing, the first three of them."""
    behind = [f"{count} behind {file.name}" for file, count in zip(files, missing, strict=True) if count]
    more = f" and {len(behind) - 3} more" if len(behind) > 3 else ""
    return ", ".join(behind[:3]) + more


def no_numbers(path: str) -> InputError:
    """Build the error for holes wanted where names do not count."""
    return InputError(
        f"{path}: the names of its images do not count frames, so holes cannot be kept. Leave --keep-holes out"
    )
