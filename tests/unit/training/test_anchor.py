"""A network that learns from new people is held to what it was: nothing to pay at the start, a pull back after it."""

import pytest
import torch
from training_toy import steps_on_one_batch

from videopose.config import validate
from videopose.errors import WeightsError
from videopose.models import create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.skeletons import skeleton_named
from videopose.training.anchor import Anchor, AnchorOptions
from videopose.training.optim import make_optimiser
from videopose.training.options import OptimiserOptions
from videopose.training.run import TrainOptions, create_task

BODY = skeleton_named("body19")


def _anchor_file(folder, model):
    card = Weights("tinypose.test", "", skeleton="coco17", codec="dark3")
    save_weights(folder / "anchor.safetensors", model.state_dict(), card)
    return str(folder / "anchor.safetensors")


@pytest.fixture
def published():
    torch.manual_seed(0)
    return create_model("tinypose").requires_grad_(False)


def test_a_network_that_has_not_moved_pays_nothing(tmp_path, published):
    anchor = Anchor(AnchorOptions(weights=_anchor_file(tmp_path, published)), "tinypose", BODY)
    images = torch.randn(2, 3, 64, 64)
    heatmaps = torch.cat([published(images), torch.full((2, 2, 16, 16), 9.0)], 1)  # two keypoints it does not know

    assert float(anchor.loss(heatmaps, images)) < 1e-4  # bfloat16 where the processor computes in it
    assert float(anchor.loss(heatmaps + 1, images)) == pytest.approx(1, rel=0.05)


def test_an_anchored_network_learns_from_nobodys_labels(tmp_path, published, data):
    task = create_task(_options(_anchor_file(tmp_path, published)), data)

    def nobody_has_labelled_anything(batch):
        batch["weights"] = torch.zeros_like(batch["weights"])

    found = steps_on_one_batch(task, 2, rate=1e-3, steps=6, change=nobody_has_labelled_anything)

    assert found[0][1]["label_loss"] == 0
    assert found[-1][1]["anchor_loss"] < found[0][1]["anchor_loss"]


def test_an_anchor_that_is_not_there_is_named(tmp_path, data):
    with pytest.raises(WeightsError, match="nobody.safetensors: no such checkpoint"):
        create_task(_options(str(tmp_path / "nobody.safetensors")), data)


def test_a_heads_rate_can_differ():
    model = create_model("tinypose", num_keypoints=19)
    optimiser = make_optimiser(model, OptimiserOptions(rate_factors={"head": 3.0}))

    faster = [p for group in optimiser.param_groups if group["factor"] == 3 for p in group["params"]]
    assert {id(p) for p in faster} == {id(p) for p in model.head.parameters()}
    assert sum(len(group["params"]) for group in optimiser.param_groups) == len(list(model.parameters()))


def _options(anchor):
    pose = {
        "architecture": "tinypose",
        "input_hw": [64, 64],
        "anchor": {"weights": anchor},
        "data": {"sources": [{"annotations": "labels.json", "images": ".", "name": "drawn"}]},
    }
    loop = {"steps": 1, "batch_size": 2, "precision": "32-true", "threads": 1}
    return validate(TrainOptions, {"task": "pose", "pose": pose, "loop": loop}, source="test")
