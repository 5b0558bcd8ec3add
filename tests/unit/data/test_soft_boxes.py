import json

import numpy as np
import pytest

from videopose.config import validate
from videopose.data.sources import SourceOptions, load_source
from videopose.errors import DatasetError
from videopose.skeletons import skeleton_named

SKELETON = skeleton_named("coco17")


@pytest.fixture
def folder(tmp_path):
    people = [{"id": 1, "image_id": 1, "bbox": [10, 10, 20, 40], "area": 800}]
    images = [{"id": number, "file_name": f"{number}.png", "width": 100, "height": 80} for number in (1, 2, 3)]
    document = {"images": images, "annotations": people, "categories": [{"id": 1}]}
    (tmp_path / "labels.json").write_text(json.dumps(document))
    boxes = {"1.png": [[10, 10, 20, 38, 90], [50, 10, 20, 40, 70], [50, 60, 80, 20, 40], [0, 0, 5, 5, 10]], "2.png": []}
    (tmp_path / "soft.json").write_text(json.dumps({"drawn": boxes, "broken": {"1.png": [[1, 2]]}, "list": []}))
    return tmp_path


def _load(folder, section):
    values = {
        "name": "x",
        "annotations": "labels.json",
        "images": ".",
        "soft_boxes": {"file": "soft.json", "section": section},
    }
    return load_source(folder, validate(SourceOptions, values, source="test"), SKELETON)


def test_sure_boxes_are_people_and_doubtful_ones_regions(folder):
    first, second, third = _load(folder, "drawn")

    assert [person.xyxy.tolist() for person in first.people] == [[10, 10, 30, 50], [50, 10, 70, 50], [50, 60, 100, 80]]
    assert [person.ignore for person in first.people] == [False, False, True]  # the one below 30 % is left out
    assert first.people[1].keypoints.shape == (17, 3)
    assert not first.people[1].num_labelled
    assert second.people == third.people == ()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("nowhere", r"soft.json: has no section 'nowhere'; soft_boxes.section names one of its keys"),
        ("list", r"soft.json: has no section 'list'"),
        ("broken", r"soft.json: soft boxes are rows of x, y, width, height, score in percent"),
    ],
)
def test_files_of_another_layout_are_refused(folder, section, message):
    with pytest.raises(DatasetError, match=message):
        _load(folder, section)


def test_boxes_are_float32(folder):
    assert all(person.xyxy.dtype == np.float32 for person in _load(folder, "drawn")[0].people)
