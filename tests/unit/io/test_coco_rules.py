"""COCO as the world writes it: what is labelled, who is a person, and what is said of the rest."""

import json

import numpy as np
import pytest

from videopose import catalog
from videopose.cli.main import main
from videopose.errors import DatasetError
from videopose.io.exchange.formats import read_table
from videopose.skeletons import skeleton_named

NAMES = list(skeleton_named("coco17").keypoints)
PERSON = {"id": 1, "name": "person", "keypoints": NAMES, "skeleton": []}
HAND = {"id": 2, "name": "hand", "keypoints": ["wrist", "thumb", "tip"], "skeleton": []}


def entry(number=1, image=1, **changes):
    points = [value for k in range(17) for value in (40 + 3 * k, 20 + 5 * k, 2)]
    return {
        "id": number, "image_id": image, "category_id": 1, "keypoints": points, "num_keypoints": 17,
        "bbox": [40, 20, 48, 80], "area": 3840, "iscrowd": 0, **changes,
    }  # fmt: skip


def truth(*annotations, categories=(PERSON,), images=1):
    listed = [{"id": n, "file_name": f"{n:06d}.jpg", "width": 320, "height": 240} for n in range(1, images + 1)]
    return {"images": listed, "categories": list(categories), "annotations": list(annotations)}


def written(folder, document, name="truth.json"):
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def hidden(*columns):
    points = np.array(entry()["keypoints"]).reshape(17, 3)
    points[list(columns)] = [400, -40, 0]
    return entry(keypoints=points.ravel().tolist(), num_keypoints=17 - len(columns))


@pytest.mark.parametrize("target", ["posetrack18", "posetrack17", "coco", "crowdpose", "videopose", "mot"])
def test_a_flag_of_0_is_not_labelled_whatever_stands_beside_it(target, tmp_path):
    person = hidden(9, 10)
    del person["bbox"]
    path = written(tmp_path, truth(person))
    out = tmp_path / ("out.txt" if target == "mot" else "out.json")

    assert main(["convert", str(path), "-o", str(out), "--to", target]) == 0

    text = out.read_text()
    assert "-40" not in text
    assert "400" not in text
    table = read_table(out)
    assert table.boxes()[0, 2] < 100  # the box is around what is labelled
    if "left_wrist" in table.skeleton.keypoints:
        assert not table.present[0, table.skeleton.index_of("left_wrist")]


def test_num_keypoints_0_takes_a_person_out_of_the_score_and_a_contradiction_is_said(tmp_path, caplog):
    path = written(tmp_path, truth(entry(), entry(2, num_keypoints=0)))

    table = read_table(path)

    assert table.blank.tolist() == [False, True]
    assert (
        "num_keypoints contradicts the flags of 1 people, first annotations[1]: 0, but 17 are labelled" in caplog.text
    )


@pytest.mark.parametrize(("value", "crowd"), [(False, False), (True, True), (0, False), (1.0, True), (None, False)])
def test_iscrowd_may_be_a_boolean(value, crowd, tmp_path):
    assert read_table(written(tmp_path, truth(entry(iscrowd=value)))).crowd.tolist() == [crowd]


@pytest.mark.parametrize("value", [2, "yes", 0.5])
def test_another_iscrowd_is_refused(value, tmp_path):
    with pytest.raises(DatasetError, match=r"annotations\[0\].iscrowd is "):
        read_table(written(tmp_path, truth(entry(iscrowd=value))))


def test_ignore_has_no_effect_and_that_is_said(tmp_path, caplog):
    table = read_table(written(tmp_path, truth(entry(ignore=1))))

    assert not table.blank.any()
    assert "`ignore` has no effect" in caplog.text


def test_the_person_is_taken_and_the_hand_is_said(tmp_path, caplog):
    hand = entry(2, category_id=2, keypoints=[1, 2, 2] * 3, num_keypoints=3)
    path = written(tmp_path, truth(hand, entry(), categories=(HAND, PERSON)))

    table = read_table(path)

    assert table.skeleton.name == "coco17"
    assert len(table) == 1
    assert table.category == 1
    assert "1 entries that are no people are left out: 1 of category 2 (hand)" in caplog.text


def test_without_a_person_the_category_most_entries_have_is_taken(tmp_path):
    kinds = ({**HAND, "name": "a"}, {**PERSON, "name": "b"})

    assert read_table(written(tmp_path, truth(entry(), entry(2), categories=kinds))).skeleton.name == "coco17"


def test_a_category_without_keypoint_names_is_told_by_their_number(tmp_path):
    table = read_table(written(tmp_path, truth(entry(), categories=({"id": 1, "name": "person"},))))

    assert table.skeleton.name == "coco17"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, -3, 4]}, r"annotations\[0\].bbox has a size of -3x4 pixels"),
        ({"area": -1}, r"annotations\[0\].area is -1.0; an area is not negative"),
        ({"area": 1e200}, r"annotations\[0\].area is 1e\+200; a number of an image's size is needed"),
        ({"keypoints": [1e39, 2, 2] * 17}, r"annotations\[0\].keypoints\[0\] is 1e\+39; a number of an image's size"),
        ({"area": 10**400}, r"annotations\[0\].area is a whole number of 401 digits"),
        ({"image_id": float("inf")}, r"annotations\[0\].image_id is inf; a finite number"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, message, tmp_path):
    with pytest.raises(DatasetError, match=message):
        read_table(written(tmp_path, truth(entry(**change))))


def score(folder, real, found):
    scored = catalog.protocol("coco").score_files(
        written(folder, real), written(folder, found, "found.json")
    )  # fmt: skip
    return scored.numbers["AP"]


def result(category, score=0.5, shift=0):
    points = [v + shift if k % 3 < 2 else 0.9 for k, v in enumerate(entry()["keypoints"])]
    return {"image_id": 1, "category_id": category, "keypoints": points, "score": score}


def test_results_of_another_category_are_nobody(tmp_path, caplog):
    assert score(tmp_path, truth(entry()), [result(2)]) == 0
    assert "1 of 1 entries are left out: people are category 1, these are 1 of category 2" in caplog.text


def test_results_of_other_categories_beside_people_do_not_count(tmp_path):
    assert score(tmp_path, truth(entry()), [result(7, 0.9, shift=100), result(1)]) == pytest.approx(1)


def test_the_number_of_people_is_the_truths(tmp_path):
    person = truth(entry(category_id=5), categories=({**PERSON, "id": 5},))

    assert score(tmp_path, person, [result(5)]) == pytest.approx(1)
    assert score(tmp_path, person, [result(1)]) == 0


def test_boxes_of_another_category_are_nobody(tmp_path):
    found = [{"image_id": 1, "category_id": 18, "bbox": [40, 20, 48, 80], "score": 0.9}]

    scored = catalog.protocol("boxes").score_files(
        written(tmp_path, truth(entry())), written(tmp_path, found, "found.json")
    )

    assert scored.numbers["AP"] == 0


def test_an_id_that_stands_twice_cannot_be_scored(tmp_path):
    with pytest.raises(DatasetError, match=r"annotations\[1\].id is 1, which annotations\[0\] has too"):
        score(tmp_path, truth(entry(), entry()), [result(1)])


def test_the_order_of_images_means_nothing(tmp_path):
    real = truth(entry(), entry(2, 2), images=2)
    found = [result(1), {**result(1, shift=30), "image_id": 2}]
    turned = {**real, "images": real["images"][::-1]}

    assert score(tmp_path, real, found) == score(tmp_path, turned, found)
