"""Training the refiner: resuming is exact, it learns, and what it leaves behind smooths."""

import json

import numpy as np
import pytest
import torch

from videopose.config import validate
from videopose.errors import ConfigError
from videopose.learned_tracking import learned_smoother
from videopose.skeletons import skeleton_named
from videopose.tracking.options import SmoothingOptions
from videopose.training.checkpoint import load_state
from videopose.training.run import TrainOptions, create_task, run_training

SOURCE = {"name": "tracks", "annotations": "tracks.json"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three videos of a person whose keypoints swing."""
    t = np.arange(30) / 25
    frames = [
        [
            {
                "track": 0,
                "points": [
                    [j, 100 + 10 * (j % 4) + 20 * float(np.sin(6 * s + j)), 50.0 + 9 * j, True] for j in range(6)
                ],
            }
        ]
        for s in t
    ]
    folder = tmp_path_factory.mktemp("swinging")
    (folder / "tracks.json").write_text(
        json.dumps({"videos": [{"name": f"v{number}", "frames": frames} for number in range(3)]})
    )
    return folder


def options(**loop):
    return validate(
        TrainOptions,
        {
            "task": "refiner",
            "refiner": {
                "model": {"width": 16, "dilations": [1, 2]},
                "frames": 16,
                "sources": [SOURCE],
                "validation": [{**SOURCE, "fold": "val"}],
                "validation_windows": 32,
            },
            "loop": {
                "steps": 4, "batch_size": 4, "log_every": 1, "save_every": 1, "evaluate_every": 4,
                "precision": "32-true", "threads": 1, "ema_decay": 0.9, **loop,
            },
            "optimiser": {"warmup_steps": 2, "learning_rate": 0.01},
        },
        source="test",
    )  # fmt: skip


def test_four_steps_are_two_and_two_more_bit_for_bit(tmp_path, data):
    run_training(options(), data, tmp_path / "whole")
    run_training(options(), data, tmp_path / "halves", stop_after=2)
    run_training(options(), data, tmp_path / "halves", resume=True)

    whole, halves = (load_state(tmp_path / run / "last.pt") for run in ("whole", "halves"))
    assert all(torch.equal(whole["model"][name], halves["model"][name]) for name in whole["model"])
    assert all(torch.equal(whole["ema"][name], halves["ema"][name]) for name in whole["ema"])


def test_it_learns_and_its_weights_smooth(tmp_path, data):
    scores = run_training(options(steps=60, batch_size=8, evaluate_every=60), data, tmp_path / "run")
    chosen = SmoothingOptions(method="learned", weights=str(tmp_path / "run/weights.safetensors"))

    assert scores["gain"] > 0.02
    assert learned_smoother(chosen, skeleton_named("coco17")) is not None


def test_parts_of_a_batch_are_the_windows_of_the_whole(data):
    task = create_task(options(), data)
    cpu = torch.device("cpu")
    whole = task.batch(3, range(4), cpu, progress=1.0)
    parts = [task.batch(3, rows, cpu, progress=1.0) for rows in (range(2), range(2, 4))]

    assert torch.equal(whole["truth"], torch.cat([part["truth"] for part in parts]))
    assert torch.allclose(whole["features"], torch.cat([part["features"] for part in parts]), atol=1e-5)
    assert whole["features"].shape[:3] == (4, 16, 15)


def test_a_task_needs_its_section(data):
    with pytest.raises(ConfigError, match="task: refiner needs a section of that name"):
        create_task(validate(TrainOptions, {"task": "refiner", "loop": {"steps": 1}}, source="test"), data)
