"""Which clips a user means by folders, globs and lists, and where the result of each goes.

No two clips share a result: `clip.mp4` and `clip.mov` of one folder keep their suffixes in the results' names.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from videopose.errors import InputError, nearest_name
from videopose.io._image_files import SUFFIXES, VIDEO_SUFFIXES, natural_key
from videopose.io._media import writable_name
from videopose.io.disk import refusals_said
from videopose.io.results import FORMATS

LISTS = frozenset({".txt", ".csv"})
"""Suffixes of files that list clips."""

COLUMNS = ("path", "start", "end", "boxes", "output")
"""Columns of a list in CSV; all but the first may be missing or empty."""

_LONGEST_LIST = 64 << 20
"""Bytes of a list; a million clips need less."""

_RESULT = ".poses.json"


@dataclass(frozen=True, slots=True)
class Input:
    """One clip of many, or a span of one.

    Attributes:
        clip: a video, a folder of images or a glob.
        output: the result's file.
        start: first time wanted, seconds; None for the beginning.
        end: time to stop before, seconds; None for the end.
        boxes: file of people's boxes; empty for none.
        is_chosen: the user has named this very result.
    """

    clip: str
    output: Path
    start: float | None = None
    end: float | None = None
    boxes: str = ""
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """A clip, and where in a tree it was found.

    Attributes:
        clip: as it will be opened.
        base: the folder whose tree is kept under another one.
        row: what a list says of it.
    """

    clip: Path
    base: Path
    row: dict[str, str]


def is_several(given: Sequence[str], *, recursive: bool = False) -> bool:
    """Check whether what a user gave is more than one clip: a folder or glob of videos, a list, or several names."""
    return len(given) != 1 or recursive or _is_list(given[0]) or bool(_videos(given[0], recursive=False))


def find_inputs(given: Sequence[str], output: Path | None = None, *, recursive: bool = False) -> list[Input]:
    """List the clips, each once, in the order given and in natural order within a folder.

    Args:
        given: names of clips, folders of videos, globs of videos, or lists (`.txt`: a path a line; `.csv`: `COLUMNS`).
        output: folder for the results, which keeps the tree below what was given; None for beside the clips.
        recursive: look into folders inside folders too.

    Raises:
        InputError: there is none, a list is damaged, or two of them would have one result; the message names them.
    """
    bases = [_base_of(name) for name in given if not _is_list(name)]
    base = _common(bases)
    found = [each for name in given for each in _found(name, base, recursive=recursive)]
    if not found:
        raise InputError(f"{', '.join(given)}: no videos there. Check the path, or add --recursive")
    is_file = output is not None and (output.suffix.lower() in FORMATS or output.is_file())
    if is_file and len(found) > 1:
        raise InputError(f"{output}: is one result, for {len(found)} clips. Give a folder with -o")
    inputs = list(dict.fromkeys(_named(found, None if is_file else output)))
    if is_file and output is not None:
        inputs = [replace(inputs[0], output=output, is_chosen=True)]
    _refuse_shared(inputs)
    return inputs


def _found(name: str, base: Path, *, recursive: bool) -> Iterator[_Found]:
    if _is_list(name):
        yield from _listed(Path(name))
        return
    videos = _videos(name, recursive=recursive)
    yield from (_Found(path, base, {}) for path in videos)
    if not videos and not (recursive and Path(name).is_dir()):
        yield _Found(Path(name), base, {})


def _is_list(name: str) -> bool:
    return Path(name).suffix.lower() in LISTS and Path(name).is_file()


def _is_glob(name: str) -> bool:
    return not Path(name).exists() and any(sign in name for sign in "*?[")


def _base_of(name: str) -> Path:
    """Return the folder below which names are kept: a folder itself, else what stands before a file or a pattern."""
    path = Path(name)
    if path.is_dir():
        return path
    plain = list(path.parts[:-1])
    if _is_glob(name):
        cut = next((row for row, part in enumerate(plain) if any(sign in part for sign in "*?[")), len(plain))
        plain = plain[:cut]
    return Path(*plain) if plain else Path()


def _common(folders: Sequence[Path]) -> Path:
    """Return the folder that all lie in, relative if they are."""
    if not folders:
        return Path()
    if any(folder.is_absolute() for folder in folders):
        folders = [folder.absolute() for folder in folders]
    return Path(os.path.commonpath(folders)) if len(folders) > 1 else folders[0]


def _videos(name: str, *, recursive: bool) -> list[Path]:
    """List the videos of a folder or glob; none where it holds images, which are one clip."""
    path = Path(name)
    with refusals_said(path):
        if path.is_dir():
            files = list(path.rglob("*") if recursive else path.iterdir())
            if not recursive and any(file.suffix.lower() in SUFFIXES for file in files if file.name[0] != "."):
                return []
        elif _is_glob(name):
            base = _base_of(name)
            files = list(base.glob(str(path.relative_to(base))))
        else:
            return []
        videos = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES and file.name[0] != "."]
        return sorted((file for file in videos if file.is_file()), key=natural_key)


def _listed(path: Path) -> Iterator[_Found]:
    """Read a list; its relative paths begin at its own folder."""
    with refusals_said(path):
        if path.stat().st_size > _LONGEST_LIST:
            raise InputError(f"{path}: is larger than {_LONGEST_LIST >> 20} MiB; a list of clips is not. Split it")
        data = path.read_bytes()
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8 (byte {error.start}). Write it again as UTF-8") from error
    rows = _rows_of_csv(path, lines) if path.suffix.lower() == ".csv" else _rows_of_text(lines)
    for number, row in rows:
        if not row.get("path"):
            raise InputError(f"{path}: line {number} has no path. Name a clip there")
        for key in ("start", "end"):
            _seconds(row.get(key, ""), f"{path}: line {number}: {key}")
        if row.get("output"):
            _check_inside(row["output"], f"{path}: line {number}")
        row["boxes"] = str(path.parent / row["boxes"]) if row.get("boxes") else ""
        yield _Found(path.parent / row["path"], path.parent, row)


def _rows_of_text(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, {"path": line.strip()}


def _rows_of_csv(path: Path, lines: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        rows = list(csv.reader(lines, strict=True))
    except csv.Error as error:
        raise InputError(f"{path}: is not CSV ({error}). Write it again") from error
    head = [name.strip() for name in rows[0]] if rows else []
    if "path" not in head:
        raise InputError(f"{path}: its first line names no column `path`. Begin it with {','.join(COLUMNS)}")
    for name in head:
        if name not in COLUMNS:
            raise InputError(f"{path}: there is no column {name!r}. {nearest_name(name, COLUMNS)}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) > len(head):
            raise InputError(f"{path}: line {number} has {len(row)} values for {len(head)} columns. Quote commas")
        if any(cell.strip() for cell in row):
            yield number, dict(zip(head, (cell.strip() for cell in row), strict=False))


def _seconds(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{where} is {text!r}. Give seconds") from error


def _check_inside(name: str, where: str) -> None:
    """Refuse a result outside the folder the results go to: lists come from others."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise InputError(f"{where}: output {name!r} leads elsewhere. Give a name below the list's folder, or below -o")


def _named(found: Sequence[_Found], output: Path | None) -> list[Input]:
    """Return every clip with its result: named by a list, else after the clip."""
    clips: dict[Path, set[Path]] = {}
    for each in found:
        if not each.row.get("output"):
            clips.setdefault(_result_of(each, output), set()).add(each.clip)
    inputs = []
    for each in found:
        row, result = each.row, _result_of(each, output)
        if not row.get("output") and len(clips[result]) > 1:
            result = result.with_name(writable_name(each.clip.name) + _RESULT)
        start, end = (_seconds(row.get(key, ""), key) for key in ("start", "end"))
        inputs.append(Input(str(each.clip), result, start, end, row.get("boxes", ""), bool(row.get("output"))))
    return inputs


def _result_of(found: _Found, output: Path | None) -> Path:
    """Return where a clip's result goes if no other clip claims the place."""
    clip = found.clip
    if found.row.get("output"):
        result = (found.base if output is None else output) / found.row["output"]
        return result if result.suffix.lower() in FORMATS else result.with_name(result.name + _RESULT)
    if _is_glob(str(clip)):
        name, folder = "images", clip.parent if output is None else Path()
    else:
        whole = clip if clip.name else clip.resolve()  # "." has no name of its own
        name, folder = whole.name if clip.is_dir() else whole.stem, whole.parent
    name = writable_name(name) + _RESULT
    if output is None:
        return (Path() if _is_glob(str(clip)) else folder) / name
    folder = folder.absolute() if found.base.is_absolute() else folder
    inside = folder.is_relative_to(found.base) and ".." not in folder.relative_to(found.base).parts
    return output / (folder.relative_to(found.base) if inside else Path()) / name


def _refuse_shared(inputs: Sequence[Input]) -> None:
    owners: dict[str, Input] = {}
    for each in inputs:
        place = os.path.normpath(each.output.absolute())
        other = owners.setdefault(place, each)
        if other is not each:
            both = f"{other.clip} and {each.clip}" if other.clip != each.clip else f"two spans of {each.clip}"
            raise InputError(f"{each.output}: would be the result of {both}. Name their results in a list (.csv)")
