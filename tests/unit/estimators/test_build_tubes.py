"""From options to an estimator along tubes: 3D networks from 2D checkpoints, heads, and what does not fit together."""

import numpy as np
import pytest
import torch

from videopose.errors import ConfigError
from videopose.estimators.build import PoseOptions, create_estimator
from videopose.estimators.build_tubes import create_tubes, describe_tube_head
from videopose.estimators.tubes import Tube
from videopose.models import ARCHITECTURES, Architecture, create_model
from videopose.models.tube_head import TubeHead
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.tracking.tubes.options import TubeOptions
from videopose.types import Detections

CPU = torch.device("cpu")
SMALL = {"width": 4, "modules": (1, 1, 1), "blocks": 1, "stem_blocks": 1, "stem_width": 8}
SIZE = (64, 64)
PIXELS = 0.05  # 3D and 2D convolutions round differently, and the codec jumps by quarters of a heatmap pixel at ties


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A 2D checkpoint as a release would write it, of a network small enough for a test, flat and inflated."""
    for name, module, builder, task in (
        ("hrnet_tiny", "hrnet", "HRNet", "pose"),
        ("hrnet3d_tiny", "hrnet3d", "HRNet3D", "tube"),
    ):
        entry = Architecture(module, builder, SMALL, input_hw=SIZE, convert="convert_names", task=task)
        monkeypatch.setitem(ARCHITECTURES, name, entry)
    torch.manual_seed(5)
    path = tmp_path / "tiny.pth"
    torch.save({"state_dict": create_model("hrnet_tiny", num_keypoints=17).state_dict()}, path)
    return path


def a_tube(frames=3):
    random = np.random.default_rng(2)
    images = [torch.from_numpy(random.integers(0, 255, (3, 90, 80), np.uint8)) for _ in range(frames)]
    people = Detections(np.array([[10, 10, 50, 80], [30, 5, 75, 60]], np.float32), np.array([0.9, 0.8], np.float32))
    return Tube(images, np.arange(frames) / 25, 1, people)


def test_a_2d_checkpoint_runs_as_a_3d_network_and_gives_the_2d_poses(checkpoint):
    pose = PoseOptions(model="hrnet3d_tiny", weights=str(checkpoint), nms_oks=1, flip_test=True)
    flat = create_estimator(pose.model_copy(update={"model": "hrnet_tiny"}), CPU)
    tube = a_tube()

    (along,) = create_tubes(pose, TubeOptions(enlarge=1), CPU).estimate([tube])

    expected = flat.estimate(tube.images, [tube.people] * 3)
    for got, want in zip(along, expected, strict=True):
        np.testing.assert_allclose(got.keypoints, want.keypoints, atol=PIXELS)


def test_a_3d_network_takes_no_head(checkpoint):
    pose = PoseOptions(model="hrnet3d_tiny", weights=str(checkpoint))

    with pytest.raises(ConfigError, match="hrnet3d_tiny looks along time by itself; leave the head out"):
        create_tubes(pose, TubeOptions(head="score_fusion"), CPU)


def test_a_3d_network_is_refused_where_single_frames_are_estimated(checkpoint):
    with pytest.raises(ConfigError, match="hrnet3d_tiny: looks at several frames"):
        create_estimator(PoseOptions(model="hrnet3d_tiny", weights=str(checkpoint)), CPU)


def test_an_untrained_tube_head_gives_the_single_frame_poses(tmp_path):
    path = tmp_path / "head.safetensors"
    save_weights(path, TubeHead(19).state_dict(), Weights("tube_head.test", "", skeleton="body19", codec="spatial"))
    options = TubeOptions(head="tube_head", weights=str(path))
    pose, tube = PoseOptions(input_hw=SIZE), a_tube()

    (with_head,) = create_tubes(pose, options, CPU).estimate([tube])
    (without,) = create_tubes(pose, TubeOptions(), CPU).estimate([tube])

    assert describe_tube_head(options).name.startswith("tube_head")
    for got, want in zip(with_head, without, strict=True):
        np.testing.assert_array_equal(got.keypoints, want.keypoints)


def test_a_head_that_averages_changes_poses_and_needs_no_weights():
    pose, tube, options = PoseOptions(input_hw=SIZE), a_tube(), TubeOptions(head="score_fusion")

    (with_head,) = create_tubes(pose, options, CPU).estimate([tube])
    (without,) = create_tubes(pose, TubeOptions(), CPU).estimate([tube])

    assert describe_tube_head(options) is None
    assert not np.allclose(with_head[1].keypoints, without[1].keypoints)
