"""Fetch published weights into the store: from one address after another, checked before they count.

Nothing else in this package uses a network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from videopose.errors import WeightsError
from videopose.models.download import MOST_BYTES, Download, DownloadError, Progress
from videopose.models.home import is_offline, weights_folder
from videopose.models.store import file_sha256, find, find_loose, keep, network_file, writing
from videopose.models.weights import verify
from videopose.models.zoo import Weights, is_non_commercial

_log = logging.getLogger(__name__)
_FULL = 64


def _nobody(done: int, total: int | None) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class FetchOptions:
    """How a download is shown, and what was agreed to.

    Attributes:
        say: is told a line for the user: what is fetched, of which size and licence, from where.
        progress: called as bytes arrive.
        accept_licence: take weights whose licence forbids commercial use.
    """

    say: Callable[[str], None] = _log.warning
    progress: Progress = _nobody
    accept_licence: bool = False


SAID = FetchOptions()
"""What is fetched is logged as a warning, so that nobody wonders why it takes long."""


def fetch(weights: Weights, options: FetchOptions = SAID) -> Path:
    """Download a file of weights into the store, unless it is there.

    What an earlier, interrupted call left is continued. Where one address fails the next is asked. A file somebody put
    into the store by hand is checked and taken in.

    Args:
        weights: an entry of the table.
        options: how it is shown.

    Returns:
        The path of the verified file.

    Raises:
        WeightsError: the file is not there and has no address, may not be fetched, no address gives it, or the disk is
            full; the message says what to do.
    """
    found = find(weights)
    if found is not None:
        verify(found, weights)
        return found
    if weights.is_shipped or not (weights.origin or weights.page):
        raise WeightsError(f"{weights.name}: has no address to fetch from; it ships with the package or is your own")
    loose = find_loose(weights)
    if loose is not None:
        return take_in(loose, weights)
    _check_allowed(weights, options)
    with _alone(weights, options) as partial:
        again = find(weights)  # another process may have fetched it meanwhile
        return _fetched(weights, partial, options) if again is None else again


def take_in(path: Path, weights: Weights) -> Path:
    """Copy a published file somebody has downloaded by hand into the store.

    Raises:
        WeightsError: it is not the published one, or cannot be written.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; check the path")
    sha256 = file_sha256(path)
    wrong = _difference(sha256, weights)
    if wrong:
        raise WeightsError(f"{path}: is not the published {weights.file}: {wrong}; fetch it again")
    return keep(path, weights, sha256, str(path), move=False)


def where_to_put(weights: Weights) -> str:
    """Describe what to copy where on a machine without a network, and how another machine gets it."""
    target = weights_folder() / weights.file
    if not weights.origin:
        return (
            f"its authors offer it at {weights.page}: download it there, then "
            f"`videopose models add {weights.name} FILE`"
        )
    return (
        f"on a machine with a network run `videopose models fetch {weights.name} --to DIR`, and copy what is in DIR to "
        f"{weights_folder()}; or download {weights.origin} to {target}"
    )


def _check_allowed(weights: Weights, options: FetchOptions) -> None:
    if not weights.origin:
        raise WeightsError(f"{weights.name}: has no address that lasts; {where_to_put(weights)}")
    if is_offline():
        raise WeightsError(
            f"{weights.name}: is not here, and VIDEOPOSE_OFFLINE is set: no connection was opened; "
            f"{where_to_put(weights)}"
        )
    if is_non_commercial(weights.licence) and not options.accept_licence:
        raise WeightsError(
            f"{weights.name}: its licence, {weights.licence}, forbids commercial use; if yours is none, run "
            f"`videopose models fetch {weights.name} --accept-licence`"
        )


@contextmanager
def _alone(weights: Weights, options: FetchOptions) -> Iterator[Path]:
    """Hold the lock of a file, so that processes do not write the same part; yield the part."""
    partial = weights_folder() / "partial"
    with writing(partial):
        partial.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(partial / f"{weights.file}.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            options.say(f"{weights.name}: another process is fetching it; waiting")
            lock.acquire()
    try:
        yield partial / weights.file
    finally:
        lock.release()


def _fetched(weights: Weights, partial: Path, options: FetchOptions) -> Path:
    reasons = []
    for address in (weights.origin, *weights.mirrors):
        try:
            sha256 = _download(weights, address, partial, options)
        except DownloadError as error:
            reasons.append(f"{address}: {error}")
            options.say(f"{address}: {error}")
            continue
        return keep(partial, weights, sha256, address, move=True)
    kept = "; what came is kept, run the same command again to go on" if partial.exists() else ""
    raise WeightsError(
        f"{weights.name}: could not be fetched ({'; '.join(reasons)}){kept}. Without a network: {where_to_put(weights)}"
    )


def _download(weights: Weights, address: str, partial: Path, options: FetchOptions) -> str:
    """Download from one address and check; return the checksum."""
    begun = _Announcement(weights, options)
    download = Download(partial, weights.bytes or MOST_BYTES, bool(weights.bytes), begun, options.progress)
    was_begun = partial.exists()
    download.from_address(address)
    sha256 = file_sha256(partial)
    wrong = _difference(sha256, weights)
    if wrong and was_begun:  # its beginning may have been of another file
        partial.unlink()
        download.from_address(address)
        sha256 = file_sha256(partial)
        wrong = _difference(sha256, weights)
    size = partial.stat().st_size
    if not weights.sha256 and begun.total not in (None, size):
        wrong = f"the server said {begun.total} bytes and sent {size}"
    if wrong:
        partial.unlink()
        raise DownloadError(f"did not give the published file, which was deleted: {wrong}")
    return sha256


def _difference(sha256: str, weights: Weights) -> str:
    """Describe how a checksum differs from the published one; empty if it does not, or none is published."""
    if sha256.startswith(weights.sha256):
        return ""
    published = weights.sha256 + ("" if len(weights.sha256) == _FULL else "…")
    return f"its sha256 is {sha256}, the published one {published}"


class _Announcement:
    """Tells the user once what is being fetched; `total` is the size the server said last."""

    def __init__(self, weights: Weights, options: FetchOptions) -> None:
        self._weights, self._say = weights, options.say
        self._is_said = False
        self.total: int | None = None

    def __call__(self, address: str, total: int | None) -> None:
        self.total = total
        if self._is_said:
            return
        self._is_said = True
        size = "size not said" if total is None else readable_size(total)
        unchecked = "" if self._weights.sha256 else "; no checksum is published, the file is pinned as it comes"
        self._say(
            f"fetching {self._weights.name} ({network_file(self._weights)}, {size}, licence {self._weights.licence}) "
            f"from {address}{unchecked}"
        )


def readable_size(count: int) -> str:
    """Write a number of bytes for people.

    Example:
        >>> readable_size(54_300_000)
        '54.3 MB'
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
