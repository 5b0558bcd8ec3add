"""Networks of one's own by name: `videopose models add`, and what the name then stands for."""

import json

import numpy as np
import pytest
import torch
from file_server import sha256
from published_files import boxes_graph, simcc_graph, zipped

from videopose.cli.main import main
from videopose.errors import WeightsError
from videopose.estimators.build import DetectorOptions, PoseOptions, create_detector, create_estimator
from videopose.models import create_model
from videopose.models.weights import describe, load_model, locate, save_weights
from videopose.models.zoo import Weights, own_weights, weights_named, weights_table
from videopose.types import Detections
from videopose.workflows.pipelines import load_pipeline

TINY = {"width": 4, "modules": (1, 1, 1), "blocks": 1, "stem_blocks": 1, "stem_width": 8}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


@pytest.fixture
def checkpoint(tmp_path):
    torch.save(create_model("hrnet_small", num_keypoints=26).state_dict(), tmp_path / "mine.pth")
    return tmp_path / "mine.pth"


@pytest.fixture
def graph(tmp_path):
    (tmp_path / "lab.onnx").write_bytes(simcc_graph(26, (64, 32)))
    return tmp_path / "lab.onnx"


def add(*words):
    return main(["models", "add", *map(str, words)])


def test_an_onnx_file_becomes_a_word_and_a_pipeline(home, graph, capsys):
    assert add("lab", graph, "--skeleton", "halpe26", "--input", 64, 32, "--licence", "CC-BY-4.0") == 0

    kept = capsys.readouterr().out.strip()
    graph.unlink()
    weights = weights_named("lab")
    assert (weights.name, weights.skeleton, weights.input_hw, weights.codec, weights.licence) == (
        "onnx_pose.lab", "halpe26", (64, 32), "simcc", "CC-BY-4.0",
    )  # fmt: skip
    assert str(locate(weights)) == kept
    assert describe("onnx_pose.lab") == weights
    recipe = load_pipeline("lab")
    assert recipe.options.pose.model == "lab"
    assert len(recipe.skeleton) == 26
    assert main(["models", "info", "lab", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["parameters"], facts["keypoints"], facts["input"]) == (None, 26, [64, 32])
    assert [each["name"] for each in recipe.weights()] == ["rtmdet_nano.default", "onnx_pose.lab"]


def test_an_added_network_gives_poses(home, graph):
    add("lab", graph, "--skeleton", "halpe26", "--input", 64, 32)
    estimator = create_estimator(PoseOptions(model="lab"), torch.device("cpu"))
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (3, 90, 120), np.uint8))

    (poses,) = estimator.estimate([image], [Detections(np.float32([[10, 10, 60, 80]]), np.float32([0.9]))])

    assert poses.keypoints.shape == (1, 26, 3)
    assert (poses.keypoints[..., 2] > 0).any()


def test_a_checkpoint_becomes_a_word(home, checkpoint, capsys):
    assert add("lab", checkpoint, "--arch", "hrnet_small", "--skeleton", "halpe26", "--codec", "dark") == 0

    _, weights = load_model("lab")
    assert (weights.name, weights.codec, weights.num_keypoints) == ("hrnet_small.lab", "dark", 26)
    assert main(["models", "list", "hrnet_small"]) == 0
    assert "* hrnet_small.lab" in capsys.readouterr().out
    assert main(["models", "info", "lab", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["keypoints"], facts["codec"]) == (26, "dark")


def test_a_file_of_ours_says_itself_what_it_is(home, tmp_path):
    card = Weights("hrnet_w16.x", "x.safetensors", skeleton="mpii16", options=TINY, licence="MIT")
    state = create_model("hrnet_w16", num_keypoints=16, **TINY).state_dict()
    save_weights(tmp_path / "x.safetensors", state, card)

    assert add("lab", tmp_path / "x.safetensors") == 0

    weights = weights_named("lab")
    assert (weights.name, weights.skeleton, weights.options["width"]) == ("hrnet_w16.lab", "mpii16", 4)
    assert weights.licence == "MIT"


def test_an_onnx_detector_has_no_skeleton(home, tmp_path):
    (tmp_path / "finder.onnx").write_bytes(boxes_graph((64, 96)))
    assert add("finder", tmp_path / "finder.onnx") == 0

    weights = weights_named("finder")
    assert (weights.name, weights.task, weights.codec) == ("onnx_detector.finder", "detector", "")
    assert (weights.outputs, weights.input_hw) == ("boxes", (64, 96))
    assert load_pipeline("finder").options.detector.model == "finder"
    detector = create_detector(DetectorOptions(model="finder"), torch.device("cpu"))
    assert len(detector.detect([torch.zeros(3, 64, 96, dtype=torch.uint8)])) == 1


def test_a_name_stands_for_one_network_until_it_is_replaced(home, graph, capsys):
    words = (graph, "--skeleton", "halpe26", "--input", 64, 32)
    add("lab", *words)
    capsys.readouterr()

    assert add("lab", *words) == 1
    assert "lab: is the name of a network you added; choose another, or add --replace" in capsys.readouterr().err

    assert add("lab", *words, "--licence", "MIT", "--replace") == 0
    assert weights_named("lab").licence == "MIT"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["../up", "{graph}", "--input", 64, 32], "../up: is no name for a network"),
        (["hrnet_w32", "{graph}", "--input", 64, 32], "hrnet_w32: is the name of a known network"),
        (["fpn_pose.default", "{graph}"], "fpn_pose.default: is no name for a network"),
        (["lab", "none.onnx"], "none.onnx: no such file; check the path"),
        (["lab", "{graph}"], "if it gives poses, add --skeleton NAME"),
        (["lab", "{graph}", "--input", 64, 32, "--skeleton", "halpe27"], "Did you mean halpe26?"),
        (["lab", "{checkpoint}"], "does not say what it is a checkpoint of; add --arch NAME"),
        (["lab", "{checkpoint}", "--arch", "hrnet_smal"], "Did you mean hrnet_small?"),
        (["lab", "{checkpoint}", "--arch", "hrnet_small"], "instead of (17,"),
        (["lab", "{checkpoint}", "--arch", "hrnet_small", "--codec", "msr"], "no codec is named 'msr'"),
        (
            ["lab", "{bad}", "--input", 64, 32, "--skeleton", "coco17"],
            "needs operators of its own (lab.secret.GlobalAveragePool)",
        ),
    ],
)
def test_what_cannot_be_added_is_one_line_and_nothing_is_kept(
    words, message, home, graph, checkpoint, capsys, tmp_path
):
    (tmp_path / "bad.onnx").write_bytes(simcc_graph(17, (64, 32), domain="lab.secret"))
    places = {"graph": graph, "checkpoint": checkpoint, "bad": tmp_path / "bad.onnx"}

    assert add(*(str(word).format(**places) for word in words)) == 1

    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_published_file_fetched_by_hand_gets_its_place(home, tmp_path, capsys):
    name = "rtmw_m.cocktail14_256x192"
    network = simcc_graph(133, (256, 192))
    (tmp_path / "downloaded.zip").write_bytes(zipped({"somewhere/end2end.onnx": network}))

    assert add(name, tmp_path / "downloaded.zip") == 0

    assert locate(weights_table()[name]).read_bytes() == network
    (tmp_path / "wrong.pth").write_bytes(b"x")
    assert add("hrnet_w32.coco_256x192", tmp_path / "wrong.pth") == 1
    published = weights_table()["hrnet_w32.coco_256x192"].sha256
    assert f"its sha256 is {sha256(b'x')}, the published one {published}…" in capsys.readouterr().err


def test_a_zip_put_into_the_store_by_hand_is_taken_in(home, capsys):
    home.mkdir(parents=True)
    weights = weights_table()["rtmw_m.cocktail14_256x192"]
    (home / weights.file).write_bytes(zipped({"a/end2end.onnx": simcc_graph(133, (256, 192))}))

    assert main(["models", "fetch", weights.name]) == 0  # offline, as all tests are

    assert locate(weights).name == "end2end.onnx"


def test_a_zip_with_a_graph_that_is_refused_leaves_nothing(home, tmp_path, capsys):
    content = zipped({"a/end2end.onnx": simcc_graph(133, (256, 192), location="/etc/passwd")})
    (tmp_path / "z.zip").write_bytes(content)

    assert add("rtmw_m.cocktail14_256x192", tmp_path / "z.zip") == 1

    assert "z.zip: keeps numbers in other files" in capsys.readouterr().err
    assert list(home.iterdir()) == []


def test_a_lab_s_names_are_everybody_s(home, graph, tmp_path, monkeypatch):
    add("lab", graph, "--skeleton", "halpe26", "--input", 64, 32)
    home.rename(tmp_path / "shared")
    monkeypatch.setenv("VIDEOPOSE_STORES", str(tmp_path / "shared"))

    assert locate(weights_named("lab")).is_relative_to(tmp_path / "shared")


def test_a_network_of_one_s_own_goes_to_another_machine_with_its_name(home, graph, tmp_path, monkeypatch, capsys):
    add("lab", graph, "--skeleton", "halpe26")

    assert main(["models", "fetch", "lab", "--to", str(tmp_path / "stick")]) == 0

    monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("VIDEOPOSE_STORES", str(tmp_path / "stick"))
    assert locate(weights_named("lab")).is_relative_to(tmp_path / "stick")


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"name": "onnx_pose.lab", "file": "x", "skeleton": "coco71"})])
def test_a_damaged_description_is_one_line(home, text):
    (home / "names").mkdir(parents=True)
    (home / "names" / "lab.json").write_text(text)

    with pytest.raises(WeightsError, match=r"lab.json: is no description of a network; add the network again"):
        own_weights()
    with pytest.raises(WeightsError, match="lab.json"):
        load_pipeline("lab")
    assert load_pipeline("default").options.pose.model == "tinypose.default"  # what has nothing to do with it works
