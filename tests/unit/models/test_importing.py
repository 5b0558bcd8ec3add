"""A checkpoint of another release becomes a file that describes itself."""

import pytest
import torch

from videopose.errors import UnknownNameError, WeightsError
from videopose.models import create_model
from videopose.models.importing import import_file
from videopose.models.weights import load_model


@pytest.fixture
def checkpoint(tmp_path):
    state = create_model("hrnet_small", num_keypoints=16).state_dict()
    theirs = {("head." if name.startswith("final") else "backbone.") + name: value for name, value in state.items()}
    path = tmp_path / "theirs.pth"
    torch.save({"meta": {"epoch": 210}, "state_dict": theirs}, path)
    return path


def test_an_imported_checkpoint_loads_by_path_and_knows_what_it_is(checkpoint, tmp_path):
    target = tmp_path / "ours.safetensors"

    import_file(checkpoint, target, "hrnet_small", skeleton="mpii16", codec="udp", input_hw=(256, 256))

    model, weights = load_model("hrnet_small", checkpoint=target)
    assert (weights.skeleton, weights.codec, weights.input_hw) == ("mpii16", "udp", (256, 256))
    assert weights.origin.startswith("theirs.pth, sha256 ")
    stored = torch.load(checkpoint, weights_only=True)["state_dict"]["head.final_layer.weight"]
    assert torch.equal(model.final_layer.weight, stored)


def test_a_checkpoint_that_does_not_fit_writes_nothing(checkpoint, tmp_path):
    target = tmp_path / "ours.safetensors"

    with pytest.raises(WeightsError, match=r"theirs.pth: does not fit HRNet: .*final_layer.weight"):
        import_file(checkpoint, target, "hrnet_small")

    assert not target.exists()


def test_the_target_must_be_safetensors(checkpoint, tmp_path):
    with pytest.raises(WeightsError, match="written as .safetensors"):
        import_file(checkpoint, tmp_path / "ours.pth", "hrnet_small", skeleton="mpii16")


def test_an_unknown_architecture_is_named(checkpoint, tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean hrnet_small"):
        import_file(checkpoint, tmp_path / "ours.safetensors", "hrnet_smal")


def test_a_missing_checkpoint_says_so(tmp_path):
    with pytest.raises(WeightsError, match=r"none.pth: no such checkpoint"):
        import_file(tmp_path / "none.pth", tmp_path / "ours.safetensors", "hrnet_small")
