"""A batch in parts, over one process or two, is the same step; logs go to CSV and TensorBoard."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_toy import Line, run

from videopose.training.checkpoint import load_state
from videopose.training.hooks import CsvLog

TOY = Path(__file__).parents[2] / "training_toy.py"


def _weights(folder):
    return load_state(folder / "last.pt")["model"]["weight"]


def test_accumulated_parts_are_the_step_of_the_whole_batch(tmp_path):
    run(tmp_path / "whole")
    run(tmp_path / "parts", accumulate=4)

    assert torch.allclose(_weights(tmp_path / "whole"), _weights(tmp_path / "parts"), atol=1e-6)
    assert load_state(tmp_path / "parts/last.pt")["step"] == 6


def test_best_and_last_are_kept(tmp_path):
    scores = run(tmp_path)

    assert load_state(tmp_path / "best.pt")["best"] == pytest.approx(scores["score"])
    assert load_state(tmp_path / "last.pt")["step"] == 6
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [row["step"] for row in rows if row["score"]] == ["3", "6"]


def test_without_held_out_data_the_newest_weights_are_kept(tmp_path):
    class Unmeasured(Line):
        def evaluate(self, model, device):
            return {}

    assert run(tmp_path, task=Unmeasured()) == {}
    assert load_state(tmp_path / "best.pt")["step"] == 6
    assert len(list(csv.DictReader((tmp_path / "log.csv").open()))) == 2


@pytest.mark.slow
def test_two_processes_are_the_step_of_the_whole_batch(tmp_path):
    """DDP over gloo on the CPU: gradients are averaged, the log is the first process's."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(TOY), str(tmp_path / "two"), "2"], env=environment, capture_output=True, text=True
    )
    run(tmp_path / "one")

    assert done.returncode == 0, done.stderr[-2000:]
    assert torch.allclose(_weights(tmp_path / "one"), _weights(tmp_path / "two"), atol=1e-6)
    logs = [[row["step"] for row in csv.DictReader((tmp_path / name / "log.csv").open())] for name in ("one", "two")]
    assert logs[0] == logs[1]


@pytest.mark.slow
def test_a_student_learns_over_two_processes(tmp_path, data):
    """`videopose train` with a staged network's wrapper and with a teacher, as a user would start it."""
    config = tmp_path / "student.yaml"
    config.write_text(
        """
task: pose
pose:
  model: {widths: [8, 8, 16, 16], depths: [1, 1, 1, 1], decoder_width: 8}
  input_hw: [64, 64]
  data: {sources: [{name: drawn, annotations: labels.json, images: .}]}
  validation: [{name: drawn, annotations: labels.json, images: .}]
  distill: {model: fpn_pose.default, min_score: 0.0}
loop: {steps: 2, batch_size: 4, processes: 2, threads: 1, device: cpu, precision: 32-true}
"""
    )
    command = [sys.executable, "-m", "videopose.cli.main", "train", str(config), "--data", str(data)]
    done = subprocess.run(
        [*command, "--run", str(tmp_path / "run")],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    rows = list(csv.DictReader((tmp_path / "run/log.csv").open()))
    assert rows[-1]["step"] == "2"
    assert all(float(row["teacher_loss"]) > 0 for row in rows if row["teacher_loss"])
    assert (tmp_path / "run/weights.safetensors").is_file()


def test_numbers_go_to_tensorboard_where_it_is_installed(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = CsvLog(tmp_path, start_step=0)
    for step in (1, 2):
        log.write(step, {"loss": 1 / step})
    log.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()

    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.0), (2, 0.5)]


def test_without_tensorboard_the_csv_has_everything(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = CsvLog(tmp_path, start_step=0)
    log.write(1, {"loss": 0.5})
    log.close()

    assert not (tmp_path / "tensorboard").exists()
    assert list(csv.DictReader((tmp_path / "log.csv").open())) == [{"step": "1", "loss": "0.5"}]
