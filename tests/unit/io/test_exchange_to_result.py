"""A result satisfies its own schema whatever it was converted from, and keeps its header through every suffix."""

import csv
import json
from fractions import Fraction

import numpy as np
import pytest
from builders import some_records
from coco_files import a_truth, some_results
from hypothesis import given, settings
from hypothesis import strategies as st
from json_schema import result_complaints
from video_files import write_video

from videopose.cli.main import main
from videopose.errors import DatasetError
from videopose.io.exchange.formats import read_table, write_table
from videopose.io.result import ResultHeader, header_facts
from videopose.io.results import read_result, write_result
from videopose.skeletons import skeleton_named
from videopose.types import Gap, VideoInfo

SUFFIXES = (".json", ".parquet", ".csv")


def a_header(rng):
    video = VideoInfo(
        str(rng.choice(["clip.mp4", 'a, "b".mkv', "=1+1.mp4", "é.mov"])), tuple(rng.integers(1, 4000, 2).tolist()),
        Fraction(int(rng.integers(1, 120000)), int(rng.integers(1, 1002))), None if rng.random() < 0.2 else 9,
        None if rng.random() < 0.2 else round(float(rng.uniform(0, 1e5)), 6), int(rng.choice([0, 90, 180, 270])),
    )  # fmt: skip
    first = range(20, 20 + 5 * int(rng.integers(0, 3)), 5)
    gaps = tuple(Gap(k, k + 1, k / 25, (k + 2) / 25, "said the decoder") for k in first)
    provenance = {"weights": [{"name": "=a", "sha256": "ab" * 32}], "config": {"deep": [1, None, True, -2.5]}}
    return ResultHeader(video, skeleton_named("coco17"), provenance, gaps)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), way=st.lists(st.sampled_from(SUFFIXES), min_size=1, max_size=5))
def test_the_header_and_the_people_travel_through_every_suffix_in_any_order(seed, way, tmp_path_factory):
    rng, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("header")
    header, path = a_header(rng), folder / "source.json"
    with write_result(path, header) as writer:
        for record in some_records(4):
            writer.write(record)
    first = json.loads(path.read_text())

    for step, suffix in enumerate(way):
        target = folder / f"{step}{suffix}"
        assert write_table(read_table(path), target, "videopose") == []
        assert not result_complaints(target)
        path = target
    write_table(read_table(path), folder / "last.json", "videopose")

    assert header_facts(read_result(path).header) == {name: first[name] for name in first if name != "frames"}
    assert json.loads((folder / "last.json").read_text()) == first


@pytest.mark.parametrize("target", ["coco-results", "mot", "posetrack17", "posetrack18"])
def test_what_of_the_header_is_lost_is_said(target, tmp_path):
    with write_result(tmp_path / "a.json", a_header(np.random.default_rng(1))) as writer:
        for record in some_records(2):
            writer.write(record)

    said = write_table(read_table(tmp_path / "a.json"), tmp_path / "out.txt", target)

    assert any(sentence.startswith("frame rate, duration, rotation, gaps and provenance are lost") for sentence in said)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), suffix=st.sampled_from(SUFFIXES), results=st.booleans())
def test_whatever_is_converted_satisfies_the_schema_or_is_refused(seed, suffix, results, tmp_path_factory):
    rng, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("schema")
    truth = a_truth(rng)
    for entry in truth["annotations"]:
        entry["track_id"] = int(rng.choice([-(2**40), -5, -1, 0, 3, 7, 2**31, 2**40, 2**61]))
        if rng.random() < 0.2:
            entry["score"] = float(rng.uniform(-3, 9))
    if rng.random() < 0.3:
        truth["images"][0]["height"] = 0
    document = some_results(rng, truth) if results else truth
    (folder / "in.json").write_text(json.dumps(document))

    try:
        table = read_table(folder / "in.json")
    except DatasetError:
        return
    write_table(table, folder / f"out{suffix}", "videopose")

    assert not result_complaints(folder / f"out{suffix}")


RESULT = {"image_id": 3, "category_id": 1, "keypoints": [5, 6, 0.5] * 17}


def converted(tmp_path, document, *words):
    (tmp_path / "in.json").write_text(json.dumps(document))
    assert (
        main(["convert", str(tmp_path / "in.json"), "-o", str(tmp_path / "out.json"), "--to", "videopose", *words]) == 0
    )
    return json.loads((tmp_path / "out.json").read_text())


def test_scores_above_one_are_divided_by_the_highest_and_that_is_said(tmp_path, capsys):
    document = converted(tmp_path, [{**RESULT, "score": 4.0}, {**RESULT, "score": 1.0}])

    assert [person["score"] for person in document["frames"][0]["people"]] == [1.0, 0.25]
    assert "scores of people are divided by the highest, 4, to lie in 0 to 1" in capsys.readouterr().err


def test_ids_out_of_range_get_new_numbers_and_that_is_said(tmp_path, capsys):
    document = converted(tmp_path, [{**RESULT, "score": 1, "track_id": i} for i in (-5, 7, 2**40, -5)])

    assert [person["track_id"] for person in document["frames"][0]["people"]] == [8, 7, 9, 8]
    assert "track ids out of range are numbered anew, 2 of them from 8 on" in capsys.readouterr().err


def test_a_size_nobody_knows_is_null_unless_it_is_given(tmp_path):
    entry = [{**RESULT, "score": 1}]

    bare = converted(tmp_path, entry)
    assert [bare["video"][side] for side in ("width", "height")] == [None, None]
    assert not result_complaints(tmp_path / "out.json")
    sized = converted(tmp_path, entry, "--overwrite", "--size", "320x240")
    assert [sized["video"][side] for side in ("width", "height")] == [320, 240]
    assert not result_complaints(tmp_path / "out.json")
    assert read_result(tmp_path / "out.json").header.video.size_hw == (240, 320)


def test_a_size_that_is_none_is_refused(tmp_path, capsys):
    (tmp_path / "in.json").write_text(json.dumps([{**RESULT, "score": 1}]))

    words = ["convert", str(tmp_path / "in.json"), "-o", str(tmp_path / "out.json"), "--to", "videopose"]
    assert main([*words, "--size", "0x5"]) == 1
    assert "--size 0x5: write it as width x height" in capsys.readouterr().err


def test_the_clip_gives_size_rate_and_times(tmp_path, video):
    document = converted(tmp_path, [{**RESULT, "score": 1}], "--clip", str(video))

    info = read_result(tmp_path / "out.json").header.video
    assert (info.path, info.size_hw, info.frame_rate) == (str(video), (48, 64), 10)
    assert document["frames"][0]["time"] == pytest.approx(0.3)


def test_labels_of_another_clip_are_refused(tmp_path, video, capsys):
    (tmp_path / "in.json").write_text(json.dumps([{**RESULT, "image_id": 8, "score": 1}]))

    words = ["convert", str(tmp_path / "in.json"), "-o", str(tmp_path / "out.json"), "--to", "videopose"]
    assert main([*words, "--clip", str(video)]) == 1
    assert "has an image of frame 8, but" in capsys.readouterr().err


def test_a_crowd_region_is_nobody_in_a_result(tmp_path):
    rng = np.random.default_rng(0)
    truth = a_truth(rng, odd=False)
    truth["annotations"][0]["iscrowd"] = 1

    document = converted(tmp_path, truth)

    assert sum(len(frame["people"]) for frame in document["frames"]) == len(truth["annotations"]) - 1


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "clip.mp4", num_frames=6, rate=10)


@pytest.mark.parametrize("suffix", [".json", ".csv"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_and_other_line_ends_mean_nothing(suffix, end, tmp_path):
    path = tmp_path / f"a{suffix}"
    with write_result(path, a_header(np.random.default_rng(2))) as writer:
        for record in some_records(3):
            writer.write(record)
    plain = read_table(path)

    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", end))

    marked = read_table(path)
    assert marked.header == plain.header
    np.testing.assert_array_equal(marked.xy, plain.xy)


def test_cells_a_spreadsheet_would_compute_are_guarded_and_come_back(tmp_path):
    names = ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(1)", "plain, with comma"]
    header = {
        "schema": "videopose/1", "provenance": {"note": "=1+1"}, "gaps": [], "frames": [],
        "video": {"path": "-a.mp4", "width": 8, "height": 8, "frame_rate": "25/1", "frames": 0, "duration": None,
                  "rotation": 0},
        "skeleton": {"name": "odd", "keypoints": names, "edges": []},
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(header))

    write_table(read_table(tmp_path / "a.json"), tmp_path / "a.csv", "videopose")

    with (tmp_path / "a.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    assert list(read_result(tmp_path / "a.csv").header.skeleton.keypoints) == names


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_boxes_without_keypoints_make_a_result(suffix, tmp_path):
    (tmp_path / "det.txt").write_text("1,7,10,20,30,40,0.5\n3,7,10,20,30,40,0.25\n")

    write_table(read_table(tmp_path / "det.txt"), tmp_path / f"out{suffix}", "videopose")

    assert not result_complaints(tmp_path / f"out{suffix}")
    back = read_table(tmp_path / f"out{suffix}")
    assert back.xyxy.tolist() == [[10, 20, 40, 60]] * 2
    assert [frame.number for frame in back.frames] == [0, 1, 2]


GAP = {"first": 3, "last": 4, "start": 0.1, "end": 0.2, "reason": "made"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": -3}, "video.frames is -3; a number from 0 on is needed"),
        ({"frames": "9"}, "video.frames is the string '9'"),
        ({"duration": -1.0}, "video.duration is -1.0; a duration is not negative"),
        ({"duration": float("nan")}, "video.duration is nan; a finite number is needed"),
        ({"rotation": 45}, "video.rotation is 45; 0, 90, 180, 270 are possible"),
        ({"frame_rate": "0/1"}, r"its header is damaged \(frame_rate is 0/1\)"),
        ({"width": 10**30}, "video.width is"),
        ([{**GAP, "last": 2}], r"gaps\[0\] ends with frame 2, before its first frame 3"),
        ([{**GAP, "first": "3"}], r"gaps\[0\].first is the string '3'"),
        ([{**GAP, "end": float("inf")}], r"gaps\[0\].end is inf"),
        ([{**GAP, "why": 1}], "its header is damaged"),
    ],
)
def test_a_header_that_is_not_what_the_schema_says_is_refused(change, message, tmp_path):
    path = tmp_path / "a.json"
    with write_result(path, a_header(np.random.default_rng(0))):
        pass
    document = json.loads(path.read_text())
    if isinstance(change, list):
        document["gaps"] = change
    else:
        document["video"].update(change)
    path.write_text(json.dumps(document))

    with pytest.raises(DatasetError, match=rf"a.json: {message}"):
        read_table(path)
