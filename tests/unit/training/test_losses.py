import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from videopose.geometry.boxes import iou
from videopose.training import losses
from videopose.training.assignment import assign


def _distributions(shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.softmax(torch.randn(*shape, generator=generator).flatten(2), -1).view(shape)


def test_unlabelled_keypoints_cost_nothing():
    predicted, target = torch.randn(2, 3, 4, 5), _distributions((2, 3, 4, 5))
    weights = torch.tensor([[1.0, 0, 1], [0, 0, 1]])
    changed = predicted.clone()
    changed[0, 1] += 7
    changed[1, :2] -= 9

    for loss in (losses.heatmap_mse, losses.heatmap_cross_entropy, losses.hard_keypoint_mse):
        assert torch.allclose(loss(predicted, target, weights), loss(changed, target, weights))


def test_a_perfect_answer_costs_nothing():
    target = _distributions((2, 3, 4, 5))
    weights = torch.ones(2, 3)

    assert losses.heatmap_mse(target, target, weights) == 0
    assert losses.heatmap_cross_entropy(target.log() + 3, target, weights).abs() < 1e-6
    along_x, along_y = target.sum(2), target.sum(3)
    assert losses.simcc_cross_entropy((along_x.log(), along_y.log()), (along_x, along_y), weights).abs() < 1e-6


def test_mean_square_error_by_hand():
    predicted, target = torch.zeros(1, 2, 1, 2), torch.tensor([[[[1.0, 1]], [[3.0, 0]]]])

    assert losses.heatmap_mse(predicted, target, torch.tensor([[1.0, 1.0]])) == pytest.approx((1 + 4.5) / 2)
    assert losses.heatmap_mse(predicted, target, torch.tensor([[1.0, 0.0]])) == 1


def test_hard_keypoint_mining_takes_the_worst():
    predicted = torch.zeros(1, 3, 1, 1)
    target = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)

    assert losses.hard_keypoint_mse(predicted, target, torch.ones(1, 3), top=2) == pytest.approx((9 + 4) / 2)


def test_smooth_l1_is_quadratic_near_zero_and_linear_far():
    near = losses.smooth_l1(torch.tensor([[[0.05, 0.0]]]), torch.zeros(1, 1, 2), torch.ones(1, 1, 1), beta=0.1)
    far = losses.smooth_l1(torch.tensor([[[3.0, 3.0]]]), torch.zeros(1, 1, 2), torch.ones(1, 1, 1), beta=0.1)

    assert near == pytest.approx(0.5 * 0.05**2 / 0.1 / 2)
    assert far == pytest.approx(3 - 0.05)


def test_focal_losses_play_down_what_is_right():
    sure, unsure = torch.tensor([4.0]), torch.tensor([0.0])

    one = torch.ones(1)
    assert losses.focal(sure, one, one) < 0.01 * losses.focal(unsure, one, one)
    assert losses.focal(unsure, one, one).item() == pytest.approx(0.25 * 0.5**2 * math.log(2))
    assert losses.focal(sure, torch.zeros(1), torch.zeros(1)) == 0  # an ignore region
    assert losses.quality_focal(sure, sure.sigmoid(), torch.ones(1)) == pytest.approx(0, abs=1e-6)
    assert losses.quality_focal(sure, torch.zeros(1), torch.zeros(1)) == 0  # an ignore region


def test_giou_of_known_boxes():
    a = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]])
    b = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5], [10, 0, 20, 10]])

    assert losses.pairwise_giou(a, b).tolist() == pytest.approx([1, 0.5, 0])
    assert losses.pairwise_giou(a[:1], b[2:] + 10).item() < 0


@given(hnp.arrays(np.float32, (5, 4), elements=st.floats(0, 50, width=32)))
@settings(max_examples=30, deadline=None)
def test_iou_in_training_is_the_geometrys(corners):
    boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:] + 1], 1)
    a, b = torch.from_numpy(boxes[:2]), torch.from_numpy(boxes[2:])

    assert losses.box_iou(a[:, None], b[None]).numpy() == pytest.approx(iou(boxes[:2], boxes[2:]), abs=1e-5)
    assert losses.box_iou(torch.zeros(0, 1, 4), b[None]).shape == (0, 3)


def test_the_distribution_loss_is_least_at_the_distance():
    logits = torch.full((1, 4, 8), -30.0)
    logits[..., 2] = logits[..., 3] = 0
    right = losses.distribution_focal(logits, torch.full((1, 4), 2.5))
    wrong = losses.distribution_focal(logits, torch.full((1, 4), 5.5))

    assert right.item() == pytest.approx(torch.log(torch.tensor(2.0)).item(), abs=1e-4)
    assert wrong > 10


@pytest.mark.parametrize("name", ["heatmap_mse", "heatmap_cross_entropy", "hard_keypoint_mse"])
def test_gradients_flow_only_to_labelled_keypoints(name):
    predicted = torch.randn(1, 2, 3, 3, requires_grad=True)
    getattr(losses, name)(predicted, _distributions((1, 2, 3, 3)), torch.tensor([[1.0, 0.0]])).backward()

    assert predicted.grad[0, 0].abs().sum() > 0
    assert predicted.grad[0, 1].abs().sum() == 0


def test_points_inside_a_person_learn_that_person():
    points = torch.tensor([[5.0, 5], [15, 5], [25, 5], [95, 95]])
    people = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    boxes = torch.tensor([[0.0, 0, 10, 9], [0, 0, 30, 10], [20, 0, 30, 10], [90, 90, 99, 99]])
    owner, quality = assign(torch.full((4,), 0.5), boxes, points, people)

    assert owner.tolist() == [0, -1, 1, -1]
    assert quality.tolist() == pytest.approx([0.9, 0, 1, 0])


def test_a_person_no_prediction_meets_gets_the_nearest_points():
    points = torch.tensor([[5.0, 5], [50, 50], [60, 60], [70, 70]])
    far = torch.zeros(4, 4)
    owner, _ = assign(torch.full((4,), 0.5), far, points, torch.tensor([[1.0, 1, 3, 3]]))

    assert (owner[0], int((owner >= 0).sum())) == (0, 3)


def test_nobody_there_means_background_everywhere():
    owner, quality = assign(torch.rand(3), torch.rand(3, 4), torch.rand(3, 2), torch.zeros(0, 4))

    assert owner.tolist() == [-1, -1, -1]
    assert quality.sum() == 0
