"""`--shard i/n`: the same command several times over one folder, without anybody who drives them."""

import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import fake_recipe
import pytest
from video_files import write_video

from videopose.cli.main import main
from videopose.fleet import shards
from videopose.io.journal_units import Unit


@pytest.fixture
def patient(command, monkeypatch):
    """Return the command line, whose shards wait seconds and not minutes."""
    monkeypatch.setattr(shards, "PATIENCE", 1.0)
    monkeypatch.setattr(shards, "PAUSE", 0.05)
    return command


def _run(words, config, number, seconds_a_frame):
    os.environ[fake_recipe.SECONDS_A_FRAME] = str(seconds_a_frame)
    with open(f"said{number}.txt", "w", buffering=1) as said:  # noqa: PTH123 - a plain file in the test's folder
        sys.stdout = sys.stderr = said
        code = main([*words, "--pipeline", config])
    os._exit(code)


def start(command, words, number, *, of=2, seconds_a_frame=0.0):
    words = [*words, "--shard", f"{number}/{of}", "--summary", f"s{number}.json"]
    arguments = (words, str(command.config), number, seconds_a_frame)
    process = multiprocessing.get_context("fork").Process(target=_run, args=arguments)
    process.start()
    return process


def long_clip(command, chunks=9):
    return write_video(command.folder / "clip.mp4", num_frames=64 * chunks - 20, options={"bf": "0"})


def alone(command, clip):
    assert command("run", clip, "-o", "alone.json").code == 0
    return Path("alone.json").read_bytes()


def test_two_shards_share_one_long_video(patient):
    clip = long_clip(patient)
    expected = alone(patient, clip)

    both = [start(patient, ["run", str(clip), "-o", "out.json"], k, seconds_a_frame=0.003) for k in (1, 2)]
    for process in both:
        process.join()

    assert [process.exitcode for process in both] == [0, 0], (
        Path("said1.txt").read_text() + Path("said2.txt").read_text()
    )
    assert Path("out.json").read_bytes() == expected
    assert not Path("out.json.partial").exists()
    states = [json.loads(Path(f"s{k}.json").read_text())["clips"][0]["state"] for k in (1, 2)]
    assert sorted(states) == ["done", "finished before"]


def test_shards_begin_with_clips_of_their_own_and_help_afterwards(patient):
    Path("clips").mkdir()
    for number in range(5):
        write_video(Path(f"clips/{number}.mp4"), num_frames=10 + number, options={"bf": "0"})
    Path("clips/4.mp4").write_bytes(b"broken")

    one = patient("run", "clips", "--shard", "2/3", "--summary", "s.json")
    two = patient("run", "clips", "--shard", "1/3", "--log-json")

    assert (one.code, two.code) == (1, 1), "both name the broken one"
    order = [row["clip"] for row in json.loads(Path("s.json").read_text())["clips"]]
    assert set(order[:2]) == {"clips/1.mp4", "clips/4.mp4"}
    assert len(order) == 5
    ended = [json.loads(line) for line in two.err.splitlines()]
    assert [event["state"] for event in ended if event["event"] == "ended"].count("finished before") == 4


def test_a_shard_that_never_returns_is_given_up(patient):
    clip = long_clip(patient)
    expected = alone(patient, clip)
    process = start(patient, ["run", str(clip), "-o", "out.json"], 1, seconds_a_frame=0.01)
    while not list(Path().glob("out.json.partial/units/*.lease")):
        time.sleep(0.01)
    time.sleep(1.0)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert list(Path().glob("out.json.partial/units/*.lease"))

    plain = patient("run", clip, "-o", "out.json")
    done = patient("run", clip, "-o", "out.json", "--shard", "2/2")

    assert plain.code == 1
    assert "shards are at work on it, or were when they ended. Go on with --shard" in plain.err
    assert done.code == 0, done.err
    assert Path("out.json").read_bytes() == expected
    assert not Path("out.json.partial").exists()


def test_what_a_dead_shard_had_computed_is_not_computed_again(patient, monkeypatch):
    clip = long_clip(patient, chunks=3)
    process = start(patient, ["run", str(clip), "-o", "out.json"], 1, of=1, seconds_a_frame=0.01)
    while not list(Path().glob("out.json.partial/units/*/000000.arrow")):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    computed = []
    original = fake_recipe.InventPeople._poses

    def counting(self, record, batch):
        computed.append(record.frame.index)
        return original(self, record, batch)

    monkeypatch.setattr(fake_recipe.InventPeople, "_poses", counting)
    assert patient("run", clip, "-o", "out.json", "--shard", "1/1").code == 0

    assert min(computed) >= 64


def test_a_unit_somebody_is_at_is_left_to_it(patient):
    """A lease that lives is respected: the shard does the rest and comes back."""
    clip = long_clip(patient)
    process = start(patient, ["run", str(clip), "-o", "out.json"], 1, seconds_a_frame=0.02)
    while not (leases := list(Path().glob("out.json.partial/units/*.lease"))):
        time.sleep(0.01)
    first = leases[0].name.removesuffix(".lease")

    assert patient("run", clip, "-o", "out.json", "--shard", "2/2").code == 0
    process.join()

    assert process.exitcode == 0
    assert first.startswith(str(Unit(0, 4, -1))[:6])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--shard", "3/2"), "'3/2' is no shard. Write 1/8 to 8/8"),
        (("--shard", "one"), "'one' is no shard"),
        (("--shard", "1/2", "--workers", "2"), "--shard goes without --workers"),
        (("--shard", "1/2", "--overwrite"), "others are at work too"),
        (("--gpus", "0"), "--gpus are for workers: how many?"),
        (("--workers", "2", "--gpus", "a"), "--gpus a: give numbers of GPUs"),
    ],
)
def test_what_makes_no_sense_is_said(patient, words, message):
    write_video(Path("clip.mp4"), num_frames=3)

    done = patient("run", "clip.mp4", *words)

    assert done.code == 2
    assert message in " ".join(done.err.split())
