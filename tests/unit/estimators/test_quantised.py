"""Pose networks in int8: calibrated on the user's clip, measured, kept, and never unasked."""

import numpy as np
import pytest
import torch
from video_files import write_video

from videopose.errors import ConfigError, InputError
from videopose.estimators import quantised
from videopose.estimators.build import PoseOptions, create_estimator
from videopose.estimators.quantised import create_int8_estimator, quantise_pose
from videopose.models import create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.runtime.choice import RuntimeOptions, choose
from videopose.runtime.int8 import quantise
from videopose.runtime.network import load_network
from videopose.types import Detections
from videopose.workflows.run import run

CPU = torch.device("cpu")


class TwoPeople:
    def detect(self, images):
        box = np.array([[0, 0, 30, 60], [20, 5, 60, 60]], np.float32)
        return [Detections(box, np.ones(2, np.float32)) for _ in images]


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.setattr(quantised, "create_detector", lambda options, device: TwoPeople())
    return write_video(tmp_path / "clip.mp4")


@pytest.fixture
def options(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "small.safetensors"
    card = Weights("hrnet_small.mine", "", skeleton="coco17", codec="msra", input_hw=(64, 64))
    save_weights(path, create_model("hrnet_small", num_keypoints=17, input_hw=(64, 64)).state_dict(), card)
    return PoseOptions(model="hrnet_small", weights=str(path))


def answer(estimator, pixels):
    return estimator.network.output(pixels)


@pytest.mark.slow
def test_a_network_in_int8_answers_nearly_as_before_and_is_made_once(clip, options, tmp_path, caplog, monkeypatch):
    pytest.importorskip("nncf", reason="nncf is not installed")
    pytest.importorskip("openvino", reason="openvino is not installed")
    target = tmp_path / "small.int8.xml"
    change = quantise_pose(options.model, clip, target, weights=options.weights, count=8)
    pixels = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    plain = answer(create_estimator(options, CPU, RuntimeOptions(runtime="torch", precision="float32")), pixels)
    card = Weights("hrnet_small.mine", str(target), skeleton="coco17", codec="msra", input_hw=(64, 64))
    (from_file,) = load_network(card, CPU)(pixels)
    first = answer(create_int8_estimator(options, CPU, str(clip)), pixels)
    monkeypatch.setattr(quantised, "quantise", lambda *_: pytest.fail("made again"))
    again = answer(create_int8_estimator(options, CPU, str(clip)), pixels)

    assert change.people == 2
    assert 0 <= change.median <= change.most < 30
    assert torch.equal(first, again)
    assert len(caplog.messages) == 2
    assert "hrnet_small" in caplog.messages[0]
    assert "px (median)" in caplog.messages[0]
    for small in (from_file, first):
        assert not torch.equal(small, plain)
        assert (small - plain).abs().max() < 0.2 * plain.abs().max()


@pytest.mark.parametrize(
    ("output", "count", "message"),
    [("net.onnx", 8, "net.onnx: int8 networks are written as .xml"), ("net.xml", 0, "0 people to take ranges from")],
)
def test_what_cannot_be_written_says_so(tmp_path, output, count, message):
    with pytest.raises(InputError, match=message):
        quantise_pose("fpn_pose.default", "clip.mp4", tmp_path / output, count=count)


def test_without_a_clip_or_on_a_gpu_it_says_so():
    with pytest.raises(ConfigError, match="precision = int8: takes its ranges from a clip"):
        create_int8_estimator(PoseOptions(), CPU, "")
    with pytest.raises(ConfigError, match="precision = int8: runs on the CPU alone"):
        create_int8_estimator(PoseOptions(), torch.device("cuda"), "clip.mp4")
    with pytest.raises(ConfigError, match="precision = int8: torch has none. Install OpenVINO"):
        choose(RuntimeOptions(runtime="torch", precision="int8"), CPU)


def test_a_pipeline_over_windows_says_that_it_has_none(options):
    card = Weights("fpn_pose.mine", options.weights, skeleton="coco17")
    with pytest.raises(ConfigError, match="precision = int8: is for pipelines that look at single frames"):
        load_network(card, CPU, precision="int8")


def test_nobody_to_go_by_says_so():
    with pytest.raises(InputError, match="there is nobody to take the ranges of int8 from"):
        quantise(b"", [])


def test_a_run_takes_the_ranges_from_its_own_clip_unless_another_is_named(clip, tmp_path):
    own = run(clip, overrides=["precision=int8"])
    other = run(clip, overrides=["precision=int8", f"calibration={tmp_path / 'other.mp4'}"])

    assert own._recipe.options.calibration == str(clip)
    assert other._recipe.options.calibration == str(tmp_path / "other.mp4")
    assert run(clip)._recipe.options.calibration == ""
