"""Loading is strict, all or nothing, and never runs code from a file."""

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from videopose.errors import UnknownNameError, WeightsError
from videopose.models import create_model
from videopose.models import weights as loader
from videopose.models.weights import describe, load_into, load_model, locate, read_state, save_weights, verify
from videopose.models.zoo import Weights, to_card, weights_for_file

TINY = {"width": 4, "modules": (1, 1, 1), "blocks": 1, "stem_blocks": 1, "stem_width": 8}


@pytest.fixture
def tiny():
    return create_model("hrnet_w16", **TINY)


@pytest.fixture
def described():
    return Weights("hrnet_w16.tiny", "tiny.safetensors", options=TINY, licence="Apache-2.0")


@pytest.fixture
def saved(tmp_path, tiny, described):
    path = tmp_path / "tiny.safetensors"
    save_weights(path, tiny.state_dict(), described)
    return path


def test_saved_weights_describe_themselves(saved, tiny):
    model, weights = load_model("hrnet_w16", checkpoint=saved)

    assert weights.name == "hrnet_w16.tiny"
    assert weights.options["width"] == 4
    assert torch.equal(model.final_layer.weight, tiny.final_layer.weight)
    assert not model.training


def test_saving_twice_gives_the_same_bytes(tmp_path, tiny, described, saved):
    again = tmp_path / "again" / "tiny.safetensors"
    again.parent.mkdir()
    save_weights(again, tiny.state_dict(), described)

    assert again.read_bytes() == saved.read_bytes()


def test_nothing_is_left_of_a_save_that_failed(tmp_path, described, monkeypatch):
    def full(tensors, path, metadata):
        path.write_bytes(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr("videopose.models.weights.save_file", full)
    with pytest.raises(OSError, match="No space left on device"):
        save_weights(tmp_path / "x.safetensors", {"a": torch.zeros(2)}, described)

    assert list(tmp_path.iterdir()) == []


def test_a_tensor_of_several_names_is_written_under_each(tmp_path):
    model = create_model("rtmdet_tiny")
    save_weights(tmp_path / "x.safetensors", model.state_dict(), Weights("rtmdet_tiny.x", "", skeleton="", codec=""))

    loaded, _ = load_model("rtmdet_tiny", checkpoint=tmp_path / "x.safetensors")

    names = [f"bbox_head.cls_convs.{level}.1.conv.weight" for level in range(3)]
    assert len({loaded.state_dict()[name].data_ptr() for name in names}) == 1
    assert all(torch.equal(loaded.state_dict()[name], model.state_dict()[name]) for name in names)


def test_missing_and_unexpected_names_are_listed_and_nothing_is_loaded(tiny):
    before = {name: value.clone() for name, value in tiny.state_dict().items()}
    state = {name: value + 1 for name, value in before.items()}
    state["final_layer.extra"] = state.pop("final_layer.bias")

    with pytest.raises(WeightsError, match=r"1 missing \(final_layer.bias\); 1 unexpected \(final_layer.extra\)"):
        load_into(tiny, state, source="a.pth")

    assert all(torch.equal(value, before[name]) for name, value in tiny.state_dict().items())


def test_long_lists_of_names_are_cut(tiny):
    with pytest.raises(WeightsError, match=r"and \d+ more"):
        load_into(tiny, {}, source="a.pth")


def test_another_number_of_keypoints_is_named(tiny):
    state = create_model("hrnet_w16", num_keypoints=16, **TINY).state_dict()

    with pytest.raises(WeightsError, match=r"final_layer.weight \(16, 4, 1, 1\) instead of \(17, 4, 1, 1\)"):
        load_into(tiny, state, source="a.pth")


def test_weights_that_are_not_finite_are_refused(tiny):
    state = {**tiny.state_dict(), "final_layer.bias": torch.full((17,), float("nan"))}

    with pytest.raises(WeightsError, match=r"1 tensors hold NaN or infinity \(final_layer.bias\)"):
        load_into(tiny, state, source="a.pth")


def test_counters_older_releases_did_not_have_may_be_missing(tiny):
    state = {name: value for name, value in tiny.state_dict().items() if "num_batches" not in name}

    load_into(tiny, state, source="old.pth")


class _Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_pickle_bomb_is_refused_and_does_not_go_off(tmp_path, write):
    path, crater = tmp_path / "bomb.pth", tmp_path / "crater"
    write({"state_dict": {"a": torch.zeros(1), "b": _Bomb(crater)}}, path)

    with pytest.raises(WeightsError, match="refused and nothing was executed"):
        read_state(path)

    assert not crater.exists()


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.95])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_truncated_file_is_one_clear_error(tmp_path, saved, tiny, suffix, kept):
    path = tmp_path / f"cut{suffix}"
    if suffix == ".pth":
        torch.save(tiny.state_dict(), path)
    else:
        path.write_bytes(saved.read_bytes())
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(len(whole) * kept)])

    with pytest.raises(WeightsError, match=r"cut\.\w+: .*(cut off|refused)") as caught:
        load_model("hrnet_w16", checkpoint=path)

    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_text_is_not_a_checkpoint(tmp_path):
    path = tmp_path / "readme.pth"
    path.write_text("Download the weights from the following address.\n" * 3)

    with pytest.raises(WeightsError, match=r"refused|not a readable checkpoint"):
        read_state(path)


def test_numpy_constants_beside_the_parameters_are_accepted(tmp_path):
    path = tmp_path / "openmmlab.pth"
    torch.save({"meta": {"sigmas": np.ones(17, np.float32)}, "state_dict": {"a": torch.ones(1)}}, path)

    assert read_state(path)["a"].item() == 1


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(1)], {}, torch.zeros(2)])
def test_a_file_without_a_state_dict_says_so(tmp_path, content):
    path = tmp_path / "odd.pth"
    torch.save(content, path)

    with pytest.raises(WeightsError, match="holds no state dict"):
        read_state(path)


def test_a_checkpoint_of_another_architecture_is_refused(saved):
    with pytest.raises(WeightsError, match="holds hrnet_w16, not hrnet_w32"):
        load_model("hrnet_w32", checkpoint=saved)


def test_a_foreign_checkpoint_counts_as_trained_the_usual_way(tmp_path):
    weights = weights_for_file("hrnet_w32", tmp_path / "mine.pth")

    assert (weights.codec, weights.input_hw, weights.skeleton) == ("msra", (256, 192), "coco17")


def test_weights_that_were_not_fetched_say_how_to_get_them(tmp_path, monkeypatch, described):
    monkeypatch.setenv("VIDEOPOSE_HOME", str(tmp_path))

    with pytest.raises(WeightsError, match=r"videopose models fetch hrnet_w16.tiny.*https://example.org/tiny"):
        locate(replace(described, origin="https://example.org/tiny"))


def test_a_checkpoint_that_is_not_there_says_so(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere.pth: no such checkpoint"):
        load_model("hrnet_w32", checkpoint=tmp_path / "nowhere.pth")


@pytest.mark.parametrize(("field", "message"), [({"sha256": "0" * 64}, "sha256"), ({"bytes": 3}, "bytes, but")])
def test_a_file_that_is_not_the_published_one_is_refused(saved, described, field, message):
    with pytest.raises(WeightsError, match=message):
        verify(saved, replace(described, **field))


def test_a_publisher_s_short_checksum_is_enough(saved, described):
    verify(saved, replace(described, sha256=loader.file_sha256(saved)[:8]))


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean hrnet_w32"):
        describe("hrnet_w33x")


def test_an_architecture_without_checkpoint_asks_for_one():
    with pytest.raises(UnknownNameError, match="give a checkpoint by path"):
        describe("hrnet_w16")


def test_a_damaged_card_is_an_error(tmp_path):
    path = tmp_path / "odd.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"videopose": '{"nme": 3}'})

    with pytest.raises(WeightsError, match="its card cannot be read"):
        load_model("hrnet_w16", checkpoint=path)


def test_models_are_built_in_evaluation_mode(tiny):
    assert isinstance(tiny, nn.Module)
    assert not tiny.training


@pytest.mark.parametrize("number", [np.float64(0.744), np.float32(0.7), np.int64(3), np.bool_(True), np.float16(0.5)])
def test_numpy_numbers_beside_the_parameters_are_accepted(tmp_path, number):
    """HRNet's own checkpoints hold their score as one."""
    path = tmp_path / "checkpoint.pth"
    torch.save({"epoch": 209, "perf": number, "state_dict": {"a": torch.ones(1)}}, path)

    assert read_state(path)["a"].item() == 1


def carded(path, **values):
    """Write a tiny network whose card says something else."""
    state = create_model("hrnet_w16", num_keypoints=17, **TINY).state_dict()
    card = {"name": "hrnet_w16.mine", "file": "x", "options": TINY, "skeleton": "coco17", **values}
    card = {key: value for key, value in card.items() if value is not None}
    save_file(state, path, metadata={"videopose": json.dumps(card)})
    return path


def test_a_card_that_is_right_is_read(tmp_path):
    model, weights = load_model("hrnet_w16", checkpoint=carded(tmp_path / "mine.safetensors", scores={"ap": 0.5}))

    assert weights.scores == {"ap": 0.5}
    assert isinstance(weights.input_hw, tuple)
    assert not model.training


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"input_hw": [0, 192]}, r"input_hw.0 = 0: Input should be greater than or equal to 1"),
        ({"input_hw": [256]}, r"input_hw.1 = \[256\]: Field required|input_hw.*(at least|required)"),
        ({"input_hw": [10**9, 192]}, "input_hw.0 = 1000000000: Input should be less than or equal to 4096"),
        ({"input_hw": "large"}, "input_hw = 'large': Input should be a valid tuple"),
        ({"std": [0.2, 0, 0.2]}, "std.1 = 0: Input should be greater than 0"),
        ({"mean": [0.2, float("nan"), 0.2]}, "mean.1 = nan: Input should be a finite number"),
        ({"padding": -1}, "padding = -1: Input should be greater than 0"),
        ({"bfloat16": "perhaps"}, "bfloat16 = 'perhaps': Input should be a valid boolean"),
        ({"skeleton": "coco71"}, "skeleton = 'coco71': .*no skeleton has this name. Did you mean coco17"),
        ({"options": [1]}, r"options = \[1\]: Input should be a valid (mapping|dictionary)"),
        ({"options": {"width": 10**12}}, "1000000000000 is more than 4096"),
        ({"options": {"modules": [1, 10**9, 1]}}, "1000000000 is more than 4096"),
        ({"name": None}, "name = .*: Field required"),
        ({"flavour": "x"}, "flavour = 'x': Unexpected keyword argument"),
        ({"options": {"depth": 3}}, "describes no hrnet_w16 .*unexpected keyword argument 'depth'"),
        ({"options": {**TINY, "modules": [1]}}, "describes no hrnet_w16|another network"),
        ({"options": {**TINY, "width": 0}}, "describes no hrnet_w16|another network"),
        ({"options": {**TINY, "width": 4096}}, r"another network than its parameters are of \(.*instead of"),
        ({"options": {**TINY, "width": "wide"}}, "describes no hrnet_w16"),
    ],
    ids=str,
)
def test_a_card_that_cannot_be_is_one_line(tmp_path, values, message):
    path = carded(tmp_path / "mine.safetensors", **values)

    with pytest.raises(WeightsError, match=rf"mine.safetensors: its card .*({message})") as caught:
        load_model("hrnet_w16", checkpoint=path)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '"card"', "null", "[" * 100_000, '{"name": ' + "9" * 10_000 + "}"]
)
def test_a_card_that_is_no_mapping_is_one_line(tmp_path, text):
    path = tmp_path / "odd.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"videopose": text})

    with pytest.raises(WeightsError, match=r"odd.safetensors: its card cannot be read") as caught:
        load_model("hrnet_w16", checkpoint=path)

    assert "\n" not in str(caught.value)


def test_a_shipped_file_copied_away_is_loaded_from_where_it_lies(tmp_path):
    """A card that says "package" counts only inside the package."""
    shipped = locate(describe("fpn_detector.default"))
    card = to_card(replace(describe("fpn_detector.default"), file="detector.safetensors"))
    copied = tmp_path / "copied.safetensors"
    save_file(read_state(shipped), copied, metadata={"videopose": card})

    _, weights = load_model("fpn_detector", checkpoint=copied)

    assert not weights.is_shipped
    assert locate(weights) == copied


def test_a_card_of_layers_without_elements_is_one_line(tmp_path, recwarn):
    options = {"widths": [0, 0, 0, 0], "depths": [1, 1, 1, 1]}
    card = {"name": "fpn_pose.mine", "file": "x", "options": options, "skeleton": "coco17"}
    path = tmp_path / "mine.safetensors"
    save_file({"w": torch.zeros(1)}, path, metadata={"videopose": json.dumps(card)})

    with pytest.raises(WeightsError, match=r"mine.safetensors: its card describes no fpn_pose .* has no elements"):
        load_model("fpn_pose", checkpoint=path)
    assert not recwarn.list  # torch warns of each such layer


def test_a_pickle_of_the_old_layout_whose_keys_do_not_match_is_damaged(tmp_path):
    path = tmp_path / "old.pth"
    torch.save({"w": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    key = data[data.rindex(b"X") + 5 :][:7]  # the list of storages is the last text in it
    path.write_bytes(data[: data.rindex(key)] + b"9999999" + data[data.rindex(key) + 7 :])

    with pytest.raises(WeightsError, match=r"old.pth: not a readable checkpoint \(storage key .*\); it may be cut off"):
        read_state(path)
