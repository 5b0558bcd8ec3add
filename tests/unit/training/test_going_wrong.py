"""What a training says when its data, its numbers or its config are bad, and what it leaves behind."""

import json
import shutil

import pytest
import torch
from training_toy import Line, run

from videopose.config import validate
from videopose.errors import ConfigError, DatasetError, VideoPoseError, WeightsError
from videopose.models import create_model
from videopose.training.checkpoint import load_state
from videopose.training.options import LoopOptions, OptimiserOptions
from videopose.training.run import TrainOptions, run_training

SET = {"annotations": "labels.json", "images": ".", "name": "drawn"}
SMALL = {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "decoder_width": 8}


def _options(source=SET, *, start_from="", rate=1e-3, **pose):
    return validate(
        TrainOptions,
        {
            "task": "pose",
            "pose": {"model": SMALL, "skeleton": "coco17", "input_hw": [32, 32], "data": {"sources": [source]}, **pose},
            "loop": {"steps": 3, "batch_size": 4, "save_every": 1, "precision": "32-true", "threads": 1},
            "optimiser": {"learning_rate": rate, "warmup_steps": 0},
            "start_from": start_from,
        },
        source="test",
    )


@pytest.fixture
def broken(data, tmp_path):
    """Return a copy of the data that a test may damage."""
    return shutil.copytree(data, tmp_path / "broken")


class Diverges(Line):
    def __init__(self, step, loss=True):
        self.step, self.in_loss = step, loss

    def batch(self, step, rows, device, progress):
        return super().batch(step, rows, device, progress) | {"step": torch.tensor(float(step))}

    def loss(self, model, batch):
        value, named = super().loss(model, batch)
        if batch["step"] != self.step:
            return value, named
        return (value * float("nan") if self.in_loss else torch.sqrt(value * 0) + value.detach()), named


@pytest.mark.parametrize("in_loss", [True, False], ids=["loss", "gradient"])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, in_loss):
    with pytest.raises(
        VideoPoseError,
        match=r"step 5: the loss \(.*\) or its gradient is not finite. Lower optimiser.learning_rate or set "
        r"loop.precision=32-true; .*last.pt is as after step 4, go on from it with --resume",
    ) as caught:
        run(tmp_path, task=Diverges(4, in_loss), save_every=2)

    state = load_state(tmp_path / "last.pt")
    assert "\n" not in str(caught.value)
    assert state["step"] == 4
    assert all(value.isfinite().all() for value in state["model"].values())


def test_a_run_that_diverges_at_once_says_that_nothing_is_saved(tmp_path):
    with pytest.raises(VideoPoseError, match="step 1: the loss .* is not finite.*; nothing is saved yet"):
        run(tmp_path, task=Diverges(0))

    assert not (tmp_path / "last.pt").exists()


def test_an_absurd_rate_is_stopped_before_the_weights_are_lost(tmp_path, data):
    with pytest.raises(VideoPoseError, match="is not finite. Lower optimiser.learning_rate"):
        run_training(_options(rate=1e30), data, tmp_path / "run")

    state = load_state(tmp_path / "run/last.pt")
    assert all(value.isfinite().all() for value in state["model"].values())


def test_a_batch_that_cannot_be_shared_out_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="loop.batch_size = 8: cannot be shared out to 1 processes x 3 accumulated"):
        run(tmp_path, accumulate=3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "test: steps = 0: Input should be greater than or equal to 1"),
        ({"steps": 1, "log_every": 0}, "test: log_every = 0: Input should be greater"),
        ({"steps": 1, "ema_decay": 1.0}, "test: ema_decay = 1.0: Input should be less than 1"),
    ],
)
def test_numbers_no_loop_can_run_with_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        validate(LoopOptions, values, source="test")


def test_a_rate_below_zero_is_refused():
    with pytest.raises(ConfigError, match="learning_rate = -1: Input should be greater than 0"):
        validate(OptimiserOptions, {"learning_rate": -1}, source="test")


def test_an_image_that_is_missing_stops_the_run_by_name(tmp_path, broken):
    (broken / "3.png").unlink()

    with pytest.raises(DatasetError, match="3.png: the image does not exist; check the data set's image folder"):
        run_training(_options(), broken, tmp_path / "run")


def test_labels_without_anybody_are_refused(tmp_path, broken):
    document = json.loads((broken / "labels.json").read_text())
    (broken / "labels.json").write_text(json.dumps(document | {"annotations": []}))

    with pytest.raises(DatasetError, match="labels.json: nobody has 4 keypoints"):
        run_training(_options(), broken, tmp_path / "run")


def test_weights_to_start_from_that_are_missing_are_named(tmp_path, data):
    with pytest.raises(WeightsError, match="start_from = gone.safetensors: there is no such file; paths are relative"):
        run_training(_options(start_from="gone.safetensors"), data, tmp_path / "run")


def test_weights_of_another_architecture_are_no_start(tmp_path, data):
    torch.save({"conv": torch.zeros(2)}, tmp_path / "other.pth")

    with pytest.raises(
        WeightsError, match="start_from: none of its 1 tensors has the name and shape of one of FpnPose"
    ):
        run_training(_options(start_from=str(tmp_path / "other.pth")), data, tmp_path / "run")


def test_another_releases_weights_are_a_start(tmp_path, data):
    """Names as data-parallel training leaves them are brought to ours; the rate is too small to move anything."""
    torch.manual_seed(3)
    network = create_model("hrnet_small", num_keypoints=17)
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, tmp_path / "hrnet.pth")
    options = _options(start_from=str(tmp_path / "hrnet.pth"), rate=1e-12, architecture="hrnet_small")
    pose = options.pose.model_copy(update={"model": {}})
    run_training(options.model_copy(update={"pose": pose}), data, tmp_path / "run", stop_after=1)
    trained = load_state(tmp_path / "run/last.pt")["model"]

    assert torch.allclose(trained["conv1.weight"], network.conv1.weight, atol=1e-6)


class StopsWhileEvaluating(Line):
    """Is ended from outside in the middle of its second evaluation."""

    evaluations = 0

    def evaluate(self, model, device):
        self.evaluations += 1
        if self.evaluations == 2:
            raise KeyboardInterrupt
        return super().evaluate(model, device)


def test_what_is_stopped_while_it_is_evaluated_loses_no_step_and_no_evaluation(tmp_path, caplog):
    caplog.set_level("INFO")
    scores = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", task=StopsWhileEvaluating())

    assert "step 6: evaluating; last.pt is as of this step" in caplog.text
    kept = load_state(tmp_path / "stopped/last.pt")
    assert (kept["step"], kept["is_measured"]) == (6, False)
    assert run(tmp_path / "stopped", resume=True) == scores
    whole, stopped = (load_state(tmp_path / name / "last.pt") for name in ("whole", "stopped"))
    assert torch.equal(whole["ema"]["weight"], stopped["ema"]["weight"])
    assert (stopped["best"], stopped["is_measured"]) == (whole["best"], True)
