"""A web server in a thread that plays the internet: right, broken, lying or gone, as a test asks."""

import contextlib
import hashlib
import http.server
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Site:
    """What a server gives and does.

    Attributes:
        files: content by path.
        breaks: bytes after which the connection ends, one number for each answer; None = it does not.
        takes_ranges: whether it can go on in the middle.
        lie: what is added to the length it says.
        says_length: whether it says how long the content is.
        seconds: how long an answer takes.
        redirects: where a path is sent on to.
        status: an error it answers with, by path.
        asked: (path, range) of every request so far.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    breaks: list[int | None] = field(default_factory=list)
    takes_ranges: bool = True
    lie: int = 0
    says_length: bool = True
    seconds: float = 0.0
    redirects: dict[str, str] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    start_lie: int = 0
    address: str = ""

    def put(self, path, content):
        """Serve a file; return its address."""
        self.files[path] = content
        return self.address + path


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Site

    def do_GET(self):
        site = self.site
        path = self.path.removeprefix(site.address) if self.path.startswith("http") else self.path
        wanted = self.headers.get("Range")
        site.asked.append((self.path, wanted))
        time.sleep(site.seconds)
        if path in site.redirects:
            self.send_response(302)
            self.send_header("Location", site.redirects[path])
            self.end_headers()
            return
        if path in site.status or path not in site.files:
            self.send_error(site.status.get(path, 404))
            return
        content = site.files[path]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.takes_ranges else 0
        if start >= len(content) > 0:
            self.send_error(416)
            return
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start + site.start_lie}-{len(content) - 1}/{len(content)}")
        if site.says_length:
            self.send_header("Content-Length", str(len(body) + site.lie))
        self.end_headers()
        limit = site.breaks.pop(0) if site.breaks else None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body if limit is None else body[:limit])

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving():
    """Run a server on the loopback device."""
    site = Site()
    handler = type("Handler", (_Handler,), {"site": site})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sha256(content):
    """Return the checksum of bytes."""
    return hashlib.sha256(content).hexdigest()
