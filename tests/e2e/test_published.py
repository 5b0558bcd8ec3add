"""Pipelines of published networks from the first word to poses, on files of their form with random weights."""

import json
from pathlib import Path

import pytest
from file_server import serving
from published_files import Internet
from video_files import write_video

import videopose
from videopose import catalog
from videopose.cli.main import main
from videopose.models.zoo import weights_table
from videopose.workflows.pipelines import load_pipeline
from videopose.workflows.published import published_pipelines

QUICK = ("rtmpose-t", "rtmw-m")
KEEP = ("--set", "tracker.keep_untracked=true", "--set", "tracker.min_score=0", "--set", "tracker.new_score=0")
"""Networks that have learned nothing are sure of nothing."""
NAMES = [row.name for row in published_pipelines()]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VIDEOPOSE_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "home" / "weights"


@pytest.fixture
def site(home):
    with serving() as site:
        yield site


@pytest.fixture
def internet(site, monkeypatch, tmp_path):
    yield Internet(site, monkeypatch, tmp_path)
    weights_table.cache_clear()


@pytest.fixture
def clip(tmp_path):
    write_video(tmp_path / "clip.mp4", num_frames=3, size_hw=(96, 128))
    lines = [f"{frame},-1,20,10,60,80,0.9,-1,-1,-1\n" for frame in (1, 2, 3)]
    (tmp_path / "det.txt").write_text("".join(lines))
    return tmp_path / "clip.mp4"


def run(clip, *words):
    boxes = ["--boxes", str(clip.with_name("det.txt"))]
    return main(["run", str(clip), *boxes, "-o", str(clip.with_name("out.json")), "--overwrite", "-q", *KEEP, *words])


def poses_in(clip):
    return [record.poses for record in videopose.read_result(clip.with_name("out.json"))]


def test_every_pipeline_of_the_table_has_a_config_and_the_other_way_round():
    assert sorted(NAMES) == catalog.published_names()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NAMES]
)
def test_a_word_is_all_it_takes_and_the_second_time_no_network(name, clip, site, internet, capsys, monkeypatch):
    boxes = ["detector.source=file", "detector.boxes=det.txt"]
    internet.publish_pipeline(name, half=name == "vitpose-h", overrides=boxes)
    (pose,) = [each.weights for each in load_pipeline(name, boxes).needed()]

    assert run(clip, "--pipeline", name, "--frames", "0-0") == 0

    said = capsys.readouterr().err
    assert f"fetching {pose.name} (" in said
    assert f"licence {pose.licence}) from {pose.origin}" in said
    assert {poses.keypoints.shape for poses in poses_in(clip)} == {(1, internet.keypoints_of(name), 3)}
    assert len(site.asked) == 1

    if name not in QUICK:
        return
    monkeypatch.setenv("VIDEOPOSE_OFFLINE", "1")
    assert run(clip, "--pipeline", name, "--frames", "0-0", "--restart") == 0
    assert "fetching" not in capsys.readouterr().err
    assert len(site.asked) == 1


def test_detector_and_pose_network_are_fetched_together(clip, site, internet, capsys):
    internet.publish_pipeline("rtmpose-t")

    words = ["run", str(clip), "--pipeline", "rtmpose-t", "-q", "-o", str(clip.with_name("out.json"))]
    assert main(words) == 0

    assert [path for path, _ in site.asked] == [
        "/rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth",
        "/rtmpose-tiny_simcc-aic-coco_pt-aic-coco_420e-256x192-cfc8f33d_20230126.pth",
    ]
    result = videopose.read_result(clip.with_name("out.json"))
    used = {each["option"]: each["name"] for each in result.header.provenance["weights"]}
    assert used == {"detector.model": "rtmdet_nano.person_320", "pose.model": "rtmpose_t.aic-coco_256x192"}


def test_without_a_network_the_first_run_says_what_to_copy_where(clip, home, monkeypatch, capsys):
    monkeypatch.setenv("VIDEOPOSE_OFFLINE", "1")

    assert main(["run", str(clip), "--pipeline", "rtmpose-m", "-q"]) == 1

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "VIDEOPOSE_OFFLINE is set: no connection was opened" in said
    assert "`videopose models fetch rtmdet_m.person_640 rtmpose_m.aic-coco_256x192 --to DIR`" in said
    assert str(home) in said


def test_nothing_is_fetched_for_a_clip_that_is_not_there_or_to_print_a_config(clip, site, internet, capsys):
    internet.publish("rtmpose_t.aic-coco_256x192")
    clip.unlink()

    assert run(clip, "--pipeline", "rtmpose-t") == 1
    assert main(["run", "x.mp4", "--pipeline", "rtmpose-t", "--print-config"]) == 0

    assert site.asked == []


def test_a_released_network_without_an_address_that_lasts_is_brought_by_hand(clip, home, monkeypatch, capsys):
    assert run(clip, "--pipeline", "dcpose-posetrack") == 1

    said = capsys.readouterr().err
    assert "https://github.com/Pose-Group/DCPose: download it there, then `videopose models add dcpose." in said


def test_models_fetch_brings_all_a_pipeline_needs_and_copies_it_for_another_machine(
    site, internet, tmp_path, capsys, monkeypatch, clip
):
    internet.publish_pipeline("rtmpose-t")
    stick = tmp_path / "stick"

    assert main(["models", "fetch", "rtmpose-t", "--to", str(stick)]) == 0

    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.is_file() and path.is_relative_to(stick) for path in paths] == [True, True]
    monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("VIDEOPOSE_STORES", str(stick))
    monkeypatch.setenv("VIDEOPOSE_OFFLINE", "1")
    assert run(clip, "--pipeline", "rtmpose-t", "--frames", "0-0") == 0
    assert len(site.asked) == 2


def test_pipelines_are_listed_with_what_is_published_and_what_is_here(site, internet, capsys):
    internet.publish_pipeline("rtmpose-t")

    assert main(["models", "list", "--pipelines"]) == 0
    before = capsys.readouterr().out.splitlines()
    assert main(["models", "fetch", "rtmpose-t"]) == 0
    capsys.readouterr()
    assert main(["models", "list", "rtmpose", "--pipelines"]) == 0
    after = capsys.readouterr().out.splitlines()

    assert len(before) == len(NAMES)
    assert (before[0][0], after[0][0], after[1][0]) == (" ", "*", " ")
    for fact in ("64.4", "0.31 + 0.36", "Apache-2.0", "rtmdet_nano.person_320 + rtmpose_t.aic-coco_256x192"):
        assert fact in after[0]
    assert main(["models", "list", "rtmw-l", "--pipelines", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["accuracy"], row["is_here"], row["gflops"]) == (70.1, False, [38.95, None])


def test_in_python_a_predictor_fetches_what_it_needs(clip, site, internet, caplog):
    internet.publish_pipeline("rtmpose-t")

    estimator = videopose.PoseEstimator.load("rtmpose-t", device="cpu")
    predictor = videopose.Predictor("rtmpose-t", device="cpu")
    poses = predictor(videopose.open_video(clip)[0].image)

    assert len(estimator.skeleton) == 17
    assert poses.keypoints.shape[1:] == (17, 3)
    assert len(site.asked) == 2
    assert "fetching rtmdet_nano.person_320" in caplog.text


def test_a_folder_with_a_config_and_its_files_is_a_pipeline(clip, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "pipeline.yaml").write_text("recipe: topdown\npose:\n  model: tinypose\n  weights: own.safetensors\n")
    (folder / "own.safetensors").write_bytes(catalog.asset("tinypose.safetensors").read_bytes())
    monkeypatch.chdir(tmp_path)

    for name in (str(folder), "lab", "lab/pipeline.yaml"):
        assert Path(load_pipeline(name).options.pose.weights).is_file()
    assert run(clip, "--pipeline", "lab", "--frames", "0-0") == 0

    provenance = videopose.read_result(clip.with_name("out.json")).header.provenance
    assert provenance["weights"][-1]["option"] == "pose.weights"
    (folder / "pipeline.yaml").rename(folder / "a.yaml")
    (folder / "b.yaml").write_text("recipe: topdown\n")
    capsys.readouterr()
    assert run(clip, "--pipeline", "lab") == 1
    assert "lab: holds 2 YAML files; name one of them" in capsys.readouterr().err
