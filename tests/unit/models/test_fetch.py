"""Fetching: resumed, verified, and clear when something is wrong. A server in a thread plays the internet."""

import hashlib
import http.server
import threading
from dataclasses import replace

import pytest

from videopose.errors import WeightsError
from videopose.models.fetch import fetch
from videopose.models.zoo import Weights

CONTENT = bytes(range(256)) * 4096


class _Server(http.server.BaseHTTPRequestHandler):
    breaks_after = None
    asked = ()

    def do_GET(self):
        if self.path != "/w.pth":
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        type(self).asked = (*type(self).asked, wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        body = CONTENT[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.breaks_after is None else body[: self.breaks_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path))
    handler = type("Handler", (_Server,), {})
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    handler.address = f"http://127.0.0.1:{listening.server_port}"
    yield handler
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def weights(server):
    checksum = hashlib.sha256(CONTENT).hexdigest()
    return Weights("hrnet_w32.test", "w.pth", sha256=checksum, origin=f"{server.address}/w.pth")


def test_a_fetched_file_is_the_published_one(weights, tmp_path):
    told = []

    path = fetch(weights, progress=lambda done, total: told.append((done, total)))

    assert path == tmp_path / "weights" / "w.pth"
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_broken_connection_is_resumed_by_the_next_call(weights, server):
    server.breaks_after = 1000
    with pytest.raises(WeightsError, match=r"broke off after 1000 of 1048576 bytes|to go on"):
        fetch(weights)
    server.breaks_after = None

    path = fetch(weights)

    assert path.read_bytes() == CONTENT
    assert server.asked == (None, "bytes=1000-")


def test_a_whole_part_left_behind_is_taken(weights, tmp_path):
    part = tmp_path / "weights" / "w.pth.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT)

    assert fetch(weights).read_bytes() == CONTENT


def test_a_wrong_file_is_refused_and_deleted(weights, tmp_path):
    with pytest.raises(WeightsError, match="did not give the published file and was deleted"):
        fetch(replace(weights, sha256="0" * 8))

    assert list((tmp_path / "weights").iterdir()) == []


def test_a_file_already_there_is_not_fetched_again(weights, server):
    fetch(weights)
    fetch(weights)

    assert len(server.asked) == 1


def test_an_address_that_is_gone_says_so(weights, server):
    with pytest.raises(WeightsError, match="the server answers 404"):
        fetch(replace(weights, origin=f"{server.address}/old.pth"))


def test_no_server_is_one_clear_error(weights):
    with pytest.raises(WeightsError, match="run the same command again to go on"):
        fetch(replace(weights, origin="http://127.0.0.1:1/w.pth"))


def test_shipped_weights_have_nothing_to_fetch():
    with pytest.raises(WeightsError, match="has no address to fetch from"):
        fetch(Weights("fpn_pose.default", "pose.safetensors", origin="package"))
