"""Carried labels beside what a network sees: what is near stays, what has drifted is taken back."""

import numpy as np
import pytest
from bright_people import TWO, bright_estimator, bright_image
from torch import nn

from videopose.estimators.label_fusion import TRUST, LabelFusion
from videopose.estimators.mapped import HeatmapEstimator

BOX = np.array([20, 10, 100, 110], np.float32)
SEEN = ((60, 40), (80, 90))
SECONDS = np.array([-0.2, 0.3])


class Watching(nn.Module):
    """Answers with one of the frames and keeps what it was told."""

    def __init__(self, answer=None):
        super().__init__()
        self.before, self.after, self.answer = 3, 3, answer

    def forward(self, center, neighbors, seconds, present):
        self.seconds, self.present = seconds[0].tolist(), present[0].tolist()
        return center if self.answer is None else neighbors[:, self.answer]


def corrected(carried, head=None, scores=(1.0, 1.0), drift=50.0):
    fusion = LabelFusion(HeatmapEstimator(bright_estimator()), head or Watching(), TWO)
    keypoints = np.concatenate([np.array(carried, np.float32), np.array(scores, np.float32)[:, None]], axis=1)
    path = keypoints[:, :2].astype(np.float64)
    return fusion.corrected(bright_image(SEEN), keypoints, (path, path), np.full(2, drift), BOX, SECONDS)


def test_labels_near_what_is_seen_stay_where_they_are():
    assert corrected([[62, 40], [80, 88]])[:, :2].tolist() == [[62, 40], [80, 88]]


def test_labels_that_have_drifted_far_are_taken_back():
    found = corrected([[60, 40], [40, 90]])

    assert found[0, :2].tolist() == [60, 40]
    assert found[1, :2] == pytest.approx([40 + TRUST * 40, 90], abs=1.5)
    assert found[:, 2].tolist() == [1, 1]


def test_labels_that_flow_has_not_lost_stay_wherever_something_else_is_seen():
    assert corrected([[60, 40], [40, 90]], drift=1.0)[:, :2].tolist() == [[60, 40], [40, 90]]


def test_what_is_not_labelled_is_left_alone():
    assert corrected([[60, 40], [0, 0]], scores=(1.0, 0.0))[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("place", [2, 3])
def test_the_head_sees_both_labels_beside_the_frame(place):
    head = Watching(answer=place)
    found = corrected([[60, 70], [30, 40]], head)  # far from what is seen, but what the labels say themselves

    assert found[:, :2] == pytest.approx(np.array([[60, 70], [30, 40]]), abs=0.1)
    assert head.present == [False, False, True, True, False, False]
    assert head.seconds == pytest.approx([0, 0, -0.2, 0.3, 0, 0])


def test_images_are_looked_at_once():
    estimator = bright_estimator()
    fusion = LabelFusion(HeatmapEstimator(estimator), Watching(), TWO)
    points = np.array([[60, 40, 1], [80, 90, 1]], np.float32)
    fusion.corrected(bright_image(SEEN), points, (points[:, :2], points[:, :2]), np.zeros(2), BOX, SECONDS)

    assert estimator.network.model.model.batches == [1]
