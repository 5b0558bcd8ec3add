"""The recipe over windows of frames: what its configs say, how far it looks, what it refuses."""

import pytest
import torch

from videopose import catalog
from videopose.errors import ConfigError
from videopose.estimators.build_fused import PARAMETER_FREE_HEADS
from videopose.models.zoo import weights_table
from videopose.stages.pipeline import TemporalContext
from videopose.stages.temporal import FuseNeighbors, PropagateStates
from videopose.workflows.pipelines import load_pipeline

TEMPORAL = ("convlstm", "dcpose", "flow", "posewarper")


def recipe_with(*overrides, name="flow"):
    return load_pipeline(name, overrides)


@pytest.mark.parametrize("name", TEMPORAL)
def test_shipped_configs_build(name):
    recipe = load_pipeline(name)
    head = recipe.options.temporal.head
    networks = recipe.networks(torch.device("cpu"))

    assert any(isinstance(stage, FuseNeighbors | PropagateStates) for stage in networks.stages)
    assert recipe.skeleton.name == "body19"
    assert head in PARAMETER_FREE_HEADS or head in weights_table()


def test_no_shipped_config_over_windows_is_left_out():
    names = catalog.config_names("pipelines")

    assert {name for name in names if load_pipeline(name).options.recipe == "temporal"} == set(TEMPORAL)


def test_the_journal_is_told_of_the_window_and_of_the_tracker_s_features():
    recipe = recipe_with("temporal.before=3", "temporal.after=1")
    assert recipe.networks(torch.device("cpu")).context == TemporalContext(3, 1, window=16)

    recipe = recipe_with("temporal.before=3", "temporal.after=1", "tracker.features.camera=true")
    assert recipe.networks(torch.device("cpu")).context == TemporalContext(4, 1, window=16)


def test_untrained_heads_add_no_weights():
    recipe = recipe_with()

    assert [weights["name"] for weights in recipe.weights()] == [
        "rtmdet_nano.default",
        "tinypose.default",
    ]


def test_recovering_people_frame_by_frame_is_refused():
    with pytest.raises(ConfigError, match="tracker.features.recover goes frame by frame"):
        recipe_with("tracker.features.recover=true")


def test_a_pose_network_is_no_head():
    recipe = recipe_with("temporal.head=fpn_pose.default")
    with pytest.raises(
        ConfigError, match="temporal.head = fpn_pose.default: is no head over heatmaps; heads are .*score_f"
    ):
        recipe.networks(torch.device("cpu"))


def test_a_network_without_heatmaps_is_refused():
    recipe = recipe_with("pose.codec=simcc")
    with pytest.raises(ConfigError, match="pose.codec = simcc: gives no heatmaps"):
        recipe.networks(torch.device("cpu"))


def test_a_mistyped_option_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="temporal.befor is not an option. Did you mean temporal.before"):
        recipe_with("temporal.befor=2")


def test_messages_between_keypoints_are_a_head_too():
    recipe = recipe_with("temporal.head=joint_messages")
    networks = recipe.networks(torch.device("cpu"))

    assert any(isinstance(stage, FuseNeighbors) for stage in networks.stages)
