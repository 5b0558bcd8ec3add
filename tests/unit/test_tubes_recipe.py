"""The recipe of tubes: what its config says, how far it looks, what it refuses, and a run of it."""

import pytest
import torch
from demo_clip import write_demo_clip

from videopose.cli.main import main
from videopose.errors import ConfigError
from videopose.io.results import read_result
from videopose.stages.tubes import EstimateTubes, MergeTubes
from videopose.workflows.pipelines import load_pipeline


def recipe_with(*overrides):
    return load_pipeline("tubes", overrides)


def test_the_shipped_config_builds():
    recipe = recipe_with()
    networks = recipe.networks(torch.device("cpu"))
    tracks = recipe.tracks()

    assert any(isinstance(stage, EstimateTubes) for stage in networks.stages)
    assert isinstance(tracks.stages[0], MergeTubes)


@pytest.mark.parametrize(
    ("overrides", "before", "after"),
    [
        ((), 6, 6),
        (("tubes.length=1", "tubes.overlap=0"), 1, 1),
        (("tubes.length=9", "tubes.overlap=6"), 12, 11),
        (("tubes.length=3", "tubes.overlap=2", "tracker.features.camera=true"), 4, 3),
    ],
)
def test_the_journal_is_told_how_far_tubes_reach(overrides, before, after):
    recipe = recipe_with(*overrides)

    context = recipe.networks(torch.device("cpu")).context

    assert (context.before, context.after) == (before, after)
    assert before % recipe.options.tubes.step == 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tracker.features.recover=true", "only camera works here"),
        ("tracker.features.flow=dis", "only camera works here"),
        ("detector.every=2", r"detector.every is what tubes.length - tubes.overlap says here; leave it out"),
        ("tubes.length=4", "length 4 has no middle frame; give an odd number"),
        ("tubes.lenght=5", "tubes.lenght is not an option. Did you mean tubes.length"),
    ],
)
def test_what_cannot_work_is_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        recipe_with(override)


def test_a_head_that_averages_needs_no_weights():
    recipe = recipe_with("tubes.head=score_fusion")
    recipe.networks(torch.device("cpu"))

    assert len(recipe.weights()) == 2


def test_a_network_is_no_head():
    recipe = recipe_with("tubes.head=fpn_pose.default")

    with pytest.raises(ConfigError, match=r"fpn_pose\.default: is no head over heatmaps"):
        recipe.networks(torch.device("cpu"))


@pytest.mark.slow
def test_two_people_are_followed_through_the_demo_clip(tmp_path):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    clip = tmp_path / "demo.mp4"
    write_demo_clip(clip, num_frames=80)

    assert main(["run", str(clip), "-q", "-o", str(tmp_path / "r.json"), "--pipeline", "tubes"]) == 0

    ids = [record.poses.track_id.tolist() for record in read_result(tmp_path / "r.json")]
    assert len(ids) == 80
    assert {track for each in ids for track in each} == {1, 2}
