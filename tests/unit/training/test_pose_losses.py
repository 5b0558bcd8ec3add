"""Every published way of learning a pose: the right loss is chosen, it falls, and what cannot fit is refused."""

import pytest
import torch
from training_toy import steps_on_one_batch

from videopose.codecs import CODECS, create_codec
from videopose.config import validate
from videopose.errors import ConfigError
from videopose.training.losses import hard_keypoint_mse, heatmap_mse
from videopose.training.pose_losses import FITTING, AllStages, pose_loss, predictions_of, resolve, with_stages
from videopose.training.run import TrainOptions, create_task, run_training

SET = {"annotations": "labels.json", "images": ".", "name": "drawn"}
PUBLISHED = [
    ("hrnet_small", "msra", "mse"),
    ("hrnet_small", "udp", "mse"),
    ("rtmpose_t", "simcc", "simcc"),
    ("cpn_50", "megvii", "ohkm"),
    ("hourglass_1", "msra", "mse"),
    ("deeppose_50", "regression", "smooth_l1"),
    ("fpn_pose", "spatial", "cross_entropy"),
    ("hrnet_small", "spatial", "cross_entropy"),
    ("tinypose", "dark3", "mse"),
    ("tinypose", "dark3", "softmax"),
]


def _options(architecture, steps=1, rate=1e-3, **pose):
    return validate(
        TrainOptions,
        {
            "task": "pose",
            "pose": {
                "architecture": architecture,
                "skeleton": "coco17",
                "input_hw": [64, 64],
                "data": {"sources": [SET]},
                **pose,
            },
            "loop": {"steps": steps, "batch_size": 2, "precision": "32-true", "threads": 1},
            "optimiser": {"learning_rate": rate, "warmup_steps": 1},
        },
        source="test",
    )


@pytest.mark.parametrize(("architecture", "codec", "loss"), PUBLISHED)
def test_three_steps_on_one_batch_lower_the_loss(data, architecture, codec, loss):
    task = create_task(_options(architecture, codec=codec, loss=loss), data)
    found = steps_on_one_batch(task, 2, rate=1e-3, steps=4)

    assert (task.codec_name, task.loss_name) == (codec, loss)
    assert found[3][0] < found[0][0]


def test_a_trained_network_says_which_codec_reads_it(tmp_path, data):
    options = _options("rtmpose_t")
    task = create_task(options, data)
    run_training(options, data, tmp_path / "run")

    assert task.describe("x").codec == "simcc"
    assert task.describe("x").input_hw == (64, 64)


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("hrnet_w32", ("msra", "mse")),
        ("vitpose_s", ("udp", "mse")),
        ("rtmpose_s", ("simcc", "simcc")),
        ("cpn_50", ("megvii", "mse")),
        ("deeppose_50", ("regression", "smooth_l1")),
        ("fpn_pose", ("spatial", "cross_entropy")),
        ("tinypose", ("dark3", "mse")),
    ],
)
def test_open_choices_follow_the_architecture(architecture, expected):
    assert resolve(architecture, "auto", "auto") == expected


def test_every_codec_can_be_learned():
    assert set(FITTING) == set(CODECS)


def test_a_loss_that_does_not_fit_its_codec_is_refused():
    with pytest.raises(ConfigError, match="pose.loss = mse: cannot learn what codec spatial draws; use cross_entropy"):
        resolve("fpn_pose", "auto", "mse")
    with pytest.raises(ConfigError, match="pose.loss = simcc: cannot learn what codec msra draws; use mse or ohkm"):
        resolve("hrnet_w32", "auto", "simcc")


def test_a_detector_is_no_pose_network():
    with pytest.raises(ConfigError, match="pose.architecture = fpn_detector: is no network for single crops"):
        resolve("fpn_detector", "auto", "auto")


def test_a_spread_of_heatmaps_is_refused_where_there_are_none(data):
    with pytest.raises(ConfigError, match="pose.heatmap_sigma = 2.0: codec regression has no such spread"):
        create_task(_options("deeppose_50", heatmap_sigma=2.0), data)


def test_phases_are_refused_where_the_size_is_built_in(data):
    with pytest.raises(ConfigError, match="pose.phases: rtmpose_t has one input size for good"):
        create_task(_options("rtmpose_t", phases=[{"until": 0.5, "input_hw": [32, 32]}]), data)


def test_hard_keypoints_are_mined_in_the_last_stage_only():
    target, weights = torch.rand(1, 17, 4, 4), torch.ones(1, 17)
    stages = [torch.rand(1, 17, 4, 4), torch.rand(1, 17, 4, 4)]
    loss = pose_loss("ohkm", stages, target, weights, create_codec("msra", (16, 16)))

    expected = (heatmap_mse(stages[0], target, weights) + hard_keypoint_mse(stages[1], target, weights)) / 2
    assert loss == pytest.approx(expected.item())


def test_predictions_are_flattened_with_the_last_stage_last():
    a, b, c = (torch.full((1, 2, 3, 3), float(value)) for value in range(3))

    assert [float(x.mean()) for x in predictions_of([[a, b], c])] == [0, 1, 2]
    assert [float(x.mean()) for x in predictions_of(torch.stack([a, b, c], 1))] == [0, 1, 2]
    assert predictions_of(a)[0] is a


def test_supervising_stages_leaves_the_networks_state_as_it_is():
    network = torch.nn.Linear(2, 2)
    wrapped = AllStages(network)
    wrapped.load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})

    assert list(wrapped.state_dict()) == ["weight", "bias"]
    assert torch.equal(network.weight, torch.eye(2))
    assert isinstance(with_stages(network, "cpn_50"), AllStages)
    assert with_stages(network, "hrnet_w32") is network
