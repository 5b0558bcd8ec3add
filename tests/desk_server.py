"""Serve a desk in a thread, and speak to it as a browser would."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from annotation_builders import header, save, walkers
from video_files import write_video

SIZE = (240, 320)


def blocks(number: int, size_hw: tuple[int, int] = SIZE) -> np.ndarray:
    """Draw a frame's number as 12 black and white blocks along the top, on grey."""
    height, width = size_hw
    image = np.full((height, width, 3), 110, np.uint8)
    image += np.random.default_rng(number).integers(0, 20, image.shape, dtype=np.uint8)
    for bit in range(12):
        side = width // 12
        image[: height // 4, bit * side : (bit + 1) * side] = 235 if number >> bit & 1 else 20
    return image


def write_clip(path: Path, num_frames: int = 40, **options) -> Path:
    return write_video(path, num_frames=num_frames, size_hw=SIZE, paint=blocks, **options)


def write_case(folder: Path, records=None, num_frames: int = 40) -> tuple[Path, Path]:
    """Write a clip and its result."""
    clip = write_clip(folder / "clip.mp4", num_frames)
    records = walkers(num_frames, size_hw=SIZE) if records is None else records
    return clip, save(folder / "clip.poses.json", records, header(num_frames, path=str(clip), size_hw=SIZE))


@dataclass
class Client:
    """A browser that has opened the page."""

    serving: object  # a videopose.desk.serve.Serving; its room needs packages that may be missing
    said: list[str] = field(default_factory=list)
    cookie: str = ""

    @property
    def port(self) -> int:
        return self.serving.socket.getsockname()[1]

    def raw(self, method, path, body=None, headers=None, host=None):
        """Send a request as it is; give status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", f"127.0.0.1:{self.port}" if host is None else host)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        for key, value in (headers or {}).items():
            if value is not None:
                connection.putheader(key, value)
        if data is not None and "Content-Length" not in (headers or {}):
            connection.putheader("Content-Length", str(len(data)))
        with suppress(BrokenPipeError, ConnectionResetError):  # turned away before all of it was sent
            connection.endheaders(data)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, text

    def open(self):
        status, headers, _ = self.raw("GET", self.serving.address.partition(str(self.port))[2])
        assert status == 200
        self.cookie = headers["set-cookie"].partition(";")[0]
        return headers

    def get(self, path):
        status, headers, text = self.raw("GET", path, headers={"Cookie": self.cookie})
        return status, json.loads(text) if headers["content-type"] == "application/json" else text

    def post(self, path, body, **headers):
        kind = {"Cookie": self.cookie, "Content-Type": "application/json", "Origin": f"http://127.0.0.1:{self.port}"}
        status, _, text = self.raw("POST", path, body, {**kind, **headers})
        return status, json.loads(text)

    def edit(self, op, seq, uuid=None, **args):
        body = {"uuid": uuid or f"uuid-{op}-{seq:06d}", "seq": seq, "op": op, "args": args, "presses": 2}
        return self.post("/api/edits", body)


@contextmanager
def served(clip: Path, result: Path, **options):
    """Serve until the block ends."""
    from videopose.desk.serve import ServeOptions, prepared

    said: list[str] = []
    with prepared(clip, result, ServeOptions(has_browser=False, **options), said.append) as serving:
        server = serving.server()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [serving.socket]}, daemon=True)
        thread.start()
        try:
            yield Client(serving, said)
        finally:
            server.should_exit = True
            thread.join(timeout=10)
