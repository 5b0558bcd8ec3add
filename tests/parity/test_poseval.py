"""Equal to the official PoseTrack kit on every reference case; prints the table: measure, ours, theirs, difference."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from videopose import catalog
from videopose.errors import DatasetError
from videopose.io.exchange.posetrack17 import KEYPOINTS_BY_ID

posetrack = catalog.protocol("posetrack")
score_folders = posetrack.score_folders

CASES = Path(__file__).parents[1] / "data" / "poseval" / "cases.zip"
TOLERANCE = 1e-9  # per cent; the bar is 1e-6, what remains is the order of floating-point sums
COLUMNS = (*KEYPOINTS_BY_ID, "total")
REFUSED = {
    "duplicate_track_id_in_frame": "track id 23 stands twice in frame images/edge/seq00/00000002.jpg",
    "frame_count_differs": r"pred/seq00.json: has 5 frames, but .* has 6",
    "missing_head_box": "has no complete head box",
    "no_gt_track_ids": r"gt/seq00.json: a person in frame images/edge/seq00/00000000.jpg has no track_id",
    "no_prediction_track_ids": r"pred/seq00.json: a person in frame .* has no track_id",
}


def _names():
    with zipfile.ZipFile(CASES) as archive:
        return sorted({name.split("/")[0] for name in archive.namelist()})


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("poseval")
    with zipfile.ZipFile(CASES) as archive:
        archive.extractall(folder)
    return folder


def _expected(folder):
    expected = json.loads((folder / "expected.json").read_text())
    if isinstance(expected["AP_stable_sort"], dict):
        expected["AP"] = expected["AP_stable_sort"]
    return expected


def _rows(ours, theirs, names):
    for name, their_name in names.items():
        mine = np.array([ours[name][column] for column in COLUMNS])
        yield name, mine, np.array(theirs[their_name], np.float64)


def _compare(title, rows):
    worst = 0.0
    for name, mine, official in rows:
        assert (np.isnan(mine) == np.isnan(official)).all(), f"{title} {name}: NaN in other places"
        difference = np.nanmax(np.abs(mine - official))
        print(f"{title:32s} {name:14s} {mine[-1]:10.5f} {official[-1]:10.5f} {difference:9.1e}")
        worst = max(worst, difference)
    assert worst <= TOLERANCE


AP = {"ap": "ap", "precision": "pre", "recall": "rec"}
MOT = {"mota": "mota", "motp": "motp", "mot_precision": "pre", "mot_recall": "rec"}
COUNTS = {
    "misses": "num_misses", "switches": "num_switches", "false_positives": "num_false_positives",
    "objects": "num_objects", "detections": "num_detections",
}  # fmt: skip


@pytest.mark.parametrize("case", [name for name in _names() if name not in REFUSED])
def test_equals_the_kit(cases, case):
    expected = _expected(cases / case)

    scored = score_folders(cases / case / "gt", cases / case / "pred", "poseval", workers=1)

    _compare(case, _rows(scored.numbers, expected["AP"], AP))
    if "error" in expected["MOT"]:
        assert np.isnan(scored.numbers["mota"]["total"])
        return
    _compare(case, _rows(scored.numbers, expected["MOT"], MOT))
    for ours, theirs in COUNTS.items():
        mine = [scored.numbers[ours][name] for name in KEYPOINTS_BY_ID]
        assert mine == expected["MOT"]["counts_per_joint"][theirs], f"{case} {ours}"


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_what_stops_the_kit(cases, case):
    assert "error" in _expected(cases / case)["AP"]

    with pytest.raises(DatasetError, match=REFUSED[case]):
        score_folders(cases / case / "gt", cases / case / "pred", "poseval", workers=1)


NAN = float("nan")
CORRECTED = {
    "around_threshold": (25.360422, 0.000000),
    "duplicate_track_id_in_frame": (100.000000, 82.505051),
    "duplicated_people_lower_score": (100.000000, 0.000000),
    "duplicated_people_tied_scores": (50.000000, 0.000000),
    "empty_prediction_frames": (65.616162, 65.616162),
    "frame_count_differs": (83.111111, 83.111111),
    "frame_with_unannotated_gt": (83.171717, 79.703704),
    "frame_without_gt": (100.000000, 100.000000),
    "id_swaps": (100.000000, 54.768441),
    "id_switch_half_way": (100.000000, 86.801587),
    "ignore_border": (100.000000, 100.000000),
    "ignore_everything_in_one_frame": (100.000000, 100.000000),
    "joint_absent_in_both": (100.000000, 100.000000),
    "joint_never_labelled": (100.000000, 100.000000),
    "main": (50.789766, 9.276131),
    "missing_head_box": (100.000000, 100.000000),
    "no_gt_track_ids": (100.000000, NAN),
    "no_prediction_track_ids": (100.000000, NAN),
    "no_predictions": (0.000000, 0.000000),
    "no_scores": (100.000000, 100.000000),
    "one_frame_sequence": (100.000000, 100.000000),
    "pckh_aligned": (20.180415, -11.882383),
    "perfect": (100.000000, 100.000000),
    "plain": (61.190078, 32.970218),
    "posetrack18_format": (59.275077, 23.597588),
    "prediction_joints_missing": (86.666667, 86.666667),
    "single": (63.715163, 28.001765),
    "two_frame_sequence": (100.000000, 100.000000),
    "zero_head_box": (100.000000, 100.000000),
}
"""AP and MOTA under the corrected protocol; NaN = nobody has ids. No other tool computes these: they are held as they
were when each difference to the kit had been explained, case by case."""


@pytest.mark.parametrize("case", _names())
def test_corrected_protocol_gives_what_it_gave_when_it_was_explained(cases, case):
    scored = score_folders(cases / case / "gt", cases / case / "pred", "corrected", workers=1)

    totals = [scored.numbers[measure]["total"] for measure in ("ap", "mota")]
    assert totals == pytest.approx(CORRECTED[case], abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("case", [name for name in _names() if name not in REFUSED and name != "one_frame_sequence"])
def test_corrected_protocol_differs_from_the_kit_by_what_it_says(cases, case):
    kit, corrected = (
        score_folders(cases / case / "gt", cases / case / "pred", protocol, workers=1)
        for protocol in ("poseval", "corrected")
    )

    rules = {each["rule"] for each in corrected.differences if each["cost"] is None or any(each["cost"].values())}
    for measure in ("ap", "mota"):
        same = corrected.numbers[measure]["total"] == pytest.approx(kit.numbers[measure]["total"], abs=1e-9)
        assert same or rules, measure


@pytest.mark.parametrize("case", ["main", "plain", "single"])
def test_per_sequence_numbers_equal_the_kit(cases, case):
    expected = _expected(cases / case)

    for name, official in expected["MOT"].get("per_sequence", {}).items():
        files = (cases / case / side / f"{name}.json" for side in ("gt", "pred"))
        scored = score_folders(*files, "poseval", workers=1)
        mota = np.array([scored.numbers["mota"][column] for column in COLUMNS])
        np.testing.assert_allclose(mota, np.array(official["mota"], np.float64), rtol=0, atol=TOLERANCE)


def test_a_perfect_prediction_scores_hundred_in_both_protocols(cases):
    for protocol in ("poseval", "corrected"):
        scored = score_folders(cases / "perfect" / "gt", cases / "perfect" / "pred", protocol, workers=1)

        for measure in ("ap", "precision", "recall", "mota", "motp", "idf1", "hota", "deta", "assa", "loca"):
            assert scored.numbers[measure]["total"] == pytest.approx(100), measure


def test_processes_do_not_change_the_result(cases):
    one, two = (
        score_folders(cases / "main" / "gt", cases / "main" / "pred", "corrected", workers=workers)
        for workers in (1, 2)
    )

    assert one.numbers == two.numbers
    assert one.differences == two.differences


def test_corrected_protocol_names_each_difference_and_its_cost(cases):
    scored = score_folders(cases / "main" / "gt", cases / "main" / "pred", "corrected", workers=1)

    costs = {each["rule"]: each["cost"] for each in scored.differences}
    assert costs["last_frame"]["mota"] == pytest.approx(-2.5235779575, abs=1e-6)
    assert costs["missing_scores"]["ap"] == pytest.approx(0.3789494566, abs=1e-6)
    assert all(each["times"] > 0 and each["what"] for each in scored.differences)


def test_frames_in_another_order_are_paired_by_name_when_corrected(cases, tmp_path):
    source = json.loads((cases / "single" / "pred" / "seq00.json").read_text())
    source["annolist"] = source["annolist"][::-1]
    (tmp_path / "seq00.json").write_text(json.dumps(source))

    scored = score_folders(cases / "single" / "gt", tmp_path, "corrected", workers=1)

    whole = score_folders(cases / "single" / "gt", cases / "single" / "pred", "corrected", workers=1)
    assert scored.numbers == whole.numbers
    assert "frame_order" in {each["rule"] for each in scored.differences}


def test_a_missing_frame_has_no_predictions_when_corrected(cases):
    case = cases / "frame_count_differs"

    scored = score_folders(case / "gt", case / "pred", "corrected", workers=1)

    assert [each["times"] for each in scored.differences if each["rule"] == "frame_count"] == [1]
    assert 50 < scored.numbers["recall"]["total"] < 100
