"""`videopose models`: its words, its JSON, its errors."""

import json

import pytest
import torch
from safetensors import safe_open

from videopose.cli.main import main
from videopose.models import create_model


def test_info_prints_what_the_paper_prints(capsys):
    assert main(["models", "info", "hrnet_w32", "--input", "384", "288", "--json"]) == 0

    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["input"], facts["keypoints"]) == ("hrnet_w32", [384, 288], 17)
    assert facts["parameters"] == 28536113
    assert facts["gflops"] == pytest.approx(16.0, rel=0.01)


def test_info_of_weights_says_where_they_come_from(capsys):
    assert main(["models", "info", "simple_baseline_50.mpii_256x256"]) == 0

    said = capsys.readouterr().out
    assert "res50_mpii_256x256-418ffc88_20200812.pth" in said
    assert "mpii16" in said


def test_list_keeps_what_contains_the_pattern(capsys):
    assert main(["models", "list", "lite_hrnet", "--json"]) == 0

    listed = json.loads(capsys.readouterr().out)
    assert set(listed) == {"lite_hrnet_18", "lite_hrnet_30"}
    assert "lite_hrnet_18.coco_256x192" in listed["lite_hrnet_18"]


def test_list_is_readable(capsys):
    assert main(["models", "list", "fpn"]) == 0

    assert "* fpn_pose.default" in capsys.readouterr().out


def test_import_writes_a_file_that_describes_itself(tmp_path, capsys):
    source, target = tmp_path / "a.pth", tmp_path / "b.safetensors"
    torch.save(create_model("hrnet_small").state_dict(), source)

    assert main(["models", "import", str(source), "--arch", "hrnet_small", "-o", str(target)]) == 0

    assert capsys.readouterr().out.strip() == str(target)
    with safe_open(target, framework="pt") as file:
        assert json.loads(file.metadata()["videopose"])["name"] == "hrnet_small.b"


@pytest.mark.parametrize(("words", "message"), [
    (["info", "hrnet_w99x"], "no architecture is named 'hrnet_w99x'"),
    (["fetch", "hrnet_w32.cocoo_256x192"], "Did you mean hrnet_w32.coco_256x192?"),
    (["fetch", "fpn_pose.default"], "has no address to fetch from"),
    (["export", "hrnet_w32.coco_256x192", "--to", "onnx"], "run `videopose models fetch hrnet_w32.coco_256x192`"),
    (["import", "none.pth", "--arch", "hrnet_w32"], "none.pth: no such checkpoint"),
    (["import", "none.pth", "--arch", "hrnet_w32", "--codec", "msr"], "no codec is named 'msr'"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_line(words, message, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path))

    assert main(["models", *words]) == 1

    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
