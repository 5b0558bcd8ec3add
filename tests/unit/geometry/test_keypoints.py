import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from videopose.errors import ShapeError
from videopose.geometry.keypoints import boxes_around, oks, pair_oks
from videopose.skeletons import skeleton_named

COCO = skeleton_named("coco17")
POSES = arrays(np.float32, (2, 17, 2), elements=st.floats(0, 500, width=32))


@given(POSES)
@settings(max_examples=40, deadline=None)
def test_oks_is_a_share_and_one_with_itself(points):
    truth = np.concatenate([points, np.full((2, 17, 1), 2)], -1)
    similarity = oks(points, truth, np.array([900.0, 4000.0]), COCO.sigmas)

    assert (similarity >= 0).all()
    assert (similarity <= 1).all()
    assert np.allclose(np.diag(similarity), 1)


def test_oks_of_one_displaced_keypoint_is_cocos_formula():
    truth = np.array([[[10, 20, 2], [0, 0, 0]]], np.float32)
    guess = np.array([[[13, 24, 0], [99, 99, 0]]], np.float32)[..., :2]

    assert oks(guess, truth, np.array([100.0]), np.array([0.1, 0.1])) == pytest.approx(
        np.exp(-25 / (2 * 100 * 0.2**2)), rel=1e-6
    )


@given(arrays(np.float32, (4, 17, 3), elements=st.floats(0, 1, width=32)), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=30, deadline=None)
def test_oks_of_pairs_is_oks_of_all_with_all(points, dtype):
    points[..., :2] *= 200
    truth = points[2:].copy()
    truth[..., 2] = truth[..., 2] > 0.5
    area = np.array([900, 4000], dtype)
    every = oks(points[:2, :, :2], truth, area, COCO.sigmas)

    pairs, count = pair_oks(points[:2], truth, area, (2 * COCO.sigmas) ** 2, truth[..., 2] > 0)

    np.testing.assert_allclose(pairs, np.diag(every), rtol=1e-6, atol=1e-30)
    assert count.tolist() == (truth[..., 2] > 0).sum(1).tolist()


def test_a_person_without_labels_is_like_nobody():
    assert oks(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)), np.array([10.0]), np.array([0.1, 0.1])) == 0


def test_a_different_number_of_keypoints_is_refused():
    with pytest.raises(ShapeError, match=r"predicted has shape \(1, 3, 2\), but \(any, 2, 2\) is needed"):
        oks(np.zeros((1, 3, 2)), np.zeros((1, 2, 3)), np.array([1.0]), np.array([0.1, 0.1]))


def test_boxes_hold_the_keypoints_that_count():
    pose = np.array([[[0, 0, 0.9], [10, 20, 0.9], [99, 99, 0.1]]], np.float32)

    assert boxes_around(pose, min_score=0.5).tolist() == [[0, 0, 10, 20]]
    assert boxes_around(pose, min_score=0.5, padding=2).tolist() == [[-5, -10, 15, 30]]
    assert np.isnan(boxes_around(pose, min_score=0.95)).all()
    assert boxes_around(np.zeros((0, 17, 3), np.float32)).shape == (0, 4)
