"""The loop on a small data set of its own: resuming is exact, what is kept is whole, scores are written down."""

import csv
import json

import pytest
import torch
from training_toy import steps_on_one_batch

from videopose.config import validate
from videopose.errors import ConfigError, InputError, WeightsError
from videopose.models.weights import load_model
from videopose.training.checkpoint import load_state, save_state
from videopose.training.optim import MovingAverage, learning_rate
from videopose.training.options import OptimiserOptions
from videopose.training.run import TrainOptions, create_task, run_training

SMALL = {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
LOOP = {"steps": 4, "log_every": 1, "save_every": 1, "evaluate_every": 4, "precision": "32-true", "threads": 1}
SET = {"annotations": "labels.json", "images": ".", "name": "drawn"}


def _pose(**loop):
    return validate(
        TrainOptions,
        {
            "task": "pose",
            "pose": {
                "model": {**SMALL, "decoder_width": 8},
                "skeleton": "coco17",
                "input_hw": [64, 64],
                "phases": [{"until": 0.5, "input_hw": [32, 32]}],
                "data": {"sources": [SET]},
                "validation": [SET],
            },
            "loop": {**LOOP, "batch_size": 4, **loop},
            "optimiser": {"warmup_steps": 2},
        },
        source="test",
    )


def _detector(**loop):
    return validate(
        TrainOptions,
        {
            "task": "detector",
            "detector": {"model": {**SMALL, "neck_width": 8}, "sizes": [64, 96], "sources": [SET], "validation": [SET]},
            "loop": {**LOOP, "batch_size": 2, **loop},
        },
        source="test",
    )


def _same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return all(map(_same, a, b))
    return a == b or (a != a and b != b)


@pytest.mark.parametrize("options", [_pose(), _detector()], ids=["pose", "detector"])
def test_four_steps_are_two_and_two_more_bit_for_bit(tmp_path, data, options):
    run_training(options, data, tmp_path / "whole")
    run_training(options, data, tmp_path / "halves", stop_after=2)
    run_training(options, data, tmp_path / "halves", resume=True)

    assert _same(load_state(tmp_path / "whole/last.pt"), load_state(tmp_path / "halves/last.pt"))
    logs = [list(csv.DictReader((tmp_path / run / "log.csv").open())) for run in ("whole", "halves")]
    assert [row["loss"] for row in logs[0]] == [row["loss"] for row in logs[1]]
    assert [row["step"] for row in logs[0]] == ["1", "2", "3", "4", "4"]


@pytest.mark.parametrize("score_loss", ["quality_focal", "focal"])
@pytest.mark.parametrize("distribution_weight", [0.5, 0.0])
def test_a_detectors_losses_can_be_chosen(data, score_loss, distribution_weight):
    options = _detector()
    changes = {"score_loss": score_loss, "distribution_weight": distribution_weight}
    detector = options.detector.model_copy(update=changes)
    task = create_task(options.model_copy(update={"detector": detector}), data)
    found = steps_on_one_batch(task, 2, rate=1e-3, steps=4)

    assert found[3][0] < found[0][0]
    loss, parts = found[3]
    expected = parts["score_loss"] + 2 * parts["box_loss"] + distribution_weight * parts["side_loss"]
    assert loss == pytest.approx(expected, rel=1e-5)


def test_parts_of_a_batch_are_the_people_of_the_whole(data):
    task = create_task(_pose(), data)
    cpu = torch.device("cpu")
    whole = task.batch(3, range(4), cpu, progress=1.0)
    parts = [task.batch(3, rows, cpu, progress=1.0) for rows in (range(2), range(2, 4))]

    assert torch.equal(whole["target"], torch.cat([part["target"] for part in parts]))
    assert whole["images"].shape == (4, 3, 64, 64)
    assert task.batch(3, range(4), cpu, progress=0.2)["images"].shape == (4, 3, 32, 32)


def test_accumulated_steps_run_and_count_once(tmp_path, data):
    run_training(_pose(steps=2, accumulate=2), data, tmp_path / "run")

    assert load_state(tmp_path / "run/last.pt")["step"] == 2


def test_a_run_leaves_everything_needed_to_use_it(tmp_path, data):
    scores = run_training(_pose(), data, tmp_path / "run")
    model, weights = load_model("fpn_pose", checkpoint=tmp_path / "run/weights.safetensors")

    assert {"best.pt", "last.pt", "log.csv", "config.yaml", "versions.json"} <= {
        p.name for p in (tmp_path / "run").iterdir()
    }
    assert weights.skeleton == "coco17"
    assert weights.input_hw == (64, 64)
    assert dict(weights.scores) == pytest.approx(scores)
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 17, 16, 16)
    assert "commit" in json.loads((tmp_path / "run/versions.json").read_text())


def test_training_learns(tmp_path, data):
    options = _pose(steps=60, batch_size=6, log_every=5, evaluate_every=60)
    pose = options.pose.model_copy(update={"phases": (), "input_hw": (32, 32)})
    quick = OptimiserOptions(learning_rate=5e-3, warmup_steps=5)
    options = options.model_copy(update={"pose": pose, "optimiser": quick})
    run_training(options, data, tmp_path / "run")
    losses = [float(row["loss"]) for row in csv.DictReader((tmp_path / "run/log.csv").open()) if row["loss"]]

    assert losses[-1] < 0.75 * losses[0]


def test_a_run_is_not_overwritten(tmp_path, data):
    run_training(_pose(steps=1), data, tmp_path / "run")

    with pytest.raises(InputError, match="holds a run already; pass --resume"):
        run_training(_pose(steps=1), data, tmp_path / "run")


def test_resuming_needs_a_checkpoint(tmp_path, data):
    with pytest.raises(WeightsError, match=r"last.pt: there is no checkpoint; train without --resume first"):
        run_training(_pose(), data, tmp_path / "none", resume=True)


def test_a_damaged_checkpoint_is_refused_and_nothing_runs(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("executed",))

    (tmp_path / "short.pt").write_bytes(b"PK\x03\x04 cut off")
    torch.save({"model": Bomb()}, tmp_path / "bomb.pt")
    torch.save([1], tmp_path / "list.pt")

    for name in ("short", "bomb"):
        with pytest.raises(WeightsError, match=f"{name}.pt: not a readable checkpoint; use an earlier one"):
            load_state(tmp_path / f"{name}.pt")
    with pytest.raises(WeightsError, match="a checkpoint is a mapping, not list"):
        load_state(tmp_path / "list.pt")


def test_a_checkpoint_is_replaced_whole(tmp_path):
    save_state(tmp_path / "a.pt", {"step": 1})
    save_state(tmp_path / "a.pt", {"step": 2})

    assert load_state(tmp_path / "a.pt") == {"step": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_task_without_its_section_is_an_error(tmp_path):
    options = validate(TrainOptions, {"task": "pose", "loop": {"steps": 1}}, source="test")

    with pytest.raises(ConfigError, match="task: pose needs a section of that name"):
        run_training(options, tmp_path, tmp_path / "run")


def test_the_rate_warms_up_and_falls():
    cosine = OptimiserOptions(learning_rate=1, warmup_steps=10, final_factor=0.1)
    rates = [learning_rate(step, 100, cosine) for step in range(101)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] or max(rates) == rates[10]
    assert rates[100] == pytest.approx(0.1)
    steps = OptimiserOptions(learning_rate=1, warmup_steps=0, schedule="step", milestones=(0.5, 0.9))
    assert [learning_rate(step, 100, steps) for step in (0, 49, 50, 90)] == pytest.approx([1, 1, 0.1, 0.01])


def test_the_average_follows_weights_and_statistics():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average = MovingAverage(model, decay=0.5)
    with torch.no_grad():
        model[0].weight.add_(1)
        model[1].running_mean.add_(2)
        before = average.model[0].weight.clone()
        average.update(model, step=1000)

    assert torch.allclose(average.model[0].weight, before + 0.5)
    assert torch.allclose(average.model[1].running_mean, torch.ones(2))
