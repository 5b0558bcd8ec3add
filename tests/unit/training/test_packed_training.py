"""Trainings from packs: they learn, keep time, stop and go on, are taught, and refuse what cannot be."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from packed_toy import TINY, config, packed, rewritten
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from videopose.cli.main import main
from videopose.errors import ConfigError, DatasetError, InputError, VideoPoseError, WeightsError
from videopose.models.weights import load_model, read_card
from videopose.training.packed.command import run_command


@pytest.fixture(scope="module")
def parts(tmp_path_factory, data):
    """Two parts: the limit is below what all the people take."""
    return packed(tmp_path_factory.mktemp("pack"), data, {"part_mib": 0.09, "margin": 2.0, "density": 1.5})


def learn(parts, out, *more, steps=12):
    return run_command([*map(str, parts), "--out", str(out), "--steps", str(steps), "--threads", "1", *more], prog="x")


def rows_of(out):
    with (out / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_training_learns_and_its_weights_say_what_they_are(parts, tmp_path):
    weights = learn(parts, tmp_path / "out", "--every", "0", steps=40)

    rows = rows_of(tmp_path / "out")
    losses = [float(row["loss"]) for row in rows]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert float(rows[-1]["mean_oks"]) > float(rows[0]["mean_oks"])
    assert float(rows[-1]["learning_rate"]) < 0.001 < max(float(row["learning_rate"]) for row in rows)
    model, card = load_model("fpn_pose", checkpoint=weights)
    assert (card.codec, card.input_hw, card.options, card.skeleton) == ("spatial", (64, 64), TINY, "body19")
    assert card.scores == {"mean_oks": pytest.approx(float(rows[-1]["mean_oks"]), abs=1e-3)}
    assert torch.isfinite(model(torch.zeros(1, 3, 64, 64))).all()
    assert max(path.stat().st_size for path in (tmp_path / "out").rglob("*.*")) < 16 * 2**20


def test_a_training_that_was_stopped_goes_on_to_the_same_bytes(parts, tmp_path):
    whole = learn(parts, tmp_path / "whole", steps=6)
    learn(parts, tmp_path / "out" / "whole", "--stop-after", "3", steps=6)
    again = learn(parts, tmp_path / "out" / "whole", "--resume", steps=6)

    assert again.read_bytes() == whole.read_bytes()
    assert [row["step"] for row in rows_of(again.parent)] == ["3", "6"]
    assert [path.name for path in (again.parent / "state").iterdir()] == ["00000006-1-of-1.safetensors"]


def test_any_part_trains_a_network(parts, tmp_path):
    assert learn(parts[1:], tmp_path / "out", steps=1).is_file()


def test_half_a_training_is_half_a_training(parts, tmp_path):
    whole = learn(parts, tmp_path / "whole", steps=4)
    learn(parts, tmp_path / "out" / "whole", "--until", "0.5", steps=4)
    again = learn(parts, tmp_path / "out" / "whole", "--resume", steps=4)

    assert [row["done"] for row in rows_of(again.parent)] == ["0.5", "1"]
    assert again.read_bytes() == whole.read_bytes()
    with pytest.raises(InputError, match="100% of the training is done, which is all that is asked for"):
        learn(parts, again.parent, "--resume", steps=4)
    with pytest.raises(InputError, match="--until 2: is a share of the training"):
        learn(parts, tmp_path / "x", "--until", "2", steps=4)


def test_time_is_kept(parts, tmp_path):
    run_command([*map(str, parts), "--out", str(tmp_path / "o"), "--seconds", "2", "--threads", "1"], prog="x")

    rows = rows_of(tmp_path / "o")
    assert float(rows[-1]["done"]) == 1
    assert 1 < float(rows[-1]["seconds"]) < 20


@pytest.fixture(scope="module")
def usual(parts, tmp_path_factory):
    """Weights after one step of what the pack says."""
    return load_file(learn(parts, tmp_path_factory.mktemp("usual") / "out", steps=1))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--batch-size", "4"),
        ("--rate", "0.001"),
        ("--seed", "1"),
        ("--model", json.dumps({**TINY, "decoder_width": 16})),
        ("--architecture", "hrnet_small"),
    ],
)
def test_what_the_command_line_says_wins_over_the_pack(usual, parts, tmp_path, option, value):
    other = load_file(learn(parts, tmp_path / "b", option, value, steps=1))

    assert usual.keys() != other.keys() or any(not torch.equal(usual[name], other[name]) for name in usual)


def test_a_training_begins_with_given_weights(parts, tmp_path):
    first = learn(parts, tmp_path / "a", steps=20)

    learn(parts, tmp_path / "b", "--start", str(first), "--every", "0", steps=1)

    assert float(rows_of(tmp_path / "b")[0]["loss"]) < float(rows_of(tmp_path / "a")[-1]["loss"]) * 1.2


@pytest.fixture(scope="module")
def taught(parts, tmp_path_factory, data):
    """A pack with a teacher: a small network trained from the pack without one."""
    folder = tmp_path_factory.mktemp("taught")
    teacher = learn(parts, folder / "teacher", steps=30)
    distill = {"model": "fpn_pose", "weights": str(teacher), "min_score": 0.0, "flip_test": True}
    return packed(folder, data, distill=distill)


def test_a_student_comes_nearer_to_the_teacher_in_its_pack(taught, tmp_path):
    learn(taught, tmp_path / "out", "--every", "0", steps=25)

    rows = rows_of(tmp_path / "out")
    assert float(rows[-1]["teacher_loss"]) < 0.9 * float(rows[0]["teacher_loss"])
    expected = float(rows[0]["label_loss"]) + float(rows[0]["teacher_loss"])
    assert float(rows[0]["loss"]) == pytest.approx(expected, rel=1e-4)


def test_the_weight_of_a_teacher_can_be_changed_or_be_nothing(taught, parts, tmp_path):
    learn(taught, tmp_path / "none", "--teacher-weight", "0", steps=1)
    learn(taught, tmp_path / "half", "--teacher-weight", "0.5", steps=1)

    assert "teacher_loss" not in rows_of(tmp_path / "none")[0]
    row = {name: float(value) for name, value in rows_of(tmp_path / "half")[0].items()}
    assert row["loss"] == pytest.approx(row["label_loss"] + 0.5 * row["teacher_loss"], rel=1e-4)
    with pytest.raises(InputError, match="the pack has no teacher; pack it from a config with pose.distill"):
        learn(parts, tmp_path / "no", "--teacher-weight", "1", steps=1)


def test_a_teacher_needs_a_student_that_gives_distributions(taught, tmp_path):
    changed_part = tmp_path / "p.safetensors"
    rewritten(taught[0], changed_part, lambda row: row["student"].update(codec="msra", loss="mse"))

    with pytest.raises(ConfigError, match="codec is msra, but a teacher needs spatial"):
        learn([changed_part], tmp_path / "out", steps=1)


def test_the_teachers_part_must_be_there(taught, tmp_path):
    tensors = {name: value for name, value in load_file(taught[0]).items() if not name.startswith("teacher.")}
    with safe_open(taught[0], framework="pt") as file:
        save_file(tensors, tmp_path / "p.safetensors", metadata=file.metadata())

    with pytest.raises(DatasetError, match="the teacher is in part 1 of the pack"):
        learn([tmp_path / "p.safetensors"], tmp_path / "out", steps=1)


def test_a_run_is_not_written_over_nor_gone_on_with_where_there_is_none(parts, tmp_path):
    learn(parts, tmp_path / "out", steps=1)

    with pytest.raises(InputError, match="holds a run already"):
        learn(parts, tmp_path / "out", steps=1)
    with pytest.raises(WeightsError, match="no whole state to go on from"):
        learn(parts, tmp_path / "none", "--resume", steps=1)
    with pytest.raises(WeightsError, match="state of another network"):
        learn(parts, tmp_path / "out", "--resume", "--model", "{}", steps=2)
    with pytest.raises(InputError, match="either --seconds or --steps"):
        run_command([str(parts[0]), "--out", str(tmp_path / "x")], prog="x")
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="none of its 1 tensors fits"):
        learn(parts, tmp_path / "y", "--start", str(tmp_path / "a.safetensors"), steps=1)


def test_a_training_that_diverges_says_so_and_keeps_the_files_of_before(parts, tmp_path):
    with pytest.raises(VideoPoseError, match="the loss is not finite; --resume goes on"):
        learn(parts, tmp_path / "out", "--rate", "1e30", "--every", "0", steps=30)

    last = rows_of(tmp_path / "out")[-1]
    assert np.isfinite(float(last["loss"]))


def test_the_command_line_packs_and_trains(tmp_path, data, capsys):
    (tmp_path / "toy.yaml").write_text(json.dumps(config()))

    assert main(["train", "pack", str(tmp_path / "toy.yaml"), "--data", str(data), "-o", str(tmp_path / "p")]) == 0
    part = Path(capsys.readouterr().out.split("\t")[0])
    assert part == tmp_path / "p-1.safetensors"
    assert main(["train", "packed", str(part), "--out", str(tmp_path / "out"), "--steps", "1"]) == 0
    assert read_card(Path(capsys.readouterr().out.strip())).name == "fpn_pose.out"
    assert main(["train", "packed", str(part), "--out", str(tmp_path / "out"), "--steps", "1"]) == 1
    assert "holds a run already" in capsys.readouterr().err
