"""A result names the networks that made it, whatever happens to their files."""

import shutil
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import save_file
from video_files import write_video

import videopose
from videopose.errors import InputError


def change_numbers(path):
    """Write other numbers under the same names, as a further training would."""
    with safe_open(path, framework="pt") as file:
        tensors, card = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    name = next(iter(tensors))
    save_file({**tensors, name: tensors[name] * 0.5}, path, card)


@pytest.fixture
def weights(tmp_path):
    return Path(shutil.copy(files("videopose") / "assets" / "tinypose_fast.safetensors", tmp_path / "mine.safetensors"))


def a_predictor(weights):
    overrides = [f"pose.weights={weights}", "detector.source=frame", "tracker.shots=off"]
    return videopose.Predictor("fast", overrides=overrides, device="cpu")


@pytest.fixture
def predictor(weights):
    return a_predictor(weights)


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", num_frames=2)


def test_weights_swapped_after_loading_are_noticed_by_the_next_run(predictor, weights, clip, tmp_path):
    assert len(list(predictor.run(clip))) == 2
    change_numbers(weights)

    with pytest.raises(InputError, match=r"since the networks were loaded, weights.pose.weights .*has other content; "):
        predictor.run(clip, tmp_path / "out.json")


def test_weights_swapped_before_loading_are_those_that_are_named(predictor, weights, clip):
    change_numbers(weights)

    run = predictor.run(clip)

    assert len(list(run)) == 2
    assert sha256(weights.read_bytes()).hexdigest() in [used["sha256"] for used in run.header.provenance["weights"]]


def test_a_new_predictor_loads_what_is_there_now(predictor, weights, clip):
    list(predictor.run(clip))
    change_numbers(weights)

    assert len(list(a_predictor(weights).run(clip))) == 2
