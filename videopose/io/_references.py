"""The files a list of files names (`.m3u8`, ffconcat): a clip that is such a list is made of them too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_HEADS = (b"#EXTM3U", b"ffconcat version")
_LARGEST_LIST = 16 << 20
"""Bytes; a file that begins like a list and is larger is looked at no further."""

_QUOTED = re.compile(r"""URI="([^"]*)"|'([^']*)'""")


def named_files(path: Path) -> list[Path]:
    """List the files that a list names, and those that lists among them name, in order, each once.

    Names that lead to no file here (addresses, lines that are none) are left out, as FFmpeg refuses them when it comes
    to them.

    Args:
        path: a file of any kind; what is no list names nobody.

    Raises:
        OSError: a file cannot be read.
    """
    found: dict[Path, None] = {}
    waiting = [path]
    while waiting:
        for each in _named_in(waiting.pop()):
            if each not in found and each != path:
                found[each] = None
                waiting.append(each)
    return list(found)


def _named_in(path: Path) -> Iterator[Path]:
    with path.open("rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
        if not head.startswith(_HEADS):
            return
        file.seek(0)
        text = file.read(_LARGEST_LIST).decode("utf-8", "surrogateescape")
    for line in text.splitlines():
        for name in _names(line.strip()):
            target = path.parent / name.removeprefix("file:")
            if name and "\0" not in name and _is_file(target):
                yield target


def _names(line: str) -> Iterator[str]:
    quoted = [a or b for a, b in _QUOTED.findall(line)]
    if quoted:
        yield from quoted
    elif line.startswith("file "):
        yield re.sub(r"\\(.)", r"\1", line.removeprefix("file ").strip())
    elif not line.startswith("#"):
        yield line


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a line longer than a name may be
        return False
