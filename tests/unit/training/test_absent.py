"""The absent answer: a network learns that a keypoint is outside its crop, and says so by its score."""

import numpy as np
import pytest
import torch
from packed_toy import TINY, config, packed, rewritten
from training_toy import steps_on_one_batch

from videopose.codecs import create_codec
from videopose.config import validate
from videopose.training.options import LoopOptions
from videopose.training.packed.command import run_command
from videopose.training.pose_losses import FITTING, pose_loss
from videopose.training.pose_task import PoseTask, PoseTaskOptions

INPUT_HW = (64, 64)
CUT = {"truncation_probability": 1.0, "truncation": 0.5, "half_body_probability": 0.0, "flip_probability": 0.0}
LOSSES = [(codec, loss) for codec in FITTING if codec.endswith("_absent") for loss in FITTING[codec]]


def task_of(data, codec, loss="auto"):
    values = config(codec=codec, loss=loss)["pose"]
    values["data"] = {**values["data"], "geometry": {**CUT, "padding": 0.9}}
    return PoseTask(validate(PoseTaskOptions, values, source="toy"), LoopOptions(steps=1, batch_size=12), data)


def scores_after_learning(data, codec, loss="auto", steps=60):
    """Return the scores of keypoints outside the crops and of those inside, of a network that learned both."""
    task = task_of(data, codec, loss)
    network = task.build()
    task.build = lambda: network
    steps_on_one_batch(task, 12, rate=0.02, steps=steps)
    batch = task.batch(0, range(12), torch.device("cpu"), progress=0.0)
    learner = task.codec(INPUT_HW)
    with torch.no_grad():
        score = learner.decode(network(batch["images"]))[..., 2]
    _, there = create_codec(codec.removesuffix("_absent"), INPUT_HW).encode(_keypoints(task))
    outside = (_keypoints(task)[..., 2] > 0) & (there == 0)
    assert outside.sum() > 5
    return score[outside], score[there > 0]


def _keypoints(task):
    return task._batches.make(range(12), INPUT_HW, torch.device("cpu"))[1]


@pytest.mark.parametrize("codec", ["spatial_absent", "dark3_absent"])
def test_a_network_learns_to_say_that_a_keypoint_is_absent(data, codec):
    loss = "softmax" if codec == "dark3_absent" else "auto"

    outside, inside = scores_after_learning(data, codec, loss)

    assert outside.median() < 0.15
    assert inside.median() > 0.5


def test_without_that_answer_it_learns_nothing_of_what_is_outside(data):
    outside, _ = scores_after_learning(data, "spatial")

    assert outside.median() > 0.3


@pytest.mark.parametrize(("codec", "loss"), LOSSES)
def test_the_loss_of_an_absent_keypoint_is_least_where_nothing_is_above_the_absent_cell(codec, loss):
    learner = create_codec(codec, (256, 192))
    target, weights = learner.encode(torch.tensor([[[500.0, 10, 2]]]))
    low = -14.0 if learner.is_logits or loss == "softmax" else 0.0
    nothing = torch.full_like(target, low)
    somewhere = nothing.clone()
    somewhere[0, 0, 5, 5] = 9.0

    losses = [pose_loss(loss, [output], target, weights, learner) for output in (nothing, somewhere)]

    assert losses[0] < 0.01
    assert losses[1] > losses[0]


@pytest.mark.parametrize(("codec", "loss"), LOSSES)
def test_the_absent_cell_costs_a_perfect_answer_next_to_nothing(codec, loss):
    learner = create_codec(codec, (256, 192))
    target, weights = learner.encode(torch.tensor([[[30.0, 31, 2]]]))
    output = target.clamp_min(1e-9).log() + 12 if learner.is_logits else target

    plain = create_codec(codec.removesuffix("_absent"), (256, 192))
    change = pose_loss(loss, [output], target, weights, learner) - pose_loss(loss, [output], target, weights, plain)

    assert change + 1e-6 >= 0
    assert change < 0.2


def test_a_packed_training_learns_it_too(tmp_path, data):
    part = packed(tmp_path, data, codec="spatial_absent", model=TINY)[0]
    plain = rewritten(part, tmp_path / "plain.safetensors", lambda row: row["student"].update(codec="spatial"))

    weights = [
        run_command([str(path), "--out", str(tmp_path / path.stem), "--steps", "2", "--threads", "1"], prog="x")
        for path in (part, plain)
    ]

    assert weights[0].read_bytes() != weights[1].read_bytes()
    assert np.isfinite(float((tmp_path / part.stem / "log.csv").read_text().splitlines()[-1].split(",")[3]))
