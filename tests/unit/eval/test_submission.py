import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from videopose import catalog
from videopose.cli.main import main
from videopose.errors import DatasetError, InputError, UnknownNameError
from videopose.io.exchange.formats import read_table, write_table
from videopose.io.exchange.table import FrameEntry, make_table
from videopose.skeletons import skeleton_named

submission = catalog.evaluation("submission.write")
posetrack = catalog.protocol("posetrack")
CASES = Path(__file__).parents[2] / "data" / "poseval" / "cases.zip"


@pytest.fixture
def case(tmp_path):
    with zipfile.ZipFile(CASES) as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.startswith("plain/")])
    return tmp_path / "plain"


def rules_broken(folder, truth=None):
    return {verdict.rule for verdict in submission.check(folder, truth) if not verdict.kept}


def test_the_estimation_profile_keeps_every_keypoint_and_the_score(case):
    made = submission.make([case / "pred"], case / "gt", "estimation", case / "out")

    before = posetrack.score_folders(case / "gt", case / "pred", workers=1)
    after = posetrack.score_folders(case / "gt", case / "out", workers=1)
    assert [file.name for file in made.files] == ["seq00.json", "seq01.json", "seq02.json"]
    assert made.threshold == 0
    for measure in ("ap", "mota"):
        assert after.numbers[measure]["total"] == pytest.approx(before.numbers[measure]["total"], abs=1e-9)


def test_what_is_made_keeps_every_rule(case):
    submission.make([case / "pred"], case / "gt", "tracking", case / "out")

    assert rules_broken(case / "out", case / "gt") == set()


def test_the_tracking_profile_drops_keypoints_below_the_threshold(case):
    submission.make([case / "pred"], case / "gt", "tracking", case / "out", threshold=0.5)

    for file in (case / "out").glob("*.json"):
        table = read_table(file)
        assert np.nanmin(table.keypoint_score) >= 0.5


def test_tuning_finds_the_threshold_of_the_best_mota(case):
    (case / "gt").rename(case / "truth")
    (case / "pred").rename(case / "results")

    best = submission.tune(case)

    totals = {}
    for cut in (0.0, best, 0.9):
        submission.make([case / "results"], case / "truth", "tracking", case / f"out{cut}", threshold=cut)
        totals[cut] = posetrack.score_folders(case / "truth", case / f"out{cut}", workers=1).numbers["mota"]["total"]
    assert totals[best] == max(totals.values())
    assert totals[best] > totals[0.0]


def test_a_video_result_is_put_on_the_frames_of_its_sequence(case):
    predicted = read_table(case / "pred" / "seq00.json")
    frames = [replace(frame, name="", number=number) for number, frame in enumerate(predicted.frames)]
    (case / "results").mkdir()
    table = replace(predicted, frames=tuple(frames), track_id=np.where(predicted.track_id == 0, -1, predicted.track_id))
    for name in ("seq00", "seq01", "seq02"):
        write_table(replace(table, name=name), case / "results" / f"{name}.poses.json", "videopose")

    made = submission.make([case / "results"], case / "gt", "estimation", case / "out")

    assert rules_broken(case / "out", case / "gt") == set()
    assert len(made.files) == 3


def test_ids_out_of_range_are_numbered_anew(case):
    for file in (case / "pred").glob("*.json"):
        table = read_table(file)
        write_table(replace(table, track_id=table.track_id * 100_000), file, "posetrack17")

    submission.make([case / "pred"], case / "gt", "estimation", case / "out")

    assert rules_broken(case / "out", case / "gt") == set()
    scored = posetrack.score_folders(case / "gt", case / "out", workers=1)
    assert scored.numbers["mota"]["total"] == pytest.approx(32.97021791 - -1.31801524, abs=0.01)


def test_more_tracks_than_ids_is_an_error(case, monkeypatch):
    monkeypatch.setattr(submission, "MAX_TRACK_ID", 3)

    with pytest.raises(DatasetError, match=r"has \d+ tracks; a submission may number 4"):
        submission.make([case / "pred"], case / "gt", "estimation", case / "out")


def test_a_missing_sequence_is_named(case):
    (case / "pred" / "seq01.json").unlink()

    with pytest.raises(DatasetError, match="no result is named 'seq01'"):
        submission.make([case / "pred"], case / "gt", "estimation", case / "out")


def test_the_estimation_profile_takes_no_threshold(case):
    with pytest.raises(InputError, match="the estimation profile keeps every keypoint"):
        submission.make([case / "pred"], case / "gt", "estimation", case / "out", threshold=0.2)


def test_a_misspelt_profile_names_the_nearest(case):
    with pytest.raises(UnknownNameError, match="Did you mean tracking"):
        submission.make([case / "pred"], case / "gt", "traking", case / "out")


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("id range", lambda table: replace(table, track_id=table.track_id + 1000)),
        ("track ids", lambda table: replace(table, track_id=np.full(len(table), -1))),
        ("unique ids", lambda table: replace(table, track_id=np.zeros(len(table), int))),
        ("scores", lambda table: replace(table, keypoint_score=np.full(table.keypoint_score.shape, np.nan))),
        ("frames", lambda table: table.on_frames(table.frames[:-1], np.append(np.arange(len(table.frames) - 1), -1))),
        ("keypoints", lambda table: replace(table, xy=np.full(table.xy.shape, np.nan))),
    ],
)
def test_a_broken_rule_is_named(rule, change, case):
    file = case / "pred" / "seq00.json"
    write_table(change(read_table(file)), file, "posetrack17")

    assert rule in rules_broken(case / "pred", case / "gt")


def test_a_damaged_file_and_a_missing_one_are_named(case):
    (case / "pred" / "seq00.json").write_text('{"annolist": [')
    (case / "pred" / "seq02.json").unlink()

    assert {"format", "names"} <= rules_broken(case / "pred", case / "gt")


def test_the_commands_work_together(case, capsys):
    made = main(
        ["submission", "make", str(case / "pred"), "--truth", str(case / "gt"), "--profile", "tracking",
         "-o", str(case / "out")]
    )  # fmt: skip
    good = main(["submission", "check", str(case / "out"), "--truth", str(case / "gt")])
    listed = capsys.readouterr()
    document = json.loads((case / "out" / "seq00.json").read_text())
    document["annotations"][0]["track_id"] = 5000
    (case / "out" / "seq00.json").write_text(json.dumps(document))
    bad = main(["submission", "check", str(case / "out"), "--truth", str(case / "gt")])

    assert (made, good, bad) == (0, 0, 1)
    assert "keypoints with a score below 0.3 are dropped" in listed.err
    assert listed.out.count("ok ") == 8
    said = capsys.readouterr()
    assert "NO  id range" in said.out
    assert "track id 5000" in said.out
    assert "breaks 1 of 8 rules: id range" in said.err


def test_results_that_do_not_exist_are_an_error(case):
    with pytest.raises(DatasetError, match="nowhere: no such file or folder"):
        submission.make([case / "nowhere"], case / "gt", "estimation", case / "out")


@pytest.fixture
def test_set(tmp_path):
    """A sequence of a test set, which has images and no people, and a result for its video."""
    images = [
        {"id": 10000 + n, "file_name": f"images/test/000001_x/{n:06d}.jpg", "is_labeled": False} for n in range(4)
    ]
    category = {"id": 1, "name": "person", "keypoints": ["nose", "head_bottom", "head_top", "left_ear", "right_ear"]}
    (tmp_path / "truth").mkdir()
    (tmp_path / "results").mkdir()
    document = {"images": images[::-1], "categories": [category]}
    (tmp_path / "truth" / "000001_x.json").write_text(json.dumps(document))
    frames = [FrameEntry(number=number, time=number / 25) for number in range(4)]
    table = make_table(
        "000001_x", skeleton_named("coco17"), frames, np.arange(4), track_id=np.ones(4), score=np.ones(4),
        xy=np.arange(4.0)[:, None, None] + np.full((4, 17, 2), 50.0), keypoint_score=np.ones((4, 17)),
    )  # fmt: skip
    write_table(table, tmp_path / "results" / "000001_x.poses.json", "videopose")
    return tmp_path


def test_a_test_set_without_people_can_be_submitted_to(test_set):
    made = submission.make([test_set / "results"], test_set / "truth", "estimation", test_set / "out")

    table = read_table(made.files[0])
    named = {frame.name[-10:-4]: table.xy[table.rows_of(place)][0, 0, 0] for place, frame in enumerate(table.frames)}
    assert named == {"000000": 50, "000001": 51, "000002": 52, "000003": 53}
    assert rules_broken(test_set / "out", test_set / "truth") == set()


def test_a_test_set_of_2017_without_rectangles_can_be_submitted_to(test_set):
    frames = [{"image": [{"name": f"images/{n:08d}.jpg"}], "imgnum": [n]} for n in range(1, 5)]
    (test_set / "truth" / "000001_x.json").write_text(json.dumps({"annolist": frames}))

    submission.make([test_set / "results"], test_set / "truth", "tracking", test_set / "out")

    assert rules_broken(test_set / "out", test_set / "truth") == set()


def test_a_test_set_cannot_be_scored(test_set):
    with pytest.raises(DatasetError, match="has no key 'annotations'; the format needs it"):
        posetrack.score_folders(test_set / "truth", test_set / "results", workers=1)
