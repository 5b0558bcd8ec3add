from dataclasses import replace
from pathlib import Path

import torch

from videopose.models import create_model, name_converter
from videopose.models.anchor_points import cell_points
from videopose.models.weights import describe, read_card, save_weights
from videopose.models.zoo import from_card, to_card
from videopose.runtime.folding import fold_batch_norm


def test_points_lie_at_the_corners_of_their_cells_on_every_level():
    with torch.inference_mode():
        output = create_model("rtmdet_nano")(torch.zeros(2, 3, 64, 96))

    assert output.score.shape == (2, 8 * 12 + 4 * 6 + 2 * 3)
    assert output.distances.shape == (2, 126, 4)
    assert output.points[[0, 1, 12, 96, -1]].tolist() == [[0, 0], [8, 0], [0, 8], [0, 0], [64, 32]]
    assert output.stride[[0, 95, 96, 119, 120]].tolist() == [8, 8, 16, 16, 32]


def test_boxes_at_chosen_points_are_those_of_all():
    torch.manual_seed(0)
    with torch.inference_mode():
        output = create_model("rtmdet_nano")(torch.randn(2, 3, 64, 64))
    images, points = torch.tensor([0, 1, 1]), torch.tensor([3, 70, 83])

    assert torch.equal(output.boxes_at(images, points), output.boxes()[images, points])
    assert torch.equal(output.boxes()[0, 5, :2], output.points[5] - output.distances[0, 5, :2])


def test_the_middle_of_a_cell_is_half_a_stride_from_its_corner():
    level = torch.zeros(1, 1, 2, 3)

    assert torch.equal(cell_points(level, 16)[0] - 8, cell_points(level, 16, offset=0.0)[0])


def test_the_release_takes_blue_first_and_we_red():
    own = create_model("rtmdet_nano").state_dict()
    ours = name_converter("rtmdet_nano")({**own, "data_preprocessor.mean": torch.zeros(3)})
    first = "backbone.stem.0.conv.weight"

    assert ours.keys() == own.keys()
    assert torch.equal(ours[first], own[first].flip(1))
    assert all(torch.equal(ours[name], own[name]) for name in own if name != first)


def test_what_scores_mean_travels_with_the_weights(tmp_path):
    card = replace(describe("rtmdet_nano.default"), calibration=((2.5, -0.75),))

    assert from_card(to_card(card), Path("x")).calibration == ((2.5, -0.75),)
    save_weights(tmp_path / "own.safetensors", create_model("rtmdet_nano").state_dict(), card)
    assert read_card(tmp_path / "own.safetensors").calibration == ((2.5, -0.75),)


def test_the_shipped_detector_says_what_its_scores_mean():
    ((factor, _),) = describe("rtmdet_nano.default").calibration

    assert factor > 0


def test_levels_share_the_convolutions_of_the_larger_networks_but_not_their_norms():
    head, nano = create_model("rtmdet_tiny").bbox_head, create_model("rtmdet_nano").bbox_head

    assert head.cls_convs[0][1].conv is head.cls_convs[2][1].conv
    assert head.cls_convs[0][1].bn is not head.cls_convs[2][1].bn
    assert nano.cls_convs[0][1].depthwise_conv.conv is not nano.cls_convs[2][1].depthwise_conv.conv


def test_of_many_classes_the_first_is_people():
    own = create_model("rtmdet_tiny").state_dict()
    layers = [name for name in own if "rtm_cls" in name]
    coco = {**own, **{name: torch.cat([own[name], torch.full((79, *own[name].shape[1:]), 9.0)]) for name in layers}}

    ours = name_converter("rtmdet_tiny")(coco)

    assert all(torch.equal(ours[name], own[name]) for name in layers)


def test_folding_norms_into_shared_convolutions_changes_no_answer():
    torch.manual_seed(0)
    model = create_model("rtmdet_tiny")
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    image = torch.rand(1, 3, 64, 64)

    with torch.inference_mode():
        assert torch.allclose(model(image).score, fold_batch_norm(model)(image).score, atol=1e-4)
