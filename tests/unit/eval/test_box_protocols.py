import json
from pathlib import Path

import numpy as np
import pytest

from videopose import catalog
from videopose.errors import DatasetError
from videopose.io.exchange.formats import write_table
from videopose.io.exchange.table import FrameEntry, make_table
from videopose.skeletons import make_skeleton, skeleton_named

boxes, mot = catalog.protocol("boxes"), catalog.protocol("mot")
NOTHING = make_skeleton("boxes", [], [])


def a_table(rows, frames=3, **columns):
    """Rows are (frame, track id, x, y, side)."""
    rows = np.array(rows, float).reshape(-1, 5)
    corners = np.column_stack([rows[:, 2], rows[:, 3], rows[:, 2] + rows[:, 4], rows[:, 3] + rows[:, 4]])
    entries = [FrameEntry(number=number) for number in range(1, frames + 1)]
    columns = {"score": np.linspace(0.9, 0.5, len(rows)), **columns}
    return make_table(
        "seq", NOTHING, entries, rows[:, 0], track_id=rows[:, 1], xyxy=corners, source="seq.txt", first_number=1,
        **columns,
    )  # fmt: skip


WALK = [
    (0, 1, 0, 0, 50),
    (0, 2, 200, 0, 50),
    (1, 1, 5, 0, 50),
    (1, 2, 200, 0, 50),
    (2, 1, 9, 0, 50),
    (2, 2, 200, 5, 50),
]


def test_perfect_boxes_score_one():
    numbers = boxes.score_tables(a_table(WALK), a_table(WALK)).numbers

    assert numbers["AP"] == pytest.approx(1)
    assert numbers["AR"] == pytest.approx(1)


def test_predictions_inside_an_ignore_region_are_not_wrong():
    truth = a_table([*WALK[:1], (0, 0, 300, 300, 200)], frames=1, crowd=[False, True])
    found = a_table([*WALK[:1], (0, 0, 320, 320, 40), (0, 0, 380, 380, 40)], frames=1, score=[0.5, 0.9, 0.9])

    assert boxes.score_tables(truth, found).numbers["AP"] == pytest.approx(1)


def test_small_people_do_not_count():
    truth, found = a_table([*WALK[:1], (0, 2, 90, 90, 10)], frames=1), a_table(WALK[:1], frames=1)

    assert boxes.score_tables(truth, found, min_side=20).numbers["AR"] == pytest.approx(1)
    assert boxes.score_tables(truth, found).numbers["AR"] == pytest.approx(0.5)


def test_a_perfect_tracker_scores_hundred():
    numbers = mot.numbers([mot.score_sequence(a_table(WALK), a_table(WALK))])

    assert [numbers[name] for name in ("mota", "motp", "idf1", "hota", "assa")] == pytest.approx([100] * 5)
    assert numbers["switches"] == 0


def test_an_exchange_of_ids_costs_identity_but_no_detection():
    swapped = [(f, {1: 2, 2: 1}[i] if f else i, *rest) for f, i, *rest in WALK]

    numbers = mot.numbers([mot.score_sequence(a_table(WALK), a_table(swapped))])

    assert numbers["switches"] == 2
    assert numbers["idf1"] == pytest.approx(100 * 2 / 3)
    assert numbers["deta"] == pytest.approx(100)


def test_what_lies_in_an_ignored_region_is_left_out():
    truth = a_table([*WALK, (2, 9, 300, 300, 200)], crowd=[False] * 6 + [True])
    found = a_table([*WALK, (2, 7, 350, 350, 50)])

    assert mot.numbers([mot.score_sequence(truth, found)])["false_positives"] == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, -1, 0, 0, 50)], "seq.txt: somebody has no track id"),
        ([(0, 1, 0, 0, 50), (0, 1, 9, 9, 50)], "seq.txt: track id 1 stands twice in frame 1"),
        ([(0, 1, 0, 0, np.nan)], "seq.txt: somebody has no box"),
    ],
)
def test_tracks_that_cannot_be_scored_are_errors(rows, message):
    with pytest.raises(DatasetError, match=message):
        mot.score_sequence(a_table(WALK), a_table(rows))


def test_folders_of_text_files_are_paired_by_name(tmp_path):
    for side in ("gt", "pred"):
        (tmp_path / side).mkdir()
        for name in ("b", "a"):
            write_table(a_table(WALK), tmp_path / side / f"{name}.txt", "mot")

    scored = mot.score_folders(tmp_path / "gt", tmp_path / "pred", workers=1)

    assert [each.name for each in scored.sequences] == ["a", "b"]
    assert scored.numbers["objects"] == 12
    assert scored.numbers["hota"] == pytest.approx(100)


def test_a_missing_sequence_is_named(tmp_path):
    for side in ("gt", "pred"):
        (tmp_path / side).mkdir()
    write_table(a_table(WALK), tmp_path / "gt" / "a.txt", "mot")

    with pytest.raises(DatasetError, match=r"pred: has no file a\.\*"):
        mot.score_folders(tmp_path / "gt", tmp_path / "pred", workers=1)


def test_predictions_behind_the_last_true_frame_are_wrong_and_that_is_said(tmp_path, caplog):
    write_table(a_table(WALK), tmp_path / "gt.txt", "mot")
    write_table(a_table([*WALK, (3, 1, 0, 0, 50)], frames=4), tmp_path / "pred.txt", "mot")

    scored = mot.score_folders(tmp_path / "gt.txt", tmp_path / "pred.txt")

    assert scored.numbers["false_positives"] == 1
    assert "1 boxes behind the last frame of" in caplog.text


def test_the_benchmarks_own_folders_and_length_are_read(tmp_path, caplog):
    sequence = tmp_path / "train" / "MOT17-02-FRCNN"
    (sequence / "gt").mkdir(parents=True)
    (tmp_path / "pred").mkdir()
    (sequence / "seqinfo.ini").write_text("[Sequence]\nname=MOT17-02-FRCNN\nseqLength=4\n")
    write_table(a_table(WALK), sequence / "gt" / "gt.txt", "mot")
    write_table(a_table([*WALK, (3, 1, 0, 0, 50)], frames=4), tmp_path / "pred" / "MOT17-02-FRCNN.txt", "mot")

    scored = mot.score_folders(tmp_path / "train", tmp_path / "pred", workers=1)

    assert [each.name for each in scored.sequences] == ["MOT17-02-FRCNN"]
    assert scored.numbers["false_positives"] == 1
    assert "behind the last frame" not in caplog.text


def test_a_videos_result_counts_from_0_where_the_truth_counts_from_1(tmp_path):
    frames = [FrameEntry(number=number, time=number / 25, size_hw=(100, 100)) for number in range(4)]
    left = 30.0 * np.arange(4)  # boxes of two frames do not overlap
    corners = np.column_stack([left, np.zeros(4), left + 20, np.full(4, 20.0)])
    table = make_table(
        "clip", skeleton_named("coco17"), frames, np.arange(4), xyxy=corners, score=np.ones(4),
        xy=np.full((4, 17, 2), 5.0), keypoint_score=np.ones((4, 17)), track_id=np.ones(4),
    )  # fmt: skip
    write_table(table, tmp_path / "gt.txt", "mot")
    write_table(table, tmp_path / "pred.json", "videopose")

    assert mot.score_folders(tmp_path / "gt.txt", tmp_path / "pred.json").numbers["mota"] == 100


def test_boxes_without_keypoints_are_scored(tmp_path):
    truth = {
        "images": [{"id": 4, "file_name": "a.jpg"}, {"id": 7, "file_name": "b.jpg"}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 4, "category_id": 1, "bbox": [0, 0, 50, 80], "area": 4000, "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [9, 9, 50, 80], "area": 4000, "iscrowd": 0},
        ],
    }
    found = [{"image_id": 4, "category_id": 1, "bbox": [0, 0, 50, 80], "score": 0.9}]
    for name, document in (("gt", truth), ("found", found), ("nothing", [])):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))

    half, none = (
        boxes.score_files(tmp_path / "gt.json", tmp_path / f"{name}.json").numbers for name in ("found", "nothing")
    )

    assert half["AR"] == 0.5
    assert none["AP"] == none["AR"] == 0


def test_an_empty_list_of_poses_finds_nobody(tmp_path):
    (tmp_path / "nothing.json").write_text("[]")
    truth = Path(__file__).parents[2] / "data" / "coco_scoring" / "coco_gt.json"

    scored = catalog.protocol("coco").score_files(truth, tmp_path / "nothing.json", explain=True)

    assert scored.numbers["AP"] == scored.numbers["AR"] == 0
