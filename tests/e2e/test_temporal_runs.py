"""Pipelines over windows of frames on a real clip with several people: whole, interrupted, and how much they look."""

import pytest

import videopose
from videopose.cli.main import main
from videopose.estimators.crops import CropNetwork
from videopose.io.results import read_result

pytestmark = [pytest.mark.slow, pytest.mark.shared]

CHUNK = 64
"""Frames after which a run that is stopped has left something behind."""


@pytest.fixture(scope="module")
def clip(shared_dir):
    return shared_dir / "clips" / "basketball.mp4"


@pytest.mark.parametrize("name", ["convlstm", "dcpose", "flow", "posewarper"])
def test_an_interrupted_run_leaves_the_same_bytes(clip, tmp_path, name):
    words = [str(clip), "-q", "--pipeline", name, "--frames", "0-79"]
    assert main(["run", *words, "-o", str(tmp_path / "whole.json")]) == 0

    class Stopped(Exception):
        pass

    def stop(done, _all):
        if done > CHUNK:
            raise Stopped

    with pytest.raises(Stopped):
        list(videopose.run(clip, tmp_path / "r.json", pipeline=name, frames=(0, 79), progress=stop))
    assert (tmp_path / "r.json.partial").exists()
    assert main(["run", *words, "-o", str(tmp_path / "r.json")]) == 0

    assert (tmp_path / "r.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    ids = {track for record in read_result(tmp_path / "r.json") for track in record.poses.track_id.tolist()}
    assert len(ids) > 1


def test_windows_cost_the_backbone_at_most_a_third_more(clip, tmp_path, monkeypatch):
    looked = []
    output = CropNetwork.output
    monkeypatch.setattr(CropNetwork, "output", lambda self, crops: looked.append(len(crops)) or output(self, crops))
    words = ["run", str(clip), "-q", "--frames", "0-47", "--overwrite", "-o", str(tmp_path / "r.json")]

    counts = []
    for pipeline in ("default", "flow"):
        looked.clear()
        assert main([*words, "--pipeline", pipeline, "--set", "tracker.keep_untracked=true"]) == 0
        counts.append(sum(looked))
    print(f"crops the backbone looked at: {counts[0]} single frames, {counts[1]} in windows")

    assert counts[0] <= counts[1] <= 1.3 * counts[0]
