"""The networks that see several frames: shapes, and that neighbours equal to the centre change little or nothing."""

import pytest
import torch

from videopose.models import create_model
from videopose.models.dcpose import DCPose, _interleave
from videopose.models.lstm_pm import LSTMPoseMachine
from videopose.models.posewarper import DILATIONS, RELEASE_WEIGHTS, PoseWarper

KEYPOINTS = 3


@pytest.fixture(scope="module")
def warper():
    return PoseWarper(width=4, num_keypoints=KEYPOINTS).eval()


def centered_identity(warper):
    """Make every warp read its own place and pass its own channel: a perfect warp of a still image."""
    for index in range(1, len(DILATIONS) + 1):
        warper.get_submodule(f"offsets{index}").weight.data.zero_()
        weight = warper.get_submodule(f"deform_conv{index}").weight.data.zero_()
        for channel in range(KEYPOINTS):
            weight[channel, channel, 1, 1] = 1


def test_a_warp_without_offsets_leaves_heatmaps_alone(warper):
    centered_identity(warper)
    heatmaps = torch.rand(2, KEYPOINTS, 16, 16)

    with torch.inference_mode():
        warped = warper.warp(heatmaps, heatmaps)

    assert torch.allclose(warped, heatmaps, atol=1e-5)


def test_a_still_window_gives_the_still_frame(warper):
    centered_identity(warper)
    crop = torch.randn(1, 3, 64, 64)

    with torch.inference_mode():
        fused = warper(crop[:, None].repeat(1, 5, 1, 1, 1))
        single = warper.heatmaps(crop)

    assert torch.allclose(fused, single, atol=1e-4)


@pytest.mark.parametrize("frames", RELEASE_WEIGHTS)
def test_weights_of_frames_add_up_to_one(frames):
    assert len(RELEASE_WEIGHTS[frames]) == frames
    assert sum(RELEASE_WEIGHTS[frames]) == pytest.approx(1)


def test_people_of_a_batch_do_not_mix(warper):
    windows = torch.randn(2, 3, 3, 64, 64)

    with torch.inference_mode():
        together, alone = warper(windows), warper(windows[1:])

    assert torch.allclose(together[1:], alone, atol=1e-5)


def test_dcpose_fuses_heatmaps_without_running_the_backbone_again():
    network = DCPose(width=4, num_keypoints=KEYPOINTS).eval()
    crops = torch.randn(2, 3, 3, 64, 64)
    margin = torch.tensor([[1.0, 1.0], [1.0, 2.0]])

    with torch.inference_mode():
        maps = [network.heatmaps(crops[:, frame]) for frame in range(3)]
        fused = network.fuse(*maps, margin)
        whole = network(crops, margin)

    assert fused.shape == (2, KEYPOINTS, 16, 16)
    assert torch.allclose(fused, whole, atol=1e-5)


def test_dcpose_stacks_maps_keypoint_by_keypoint():
    first, second = torch.full((1, 2, 1, 1), 1.0), torch.full((1, 2, 1, 1), 2.0)

    assert _interleave(first, second).flatten().tolist() == [1, 2, 1, 2]


def test_a_track_s_second_frame_depends_on_its_first():
    torch.manual_seed(1)
    network = LSTMPoseMachine(num_keypoints=KEYPOINTS).eval()
    frames, center = torch.randn(1, 2, 3, 32, 32), torch.rand(1, 1, 32, 32)

    with torch.inference_mode():
        along = network(frames, center)
        fresh = network(frames[:, 1:], center)

    assert along.shape == (1, 2, KEYPOINTS, 4, 4)
    assert not torch.allclose(along[:, 1], fresh[:, 0])


def test_a_track_of_one_frame_is_enough():
    network = LSTMPoseMachine(num_keypoints=KEYPOINTS).eval()

    with torch.inference_mode():
        state = network.step(torch.randn(1, 3, 32, 32), torch.rand(1, 1, 32, 32), None)

    assert state.heatmaps.shape == (1, KEYPOINTS + 1, 4, 4)
    assert state.heatmaps.isfinite().all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_warp_is_the_same_on_a_gpu(warper):
    heatmaps, other = torch.rand(1, KEYPOINTS, 16, 12), torch.rand(1, KEYPOINTS, 16, 12)

    with torch.inference_mode():
        here = warper.warp(heatmaps, other)
        there = create_copy_on_gpu(warper).warp(heatmaps.cuda(), other.cuda()).cpu()

    assert torch.allclose(here, there, atol=1e-3)


def create_copy_on_gpu(warper):
    copy = create_model("posewarper", width=4, num_keypoints=KEYPOINTS)
    copy.load_state_dict(warper.state_dict())
    return copy.cuda()
