import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from videopose.errors import DatasetError
from videopose.io.exchange import posetrack17
from videopose.io.exchange.cursor import Cursor, read_json
from videopose.io.exchange.formats import read_table

CASES = Path(__file__).parents[2] / "data" / "poseval" / "cases.zip"


def _assert_same(a, b):
    for column in ("frame", "xy", "keypoint_score", "visibility", "score", "head_xyxy", "track_id", "posed"):
        np.testing.assert_array_equal(getattr(a, column), getattr(b, column), err_msg=column)
    assert a.frames == b.frames


@pytest.mark.parametrize("case", ["main", "single", "no_scores", "frame_with_unannotated_gt", "missing_head_box"])
def test_reading_in_columns_equals_walking_the_file(case, tmp_path):
    with zipfile.ZipFile(CASES) as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.startswith(f"{case}/")])

    for path in tmp_path.glob("*/*/*.json"):
        walked = posetrack17.from_json(read_json(path))
        _assert_same(posetrack17.read(path), walked)
        again = tmp_path / "again.json"
        again.write_text(json.dumps(posetrack17.to_json(walked)))
        _assert_same(posetrack17.read(again), walked)


def test_of_two_points_with_one_id_the_first_is_meant(tmp_path):
    points = [{"id": [3], "x": [1], "y": [2]}, {"id": [3], "x": [5], "y": [6]}]
    path = tmp_path / "seq.json"
    path.write_text(json.dumps({"annolist": [{"annorect": [{"annopoints": [{"point": points}]}]}]}))

    table = posetrack17.read(path)

    assert table.xy[0, table.skeleton.index_of("left_hip")].tolist() == [1, 2]


GOOD = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "annotations": [{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2] * 17, "track_id": 1}],
    "categories": [{"id": 1, "name": "person", "keypoints": [
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle"]}],
}  # fmt: skip
BAD = {
    "a missing image id": (("images", 0, "id"), None, r"images\[0\] has no key 'id'"),
    "an id as a string": (("annotations", 0, "track_id"), "7", r"annotations\[0\].track_id is the string '7'"),
    "NaN": (("annotations", 0, "keypoints", 4), float("nan"), r"annotations\[0\].keypoints\[4\] is nan; a finite"),
    "a keypoint too few": (("annotations", 0, "keypoints"), [1, 2, 2], r"keypoints has 3 entries; 51 are needed"),
    "an unknown image": (("annotations", 0, "image_id"), 9, r"annotations\[0\].image_id is 9; no image has that id"),
    "true for a number": (("annotations", 0, "keypoints", 0), True, r"keypoints\[0\] is true; a number is needed"),
    "half an id": (("annotations", 0, "image_id"), 1.5, r"image_id is 1.5; a whole number is needed"),
    "no list of images": (("images",), {}, r"images is a mapping; a list is needed"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_malformed_file_names_file_entry_and_key(fault, tmp_path):
    way, value, message = BAD[fault]
    document = json.loads(json.dumps(GOOD))
    place = document
    for step in way[:-1]:
        place = place[step]
    if value is None:
        del place[way[-1]]
    else:
        place[way[-1]] = value
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document))

    with pytest.raises(DatasetError, match="bad.json: .*" + message):
        read_table(path, "coco")


def test_the_good_document_is_read(tmp_path):
    path = tmp_path / "good.json"
    path.write_text(json.dumps(GOOD))

    assert read_table(path).skeleton.name == "coco17"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"annolist": [', r"not valid JSON at line 1, column 15 .* is the file cut off\?"),
        ("\xff\xfe", "not JSON text|not valid JSON"),
        ("[" * 5000, "not JSON text|not valid JSON"),
    ],
)
def test_what_is_not_json_is_said(text, message, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(DatasetError, match=message):
        read_json(path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere.json: cannot be read: No such file"):
        read_table(tmp_path / "nowhere.json")


def test_the_cursor_says_where_it_stands():
    with pytest.raises(DatasetError, match=r"f: a\[1\].b is null; a number is needed"):
        Cursor("f", "a[1].b", None).number()


def test_of_mot_ground_truth_pedestrians_count_distractors_excuse_and_the_rest_is_not_there(tmp_path, caplog):
    path = tmp_path / "gt.txt"
    path.write_text("1,7,10,20,30,40,1,1,0.9\n1,8,0,0,5,5,0,1,1\n2,5,0,0,5,5,0,8,1\n3,9,0,0,5,5,1,3,1\n")

    table = read_table(path)

    assert len(table.frames) == 3
    assert table.crowd.tolist() == [False, True]
    assert table.xyxy[0].tolist() == [10, 20, 40, 60]
    assert "2 lines are left out: their flag is 0 or they are no pedestrians" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "1 7 10 20 30 40 0.5\n2 7 10 20 30 40 0.5\n",
        "1;7;10;20;30;40;0.5\n2;7;10;20;30;40;0.5\n",
        "1\t7\t10\t20\t30\t40\t0.5\n2\t7\t10\t20\t30\t40\t0.5\n",
        "1,7,10,20,30,40,0.5,-1,-1,-1,\n2,7,10,20,30,40,0.5,-1,-1,-1,,\n",
        "1, 7, 10, 20, 30, 40, 0.5\r\n\r\n   \r\n2, 7, 10, 20, 30, 40, 0.5\r\n",
        "2.0,7,10,20,30,40,0.5\n1.0,7,10,20,30,40,0.5",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_mot_text_is_read_however_its_values_are_separated(text, encoding, tmp_path):
    path = tmp_path / "det.txt"
    path.write_bytes(text.encode(encoding))

    table = read_table(path)

    assert table.frame.tolist() == [0, 1]
    assert table.xyxy.tolist() == [[10, 20, 40, 60]] * 2
    assert table.score.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2,3", "line 1 has 3 columns; 7 to 10 are needed"),
        ("1,2,x,4,5,6,1", "line 1: could not convert string to float: 'x'"),
        ("0,2,3,4,5,6,1", "line 1: frame and id are whole numbers, frames from 1"),
        ("1,2,nan,4,5,6,1", "line 1 holds a value that is not finite"),
        ("1.5,2,3,4,5,6,1", "line 1: frame and id are whole numbers, frames from 1"),
        ("1,2,3,4,-5,6,1", "line 1: a box of -5x6 pixels; sizes are not negative"),
        ("1;2;3,5;4;5;6;1", "line 1: could not convert string to float: '3,5'"),
        ("1,2,3,4,5,6,1,2,3,4,5", "line 1 has 11 columns; 7 to 10 are needed"),
    ],
)
def test_a_malformed_mot_line_is_named(line, message, tmp_path):
    path = tmp_path / "det.txt"
    path.write_text(line + "\n")

    with pytest.raises(DatasetError, match=message):
        read_table(path)


def test_lsp_says_hidden_and_lspet_says_labelled(tmp_path):
    joints = np.zeros((3, 14, 2))
    joints[:2], joints[2, 3, 0] = 5, 1
    savemat(tmp_path / "lsp.mat", {"joints": joints})
    savemat(tmp_path / "lspet.mat", {"joints": joints.transpose(1, 0, 2)})

    lsp, extended = read_table(tmp_path / "lsp.mat"), read_table(tmp_path / "lspet.mat")

    assert lsp.visibility[0].tolist() == [2, 2, 2, 1] + [2] * 10
    assert extended.visibility[0].tolist() == [0, 0, 0, 2] + [0] * 10
    assert lsp.frames[1].name == "im0002.jpg"
    assert extended.frames[1].name == "im00002.jpg"


def test_jhmdb_has_one_person_in_every_frame(tmp_path):
    position = np.arange(2 * 15 * 4, dtype=float).reshape(2, 15, 4)
    savemat(tmp_path / "joint_positions.mat", {"pos_img": position})

    table = read_table(tmp_path / "joint_positions.mat")

    assert len(table) == len(table.frames) == 4
    assert table.xy[2, 7].tolist() == (position[:, 7, 2] - 1).tolist()  # MATLAB's first pixel is 1
    assert table.xyxy[2].tolist() == [1, 61, 57, 117]  # around the keypoints
    assert table.skeleton.name == "jhmdb15"


def test_jhmdb_boxes_are_those_of_the_puppet_mask_where_it_lies_beside(tmp_path):
    folders = [tmp_path / kind / "wave" / "clip1" for kind in ("joint_positions", "puppet_mask")]
    for folder in folders:
        folder.mkdir(parents=True)
    mask = np.zeros((240, 320, 2), np.uint8)
    mask[10:50, 20:41, 0] = 1
    savemat(folders[0] / "joint_positions.mat", {"pos_img": np.full((2, 15, 3), 100.0)})
    savemat(folders[1] / "puppet_mask.mat", {"part_mask": mask})

    table = read_table(folders[0] / "joint_positions.mat")

    assert table.name == "clip1"
    assert table.xyxy.tolist() == [[20, 10, 40, 49], [99, 99, 99, 99], [99, 99, 99, 99]]  # an empty and a missing mask


def test_penn_action_keypoints_that_are_not_seen_are_absent(tmp_path):
    seen = np.ones((2, 13))
    seen[1, 4] = 0
    content = {
        "x": np.full((2, 13), 3.0), "y": np.full((2, 13), 4.0), "visibility": seen,
        "bbox": np.array([[1, 2, 3, 4.0]]), "dimensions": np.array([270, 480, 2]),
    }  # fmt: skip
    savemat(tmp_path / "0001.mat", content)

    table = read_table(tmp_path / "0001.mat")

    assert not table.present[1, 4]
    assert table.frames[0].size_hw == (270, 480)
    assert np.isnan(table.xyxy[1]).all()


def test_mpii_people_have_head_boxes_and_ids_of_their_own_numbering(tmp_path):
    points = np.array([(9, 5.0, 6.0, 1), (0, 7.0, 8.0, 0)], [("id", "O"), ("x", "O"), ("y", "O"), ("is_visible", "O")])
    rectangle = {"x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0, "annopoints": {"point": points}}
    release = {"annolist": {"image": {"name": "a.jpg"}, "annorect": rectangle}}
    savemat(tmp_path / "mpii.mat", {"RELEASE": release})

    table = read_table(tmp_path / "mpii.mat")

    assert table.xy[0, table.skeleton.index_of("head_top")].tolist() == [4, 5]
    assert table.visibility[0, table.skeleton.index_of("right_ankle")] == 1
    assert table.head_xyxy[0].tolist() == [0, 1, 2, 3]


def test_mpii_fields_that_matlab_left_empty_are_unknown(tmp_path):
    names = ("x1", "y1", "x2", "y2", "annopoints")
    people = np.zeros(3, [(name, "O") for name in names])
    none = np.zeros((0, 0))
    people[0] = (1.0, 2.0, 3.0, 4.0, {"point": {"id": 0, "x": 5.0, "y": 6.0, "is_visible": none}})
    people[1] = (none, none, none, none, none)  # marked, not drawn
    people[2] = (none, none, none, none, {"point": {"id": 0, "x": 7.0, "y": 8.0, "is_visible": "1"}})
    images = np.zeros(2, [("image", "O"), ("annorect", "O")])
    images[0] = ({"name": "a.jpg"}, people)
    images[1] = ({"name": "test.jpg"}, none)
    savemat(tmp_path / "mpii.mat", {"RELEASE": {"annolist": images}})

    table = read_table(tmp_path / "mpii.mat")

    ankle = table.skeleton.index_of("right_ankle")
    assert len(table.frames) == 2
    assert table.frame.tolist() == [0, 0]
    assert table.visibility[:, ankle].tolist() == [1, 2]  # empty means hidden
    assert np.isnan(table.head_xyxy[1]).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"joints": np.zeros((4, 4, 2))}, r"joints does not have the data set's layout \(joints has shape \(4, 4, 2\)"),
        ({"other": 1}, "holds other; RELEASE, joints, pos_img or visibility is needed"),
        ({"RELEASE": 3}, "RELEASE does not have the data set's layout"),
    ],
)
def test_a_foreign_matlab_file_is_an_error(content, message, tmp_path):
    savemat(tmp_path / "x.mat", content)

    with pytest.raises(DatasetError, match=message):
        read_table(tmp_path / "x.mat")


def test_a_damaged_matlab_file_is_an_error(tmp_path):
    (tmp_path / "x.mat").write_bytes(b"not a matlab file at all, just text" * 10)

    with pytest.raises(DatasetError, match="not a MATLAB file this reader knows"):
        read_table(tmp_path / "x.mat")


def test_ai_challenger_visibility_is_numbered_the_other_way_round(tmp_path):
    triples = [10, 20, 1] * 12 + [10, 20, 2, 0, 0, 3]
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps(
            [
                {
                    "image_id": "a",
                    "keypoint_annotations": {"human1": triples},
                    "human_annotations": {"human1": [1, 2, 3, 4]},
                }
            ]
        )
    )

    table = read_table(path)

    assert table.visibility[0].tolist() == [2] * 12 + [1, 0]
    assert table.xyxy[0].tolist() == [1, 2, 3, 4]


def test_hieve_boxes_are_people_not_heads(tmp_path):
    rectangle = {
        "x1": [1], "y1": [2], "x2": [30], "y2": [40], "track_id": [5],
        "annopoints": [{"point": [{"id": [1], "x": [9], "y": [8]}]}],
    }  # fmt: skip
    path = tmp_path / "20.json"
    path.write_text(json.dumps({"annolist": [{"image": [{"name": "000000.jpg"}], "annorect": [rectangle]}]}))

    table = read_table(path, "hieve")

    assert table.xyxy[0].tolist() == [1, 2, 30, 40]
    assert table.xy[0, table.skeleton.index_of("thorax")].tolist() == [9, 8]
