"""The log of edits: what is answered for is on the disk, whatever happens then; replay gives the state back."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from annotation_builders import random_operation, save, walkers
from click.testing import CliRunner

from videopose.annotation.history import History
from videopose.annotation.log import EditLog, log_of, read_log
from videopose.annotation.marks import edited_keypoints
from videopose.annotation.sheet import Sheet
from videopose.cli.annotate import command as annotate
from videopose.cli.edit import command as edit
from videopose.errors import DatasetError, InputError, VideoPoseError
from videopose.io.results import read_result

TESTS = Path(__file__).parents[2]


@pytest.fixture
def result(tmp_path):
    return save(tmp_path / "clip.poses.json", walkers())


def opened(result):
    return EditLog.open(log_of(result), result, "first-line")


def post(history, log, op, **args):
    change = history.plan(op, args, "here")
    log.append(history.line(change, f"uuid-{history.seq + 1:06d}"))
    history.do(change)


def started(result):
    log, history = opened(result), History(Sheet.read(read_result(result)))
    history.replay(log.lines, "log")
    return history, log


def invoke(command, *words):
    done = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_a_log_lies_beside_its_result_and_goes_on(result):
    history, log = started(result)
    post(history, log, "swap", a=1, b=2, first=10)
    post(history, log, "undo")
    post(history, log, "redo")
    log.close()
    again, log = started(result)

    assert log.path.name == "clip.poses.edits.jsonl"
    assert [line.op for line in log.lines] == ["begin", "swap", "undo", "redo"]
    assert again.sheet.people(10).track_id.tolist() == [2, 1, 3]
    assert list(json.loads(log.path.read_text().splitlines()[1])) == ["seq", "uuid", "time", "op", "args", "presses"]


@pytest.mark.parametrize("tail", [b'{"seq":2,"uuid":"uuid-0', b"\0" * 40, b"\n", b"\xff\xfe"])
def test_a_torn_last_line_is_dropped(result, tail):
    history, log = started(result)
    post(history, log, "swap", a=1, b=2, first=10)
    log.close()
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + tail)

    assert len(read_log(log.path)[0]) == 2
    again, log = started(result)
    assert log.path.read_bytes() == whole
    post(again, log, "swap", a=2, b=3, first=12)
    assert [line.seq for line in read_log(log.path)[0]] == [0, 1, 2]


def test_damage_elsewhere_is_named(result):
    history, log = started(result)
    post(history, log, "swap", a=1, b=2, first=10)
    log.close()
    lines = log.path.read_text().splitlines(keepends=True)
    for spoilt, message in (
        ([lines[0][:-9] + "\n", lines[1]], r"line 1: is damaged"),
        ([lines[0], lines[1], lines[1]], r"line 3: has seq 1, not 2"),
        ([lines[1].replace('"seq":1', '"seq":0')], "line 1: is no videopose-edits/1 log of edits"),
        ([lines[0].replace("edits/1", "edits/9"), lines[1]], "line 1: is no videopose-edits/1 log of edits"),
    ):
        log.path.write_text("".join(spoilt))
        with pytest.raises(DatasetError, match=message):
            started(result)
    log.path.write_text(lines[0] + lines[1].replace('"a":1', '"a":77'))
    with pytest.raises(DatasetError, match=r"line 2: cannot be done \(person 77 is not in the result"):
        started(result)


def test_edits_of_another_version_of_the_result_are_refused(result):
    started(result)[1].close()
    result.write_text(result.read_text().replace('"version":"t"', '"version":"u"'))

    with pytest.raises(InputError, match="holds edits of another clip.poses.json: .* has changed since"):
        started(result)


def test_a_full_disk_leaves_the_log_as_it_was(result, monkeypatch):
    history, log = started(result)
    before = log.path.read_bytes()
    monkeypatch.setattr(os, "write", lambda descriptor, text, write=os.write: write(descriptor, text[:5]))
    with pytest.raises(VideoPoseError, match="no room left on the disk"):
        post(history, log, "swap", a=1, b=2, first=10)
    monkeypatch.undo()

    assert log.path.read_bytes() == before
    post(history, log, "swap", a=1, b=2, first=10)
    assert len(read_log(log.path)[0]) == 2


def test_a_link_is_not_written_through(result, tmp_path):
    log_of(result).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VideoPoseError, match="cannot be written"):
        opened(result)
    assert not (tmp_path / "elsewhere").exists()


def test_five_hundred_operations_replayed_are_the_state_and_undone_the_bytes(result, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a thousand of them take half a minute
    random = np.random.default_rng(5)
    history, log = started(result)
    while len(history.done) < 500:
        op, args = random_operation(random)
        try:
            post(history, log, op, **args)
        except InputError:
            continue
    edited, undone = tmp_path / "edited.json", tmp_path / "undone.json"
    invoke(annotate, "apply", result, log.path, "-o", edited)
    for record, expected in zip(read_result(edited), history.sheet.records(), strict=True):
        assert np.array_equal(record.poses.track_id, expected.poses.track_id)
        np.testing.assert_allclose(record.poses.keypoints, expected.poses.keypoints, atol=0.006)
    for _ in range(500):
        post(history, log, "undo")
    invoke(annotate, "apply", result, log.path, "-o", undone)

    assert undone.read_bytes() == result.read_bytes()
    assert edited.read_bytes() != result.read_bytes()


def test_the_provenance_says_what_was_done_by_hand(result, tmp_path):
    history, log = started(result)
    for frame in (3, 4):
        post(history, log, "move", track_id=1, first=frame, keypoints={"4": [5.0, 6.0]})
    post(history, log, "visibility", track_id=2, first=4, last=9, keypoints=[0, 1], value="hidden")
    post(history, log, "accept", track_id=3, first=0, last=5)
    out = tmp_path / "out.parquet"
    invoke(annotate, "apply", result, log.path, "-o", out)
    header = read_result(out).header
    (entry,) = header.provenance["edits"]

    assert entry["operations"] == 4
    assert len(entry["sha256"]) == 64
    assert entry["edited"] == [
        {"track_id": 1, "frames": [3, 4], "keypoints": [4]}, {"track_id": 2, "frames": [4, 9], "keypoints": [0, 1]},
    ]  # fmt: skip
    assert entry["hidden"] == [{"track_id": 2, "frames": [4, 9], "keypoints": [0, 1]}]
    assert entry["accepted"] == [{"track_id": 3, "frames": [0, 5]}]
    people = next(record.poses for record in read_result(out) if record.frame.index == 4)
    assert [np.flatnonzero(row).tolist() for row in edited_keypoints(header, 4, people)] == [[4], [0, 1], []]


def test_edit_does_what_it_is_told_in_that_order(result, tmp_path):
    out = tmp_path / "out.json"
    invoke(edit, result, "-o", out, "--split", "3@15", "--swap", "1,2@10-", "--drop", "2@30-35", "--split", "1@20=9",
           "--merge", "3,10@16-", "--rename", "9=5", "--swap", "1,2@0", "--merge", "3,10")  # fmt: skip
    ids = {record.frame.index: record.poses.track_id.tolist() for record in read_result(out)}
    done = read_result(out).header.provenance["edits"][0]["operations"]

    assert ids[0] == [2, 1, 3]
    assert ids[9] == [1, 2, 3]
    assert ids[10] == [2, 1, 3]
    assert ids[20] == [2, 5, 3]
    assert ids[30] == [5, 3]
    assert [each["op"] for each in done] == [
        "split", "swap", "delete", "split", "merge", "rename", "swap", "merge",
    ]  # fmt: skip
    assert done[0] == {"op": "split", "track_id": 3, "first": 15, "new_id": 10}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--swap", "1"], "'1' is not understood. Write 1,2@40- or 1,2@40-90"),
        (["--drop", "x"], "Write 4 or 4@0-20"),
        ([], "say what to change: --merge, --split, --swap, --drop or --rename"),
    ],
)
def test_edit_explains_how_operations_are_written(result, tmp_path, words, message):
    done = CliRunner().invoke(edit, [str(result), "-o", str(tmp_path / "out.json"), *words])

    assert done.exit_code == 2
    assert message in done.output


def test_nothing_is_overwritten_unasked(result, tmp_path):
    history, log = started(result)
    post(history, log, "swap", a=1, b=2)
    out = tmp_path / "out.json"
    out.write_text("mine")
    for command, words in ((edit, [result, "--swap", "1,2"]), (annotate, ["apply", result, log.path])):
        with pytest.raises(InputError, match="is already there"):
            invoke(command, *words, "-o", out)
        invoke(command, *words, "-o", out, "--overwrite")
        out.write_text("mine")
    with pytest.raises(InputError, match="is what the result is made from"):
        invoke(edit, result, "--swap", "1,2", "-o", result, "--overwrite")


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from unit.annotation.test_log import post, started
history, log = started(Path(sys.argv[1]))
while True:
    post(history, log, "swap", a=1, b=2, first=history.seq % 30)
    print(history.seq, flush=True)
"""


def test_what_was_answered_for_survives_a_kill(result):
    """One process is killed at a random moment; `slow` tests of the server do so fifty times."""
    path = [str(TESTS), *[p for p in sys.path if p]]
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(result), *path], stdout=subprocess.PIPE, text=True)
    answered = 0
    for line in process.stdout:
        answered = int(line)
        if answered >= 10:
            os.kill(process.pid, signal.SIGKILL)
            break
    rest = process.stdout.read().split()
    process.wait()
    answered = int(rest[-1]) if rest else answered
    history, log = started(result)

    assert history.seq in (answered, answered + 1)
    assert [line.seq for line in log.lines] == list(range(history.seq + 1))
