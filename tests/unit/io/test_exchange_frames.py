"""Which frame of a video an image is."""

import json

import numpy as np
import pytest

from videopose.cli.main import main
from videopose.errors import DatasetError
from videopose.io.boxes_file import read_boxes
from videopose.io.exchange.formats import read_table
from videopose.io.exchange.frames import frame_indices, in_frame_order
from videopose.io.exchange.table import FrameEntry, make_table
from videopose.skeletons import make_skeleton
from videopose.workflows.propagate import labels_of

NOTHING = make_skeleton("boxes", [], [])


def a_table(names=(), numbers=(), **facts):
    pairs = zip(names or [""] * len(numbers), numbers or [None] * len(names), strict=True)
    frames = [FrameEntry(name=name, number=number) for name, number in pairs]
    return make_table("seq", NOTHING, frames, np.arange(len(frames)), source="seq.json", **facts)


@pytest.mark.parametrize(
    ("names", "numbers", "indices"),
    [
        (["frame_000000.PNG", "frame_000001.PNG"], [1, 2], [0, 1]),  # a video task of an annotation tool
        (["frame_000001.PNG", "frame_000000.PNG"], [2, 1], [1, 0]),  # their order means nothing
        (["a/000001.jpg", "a/000002.jpg", "a/000003.jpg"], [7, 8, 9], [0, 1, 2]),  # as ffmpeg counts
        (["a/000010.jpg", "a/000020.jpg"], [1, 2], [10, 20]),  # labels on some frames
        (["a\\clip_2_0005.jpg", "a\\clip_2_0009.jpg"], [1, 2], [5, 9]),
        (["100.jpg", "101.jpg", "102.jpg"], [], [100, 101, 102]),  # a part of a video
        (["b.jpg", "a.jpg"], [1, 2], [1, 0]),  # no numbers: by name
        (["b1/x1.jpg", "b10/x1.jpg", "b9/x1.jpg"], [1, 2, 3], [0, 2, 1]),  # the same number twice: by name
        (["2024-06-01T10-22-33-123456789012345678.jpg", "2023-06-01T10-22-33-123456789012345679.jpg"], [], [1, 0]),
        ([], [4, 2], [4, 2]),  # no names: numbers
    ],
)
def test_an_image_is_the_frame_its_name_says(names, numbers, indices):
    assert frame_indices(a_table(names, numbers)).tolist() == indices


@pytest.mark.parametrize(
    "names", [["37.jpg", "39.jpg", "38.jpg"], ["000000397133.jpg", "000000900000.jpg", "000000700000.jpg"]]
)
def test_as_many_images_as_the_video_has_frames_are_its_frames_in_order(names):
    table = a_table(names)

    assert frame_indices(table, count=3).tolist() == [0, 2, 1]
    assert frame_indices(table, count=100).tolist() == [int(name[:-4]) for name in names]


def test_numbers_without_names_are_put_in_order_likewise():
    assert frame_indices(a_table([], [50, 10, 30]), count=3).tolist() == [2, 0, 1]
    assert frame_indices(a_table([], [50, 10, 30]), count=60).tolist() == [50, 10, 30]


def test_what_the_first_frame_is_called_can_be_said():
    assert frame_indices(a_table(["11.jpg", "21.jpg"]), first=1).tolist() == [10, 20]
    with pytest.raises(DatasetError, match=r"image 0.jpg is before the first frame, which is called 1"):
        frame_indices(a_table(["0.jpg", "21.jpg"]), first=1)


def test_ids_that_disagree_with_names_are_said(caplog):
    frame_indices(a_table(["frame_000000.PNG", "frame_000001.PNG"], [1, 2]))

    assert (
        "ids and names of 2 images disagree on the frame (id 1 is frame_000000.PNG); the names are taken" in caplog.text
    )


def test_names_that_count_from_1_are_said(caplog):
    frame_indices(a_table(["1.jpg", "2.jpg"], [1, 2]))

    assert "image 1.jpg is taken for frame 0" in caplog.text
    assert "disagree" not in caplog.text


def test_a_table_in_order_keeps_it_whatever_the_names_say():
    table = in_frame_order(a_table(["12.jpg", "11.jpg"]), first=11)

    assert [frame.number for frame in table.frames] == [0, 1]
    assert frame_indices(table).tolist() == [0, 1]


def coco_of(*names):
    images = [{"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(names, start=5)]
    people = [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [n, 0, 9, 9], "area": 81, "iscrowd": 0, "track_id": 3,
         "keypoints": [n, 5, 2] * 17, "num_keypoints": 17}
        for n in range(5, 5 + len(names))
    ]  # fmt: skip
    return {"images": images, "annotations": people}


@pytest.mark.parametrize("names", [("000002.jpg", "000000.jpg"), ("b/frame_7.png", "a/frame_3.png")])
def test_convert_boxes_and_labels_agree_on_the_frame(names, tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(coco_of(*names)))

    assert main(["convert", str(path), "-o", str(tmp_path / "out.json"), "--to", "videopose"]) == 0
    assert main(["convert", str(path), "-o", str(tmp_path / "out.txt"), "--to", "mot"]) == 0

    converted = {
        f["index"]: f["people"][0]["box"][0] for f in json.loads((tmp_path / "out.json").read_text())["frames"]
    }
    boxes = {index: found.xyxy[0, 0] for index, found in read_boxes(path).items()}
    labels = {index: poses.xyxy[0, 0] for index, poses in labels_of(read_table(path)).items()}
    lines = [line.split(",") for line in (tmp_path / "out.txt").read_text().splitlines()]
    assert converted == boxes == labels == {int(line[0]) - 1: float(line[2]) for line in lines}


def test_first_can_be_given_to_convert(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(coco_of("11.jpg", "21.jpg")))

    main(["convert", str(path), "-o", str(tmp_path / "out.json"), "--to", "videopose", "--first", "1"])

    assert [frame["index"] for frame in json.loads((tmp_path / "out.json").read_text())["frames"]] == [10, 20]


def test_empty_frames_of_a_result_were_looked_at_and_those_of_coco_were_not(tmp_path):
    document = coco_of("0.jpg", "5.jpg", "9.jpg")
    del document["annotations"][1]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    main(["convert", str(path), "-o", str(tmp_path / "out.json"), "--to", "videopose"])

    assert {index: len(poses) for index, poses in labels_of(read_table(path)).items()} == {0: 1, 9: 1}
    of_result = labels_of(read_table(tmp_path / "out.json"))
    assert {index: len(poses) for index, poses in of_result.items()} == {0: 1, 5: 0, 9: 1}
