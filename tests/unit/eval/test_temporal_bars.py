"""What neighbouring frames add: one person per clip, spoiled by seed, judged with and without a module."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from video_files import write_video

from videopose.catalog import evaluation
from videopose.cli.eval import command
from videopose.errors import ConfigError, DatasetError
from videopose.models import create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.skeletons import skeleton_named

bars = evaluation("benchmarks.temporal")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def jhmdb(tmp_path_factory):
    """One val clip of seven frames, and a pose network that has learned nothing."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "jhmdb/clips").mkdir(parents=True)
    names = list(skeleton_named("jhmdb15").keypoints)
    shape = np.random.default_rng(0).uniform((15, 10), (45, 55), (15, 2))
    keypoints = shape[None] + np.arange(7)[:, None, None] * [2.0, 0]
    write_video(folder / "jhmdb/clips/walk.mp4", num_frames=7, size_hw=(64, 80))
    clip = {"clip": "walk.mp4", "action": "walk", "split": "val", "keypoints": keypoints.tolist()}
    index = {"keypoint_names": names, "width": 80, "height": 64, "clips": [clip]}
    (folder / "jhmdb/annotations.json").write_text(json.dumps(index))
    small = {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "decoder_width": 8}
    torch.manual_seed(0)
    network = create_model("fpn_pose", num_keypoints=19, **small)
    card = Weights("fpn_pose.tiny", "", skeleton="body19", input_hw=(64, 64), codec="spatial", options=small)
    save_weights(folder / "tiny.safetensors", network.state_dict(), card)
    return folder


def options(folder, **changes):
    few = {
        "modules": ("flow",),
        "kinds": ("dropped", "jpeg"),
        "seeds": (0, 1),
        "pose": str(folder / "tiny.safetensors"),
        "model": "fpn_pose",
    }
    return bars.TemporalBarsOptions(**{**few, **changes})


def test_every_module_is_judged_on_every_kind(jhmdb):
    scores = bars.measure(jhmdb, options(jhmdb), CPU)

    assert [(score.module, score.kind) for score in scores] == [
        (module, kind) for module in ("single frame", "flow") for kind in ("clean", "dropped", "jpeg", "degraded")
    ]
    assert all(0 <= score.pck <= 100 and score.acceleration > 0 for score in scores)


def test_the_same_seeds_give_the_same_numbers(jhmdb):
    once, again = (bars.measure(jhmdb, options(jhmdb, modules=()), CPU) for _ in range(2))

    assert once == again


def test_the_mean_over_kinds_is_of_each_seed(jhmdb):
    by_kind = {score.kind: score for score in bars.measure(jhmdb, options(jhmdb, modules=()), CPU)}

    assert by_kind["degraded"].pck == pytest.approx((by_kind["dropped"].pck + by_kind["jpeg"].pck) / 2, abs=0.01)
    assert by_kind["clean"].pck_spread == 0


def test_a_stretch_of_a_clip_is_spoiled_as_in_the_whole(jhmdb, monkeypatch):
    seen = []

    def judge(tally, records, *_):
        seen.append([(record.frame.index, record.frame.image.sum().item()) for record in records])

    monkeypatch.setattr(bars, "_judge", judge)
    few = {"modules": (), "kinds": ("dropped",), "seeds": (0,)}
    bars.measure(jhmdb, options(jhmdb, **few), CPU)
    bars.measure(jhmdb, options(jhmdb, frames=3, **few), CPU)

    assert [index for index, _ in seen[2]] == [2, 3, 4]
    assert seen[3] == seen[1][2:5]


def test_a_recipe_without_single_frames_is_refused(jhmdb, tmp_path):
    (tmp_path / "other.yaml").write_text("recipe: topdown\ntracker: {features: {recover: true}}\n")

    with pytest.raises(ConfigError, match=r"other.yaml: its recipe does not start from single frames' poses"):
        bars.measure(jhmdb, options(jhmdb, modules=(str(tmp_path / "other.yaml"),)), CPU)


def test_a_folder_without_jhmdb_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"annotations.json: cannot read the annotations"):
        bars.measure(tmp_path, bars.TemporalBarsOptions(), CPU)


def test_the_command_prints_a_table_and_writes_json(jhmdb, tmp_path):
    arguments = ["temporal", "--data", str(jhmdb), "--modules", "flow", "-o", str(tmp_path / "out.json")]
    changes = ["--set", "kinds=[jpeg]", "--set", "seeds=[0]", "--set", f"pose={jhmdb / 'tiny.safetensors'}"]
    changes += ["--set", "model=fpn_pose"]

    result = CliRunner().invoke(command, arguments + changes, catch_exceptions=False)

    assert result.output.startswith("| PCK@0.2 | clean | jpeg | degraded |")
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["options"]["seeds"] == [0]
    assert len(document["scores"]) == 6
