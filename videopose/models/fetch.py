"""Download published weights: resumed where it broke off, checked before it counts. Nothing else uses a network."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from videopose.errors import WeightsError
from videopose.models.weights import verify, weights_folder
from videopose.models.zoo import Weights

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 30
Progress = Callable[[int, int | None], None]
"""Is told the bytes there are so far, and how many there will be if the server says."""


def fetch(weights: Weights, *, progress: Progress | None = None) -> Path:
    """Download a file of weights into the weights folder.

    What an earlier, interrupted call left is continued. A file already there is only verified.

    Args:
        weights: an entry of the table with an address.
        progress: called as bytes arrive.

    Returns:
        The path of the verified file.

    Raises:
        WeightsError: there is no address, the server does not answer, the connection broke, or the file is not the
            published one (it is deleted then).
    """
    if not weights.origin or weights.is_shipped:
        raise WeightsError(f"{weights.name}: has no address to fetch from; it ships with the package or is your own")
    path = weights_folder() / weights.file
    if path.is_file():
        verify(path, weights)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    _download(weights.origin, part, progress)
    try:
        verify(part, weights)
    except WeightsError as error:
        part.unlink()
        raise WeightsError(f"{weights.origin}: did not give the published file and was deleted: {error}") from error
    part.replace(path)
    return path


def _download(address: str, part: Path, progress: Progress | None) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            resumed = answer.status == 206
            length = answer.headers.get("Content-Length")
            total = int(length) + have * resumed if length else None
            with part.open("ab" if resumed else "wb") as file:
                written = _copy(answer, file, have * resumed, total, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the part is whole
            return
        raise WeightsError(
            f"{address}: the server answers {error.code} {error.reason}; is the address right?"
        ) from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(f"{address}: {reason}; run the same command again to go on") from error
    if total is not None and written < total:
        raise WeightsError(
            f"{address}: broke off after {written} of {total} bytes; run the same command again to go on"
        )


def _copy(answer: BinaryIO, file: BinaryIO, written: int, total: int | None, progress: Progress | None) -> int:
    while chunk := answer.read(_CHUNK):
        file.write(chunk)
        written += len(chunk)
        if progress is not None:
            progress(written, total)
    return written
