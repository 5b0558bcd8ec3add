"""Top-down estimation with a network whose answer is known: the brightest place of the crop."""

import numpy as np
import pytest
import torch
from bright_people import CPU, TWO, Brightest, boxes_of, bright_estimator, bright_image

from videopose.codecs import create_codec
from videopose.estimators.crops import CropNetwork, normalised
from videopose.estimators.topdown import TopDownEstimator, poses_of
from videopose.geometry.boxes import clip
from videopose.runtime.torch import TorchNetwork
from videopose.types import Detections


@pytest.mark.parametrize("flip_test", [False, True])
def test_keypoints_come_back_in_image_pixels(flip_test):
    # Each channel follows one colour, so a mirrored crop shows red on the other side: only the symmetric
    # arrangement answers the same with the flip test.
    image = bright_image(((60, 40), (60, 40))) if flip_test else bright_image(((60, 40), (80, 90)))
    poses = bright_estimator(flip_test=flip_test).estimate([image], [boxes_of([40, 20, 110, 110])])[0]

    expected = [[60, 40], [60, 40]] if flip_test else [[60, 40], [80, 90]]
    assert poses.keypoints[0, :, :2] == pytest.approx(np.array(expected), abs=1.5)
    assert (poses.keypoints[..., 2] > 0.7).all()
    assert poses.xyxy.tolist() == [[40, 20, 110, 110]]


def test_people_share_batches_across_images():
    model = Brightest()
    images = [bright_image(((30, 30), (50, 50))) for _ in range(5)]
    boxes = [boxes_of(*[[10, 10, 70, 70]] * n) for n in (2, 0, 3, 1, 2)]
    found = bright_estimator(model, batch_size=5, nms_oks=1.0).estimate(images, boxes)

    assert sorted(model.batches) == [3, 5]  # side by side, whichever begins first
    assert [len(poses) for poses in found] == [2, 0, 3, 1, 2]


def test_one_frame_alone_gives_what_it_gives_among_others():
    images = [bright_image(((30, 30), (50, 50))), bright_image(((90, 60), (100, 80)))]
    boxes = [boxes_of([10, 10, 70, 70]), boxes_of([70, 40, 120, 100])]
    together = bright_estimator().estimate(images, boxes)
    alone = [bright_estimator().estimate([image], [people])[0] for image, people in zip(images, boxes, strict=True)]

    for a, b in zip(together, alone, strict=True):
        assert np.allclose(a.keypoints, b.keypoints, atol=1e-4)


def test_nobody_gives_nobody_and_runs_nothing():
    model = Brightest()
    found = bright_estimator(model).estimate([bright_image(((30, 30), (50, 50)))], [Detections.empty()])

    assert len(found[0]) == 0
    assert found[0].keypoints.shape == (0, 2, 3)
    assert model.batches == []


def test_a_pose_that_repeats_a_better_one_is_removed():
    two = Detections(np.array([[20, 10, 100, 100], [21, 11, 101, 101]], np.float32), np.array([0.5, 0.9], np.float32))
    poses = bright_estimator(nms_oks=0.9).estimate([bright_image(((60, 40), (80, 90)))], [two])[0]

    assert len(poses) == 1
    assert poses.xyxy[0].tolist() == [21, 11, 101, 101]


def test_the_score_is_the_boxs_times_the_keypoints():
    sure, unsure = (
        bright_estimator()
        .estimate([bright_image(((60, 40), (80, 90)))], [boxes_of([40, 20, 110, 110], score=score)])[0]
        .score[0]
        for score in (1.0, 0.5)
    )

    assert unsure == pytest.approx(sure / 2)


def test_a_box_outside_the_image_is_answered_without_an_error():
    poses = bright_estimator().estimate(
        [bright_image(((60, 40), (80, 90)))], [boxes_of([500, 500, 600, 700], [0, 0, 0, 0])]
    )[0]

    assert np.isfinite(poses.keypoints).all()
    assert clip(poses.xyxy, (120, 160)).shape == (2, 4)


def test_udp_networks_get_the_crops_they_were_trained_on():
    """UDP counts intervals between pixel centres: the crop's last pixel centre, not its edge, is the box's end."""
    seen = []

    class Watching(Brightest):
        def forward(self, images):
            seen.append(images)
            return super().forward(images)

    network = CropNetwork(
        TorchNetwork(Watching()), create_codec("udp", (256, 192)), TWO, (0, 0, 0), (1, 1, 1), flip_test=False
    )
    estimator = TopDownEstimator(network, device=CPU, padding=1.0, batch_size=8, nms_oks=0.9, antialias=True)
    ramp = torch.arange(160, dtype=torch.uint8).expand(3, 220, 160)
    estimator.estimate([ramp], [boxes_of([2, 5, 152, 205])])

    row = seen[0][0, 0, 128] * 255
    assert row[0] == pytest.approx(2, abs=0.3)
    assert row[191] == pytest.approx(152, abs=0.3)  # a plain crop ends at 151.2


@pytest.mark.parametrize("device", [CPU, torch.device("meta")])
def test_pixels_are_normalised_channel_by_channel(device):
    mean, std = (0.1, 0.4, 0.8), (0.9, 0.3, 0.1)
    crops = torch.randint(0, 256, (3, 3, 10, 6), dtype=torch.uint8)

    found = normalised(crops.to(device), mean, std, torch.float32)

    assert (found.shape, found.device) == (crops.shape, device)
    if device == CPU:
        expected = (crops / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
        assert torch.allclose(found, expected, atol=1e-4)


def test_a_doubtful_keypoint_does_not_count_in_the_score():
    """HRNet's evaluation averages the keypoints above 0.2 alone."""
    keypoints = np.zeros((3, 2, 3), np.float32)
    keypoints[..., 2] = [[0.9, 0.19], [0.9, 0.21], [0.1, 0.1]]
    boxes = Detections(np.zeros((3, 4), np.float32), np.float32([1.0, 0.5, 1.0]))

    assert poses_of(keypoints, boxes, TWO).score.tolist() == pytest.approx([0.9, 0.5 * (0.9 + 0.21) / 2, 0])
