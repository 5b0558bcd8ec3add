"""The comparison with other packages: its plumbing, with contestants that need nothing installed."""

import json
import subprocess
import sys

import pytest
from video_files import write_video

from videopose.catalog import evaluation
from videopose.errors import InputError

compare = evaluation("benchmarks.peers.compare")
contestants = evaluation("benchmarks.peers.contestants")
material = evaluation("benchmarks.peers.material")
network = evaluation("benchmarks.peers.network")

FAKE = """
import json, sys
name, *_ = sys.argv[1:]
for line in sys.stdin:
    people, frames = map(int, line.split())
    if name == "missing":
        print(json.dumps({"failed": "missing is not installed"}), flush=True)
    elif name == "broken" and people == 3:
        sys.exit("it broke")
    else:
        cost = {"slow": 4.0, "rtmlib-openvino": 2.0}.get(name, 1.0)
        numbers = {"frames": frames, "wall": frames * people * cost / 100, "cpu": frames * people * cost / 50,
                   "first": cost, "peak_mb": 100 * cost}
        print(json.dumps({"numbers": numbers}), flush=True)
"""


@pytest.fixture
def given(tmp_path):
    clip = tmp_path / "clip.mp4"
    write_video(clip, num_frames=3, size_hw=(64, 96))
    return material.Material(clip, tmp_path)


def run_fakes(given, names, *, people=(1, 3), rounds=2):
    script = given.folder / "fake.py"
    script.write_text(FAKE, encoding="utf-8")
    runners = [compare.Runner(name, given, command=(sys.executable, str(script))) for name in names]
    report = compare.compare(runners, people, rounds=rounds, frames={1: 10, 3: 5})
    for runner in runners:
        runner.close()
    return report, {runner.name: runner.failed for runner in runners if runner.failed}


def test_every_round_asks_all_in_turn_and_the_first_warms_up(given):
    report, failed = run_fakes(given, ["slow", "rtmlib-openvino"])

    assert {people: {name: len(rows) for name, rows in taken.items()} for people, taken in report.items()} == {
        "1": {"slow": 2, "rtmlib-openvino": 2},
        "3": {"slow": 2, "rtmlib-openvino": 2},
    }
    assert failed == {}


def test_the_table_says_what_was_taken_and_how_it_compares(given):
    report, failed = run_fakes(given, ["slow", "rtmlib-openvino", "missing", "broken"])
    lines = compare.table(report, failed).splitlines()

    assert "| 3 | slow | 8.3 | 25.0 | 240.0 | 2.00 | 400 | 4.0 |" in lines
    assert "| 1 | rtmlib-openvino | 50.0 | 50.0 | 40.0 | 1.00 | 200 | 2.0 |" in lines
    assert "missing could not run: missing is not installed" in lines
    assert "broken could not run: it broke" in lines
    assert sum("missing" in line for line in lines) == 1


def test_boxes_lie_in_the_clip_and_the_file_says_the_same(given):
    boxes = given.boxes(5, 2)
    rows = given.boxes_file(5, 2).read_text().splitlines()

    assert [len(each) for each in boxes] == [5, 5]
    assert len(rows) == 10
    assert all(0 <= x1 < x2 <= 100 and 0 <= y1 < y2 <= 70 for frame in boxes for x1, y1, x2, y2 in frame)
    frame, _, x, y, w, h, *_ = map(float, rows[7].split(","))
    assert (frame, x, y, x + w, y + h) == pytest.approx((2, *boxes[1][2]), abs=0.011)


def test_the_floor_is_decoding_and_says_its_numbers(given):
    numbers = contestants.CONTESTANTS["decode"].load()(given, 1, 2)

    assert numbers["frames"] == 2
    assert numbers["wall"] > 0
    assert numbers["first"] > 0
    assert numbers["peak_mb"] > 10


@pytest.mark.slow
def test_ours_runs_on_the_file_the_others_get(given):
    pytest.importorskip("onnxscript", reason="an optional extra")
    small = material.Material(given.clip, given.folder, "rtmpose_s")
    network.prepare(small)

    numbers = {name: contestants.CONTESTANTS[name].load()(small, 2, 3) for name in ("ours", "ours-torch")}

    assert [each["frames"] for each in numbers.values()] == [3, 3]
    assert all(each["cpu"] > 0 and each["first"] > 0 for each in numbers.values())
    assert not list(given.folder.glob("ours*"))


def test_a_package_that_is_missing_says_so(given, monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    with pytest.raises(InputError, match="rtmlib is not installed; run `pip install --no-deps rtmlib`"):
        contestants.CONTESTANTS["rtmlib-openvino"].load()(given, 1, 1)
    with pytest.raises(InputError, match="--who rtmlib: no contestant has this name. Known: decode, ours"):
        compare.main([str(given.clip), "--work", str(given.folder), "--who", "rtmlib"])


@pytest.mark.slow
def test_the_command_writes_what_it_measured(given, monkeypatch, capsys):
    monkeypatch.setattr(compare, "prepare", lambda material: None)
    out = given.folder / "out.json"
    compare.main([
        str(given.clip), "--work", str(given.folder), "--who", "decode", "--people", "1", "--rounds", "1",
        "--frames", "2", "-o", str(out),
    ])  # fmt: skip

    document = json.loads(out.read_text())
    assert document["rounds"]["1"]["decode"][0]["frames"] == 2
    assert document["machine"]["instruction_set"]
    assert "| 1 | decode |" in capsys.readouterr().out


def test_frames_become_fewer_with_more_people():
    assert [compare.frames_for(people) for people in (1, 2, 3, 12, 40, 100)] == [48, 48, 24, 12, 4, 4]


def test_a_contestant_holds_no_other_s_memory():
    code = (
        "import sys; from videopose.catalog import evaluation as get; get('benchmarks.peers.worker'); "
        "get('benchmarks.peers.contestants').CONTESTANTS['rtmlib-openvino'].load(); print('torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
