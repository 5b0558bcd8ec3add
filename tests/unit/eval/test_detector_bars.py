import json

import cv2
import numpy as np
import pytest

from videopose import catalog
from videopose.errors import DatasetError
from videopose.types import Detections, Poses

detector_bars = catalog.evaluation("benchmarks.networks").detector_bars
person_bars = catalog.evaluation("benchmarks.networks").person_bars


class Told:
    """Finds the one person where the image is bright, and somebody in the corner with a low score."""

    def detect(self, images, /):
        bright = [Detections(np.array([[10, 10, 50, 60]], np.float32), np.array([0.9], np.float32))]
        dark = [Detections(np.array([[0, 0, 40, 40]], np.float32), np.array([0.35], np.float32))]
        return [(bright if image.float().mean() > 100 else dark)[0] for image in images]


def _detval(folder):
    (folder / "detval/images").mkdir(parents=True)
    images = []
    for number, level in ((1, 200), (2, 20)):
        cv2.imwrite(str(folder / f"detval/images/{number}.png"), np.full((80, 80, 3), level, np.uint8))
        images.append({"id": number, "file_name": f"{number}.png", "width": 80, "height": 80})
    people = [{"id": 1, "image_id": 1, "bbox": [10, 10, 40, 50]}, {"id": 2, "image_id": 1, "bbox": [60, 60, 10, 10]}]
    document = {"images": images, "annotations": people, "categories": [{"id": 1}]}
    (folder / "detval/detval.json").write_text(json.dumps(document))
    return folder


@pytest.mark.parametrize(("threshold", "fired"), [(0.3, 1), (0.5, 0)])
def test_bars_of_a_detector_that_sees_a_person_where_nobody_is(tmp_path, threshold, fired):
    bars = {bar.name: bar for bar in detector_bars(_detval(tmp_path), Told(), threshold=threshold)}

    assert bars["detval AP50"].value == bars["detval AP75"].value == pytest.approx(1)
    assert bars["detval AP50"].samples == 1  # the second person is too small to count
    assert bars["person-free with a box"].value == fired
    assert bars["person-free with a box"].samples == 1
    assert bars["recall there"].value == 1
    assert bars["person score error"].value == pytest.approx((0.1 + 0.35) / 2, abs=1e-6)


class Sure:
    """Takes every box for a person, as sure of it as the box is."""

    def estimate(self, images, boxes, /):
        return [
            Poses(np.zeros((len(own), 17, 3), np.float32), own.score, own.xyxy, np.full(len(own), -1)) for own in boxes
        ]


def test_the_error_of_poses_scores_and_the_pair_that_mends_it(tmp_path):
    bars = {bar.name: bar for bar in person_bars(_detval(tmp_path), Told(), Sure())}

    assert bars["pose score error"].value == pytest.approx((0.1 + 0.35) / 2, abs=1e-6)
    assert bars["pose score error"].protocol.startswith("detval, poses from 0.1 on; sigmoid(a logit(s) + b) fits best")
    assert bars["best F1 of poses"].value == 1  # above the one where nobody is


def test_every_second_image_is_looked_at(tmp_path):
    (first,) = [bar for bar in detector_bars(_detval(tmp_path), Told(), threshold=0.3, every=2) if bar.samples == 0]
    (error,) = [bar for bar in person_bars(tmp_path, Told(), Sure(), every=2) if bar.name == "pose score error"]

    assert first.name == "person-free with a box"  # the second image, which shows nobody, is left out
    assert error.value == pytest.approx(0.1, abs=1e-6)


def test_a_missing_set_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"detval.json: cannot read the annotations"):
        list(detector_bars(tmp_path, Told(), threshold=0.3))
