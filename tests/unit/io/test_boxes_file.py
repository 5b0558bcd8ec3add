"""Boxes from other people's files, by frame index."""

import json
from fractions import Fraction

import numpy as np
import pytest

from videopose.errors import DatasetError
from videopose.io.boxes_file import check_boxes, read_boxes
from videopose.types import VideoInfo


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_mot_counts_frames_from_one(tmp_path):
    path = written(tmp_path, "det.txt", "1,-1,10,20,30,40,0.5,-1,-1,-1\n1,-1,5,5,10,10,0.9\n\n3,-1,1,2,3,4,-1\n")

    boxes = read_boxes(path)

    assert list(boxes) == [0, 2]
    np.testing.assert_array_equal(boxes[0].xyxy, [[5, 5, 15, 15], [10, 20, 40, 60]])
    np.testing.assert_allclose(boxes[0].score, [0.9, 0.5])
    assert boxes[2].score.tolist() == [1.0]


def test_coco_results_use_the_frame_index_as_image_id(tmp_path):
    entries = [
        {"image_id": 4, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.25},
        {"image_id": 4, "category_id": 7, "bbox": [0, 0, 9, 9], "score": 0.9},
    ]

    boxes = read_boxes(written(tmp_path, "boxes.json", entries))

    assert boxes[4].xyxy.tolist() == [[1, 2, 4, 6]]


def test_images_are_the_frames_their_names_say_in_whatever_order_they_stand(tmp_path):
    document = {
        "images": [{"id": 70, "file_name": "seq/10.jpg"}, {"id": 30, "file_name": "seq/2.jpg"}],
        "annotations": [{"image_id": 70, "bbox": [0, 0, 1, 1]}, {"image_id": 30, "bbox": [0, 0, 2, 2]}],
    }

    boxes = read_boxes(written(tmp_path, "posetrack.json", document))

    assert boxes[2].xyxy.tolist() == [[0, 0, 2, 2]]
    assert boxes[10].xyxy.tolist() == [[0, 0, 1, 1]]


def test_a_person_without_a_box_gets_one_around_the_labelled_keypoints(tmp_path):
    keypoints = [10, 10, 1, 20, 30, 1, 99, 99, 0]
    document = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "keypoints": keypoints}]}

    boxes = read_boxes(written(tmp_path, "posetrack.json", document))

    np.testing.assert_allclose(boxes[0].xyxy, [[9, 8, 21, 32]])


def test_a_crowd_region_is_nobody(tmp_path):
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 1, "bbox": [0, 0, 90, 90], "iscrowd": True},
            {"image_id": 1, "bbox": [0, 0, 2, 2], "iscrowd": False},
        ],
    }

    assert read_boxes(written(tmp_path, "coco.json", document))[0].xyxy.tolist() == [[0, 0, 2, 2]]


def test_scores_above_one_keep_their_order(tmp_path):
    boxes = read_boxes(written(tmp_path, "det.txt", "1,-1,0,0,9,9,64\n1,-1,5,5,9,9,32\n"))

    assert boxes[0].score.tolist() == [1, 0.5]


def test_too_many_boxes_in_a_frame_are_refused_at_once(tmp_path):
    path = written(tmp_path, "det.txt", "7,-1,0,0,9,9,1\n" * 100_000)

    with pytest.raises(DatasetError, match="frame 6 has 100000 boxes; at most 1000 in a frame are taken"):
        read_boxes(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_means_nothing(encoding, tmp_path):
    content = json.dumps([{"image_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}])
    (tmp_path / "boxes.json").write_bytes(content.encode(encoding))

    assert list(read_boxes(tmp_path / "boxes.json")) == [3]


IMAGE = {"id": 0, "file_name": "0.jpg", "width": 128, "height": 96}
PERSON = {"image_id": 0, "category_id": 1, "bbox": [10, 10, 40, 60], "score": 0.9}
BIG = 10**400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": [IMAGE], "annotations": None}, "has no key 'annotations'"),
        ({"images": [IMAGE], "annotations": 3}, "annotations is the number 3; a list is needed"),
        ({"images": None, "annotations": [PERSON]}, "has no key 'images'"),
        ({"images": "abc", "annotations": [PERSON]}, "images is the string 'abc'; a list is needed"),
        ({"images": {"a": 1}, "annotations": [PERSON]}, "images is a mapping; a list is needed"),
        ({"images": [None], "annotations": [PERSON]}, r"images\[0\] is null"),
        ({"images": ["a"], "annotations": [PERSON]}, r"images\[0\] is the string 'a'"),
        ({"images": [{**IMAGE, "id": {}}], "annotations": [PERSON]}, r"images\[0\].id is a mapping"),
        ({"images": [{**IMAGE, "width": "x"}], "annotations": [PERSON]}, r"images\[0\].width is the string 'x'"),
        ({"images": [{**IMAGE, "width": [1]}], "annotations": [PERSON]}, r"images\[0\].width is a list of 1"),
        ({"images": [{**IMAGE, "width": float("nan")}], "annotations": [PERSON]}, r"images\[0\].width is nan"),
        ({"images": [{**IMAGE, "width": -3}], "annotations": [PERSON]}, r"images\[0\].width is -3; a size is not"),
        ({"images": [IMAGE, IMAGE], "annotations": [PERSON]}, r"images\[1\].id is 0, which an earlier image has too"),
        ({"images": [{**IMAGE, "file_name": "9" * 400}], "annotations": [PERSON]}, "has 400 characters; a file's name"),
        ([{**PERSON, "image_id": 0.5}], r"\[0\].image_id is 0.5; a whole number is needed"),
        ([{**PERSON, "image_id": -3}], "image -3 is before the first frame"),
        ([{**PERSON, "image_id": float("inf")}], r"\[0\].image_id is inf"),
        ([{**PERSON, "score": float("nan")}], r"\[0\].score is nan; a finite number is needed"),
        ([{**PERSON, "bbox": [10, 10, BIG, 60]}], r"\[0\].bbox\[2\] is a whole number of 401 digits"),
        ("[" * 5000, "not JSON text|not valid JSON"),
        ('{"a":' * 5000, "of no format known here|not JSON text|not valid JSON"),
        ("inf,1,10,10,40,60,1", "line 1 holds a value that is not finite"),
        ("1,1,10,10,40,60,nan", "line 1 holds a value that is not finite"),
        ("1.5,1,10,10,40,60,1", "line 1: frame and id are whole numbers"),
    ],
)
def test_what_is_not_what_it_should_be_is_one_line(tmp_path, content, message):
    path = written(tmp_path, "boxes.txt", content)

    with pytest.raises(DatasetError, match=rf"boxes\.txt: .*({message})|boxes\.txt ({message})"):
        read_boxes(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1,-1,ten,20,30,40,0.5", r"line 1: could not convert string to float: 'ten'"),
        ("1,-1,1,2,3,4,1\n1,2,3", r"line 2 has 3 columns; 7 to 10 are needed"),
        ("1,-1,1,2,0,4,1", r"line 1: a box of 0x4 pixels at \(1, 2\) holds nobody"),
        ("\n", "holds no box"),
        ("[", "not valid JSON at line 1"),
        ({"people": []}, "of no format known here"),
        ([{"bbox": [1, 2, 3, 4]}], r"\[0\] has no key 'image_id'"),
        ([{"image_id": 1, "bbox": [1, 2]}], r"\[0\].bbox has 2 entries; 4 are needed"),
        ([3], r"\[0\] is the number 3; a mapping"),
        (
            {"images": [], "annotations": [{"image_id": 9, "bbox": [0, 0, 1, 1]}]},
            r"annotations\[0\].image_id is 9; no image has that id",
        ),
        ([{"image_id": 0, "keypoints": [0, 0, 0]}], "frame 0: neither a bbox nor a keypoint"),
    ],
)
def test_a_broken_file_says_where(tmp_path, content, message):
    path = written(tmp_path, "boxes.txt", content)

    with pytest.raises(DatasetError, match=rf"boxes\.txt:? .*{message}"):
        read_boxes(path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere\.txt: cannot be read: No such file"):
        read_boxes(tmp_path / "nowhere.txt")


def test_a_file_that_is_no_text_says_so(tmp_path):
    (tmp_path / "boxes.bin").write_bytes(b"\xff\xfe\x00\x81")

    with pytest.raises(DatasetError, match=r"boxes\.bin: of no format known here"):
        read_boxes(tmp_path / "boxes.bin")


def test_a_mot_file_that_counts_from_zero_is_noticed(tmp_path):
    path = written(tmp_path, "det.txt", "0,-1,10,20,30,40,0.5\n")

    with pytest.raises(DatasetError, match="line 1: frame and id are whole numbers, frames from 1"):
        read_boxes(path)


VIDEO = VideoInfo("clip.mp4", (360, 640), Fraction(25), frames=20)
COCO = {
    "images": [{"id": k, "file_name": f"{k}.jpg", "height": 360, "width": 640} for k in range(20)],
    "annotations": [{"image_id": 3, "category_id": 1, "bbox": [600, 300, 60, 80]}],
}


def test_boxes_of_the_video_pass(tmp_path):
    check_boxes(written(tmp_path, "coco.json", COCO), VIDEO)
    check_boxes(written(tmp_path, "boxes.json", [{"image_id": 19, "bbox": [-5, -5, 20, 20]}]), VIDEO)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([{"image_id": 20, "bbox": [1, 1, 9, 9]}], r"has boxes for frame 20, .* but clip\.mp4 has frames 0-19"),
        (
            {**COCO, "images": [{"id": k, "file_name": f"{k}.jpg"} for k in range(21)]},
            r"lists 21 images, but clip\.mp4 has 20 frames",
        ),
        (
            {**COCO, "images": [{**image, "height": 720, "width": 1280} for image in COCO["images"]]},
            r"is of images of 1280x720 pixels, but clip\.mp4 has 640x360",
        ),
        (
            [{"image_id": k, "bbox": [900 * (k % 2), 100, 50, 90]} for k in range(10)],
            r"5 of 10 boxes lie outside the 640x360 pixels of clip\.mp4",
        ),
    ],
)
def test_boxes_of_another_video_are_an_error(tmp_path, document, message):
    with pytest.raises(DatasetError, match=message):
        check_boxes(written(tmp_path, "boxes.json", document), VIDEO)


def test_boxes_of_a_part_of_the_video_pass_with_a_warning(tmp_path, caplog):
    check_boxes(written(tmp_path, "boxes.json", {**COCO, "images": COCO["images"][:5]}), VIDEO)

    assert "lists 5 images, clip.mp4 has 20 frames" in caplog.text
