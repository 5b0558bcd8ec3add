"""What fine-tuning a published detector needs beyond the loop: its losses, quiet norms, person-free images."""

import json

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from training_toy import steps_on_one_batch

from videopose.config import validate
from videopose.models import create_model
from videopose.models.weights import load_model, read_card
from videopose.training.checkpoint import load_state
from videopose.training.optim import freeze_norm_statistics
from videopose.training.run import TrainOptions, create_task, run_training

SET = {"annotations": "labels.json", "images": ".", "name": "drawn"}
EMPTY = {"annotations": "empty.json", "images": ".", "name": "empty"}


@pytest.fixture
def with_empty(data, tmp_path):
    """The drawn data set and one image without anybody."""
    for path in data.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    cv2.imwrite(str(tmp_path / "nobody.png"), np.full((96, 96, 3), 90, np.uint8))
    document = json.loads((data / "labels.json").read_text())
    image = {"id": 9, "file_name": "nobody.png", "width": 96, "height": 96}
    (tmp_path / "empty.json").write_text(json.dumps({"images": [image], "annotations": [], "categories": []}))
    (tmp_path / "both.json").write_text(json.dumps({**document, "images": [*document["images"], image]}))
    return tmp_path


def _options(architecture="rtmdet_nano", **loop):
    values = {
        "task": "detector",
        "detector": {
            "architecture": architecture,
            "sizes": [64],
            "sources": [SET, EMPTY],
            "validation": [{**SET, "annotations": "both.json"}],
            "validation_pixels": 64 * 64,
            "monitor": "quiet_recall",
        },
        "loop": {"steps": 2, "batch_size": 2, "precision": "32-true", "threads": 1, "evaluate_every": 2, **loop},
    }
    return validate(TrainOptions, values, source="test")


def test_a_network_without_distributions_learns_scores_and_boxes(with_empty):
    found = steps_on_one_batch(create_task(_options(), with_empty), 2, rate=1e-3, steps=4)

    assert found[3][0] < found[0][0]
    assert found[3][1]["side_loss"] == 0
    assert found[3][1]["box_loss"] > 0


def test_scores_say_how_many_are_found_where_nobody_fires(with_empty, tmp_path):
    scores = run_training(_options(), with_empty, tmp_path / "run")

    assert set(scores) == {f"{kind}{of}" for kind in ("ap50", "ap75", "quiet_recall") for of in ("", "/drawn")}
    assert load_state(tmp_path / "run/best.pt")["best"] == scores["quiet_recall"]


def test_frozen_norms_keep_their_statistics_and_learn(with_empty, tmp_path):
    torch.manual_seed(0)
    before = create_model("rtmdet_nano").state_dict()
    run_training(_options(freeze_norms=True), with_empty, tmp_path / "frozen")
    run_training(_options(), with_empty, tmp_path / "free")
    frozen, free = (load_state(tmp_path / run / "last.pt")["model"] for run in ("frozen", "free"))
    means = [name for name in before if name.endswith("running_mean")]

    assert all(torch.equal(frozen[name], before[name]) for name in means)
    assert not any(torch.equal(free[name], before[name]) for name in means)
    assert not torch.equal(frozen["bbox_head.rtm_cls.0.bias"], before["bbox_head.rtm_cls.0.bias"])


def test_freezing_leaves_other_layers_in_training():
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Dropout()).train()
    freeze_norm_statistics(model)

    assert [layer.training for layer in model] == [True, False, True]


@pytest.mark.parametrize(("name", "largest"), [("rtmdet_tiny", 5), ("yolox_tiny", 255)])
def test_larger_detectors_learn_on_pixels_as_their_releases_take_them(with_empty, tmp_path, name, largest):
    options = _options(name, steps=1, evaluate_every=1)
    task = create_task(options, with_empty)
    batch = task.batch(0, range(2), torch.device("cpu"), progress=0.0)
    run_training(options, with_empty, tmp_path / "run")
    card = read_card(tmp_path / "run/weights.safetensors")

    assert largest / 3 < batch["images"].max() <= largest
    assert card.resize == "shape"
    assert card.std[0] == pytest.approx(1 / 255 if largest == 255 else 0.229)
    assert load_model(name, checkpoint=tmp_path / "run/weights.safetensors")[1].architecture == name
