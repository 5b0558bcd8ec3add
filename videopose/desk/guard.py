"""Who may speak to the page's server: checks that come before any route is looked at.

Another web page in the same browser can send requests here, and a name under somebody's control can be made to lead
here (DNS rebinding). So the Host must be ours, the 256-bit token of the printed address is exchanged once for a cookie
that scripts cannot read and other sites do not send, and what changes anything must come from our own page, as JSON.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 64 << 10
"""Bytes of an ordinary request's body."""
MAX_LABELS = 8 << 20
"""Bytes of labels that are brought in."""
LABEL_PATHS = frozenset({"/api/labels", "/api/score"})

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
_READ_RATE, _READ_BURST = 300.0, 900.0
_WRITE_RATE, _WRITE_BURST = 30.0, 90.0


@dataclass
class _Bucket:
    """Allow so many requests a second, and so many at once."""

    rate: float
    burst: float
    left: float = field(init=False)
    at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.left = self.burst

    def take(self) -> bool:
        now = time.monotonic()
        self.left = min(self.burst, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Guard:
    """An ASGI app in front of another that turns away whoever may not speak to it.

    Attributes:
        token: of the address that is printed next; each opens the page once.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, announce: Callable[[str], None]) -> None:
        """Wrap an app.

        Args:
            app: to be guarded.
            host: that is listened on.
            port: likewise.
            announce: called with the next token when one was used.
        """
        self._app, self._port, self._announce = app, port, announce
        self._names = {"localhost", "127.0.0.1", "[::1]"}
        self._any_address = host in ("0.0.0.0", "::")
        if not self._any_address:
            self._names.add(f"[{host}]" if ":" in host else host.lower())
        self.token = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self.cookie = f"videopose_desk_{port}"
        self._reads, self._writes = _Bucket(_READ_RATE, _READ_BURST), _Bucket(_WRITE_RATE, _WRITE_BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        extra: dict[str, str] = {}
        if refusal is None and not self._has_cookie(headers):
            if self._uses_token(scope):
                extra["set-cookie"] = f"{self.cookie}={self._session}; HttpOnly; SameSite=Strict; Path=/"
            else:
                refusal = 401, "open the address that videopose desk has printed; each opens the page once"
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        if scope["method"] == "POST":
            limit = MAX_LABELS if scope["path"] in LABEL_PATHS else MAX_BODY
            body = await _whole_body(receive, limit)
            if body is None:
                await _refuse(send, 413, f"at most {limit} bytes are taken here")
                return
            receive = _giving(body, receive)
        await self._app(scope, receive, _with_headers(send, extra))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        if not self._is_ours(headers.get("host", "")):
            return 421, "this server does not go by that name"
        method = scope["method"]
        if method not in ("GET", "HEAD", "POST"):
            return 405, "only GET and POST are known"
        if not (self._writes if method == "POST" else self._reads).take():
            return 429, "too many requests; wait a moment"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and method == "POST":
            return 403, "another site may not write here"
        if method != "POST":
            return None
        if headers.get("origin", "") != f"http://{headers['host']}":
            return 403, "another site may not write here"
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return 415, "send JSON"
        limit = MAX_LABELS if scope["path"] in LABEL_PATHS else MAX_BODY
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > limit:
            return 413, f"at most {limit} bytes are taken here"
        return None

    def _is_ours(self, host: str) -> bool:
        name, _, port = host.lower().rpartition(":")
        if port != str(self._port):
            return False
        if name in self._names:
            return True
        if not self._any_address:
            return False
        try:  # an address is no name, so nobody can make it lead elsewhere
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return False
        return found is not None and secrets.compare_digest(found.value.encode(), self._session.encode())

    def _uses_token(self, scope: Scope) -> bool:
        if scope["method"] != "GET" or scope["path"] != "/":
            return False
        (given,) = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[:1]
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return False
        self.token = secrets.token_urlsafe(32)
        self._announce(self.token)
        return True


async def _whole_body(receive: Receive, limit: int) -> bytes | None:
    """Receive a body, whatever its header said of its length; None = it is too large."""
    parts: list[bytes] = []
    left = limit
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        left -= len(parts[-1])
        if left < 0:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return b"".join(parts)


def _giving(body: bytes, receive: Receive) -> Receive:
    """Hand on a body that was received already."""
    waiting = [body]

    async def received() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return received


def _with_headers(send: Send, extra: dict[str, str]) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            have = {key for key, _ in message["headers"]}
            more = [(k.encode(), v.encode()) for k, v in {**HEADERS, **extra}.items() if k.encode() not in have]
            cache = [] if b"cache-control" in have else [(b"cache-control", b"no-store")]
            message = {**message, "headers": [*message["headers"], *more, *cache]}
        await send(message)

    return sent


async def _refuse(send: Send, status: int, why: str) -> None:
    body = json.dumps({"error": why}).encode()
    headers = {**HEADERS, "content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    pairs = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
