"""Whole networks over several frames through the recipe, with random weights: several people, clip ends, refusals."""

import numpy as np
import pytest
import torch
from bright_people import walking_records

from videopose.errors import ConfigError
from videopose.models import create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.stages.pipeline import TemporalContext
from videopose.workflows.pipelines import load_pipeline

CPU = torch.device("cpu")
LANES = ((40, 60), (150, 170))
TINY = {
    "posewarper": Weights("posewarper.tiny", "", input_hw=(32, 32), options={"width": 4}),
    "dcpose": Weights("dcpose.tiny", "", input_hw=(32, 32), options={"width": 4}),
    "lstm_pm": Weights("lstm_pm.tiny", "", input_hw=(32, 32), skeleton="lsp14", codec="msra8"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for name, weights in TINY.items():
        torch.manual_seed(0)
        model = create_model(name, num_keypoints=weights.num_keypoints, **weights.options)
        save_weights(folder / f"{name}.safetensors", model.state_dict(), weights)
    return folder


def recipe_with(files, name, *overrides):
    chosen = (f"pose.model={name}", f"pose.weights={files / name}.safetensors")
    return load_pipeline("flow", ("temporal.warp=box", *chosen, *overrides))


def poses_from(recipe, records):
    """Run the stages between detector and features."""
    stages = recipe.networks(CPU).stages[4:-2]
    for stage in stages:
        records = stage(records)
    return [record.poses for record in records]


@pytest.mark.parametrize(("name", "window"), [("posewarper", (2, 2)), ("dcpose", (1, 1)), ("lstm_pm", (8, 0))])
def test_published_networks_run_on_several_people(files, name, window):
    recipe = recipe_with(files, name)
    found = poses_from(recipe, walking_records(4, lanes=LANES, missing={(2, 1)}))

    assert [len(poses) for poses in found] == [2, 2, 1, 2]
    assert all(np.isfinite(poses.keypoints).all() for poses in found)
    assert recipe.networks(CPU).context == TemporalContext(*window, window=16)
    assert found[0].keypoints.shape[1] == len(recipe.skeleton)


@pytest.mark.parametrize("name", ["posewarper", "dcpose"])
def test_neighbours_of_published_networks_are_cut_with_the_current_box(files, name):
    recipe = recipe_with(files, name)
    shared = recipe_with(files, name, "temporal.neighbors=share")
    records = walking_records(5)

    own, theirs = (poses_from(each, records)[2].keypoints for each in (recipe, shared))
    assert not np.array_equal(own, theirs)


def test_provenance_names_the_network_once(files):
    recipe = recipe_with(files, "dcpose")

    assert [weights["name"] for weights in recipe.weights()] == ["rtmdet_nano.default", "dcpose.tiny"]


def test_a_window_the_network_was_not_made_for_is_refused(files):
    recipe = recipe_with(files, "dcpose", "temporal.after=3")
    with pytest.raises(ConfigError, match="temporal.after = 3: dcpose was made for 1; leave it out"):
        recipe.networks(CPU)


def test_features_that_cannot_be_mirrored_are_not_flip_tested(files):
    recipe = recipe_with(files, "lstm_pm", "pose.flip_test=true")
    with pytest.raises(ConfigError, match="pose.flip_test: lstm_pm gives features"):
        recipe.networks(CPU)


def test_a_single_frame_pipeline_refuses_a_network_over_several(files):
    recipe = load_pipeline("default", ("pose.model=dcpose", f"pose.weights={files}/dcpose.safetensors"))
    with pytest.raises(ConfigError, match="pose.model = dcpose: looks at several frames; use a pipeline such as"):
        recipe.networks(CPU)


def test_a_checkpoint_that_does_not_say_its_keypoints_is_refused(tmp_path):
    torch.save(create_model("lstm_pm").state_dict(), tmp_path / "lstm.pth")
    recipe = load_pipeline("flow", ("pose.model=lstm_pm", f"pose.weights={tmp_path / 'lstm.pth'}"))
    with pytest.raises(ConfigError, match=r"does not say which keypoints it gives; set pose.skeleton, or convert it"):
        recipe.networks(CPU)
