"""The desk's server: who may speak to it, what it answers, and that an answered edit is on the disk."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from annotation_builders import SKELETON, walkers
from click.testing import CliRunner
from desk_server import SIZE, served, write_case

from videopose.annotation.log import log_of, read_log
from videopose.cli.desk import command
from videopose.errors import InputError
from videopose.io.results import read_result

pytest.importorskip("starlette", reason="the desk is not installed (pip install 'videopose[desk]')")

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    clip, result = write_case(tmp_path_factory.mktemp("desk"))
    with served(clip, result) as each:
        each.open()
        yield each


@pytest.fixture
def fresh(tmp_path):
    clip, result = write_case(tmp_path)
    with served(clip, result) as each:
        each.open()
        yield each


def test_the_token_opens_the_page_once_and_brings_a_cookie_scripts_cannot_read(tmp_path):
    clip, result = write_case(tmp_path)
    with served(clip, result) as client:
        path = client.serving.address.partition(str(client.port))[2]
        headers = client.open()
        assert len(path.partition("token=")[2]) >= 43  # 256 bits
        assert headers["set-cookie"].partition("; ")[2] == "HttpOnly; SameSite=Strict; Path=/"
        assert client.raw("GET", path)[0] == 401
        assert client.get("/api/state")[0] == 200
        assert len(client.said) == 1
        assert client.raw("GET", client.said[0].partition(str(client.port))[2])[0] == 200
        assert client.said[0].startswith("To open it once more: http://127.0.0.1:")


@pytest.mark.parametrize(
    ("headers", "host", "status"),
    [
        ({"Cookie": None}, None, 401),
        ({"Cookie": "videopose_desk_1=x"}, None, 401),
        ({"Origin": None}, None, 403),
        ({"Origin": "null"}, None, 403),
        ({"Origin": "http://evil.example"}, None, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, None, 403),
        ({"Origin": "http://127.0.0.1:1"}, None, 403),
        ({"Sec-Fetch-Site": "cross-site"}, None, 403),
        ({"Content-Type": "text/plain"}, None, 415),
        ({"Content-Type": None}, None, 415),
        ({}, "evil.example:{port}", 421),
        ({}, "127.0.0.1.evil.example:{port}", 421),
        ({}, "127.0.0.1", 421),
        ({}, "127.0.0.1:1", 421),
        ({}, "", 421),
    ],
)
def test_nobody_else_may_write(client, headers, host, status):
    port = str(client.port)
    kind = {"Cookie": client.cookie, "Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"}
    given = {key: value and value.replace("{port}", port) for key, value in {**kind, **headers}.items()}
    body = {"uuid": "uuid-of-nobody", "seq": 0, "op": "delete", "args": {"track_id": 1}}

    got, answer, text = client.raw("POST", "/api/edits", body, given, host and host.replace("{port}", port))

    assert (got, client.get("/api/state")[1]["seq"]) == (status, 0)
    assert json.loads(text)["error"]
    assert "script-src 'self'" in answer["content-security-policy"]


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
def test_our_own_names_are_known(client, host):
    status, _, _ = client.raw("GET", "/api/state", headers={"Cookie": client.cookie},
                              host=host.replace("{port}", str(client.port)))  # fmt: skip
    assert status == 200


def test_every_answer_forbids_what_it_can(client):
    _, headers, _ = client.raw("GET", "/", headers={"Cookie": client.cookie})
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    ["/page/../serve.py", "/page/..%2f..%2fcli%2fmain.py", "/page/%2e%2e/app.py", "/page//etc/passwd", "/page/app.py",
     "/etc/passwd", "/../../etc/passwd", "/api/export/..%2f..", "/api/frames/..%2f0.jpg", "/page/style.css%00.js"],
)  # fmt: skip
def test_path_tricks_lead_nowhere(client, path):
    status, _, text = client.raw("GET", path, headers={"Cookie": client.cookie})
    assert status in (404, 422)
    assert b"import" not in text
    assert b"root:" not in text


def test_large_bodies_are_refused_however_they_say_their_length(client):
    kind = {"Cookie": client.cookie, "Content-Type": "application/json", "Origin": f"http://127.0.0.1:{client.port}"}
    large = b" " * (10 << 20)
    for path in ("/api/edits", "/api/labels"):
        assert client.raw("POST", path, large, kind)[0] == 413
        chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [b" " * 65536] * 160) + b"0\r\n\r\n"
        headers = {**kind, "Transfer-Encoding": "chunked", "Content-Length": None}
        assert client.raw("POST", path, chunked, headers)[0] == 413
    assert client.raw("POST", "/api/edits", b"{}", {**kind, "Content-Length": "-5"})[0] in (400, 413)
    assert client.raw("PUT", "/api/edits", b"{}", kind)[0] == 405
    assert client.raw("GET", "/" + "x" * 40000, headers=kind)[0] in (400, 404, 414, 431)


def test_too_many_writes_at_once_are_slowed_down(fresh):
    seen = {fresh.post("/api/relink", {"seq": -5})[0] for _ in range(150)}
    assert seen == {422, 429}


def test_state_times_people_and_tracks(client):
    _, state = client.get("/api/state")
    assert (state["frames"], state["width"], state["height"], state["phase"]) == (40, 320, 240, "ready")
    assert state["keypoints"] == list(SKELETON.keypoints)
    times = np.frombuffer(client.get("/api/times")[1], "<f8")
    np.testing.assert_allclose(times, np.arange(40) / 25, atol=1e-6)
    people = client.get("/api/people?first=3&last=5")[1]["frames"]
    assert list(people) == ["3", "4", "5"]
    expected = walkers(size_hw=SIZE)[4].poses.keypoints[1].reshape(-1)
    np.testing.assert_allclose(people["4"][1]["k"], expected, atol=0.006)
    (one, *_) = client.get("/api/tracks")[1]["tracks"]
    assert (one["id"], one["count"], one["runs"]) == (1, 40, [[0, 39]])
    curve = client.get("/api/curve?id=1&keypoint=3")[1]
    assert len(curve["speed"]) == 40
    assert client.get("/api/curve?id=1&keypoint=99")[0] == 422
    assert client.get("/api/people?first=-1&last=x")[0] == 422


def test_frames_are_exact_shrunk_and_missing_ones_say_why(client):
    for index in (0, 39, 7, 8, 6, 30):
        status, jpeg = client.get(f"/api/frames/{index}.jpg?w=160")
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert (status, image.shape) == (200, (240, 320))  # 160 is rounded up to a width images are made for
        bits = [image[20, bit * 26 + 13] > 128 for bit in range(12)]
        assert sum(1 << bit for bit in range(12) if bits[bit]) == index
    status, facts = client.get("/api/frames/40.jpg")
    assert (status, facts["error"]) == (404, "the video has no frame 40")


def test_an_edit_is_in_the_log_when_it_is_answered_and_twice_is_once(fresh):
    status, facts = fresh.edit("swap", 0, uuid="uuid-twice", a=1, b=2, first=10)
    lines, _ = read_log(log_of(fresh.serving.session.result))
    assert (status, facts["seq"], facts["changed"]) == (200, 1, [9, 39])  # the frame before is locked with it
    assert (lines[1].op, lines[1].presses) == ("swap", 2)
    status, again = fresh.edit("swap", 0, uuid="uuid-twice", a=1, b=2, first=10)
    assert (status, again["line"]["seq"], again["seq"]) == (200, 1, 1)
    assert [person["id"] for person in fresh.get("/api/people?first=10&last=10")[1]["frames"]["10"]] == [2, 1, 3]
    assert fresh.get("/api/state")[1]["presses_a_minute"] == pytest.approx(2 / (40 / 25 / 60), abs=0.1)


def test_a_stale_edit_gets_the_lines_it_has_missed(fresh):
    fresh.edit("swap", 0, a=1, b=2, first=10)
    fresh.edit("undo", 1)
    status, facts = fresh.edit("delete", 0, track_id=3)
    assert (status, [line["op"] for line in facts["lines"]], facts["seq"]) == (409, ["swap", "undo"], 2)
    assert fresh.edit("delete", 2, track_id=3)[0] == 200
    assert fresh.edit("delete", 99, track_id=3)[0] == 422
    assert [line["op"] for line in fresh.get("/api/log?since=1")[1]["lines"]] == ["undo", "delete"]


def test_what_cannot_be_done_says_why_and_changes_nothing(fresh):
    status, facts = fresh.edit("merge", 0, keep=1, other=2)
    assert (status, facts["overlap"]) == (422, [[0, 39]])
    assert "are both there in frames 0-39" in facts["error"]
    for op, args in (("swop", {}), ("move", {"track_id": 1, "keypoints": {}}), ("undo", {})):
        assert fresh.edit(op, 0, **args)[0] == 422
    for body in (b"[]", b"{", b"\xff", b"[" * 60000, {"uuid": "short", "seq": 0, "op": "accept"}, {"seq": True}, {}):
        assert fresh.post("/api/edits", body)[0] in (400, 422)
    assert fresh.get("/api/state")[1]["seq"] == 0


def test_the_queue_leads_to_what_was_exchanged_and_shrinks(tmp_path):
    records = walkers(size_hw=SIZE)
    for record in records[20:]:
        record.poses.track_id[:] = [2, 1, 3]
    clip, result = write_case(tmp_path, records)
    with served(clip, result) as client:
        client.open()
        first = client.get("/api/queue")[1]["items"][0]
        assert (first["kind"], first["frame"], first["fix"]) == (
            "exchange", 20, {"op": "swap", "a": 1, "b": 2, "first": 20},
        )  # fmt: skip
        client.edit(**{**first["fix"], "seq": 0})
        assert client.get("/api/queue")[1]["open"] == 0
        assert client.post("/api/relink", {"seq": 1}) == (200, {"seq": 1, "runs": [], "poses": 0})


def test_a_span_is_propagated_and_the_poses_stand_in_the_log(fresh):
    body = {"uuid": "uuid-propagate", "seq": 0, "track_id": 1, "first": 5, "last": 9}
    status, facts = fresh.post("/api/propagate", body)
    assert (status, facts["line"]["op"], "poses" in facts["line"]["args"]) == (200, "propagate", False)
    assert len(read_log(log_of(fresh.serving.session.result))[0][1].args["poses"]) == 3
    assert fresh.post("/api/propagate", {**body, "uuid": "uuid-other", "seq": 1, "track_id": 8})[0] == 422


@pytest.mark.parametrize("format_name", ["coco", "posetrack18", "videopose", "mot"])
def test_formats_leave_as_files(client, format_name):
    names = {each["name"] for each in client.get("/api/formats")[1]["formats"]}
    status, headers, body = client.raw("GET", f"/api/export/{format_name}", headers={"Cookie": client.cookie})
    assert format_name in names
    assert (status, headers["content-disposition"][:20]) == (200, "attachment; filename")
    assert len(body) > 1000


def test_labels_go_out_and_come_back_as_accepted_edits(fresh):
    fresh.edit("visibility", 0, track_id=1, keypoints=[4], value="hidden", first=3, last=3)
    fresh.edit("visibility", 1, track_id=2, keypoints=[5], value="absent", first=3, last=3)
    fresh.edit("move", 2, track_id=3, first=3, keypoints={"6": [100.25, 50.5]})
    text = fresh.get("/api/export/coco")[1].decode()
    before = fresh.get("/api/people?first=3&last=3")[1]["frames"]["3"]
    fresh.edit("delete", 3, track_id=1, first=0, last=20)
    status, facts = fresh.post("/api/labels", {"uuid": "uuid-labels", "seq": 4, "name": "x.json", "text": text})
    assert (status, facts["said"]) == (200, "120 labelled people")
    after = {person["id"]: person for person in fresh.get("/api/people?first=3&last=3")[1]["frames"]["3"]}
    for person in before:
        back = after.get(person["id"])
        if person["id"] == 1:
            continue  # nobody of that name was there any more: the label is somebody new
        there = [part for part in range(17) if person["v"][part] != 0]
        for part in there:
            assert back["k"][3 * part : 3 * part + 2] == pytest.approx(person["k"][3 * part : 3 * part + 2], abs=0.01)
        assert [flag == 0 for flag in back["v"]] == [flag == 0 for flag in person["v"]]
        assert back["ok"] == 1
    (new,) = [person for track_id, person in after.items() if track_id not in (2, 3)]
    assert new["v"][4] == 1
    status, facts = fresh.post("/api/score", {"name": "x.json", "text": text})
    assert (status, facts["PCK"], facts["switches"], facts["frames"]) == (200, 100.0, 1, 40)
    assert fresh.post("/api/labels", {"uuid": "uuid-bad-1", "seq": 5, "name": "x.exe", "text": ""})[0] == 422
    assert fresh.post("/api/labels", {"uuid": "uuid-bad-2", "seq": 5, "name": "x.json", "text": "{"})[0] == 422


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><original_size><width>320</width><height>240</height></original_size>
</task></meta><track id="7" label="person" source="manual">
<skeleton frame="5" keyframe="1" z_order="0">%s</skeleton><skeleton frame="6" keyframe="1" outside="1">%s</skeleton>
</track></annotations>"""


def test_cvat_xml_comes_in(fresh):
    pose = walkers(size_hw=SIZE)[5].poses.keypoints[1]
    marks = 'outside="{}" occluded="{}" keyframe="1"'
    points = "".join(
        f'<points label="{name}" {marks.format(int(part == 3), int(part == 2))} points="{x:.2f},{y:.2f}"></points>'
        for part, (name, (x, y, _)) in enumerate(zip(SKELETON.keypoints, pose.tolist(), strict=True))
    )
    text = CVAT % (points, points)
    status, facts = fresh.post("/api/labels", {"uuid": "uuid-cvat", "seq": 0, "name": "a.xml", "text": text})
    assert (status, facts["said"]) == (200, "1 labelled people")
    person = fresh.get("/api/people?first=5&last=5")[1]["frames"]["5"][1]
    assert (person["id"], person["ok"], person["v"][2:5]) == (2, 1, [1, 0, 2])
    evil = '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>'
    status, facts = fresh.post("/api/labels", {"uuid": "uuid-evil", "seq": 1, "name": "a.xml", "text": evil})
    assert (status, "defines entities" in facts["error"]) == (422, True)


def test_one_server_holds_a_result(client):
    session = client.serving.session
    with pytest.raises(InputError, match="another run is writing this result"), served(session.clip, session.result):
        pass


def test_a_result_of_a_longer_video_is_refused(tmp_path):
    clip, result = write_case(tmp_path, walkers(60, size_hw=SIZE))
    with pytest.raises(InputError, match="has frame 59, and .* only 40 frames"), served(clip, result):
        pass


def test_where_there_is_no_result_it_is_made_first_and_progress_is_shown(tmp_path, monkeypatch):
    import fake_recipe

    clip, result = write_case(tmp_path)
    result.unlink()
    fake_recipe.install(monkeypatch.setattr)
    monkeypatch.setenv(fake_recipe.SECONDS_A_FRAME, "0.02")
    phases = []
    with served(clip, result, pipeline=str(fake_recipe.config_file(tmp_path))) as client:
        client.open()
        assert client.get("/api/people?first=0&last=1")[0] == 422
        for _ in range(300):
            state = client.get("/api/state")[1]
            phases.append(state["phase"])
            if state["phase"] in ("ready", "failed"):
                break
            time.sleep(0.05)
        assert state["phase"] == "ready", state
        assert len(client.get("/api/people?first=0&last=1")[1]["frames"]["0"]) == 2
    assert "running" in phases
    assert len(list(read_result(result))) == 40


def test_the_command_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'videopose\[desk\]'"):
        CliRunner().invoke(command, [str(tmp_path / "clip.mp4")], catch_exceptions=False)


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from desk_server import served
with served(Path(sys.argv[1]), Path(sys.argv[2])) as client:
    client.open()
    seq = client.get("/api/state")[1]["seq"]
    while True:
        status, facts = client.edit("swap", seq, a=1, b=2, first=seq % 30)
        assert status == 200, facts
        seq = facts["seq"]
        print(seq, flush=True)
"""


@pytest.mark.slow
def test_fifty_kills_between_post_and_answer_lose_nothing_and_halve_nothing(tmp_path):
    clip, result = write_case(tmp_path)
    random = np.random.default_rng(3)
    total = 0
    for _ in range(50 if os.environ.get("VIDEOPOSE_ALL_KILLS") else 6):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(clip), str(result), str(TESTS), *filter(None, sys.path)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        answered, stop = 0, int(random.integers(1, 4))
        for number, line in enumerate(process.stdout):
            answered = int(line)
            if number >= stop:
                time.sleep(float(random.uniform(0, 0.05)))
                os.kill(process.pid, signal.SIGKILL)
                break
        rest = process.stdout.read().split()
        process.wait()
        answered = int(rest[-1]) if rest else answered
        lines, _ = read_log(log_of(result))
        assert lines[-1].seq in (answered, answered + 1)
        assert answered > total
        total = answered
