"""Skeletons with feet, faces and hands: as published, read and written, drawn fine, compared by the body alone."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from videopose.cli.main import main
from videopose.drawing.people import draw_people
from videopose.errors import DatasetError, InputError, UnknownNameError
from videopose.io.exchange import coco
from videopose.io.exchange.formats import read_table
from videopose.io.exchange.mapping import to_skeleton
from videopose.skeletons import Skeleton, skeleton_named
from videopose.tracking.options import TrackerOptions
from videopose.tracking.tracker import create_similarity
from videopose.types import Poses

WHOLE, HALPE, COCO = (skeleton_named(name) for name in ("wholebody133", "halpe26", "coco17"))
FILES = Path(__file__).parents[1] / "data" / "coco_scoring"


def test_parts_stand_where_they_are_published():
    assert {name: (rows.start, rows.stop) for name, rows in WHOLE.slices.items()} == {
        "body": (0, 17), "foot": (17, 23), "face": (23, 91), "lefthand": (91, 112), "righthand": (112, 133),
    }  # fmt: skip
    assert WHOLE.keypoints[:17] == COCO.keypoints
    assert WHOLE.keypoints[17:20] == ("left_big_toe", "left_small_toe", "left_heel")
    assert (WHOLE.keypoints[91], WHOLE.keypoints[96]) == ("left_hand_root", "left_forefinger1")
    assert (WHOLE.num_body, COCO.num_body, HALPE.num_body) == (17, 17, 26)


def test_falloff_constants_are_the_published_ones():
    assert WHOLE.oks_sigmas[:17] == COCO.oks_sigmas
    assert WHOLE.oks_sigmas[17:24] == (0.068, 0.066, 0.066, 0.092, 0.094, 0.094, 0.042)
    assert WHOLE.oks_sigmas[91:112] == WHOLE.oks_sigmas[112:]
    assert sum(WHOLE.oks_sigmas) == pytest.approx(3.861, abs=1e-9)  # of the published table
    assert HALPE.oks_sigmas[17:21] == (0.026, 0.026, 0.066, 0.079)


def test_there_are_as_many_edges_as_published():
    assert (len(WHOLE.edges), len(HALPE.edges)) == (65, 27)


def test_a_face_is_mirrored_about_its_middle():
    face = WHOLE.part("face")

    mirrored = [face.keypoints[row] for row in face.flip_index]
    assert mirrored[:3] == ["face-16", "face-15", "face-14"]
    assert [name for name, other in zip(face.keypoints, mirrored, strict=True) if name == other] == [
        f"face-{number}" for number in (8, 27, 28, 29, 30, 33, 51, 57, 62, 66)
    ]
    assert WHOLE.keypoints[WHOLE.flip_index[91]] == "right_hand_root"


def test_a_part_is_a_skeleton_of_its_own():
    hand = WHOLE.part("lefthand")

    assert (len(hand), len(hand.edges), hand.name) == (21, 15, "wholebody133.lefthand")
    with pytest.raises(UnknownNameError, match="skeleton wholebody133 has no part 'lefthands'. Did you mean lefthand"):
        WHOLE.part("lefthands")
    with pytest.raises(InputError, match="skeleton odd: its parts do not add up to its 2 keypoints"):
        Skeleton("odd", ("a", "b"), (), (0.1, 0.1), parts=(("body", 3),))


def test_a_whole_body_file_is_read_and_written_as_it_is_published(tmp_path):
    table = read_table(FILES / "wholebody_gt.json")
    written = coco.annotations_to_json(table)

    assert table.skeleton is WHOLE
    before = {entry["id"]: entry for entry in json.loads((FILES / "wholebody_gt.json").read_text())["annotations"]}
    for entry in written["annotations"]:
        for key in ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts", "num_keypoints"):
            assert entry[key] == before[entry["id"]][key]
    assert written["categories"][0]["keypoints"] == list(COCO.keypoints)


def test_results_are_read_and_written_in_parts():
    table = read_table(FILES / "wholebody_dt.json")

    again = coco.results_to_json(table)

    assert table.skeleton is WHOLE
    first = json.loads((FILES / "wholebody_dt.json").read_text())[0]
    assert {key: again[0][key] for key in ("keypoints", "lefthand_kpts")} == {
        key: first[key] for key in ("keypoints", "lefthand_kpts")
    }


def test_a_part_with_too_few_numbers_names_the_entry(tmp_path):
    document = json.loads((FILES / "wholebody_gt.json").read_text())
    document["annotations"][2]["face_kpts"].pop()
    (tmp_path / "gt.json").write_text(json.dumps(document))

    with pytest.raises(DatasetError, match=r"annotations\[2\].face_kpts.* 203 .*204"):
        read_table(tmp_path / "gt.json")


def test_whole_bodies_are_converted_by_name(tmp_path):
    table = read_table(FILES / "wholebody_gt.json")

    feet = to_skeleton(table, HALPE)

    assert np.array_equal(
        feet.xy[:, HALPE.index_of("left_heel")], table.xy[:, WHOLE.index_of("left_heel")], equal_nan=True
    )
    assert "pelvis" in feet.derived
    assert np.isnan(feet.xy[:, HALPE.index_of("head_top")]).all()


def test_halpe_s_own_names_are_recognised(tmp_path):
    names = [{"head_top": "head", "head_bottom": "neck", "pelvis": "hip"}.get(name, name) for name in HALPE.keypoints]
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1.0, 2.0, 2] * 26, "bbox": [0, 0, 9, 9]}
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": names}],
    }
    (tmp_path / "halpe.json").write_text(json.dumps(document))

    assert read_table(tmp_path / "halpe.json").skeleton is HALPE


def test_eval_prints_a_row_for_each_part(capsys):
    words = ["--truth", str(FILES / "wholebody_gt.json"), "--predictions", str(FILES / "wholebody_dt.json")]

    assert main(["eval", "coco", *words, "--skeleton", "wholebody133"]) == 0

    said = capsys.readouterr().out
    for part, average in {"foot": "50.2", "face": "27.0", "lefthand": "49.2", "whole body": "39.7"}.items():
        assert re.search(rf"^{part} +{average} ", said, flags=re.MULTILINE)
    assert main(["eval", "coco", *words, "--skeleton", "wholebody"]) == 1
    assert "no skeleton is named 'wholebody'. Did you mean wholebody133?" in capsys.readouterr().err


def person(size=200.0, *, hand_size=40.0):
    rng = np.random.default_rng(0)
    points = np.ones((1, 133, 3), np.float32)
    points[0, :, :2] = 20 + size * rng.random((133, 2))
    points[0, 91:112, :2] = 20 + hand_size * rng.random((21, 2))
    box = np.array([[20, 20, 20 + size, 20 + size]], np.float32)
    return Poses(points, np.ones(1, np.float32), box, np.array([1]))


def test_people_are_compared_by_the_body_alone():
    alike = create_similarity(TrackerOptions(similarity="oks"), WHOLE)
    one, other = person(), person()
    other.keypoints[:, 17:, :2] += 500

    assert alike(one, other)[0, 0] == pytest.approx(1, abs=1e-6)

    other.keypoints[:, :17, :2] += 500
    assert alike(one, other)[0, 0] < 0.01


@pytest.mark.parametrize(("hand_size", "least", "most"), [(40.0, 20, 900), (4.0, 1, 40)])
def test_hands_are_drawn_finer_than_the_body_and_small_ones_faintly(hand_size, least, most):
    poses = person(hand_size=hand_size)
    hidden = poses.keypoints.copy()
    hidden[:, :91, 2], hidden[:, 112:, 2] = 0, 0
    image = np.zeros((240, 240, 3), np.uint8)

    draw_people(image, replace(poses, keypoints=hidden, track_id=np.array([-1])), WHOLE)

    assert least < (image.max(axis=2) > 100).sum() < most
