"""Fetch published weights into the store: from one address after another, checked before they count.

Nothing else in this package uses a network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
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
    check_allowed([weights], options)
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


def where_to_put(missing: Sequence[Weights]) -> str:
    """Describe what to copy where on a machine without a network, and how another machine gets it."""
    names = " ".join(each.name for each in missing)
    addresses = ", ".join(each.origin for each in missing)
    return (
        f"on a machine with a network run `videopose models fetch {names} --to DIR`, and copy what is in DIR to "
        f"{weights_folder()}; or download {addresses} into that folder"
    )


def check_allowed(missing: Sequence[Weights], options: FetchOptions) -> None:
    """Check that weights that are not here may be fetched.

    Raises:
        WeightsError: they have no address, no connection may be opened, or a licence was not accepted; the message says
            what to do.
    """
    for each in missing:
        if not each.origin:
            raise WeightsError(
                f"{each.name}: has no address that lasts; its authors offer it at {each.page}: download it there, then "
                f"`videopose models add {each.name} FILE`"
            )
    if missing and is_offline():
        names = ", ".join(each.name for each in missing)
        are = "is" if len(missing) == 1 else "are"
        raise WeightsError(
            f"{names}: {are} not here, and VIDEOPOSE_OFFLINE is set: no connection was opened; {where_to_put(missing)}"
        )
    for each in missing:
        if is_non_commercial(each.licence) and not options.accept_licence:
            raise WeightsError(
                f"{each.name}: its licence, {each.licence}, forbids commercial use; if yours is none, run "
                f"`videopose models fetch {each.name} --accept-licence`"
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
    reasons: list[str] = []
    for address in (weights.origin, *weights.mirrors):
        if reasons:
            options.say(f"{reasons[-1]}; trying {address}")
        try:
            sha256 = _download(weights, address, partial, options)
        except DownloadError as error:
            reasons.append(f"{address}: {error}")
            continue
        return keep(partial, weights, sha256, address, move=True)
    is_kept = partial.exists() and partial.stat().st_size > 0
    kept = "; what came is kept, run the same command again to go on" if is_kept else ""
    raise WeightsError(
        f"{weights.name}: could not be fetched ({'; '.join(reasons)}){kept}. "
        f"Without a network: {where_to_put([weights])}"
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
