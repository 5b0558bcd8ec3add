"""Equal to pycocotools and xtcocotools on generated annotations; prints number, ours, theirs, difference."""

import json
from pathlib import Path

import numpy as np
import pytest

from videopose import catalog
from videopose.metrics.similarity import coco_oks

coco = catalog.protocol("coco")
DATA = Path(__file__).parents[1] / "data" / "coco_scoring"
EXPECTED = json.loads((DATA / "expected.json").read_text())
TOLERANCE = 1e-9  # the order of floating-point sums
ROUNDED = 5.1e-5  # what the tool prints with four digits


def _compare(ours, theirs, tolerances):
    for (name, mine), reference, tolerance in zip(ours.items(), theirs, tolerances, strict=True):
        print(f"{name:10s} {mine:12.9f} {reference:12.9f} {abs(mine - reference):9.1e}")
        assert mine == pytest.approx(reference, abs=tolerance), name


def test_coco_numbers_equal_pycocotools():
    scored = coco.score_files(DATA / "coco_gt.json", DATA / "coco_dt.json")

    _compare(scored.numbers, EXPECTED["coco"]["stats"].values(), [TOLERANCE] * 10)


def test_crowdpose_numbers_equal_xtcocotools():
    scored = coco.score_files(DATA / "crowdpose_gt.json", DATA / "crowdpose_dt.json", "crowdpose")

    _compare(scored.numbers, EXPECTED["crowdpose"]["stats_in_printed_order"], [TOLERANCE] * 6 + [ROUNDED] * 3)


@pytest.mark.parametrize("part", ["body", "foot", "face", "lefthand", "righthand", ""])
def test_whole_body_numbers_equal_the_official_kit_s(part):
    expected = json.loads((DATA / "wholebody_expected.json").read_text())[part]

    scored = coco.score_files(DATA / "wholebody_gt.json", DATA / "wholebody_dt.json", skeleton="wholebody133")

    prefix = f"{part} " if part else ""
    own = {name: value for name, value in scored.numbers.items() if name.rpartition(" ")[0] == part}
    assert next(iter(own)) == f"{prefix}AP"
    assert scored.numbers_of(np.arange(len(scored.images)))[f"{prefix}AP"] == own[f"{prefix}AP"]
    _compare(own, expected, [TOLERANCE] * 10)


def test_whole_body_files_are_scored_by_the_body_unless_more_is_asked_for():
    files = DATA / "wholebody_gt.json", DATA / "wholebody_dt.json"
    whole = coco.score_files(*files, skeleton="wholebody133").numbers

    plain = coco.score_files(*files).numbers

    assert set(plain) == {name for name in whole if " " not in name}
    assert coco.score_files(*files, skeleton="coco17").numbers == plain
    assert plain["AP"] != whole["AP"]


def test_similarities_of_an_image_equal_pycocotools():
    truth = [each for each in json.loads((DATA / "coco_gt.json").read_text())["annotations"] if each["image_id"] == 1]
    found = [each for each in json.loads((DATA / "coco_dt.json").read_text()) if each["image_id"] == 1]
    found.sort(key=lambda each: -each["score"])
    boxes = np.array([each["bbox"] for each in truth], float)
    boxes[:, 2:] += boxes[:, :2]

    ours = coco_oks(
        np.array([each["keypoints"] for each in found], float).reshape(-1, 17, 3),
        np.array([each["keypoints"] for each in truth], float).reshape(-1, 17, 3),
        [each["area"] for each in truth], boxes, EXPECTED["coco"]["sigmas"],
    )  # fmt: skip

    np.testing.assert_allclose(ours, EXPECTED["coco"]["oks_image_1"], rtol=0, atol=TOLERANCE)
