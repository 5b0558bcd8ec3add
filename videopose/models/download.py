"""One HTTP download: resumed where it broke off, never longer than it may be, and a reason for everything else."""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from videopose.errors import WeightsError
from videopose.models.store import writing

MOST_BYTES = 8 << 30
"""Where nobody says how large a file is: no published one is larger."""

_SCHEMES = ("http", "https")
_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 30
_TRIES = 5
"""How often one address is asked for the rest, as long as each time something came."""

Progress = Callable[[int, int | None], None]
"""Is told the bytes there are so far, and how many there will be if the server says."""

Begun = Callable[[str, int | None], None]
"""Is told, when a server begins to answer, the address and how large the whole file is, if it says."""


class DownloadError(Exception):
    """Why one address did not give a file; another may. The message is a half sentence without the address."""


class _BrokeOffError(DownloadError):
    """The connection ended early: what came can be continued."""


@dataclass(frozen=True)
class Download:
    """A file to be fetched into a part that may hold its beginning.

    Attributes:
        part: where it is written.
        most_bytes: how large it may be.
        exact: whether it has exactly that size.
        begun: see `Begun`.
        progress: see `Progress`.
    """

    part: Path
    most_bytes: int
    exact: bool
    begun: Begun
    progress: Progress

    def from_address(self, address: str) -> None:
        """Fetch the file from one address, going on after each break as long as something comes.

        Raises:
            DownloadError: the address does not give the file.
            WeightsError: what comes cannot be written.
        """
        if urlsplit(address).scheme not in _SCHEMES:
            raise DownloadError("is no address of a web server")
        for left in range(_TRIES - 1, -1, -1):
            before = self._have()
            try:
                self._once(address)
            except _BrokeOffError:
                if not left or self._have() <= before:
                    raise
            else:
                return

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _once(self, address: str) -> None:
        have = self._have()
        request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            with _opener().open(request, timeout=_TIMEOUT_SECONDS) as answer:
                self._receive(cast("HTTPResponse", answer), have, address)
        except urllib.error.HTTPError as error:
            if error.code == 416 and have:  # nothing is left to send: the part is whole, or of another file
                return
            raise DownloadError(f"the server answers {error.code} {error.reason}") from error
        except WeightsError:
            raise
        except (urllib.error.URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise _BrokeOffError(str(reason) or type(error).__name__) from error

    def _receive(self, answer: HTTPResponse, have: int, address: str) -> None:
        start = _start_of(answer.headers) if answer.status == 206 else 0
        if start not in (0, have):
            raise DownloadError(f"was asked for the bytes from {have} on and sends those from {start} on")
        total = _total(answer.headers, start)
        if total is not None and (total > self.most_bytes or (self.exact and total != self.most_bytes)):
            wanted = f"has {self.most_bytes}" if self.exact else f"may have {self.most_bytes}"
            raise DownloadError(f"the server says {total} bytes, the published file {wanted}")
        self.begun(answer.url, total)
        with writing(self.part):
            if total is not None:
                self._check_room(total - start)
            with self.part.open("ab" if start else "wb") as file:
                written = self._copy(answer, file, start, total)
        if total is not None and written < total:
            raise _BrokeOffError(f"broke off after {written} of {total} bytes")

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if needed > free:
            raise WeightsError(
                f"{self.part.parent}: {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB free. Make room, or "
                "choose another folder by the environment variable VIDEOPOSE_HOME"
            )

    def _copy(self, answer: HTTPResponse, file: IO[bytes], written: int, total: int | None) -> int:
        while chunk := _read(answer):
            file.write(chunk)
            written += len(chunk)
            if written > self.most_bytes:
                file.truncate(0)
                raise DownloadError(f"the server sends more than the {self.most_bytes} bytes of the published file")
            self.progress(written, total)
        return written


def _read(answer: HTTPResponse) -> bytes:
    """Read what comes next; an error of the network is one of the connection and not of the file that is written."""
    try:
        return answer.read(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _BrokeOffError(str(error) or type(error).__name__) from error


def _start_of(headers: HTTPMessage) -> int:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found[1]) if found else 0


def _total(headers: HTTPMessage, start: int) -> int | None:
    with suppress(TypeError, ValueError):
        return start + int(headers["Content-Length"])
    return None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow a server to another one, but never from an encrypted connection to one anybody may read and change."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Build the next request."""
        if urlsplit(newurl).scheme not in _SCHEMES:
            raise DownloadError(f"is sent on to {newurl}, which is no address of a web server")
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise DownloadError(f"is sent on to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Build what opens addresses: with the environment's proxies (`https_proxy`) and certificates (`SSL_CERT_FILE`)."""
    return urllib.request.build_opener(_Redirects)
