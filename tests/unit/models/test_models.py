"""What every architecture in the table promises, on the meta device: nothing is computed, nothing large allocated."""

import subprocess
import sys

import pytest
import torch

from videopose.codecs import CODECS, create_codec
from videopose.errors import UnknownNameError
from videopose.estimators.build_scene import CODECS as SCENE_CODECS
from videopose.models import ARCHITECTURES, GRAPHS, create_model, name_converter
from videopose.models.regression import soft_argmax
from videopose.models.zoo import SHIPPED, weights_named, weights_table
from videopose.skeletons import SKELETONS

POSE = [name for name, entry in ARCHITECTURES.items() if entry.task == "pose"]
HEATMAP_STRIDE = {"msra8": 8}
# one of each family is enough where members differ in numbers only
FAMILIES = [
    "hrnet_small", "simple_baseline_50", "lite_hrnet_18", "vitpose_s", "vitpose_s_simple", "cspnext_t", "rtmpose_t",
    "hourglass_2", "cpm", "cpn_50", "mspn_2", "omnipose", "deeppose_50", "integral_50", "fpn_pose", "tinypose",
]  # fmt: skip


NO_CHECKSUM = ("yolox_m.coco",)
"""Whose publisher gives none."""


def on_meta(name, **options):
    with torch.device("meta"):
        return create_model(name, **options)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("num_keypoints", [15, 19])
def test_outputs_have_the_shape_their_codec_decodes(name, num_keypoints):
    entry = ARCHITECTURES[name]
    model = on_meta(name, num_keypoints=num_keypoints)
    height, width = entry.input_hw

    output = model(torch.empty(2, 3, height, width, device="meta"))

    targets, _ = create_codec(entry.codec, entry.input_hw).encode(torch.zeros(2, num_keypoints, 3))
    coordinates = entry.codec == "regression"
    assert output.shape[:2] == targets.shape[:2]
    assert coordinates or output.shape == targets.shape


@pytest.mark.parametrize("name", FAMILIES)
def test_own_names_are_left_alone_by_the_converter(name):
    state = on_meta(name).state_dict()

    assert list(name_converter(name)(state)) == list(state)


@pytest.mark.parametrize("name", FAMILIES)
def test_data_parallel_names_are_unwrapped(name):
    state = on_meta(name).state_dict()

    converted = name_converter(name)({f"module.{key}": value for key, value in state.items()})

    assert not ARCHITECTURES[name].convert or list(converted) == list(state)


@pytest.mark.parametrize(("name", "old", "new"), [
    ("hrnet_w32", "backbone.stage2.0.fuse_layers.0.1.0.weight", "stage2.0.fuse_layers.0.1.0.weight"),
    ("hrnet_w32", "keypoint_head.final_layer.bias", "final_layer.bias"),
    ("simple_baseline_50", "head.deconv_layers.4.weight", "deconv_layers.4.weight"),
    ("lite_hrnet_18", "keypoint_head.final_layer.weight", "head.final_layer.weight"),
    ("vitpose_b", "backbone.layers.3.ln1.weight", "backbone.blocks.3.norm1.weight"),
    ("vitpose_b", "backbone.layers.3.ffn.layers.0.0.bias", "backbone.blocks.3.mlp.fc1.bias"),
    ("vitpose_b", "backbone.layers.3.ffn.layers.1.bias", "backbone.blocks.3.mlp.fc2.bias"),
    ("vitpose_b", "backbone.layers.3.attn.qkv.bias", "backbone.blocks.3.attn.qkv.bias"),
    ("vitpose_b", "backbone.ln1.weight", "backbone.last_norm.weight"),
    ("mspn_2", "backbone.top.top.0.conv.weight", "top.conv.conv.weight"),
    ("mspn_2", "backbone.multi_stage_mspn.1.downsample.layer2.0.bn1.bias",
     "stage1.downsample.layer2.0.conv_bn_relu1.bn.bias"),
    ("mspn_2", "backbone.multi_stage_mspn.1.downsample.layer2.0.conv3.weight",
     "stage1.downsample.layer2.0.conv_bn_relu3.conv.weight"),
    ("mspn_2", "backbone.multi_stage_mspn.1.downsample.layer2.0.downsample.bn.bias",
     "stage1.downsample.layer2.0.downsample.bn.bias"),
    ("mspn_2", "backbone.multi_stage_mspn.0.upsample.up2.in_skip.bn.bias", "stage0.upsample.up2.u_skip.bn.bias"),
    ("mspn_2", "head.predict_layers.7.conv_layers.1.conv.weight", "stage1.upsample.up4.res_conv2.conv.weight"),
])  # fmt: skip
def test_mmpose_names_are_converted(name, old, new):
    # the first entry makes the dict recognisable as MMPose's
    converted = name_converter(name)({"backbone.x": torch.zeros(0), old: torch.zeros(1)})

    assert new in converted
    assert new in on_meta(name).state_dict()


def test_vitpose_positions_without_a_class_token_get_a_zero_one():
    state = {
        "backbone.pos_embed": torch.ones(1, 192, 8),
        "backbone.patch_embed.projection.weight": torch.ones(8, 3, 16, 16),
        "backbone.layers.0.ln1.weight": torch.ones(8),
    }

    place = name_converter("vitpose_b")(state)["backbone.pos_embed"]

    assert place.shape == (1, 193, 8)
    assert place[:, 0].abs().max() == 0


def test_mspn_biases_are_folded_into_the_norm_s_mean():
    state = {"top.conv.conv.bias": torch.full((2,), 3.0), "top.conv.bn.running_mean": torch.full((2,), 5.0)}

    converted = name_converter("mspn_2")(state)

    assert list(converted) == ["top.conv.bn.running_mean"]
    assert converted["top.conv.bn.running_mean"].tolist() == [2.0, 2.0]


def test_soft_argmax_of_a_sharp_peak_is_its_place():
    logits = torch.zeros(1, 1, 64, 48)
    logits[0, 0, 16, 36] = 100

    assert soft_argmax(logits)[0, 0].tolist() == pytest.approx([36 / 48, 16 / 64, 1.0])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_entries_name_known_codecs_and_skeletons(name):
    entry = ARCHITECTURES[name]

    assert entry.codec in (SCENE_CODECS if entry.task == "scene" else (*CODECS, ""))
    assert entry.skeleton in (*SKELETONS, "")


def test_an_unknown_architecture_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"no architecture is named 'hrnet_w23'. Did you mean hrnet_w32"):
        create_model("hrnet_w23")


def test_the_tables_load_no_torch():
    code = "import sys, videopose.models, videopose.models.zoo, videopose.codecs; print('torch' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "False"


@pytest.mark.parametrize("weights", weights_table().values(), ids=lambda weights: weights.name)
def test_weights_are_described_completely(weights):
    assert weights.architecture in (*ARCHITECTURES, *GRAPHS)
    assert weights.skeleton in (*SKELETONS, "")
    assert weights.codec in (*CODECS, "")
    assert weights.licence
    known = (
        weights.is_shipped or weights.member or weights.page or weights.name in NO_CHECKSUM
    )  # of zips and by hand: pinned as they come
    assert known or len(weights.sha256) in (8, 64)
    assert weights.is_shipped or (weights.origin or weights.page).startswith("https://")
    assert all(mirror.startswith("https://") for mirror in weights.mirrors)


def test_published_scores_stand_beside_the_weights():
    assert weights_named("hrnet_w48.coco_384x288").scores["coco_ap"] == 0.767


def test_a_name_stands_once_in_the_table():
    assert len({weights.file for weights in weights_table().values()}) == len(weights_table())
    assert len(weights_table()) > 100 + len(SHIPPED)
