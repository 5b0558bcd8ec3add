"""LSP, LSP-extended, JHMDB and PoseTrack as published: their own files, folders and splits."""

import json

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from videopose.data.jhmdb import read_jhmdb
from videopose.data.lsp import read_lsp
from videopose.data.posetrack import read_posetrack
from videopose.data.samples import image_size
from videopose.data.sources import SourceOptions, load_source
from videopose.errors import DatasetError
from videopose.skeletons import skeleton_named

BODY = skeleton_named("body19")
WRIST = BODY.index_of("left_wrist")


def _write_image(path, size_hw=(30, 40), value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*size_hw, 3), value, np.uint8))


def _source(**values):
    return SourceOptions(name="public", **values)


@pytest.fixture
def lsp(tmp_path):
    """LSP with its 2000 people, of whom three have an image each."""
    joints = np.zeros((3, 14, 2000))
    joints[0] = np.linspace(5, 31, 14)[:, None]
    joints[1] = np.linspace(3, 27, 14)[:, None]
    joints[2, 0] = 1  # the right ankle is hidden
    savemat(tmp_path / "joints.mat", {"joints": joints})
    return tmp_path


@pytest.fixture
def lspet(tmp_path):
    joints = np.zeros((14, 3, 20))
    joints[:, 0], joints[:, 1] = np.linspace(5, 31, 14)[:, None], np.linspace(3, 27, 14)[:, None]
    joints[:, 2] = 1
    joints[0] = 0  # the right ankle is not labelled
    savemat(tmp_path / "joints.mat", {"joints": joints})
    for number in range(1, 21):
        _write_image(tmp_path / "images" / f"im{number:05d}.jpg")
    return tmp_path


def test_lsp_people_lie_where_matlab_says_less_one_pixel(lspet):
    person = read_lsp(lspet / "joints.mat", lspet / "images", BODY)[0].people[0]

    assert person.keypoints[BODY.index_of("head_top")].tolist() == [30, 26, 2]
    assert person.keypoints[BODY.index_of("right_ankle"), 2] == 0
    assert person.num_labelled == 13
    assert person.xyxy == pytest.approx([6, 2 + 24 / 13, 30, 26], abs=1e-4)


def test_lsp_extended_is_split_by_number(lspet):
    options = _source(format="lsp", annotations="joints.mat", images="images", fold="val")

    assert [image.key for image in load_source(lspet, options, BODY)] == ["10", "20"]


def test_lsp_has_its_own_halves(lsp, monkeypatch):
    monkeypatch.setattr("videopose.data.tables.image_size", lambda path: (30, 40))
    options = {"format": "lsp", "annotations": "joints.mat", "images": "images"}
    train = load_source(lsp, _source(**options, fold="train"), BODY)
    held_out = load_source(lsp, _source(**options, fold="val"), BODY)

    assert (train[0].path.name, train[-1].path.name) == ("im0001.jpg", "im1000.jpg")
    assert (held_out[0].path.name, held_out[-1].path.name) == ("im1001.jpg", "im2000.jpg")
    assert train[0].people[0].keypoints[BODY.index_of("right_ankle"), 2] == 1


def test_an_lsp_image_that_is_missing_is_named(lsp):
    with pytest.raises(DatasetError, match="im0001.jpg: the image does not exist; check the data set's image folder"):
        read_lsp(lsp / "joints.mat", lsp / "images", BODY)


def test_another_matlab_file_is_not_taken_for_lsp(tmp_path):
    savemat(tmp_path / "joint_positions.mat", {"pos_img": np.ones((2, 15, 3))})

    with pytest.raises(DatasetError, match="holds jhmdb15, not LSP's 14 keypoints; name its joints.mat"):
        read_lsp(tmp_path / "joint_positions.mat", tmp_path, BODY)


@pytest.fixture
def jhmdb(tmp_path):
    """Two clips of three frames: one for training, one for validation."""
    positions = np.zeros((2, 15, 3))
    positions[0], positions[1] = np.linspace(5, 31, 15)[:, None], np.linspace(3, 27, 15)[:, None]
    positions[0, 12] = 60  # the left wrist is outside the frame
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits/catch_test_split1.txt").write_text("ball_up.avi 1\nball_down.avi 2\nball_off.avi 0\n")
    (tmp_path / "splits/catch_test_split2.txt").write_text("ball_up.avi 2\nball_down.avi 1\n")
    for name in ("ball_up", "ball_down", "ball_off"):
        folder = tmp_path / "joint_positions/catch" / name
        folder.mkdir(parents=True)
        savemat(folder / "joint_positions.mat", {"pos_img": positions})
        for number in range(1, 4):
            _write_image(tmp_path / "Rename_Images/catch" / name / f"{number:05d}.png", value=number)
    return tmp_path


def _jhmdb_options(**changes):
    return _source(format="jhmdb", annotations="joint_positions", images="Rename_Images", **changes)


def test_jhmdb_is_read_from_its_own_folders(jhmdb):
    clips = read_jhmdb(jhmdb / "joint_positions", jhmdb / "Rename_Images", BODY)

    assert [(clip.name, clip.action, clip.split) for clip in clips] == [
        ("ball_down", "catch", "val"),
        ("ball_off", "catch", "unused"),
        ("ball_up", "catch", "train"),
    ]
    assert clips[0].size_hw == (30, 40)
    assert clips[0].keypoints.shape == (3, 19, 3)
    assert clips[0].keypoints[0, BODY.index_of("head_bottom")].tolist() == [4, 2, 2]
    assert clips[0].keypoints[0, WRIST, 2] == 0


def test_jhmdb_frames_are_files_of_the_chosen_split(jhmdb):
    images = load_source(jhmdb, _jhmdb_options(fold="val", every=2), BODY)
    second = load_source(jhmdb, _jhmdb_options(fold="val", split=2), BODY)

    assert [(image.path.parent.name, image.path.name, image.frame) for image in images] == [
        ("ball_down", "00001.png", None),
        ("ball_down", "00003.png", None),
    ]
    assert {image.path.parent.name for image in second} == {"ball_up"}
    assert {image.split for image in load_source(jhmdb, _jhmdb_options(), BODY)} == {"train", "val", "unused"}


def test_jhmdb_splits_may_begin_with_a_byte_order_mark(jhmdb):
    clips = read_jhmdb(jhmdb / "joint_positions", jhmdb / "Rename_Images", BODY)
    for file in (jhmdb / "splits").iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    again = read_jhmdb(jhmdb / "joint_positions", jhmdb / "Rename_Images", BODY)

    assert [clip.split for clip in again] == [clip.split for clip in clips]


def test_jhmdb_without_its_splits_is_refused(jhmdb):
    with pytest.raises(DatasetError, match=r"splits: holds no \*_test_split3.txt; JHMDB's splits belong beside"):
        load_source(jhmdb, _jhmdb_options(split=3), BODY)


def test_a_broken_jhmdb_split_is_refused(jhmdb):
    (jhmdb / "splits/catch_test_split1.txt").write_text("ball_up.avi one\n")

    with pytest.raises(DatasetError, match="catch_test_split1.txt: line 1 is 'ball_up.avi one'; a clip's name and"):
        load_source(jhmdb, _jhmdb_options(), BODY)


def test_a_folder_that_is_not_jhmdb_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="holds no ACTION/CLIP/joint_positions.mat"):
        read_jhmdb(tmp_path, tmp_path, BODY)


@pytest.fixture
def posetrack(tmp_path):
    names = ["nose", "head_bottom", "head_top", "left_ear", "right_ear", *BODY.keypoints[5:17]]
    triples = np.zeros((17, 3))
    triples[:, 0], triples[:, 1], triples[:, 2] = np.linspace(5, 31, 17), np.linspace(3, 27, 17), 1
    triples[3:5] = 0
    document = {
        "images": [
            {"id": 100 + number, "file_name": f"images/train/seq/{number}.jpg", "is_labeled": number != 2}
            for number in range(4)
        ],
        "annotations": [
            {"id": 1, "image_id": 100, "bbox": [4, 2, 30, 27], "keypoints": triples.ravel().tolist(), "track_id": 0},
            {"id": 2, "image_id": 100, "keypoints": [0] * 51, "track_id": 1},
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": names}],
    }
    document["images"][0] |= {"ignore_regions_x": [[1, 9, 9]], "ignore_regions_y": [[2, 2, 8]]}
    (tmp_path / "train").mkdir()
    for name in "abcd":
        (tmp_path / f"train/{name}.json").write_text(json.dumps(document))
    for number in range(4):
        _write_image(tmp_path / f"images/train/seq/{number}.jpg")
    return tmp_path


def test_posetrack_gives_labelled_frames_people_and_ignore_regions(posetrack):
    images = read_posetrack(posetrack / "train/a.json", posetrack, BODY)

    assert [image.key for image in images] == ["a:100", "a:101", "a:103"]  # nobody looked at 102
    assert images[0].size_hw == (30, 40)
    person, region = images[0].people  # the person without keypoints and without a box is left out
    assert person.xyxy.tolist() == [4, 2, 34, 29]
    assert person.keypoints[BODY.index_of("head_top"), 2] == 2
    assert person.keypoints[BODY.index_of("left_ear"), 2] == 0
    assert person.num_labelled == 15
    assert (region.ignore, region.xyxy.tolist()) == (True, [1, 2, 9, 8])


def test_posetrack_sequences_stay_whole_in_a_split(posetrack):
    options = {"format": "posetrack", "annotations": "train", "images": ".", "fold_modulo": 2}
    parts = [
        {image.key.partition(":")[0] for image in load_source(posetrack, _source(**options, fold=fold), BODY)}
        for fold in ("train", "val")
    ]

    assert parts[0].isdisjoint(parts[1])
    assert parts[0] | parts[1] == set("abcd")
    assert len(load_source(posetrack, _source(**options, every=2), BODY)) == 8


def test_a_folder_without_sequences_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"holds no sequence \(\*.json\); name PoseTrack's annotations/train"):
        read_posetrack(tmp_path, tmp_path, BODY)


def test_a_size_is_read_without_decoding(tmp_path):
    _write_image(tmp_path / "a.jpg", (37, 53))
    (tmp_path / "text.jpg").write_text("no image")

    assert image_size(tmp_path / "a.jpg") == (37, 53)
    with pytest.raises(DatasetError, match="text.jpg: the image cannot be decoded; check"):
        image_size(tmp_path / "text.jpg")


def test_keypoints_of_another_kind_are_refused(tmp_path):
    document = {"images": [], "annotations": [], "categories": [{"id": 1, "keypoints": ["tail", "paw"]}]}
    (tmp_path / "labels.json").write_text(json.dumps(document))

    with pytest.raises(DatasetError, match=r"skeleton body19 has none of its keypoints \(tail, paw\)"):
        load_source(tmp_path, _source(annotations="labels.json", images="."), BODY)


def test_boxes_without_keypoints_take_a_machines_keypoints(tmp_path):
    """The layout of the `people` set: person boxes only, poses from a network."""
    document = {
        "images": [{"id": 1, "file_name": "1.png", "width": 40, "height": 30}],
        "annotations": [{"id": 7, "image_id": 1, "bbox": [1, 2, 10, 20]}],
        "categories": [{"id": 1, "name": "person"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(document))
    (tmp_path / "teacher.json").write_text(json.dumps({"train:7": [[5, 6, 0.8]] * 17}))
    teacher = {"file": "teacher.json", "key": "train:{person}"}
    person = load_source(tmp_path, _source(annotations="labels.json", images=".", teacher=teacher), BODY)[0].people[0]

    assert person.num_labelled == 17
    assert person.weight[:17] == pytest.approx(np.full(17, 0.4))
