"""Published networks over several frames: their two halves give what the whole gives, and stand a missing neighbour."""

import pytest
import torch

from videopose.errors import InputError
from videopose.models.dcpose import DCPose
from videopose.models.lstm_pm import LSTMPoseMachine
from videopose.models.posewarper import PoseWarper
from videopose.models.released import Backbone, PoseWarperWindow, center_map, head_of

KEYPOINTS = 3
CROPS = (64, 64)


def maps_of(network, crops):
    """(N, T, 3, H, W) crops -> (N, T, C, h, w)."""
    return torch.stack([Backbone(network)(crops[:, frame]) for frame in range(crops.shape[1])], 1)


@torch.inference_mode()
def test_posewarper_in_halves_is_posewarper():
    network = PoseWarper(width=4, num_keypoints=KEYPOINTS).eval()
    in_time = torch.randn(2, 5, 3, *CROPS)
    maps = maps_of(network, in_time)

    fused = head_of(network)(maps[:, 2], maps[:, [0, 1, 3, 4]], torch.zeros(2, 4), torch.ones(2, 4, dtype=torch.bool))

    assert torch.allclose(fused, network(in_time[:, [2, 1, 0, 3, 4]]), atol=1e-5)


@torch.inference_mode()
def test_dcpose_in_halves_is_dcpose():
    network = DCPose(width=4, num_keypoints=KEYPOINTS).eval()
    in_time = torch.randn(2, 3, 3, *CROPS)
    maps = maps_of(network, in_time)
    seconds = torch.tensor([[-0.04, 0.04], [-0.08, 0.04]])

    fused = head_of(network)(maps[:, 1], maps[:, [0, 2]], seconds, torch.ones(2, 2, dtype=torch.bool))

    assert torch.allclose(fused, network(in_time[:, [1, 0, 2]], seconds.abs()), atol=1e-5)


@torch.inference_mode()
def test_lstm_pose_machines_in_halves_are_themselves():
    network = LSTMPoseMachine(num_keypoints=KEYPOINTS).eval()
    frames = torch.randn(1, 3, 3, *CROPS)
    head, state, along = head_of(network), None, []
    for features in maps_of(network, frames).unbind(1):
        heatmaps, state = head.step(features, state)
        along.append(heatmaps)

    assert torch.allclose(torch.stack(along, 1), network(frames, center_map(CROPS)), atol=1e-5)


@pytest.mark.parametrize(
    "network", [PoseWarper(width=4, num_keypoints=KEYPOINTS), DCPose(width=4, num_keypoints=KEYPOINTS)]
)
@torch.inference_mode()
def test_the_current_frame_stands_in_for_neighbours_that_are_missing(network):
    head = head_of(network.eval())
    center = torch.rand(1, KEYPOINTS, 16, 16)
    num = head.before + head.after
    nobody = torch.zeros(1, num, dtype=torch.bool)
    noise, copies = torch.randn(1, num, KEYPOINTS, 16, 16), center[:, None].repeat(1, num, 1, 1, 1)

    fused = head(center, noise, torch.zeros(1, num), nobody)

    assert fused.isfinite().all()
    assert torch.equal(fused, head(center, copies, torch.zeros(1, num), nobody))


def test_posewarper_has_weights_for_up_to_two_neighbours_on_a_side():
    with pytest.raises(InputError, match="posewarper: 3 neighbours on each side have no weights; give 0, 1 or 2"):
        PoseWarperWindow(PoseWarper(width=4, num_keypoints=KEYPOINTS), before=3)
