"""`--workers N`: the same bytes as one process, whatever dies on the way."""

import errno
import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import fake_recipe
import pytest
from video_files import damage_packets, write_video

from videopose.cli.main import main
from videopose.fleet import processes
from videopose.io import journal_units


@pytest.fixture
def fleet(command, monkeypatch):
    """Return the command line, whose workers are forked: they know the recipe of tests, and start at once."""
    monkeypatch.setattr(processes, "START_METHOD", "fork")
    return command


def clip_of(command, name="clip.mp4", *, chunks=9, damage=(), **options):
    path = write_video(command.folder / name, num_frames=64 * chunks - 20, options={"bf": "0"}, **options)
    return damage_packets(path, damage) if damage else path


def alone(command, clip, *options):
    done = command("run", clip, "-o", "alone.json", "--overwrite", *options)
    assert done.code == 0, done.err
    return Path("alone.json").read_bytes()


@pytest.fixture
def orders(monkeypatch):
    """Collect what workers are told."""
    seen = []
    original = processes.ProcessExecutor.submit

    def submit(self, worker, order):
        seen.append((worker, order))
        original(self, worker, order)

    monkeypatch.setattr(processes.ProcessExecutor, "submit", submit)
    return seen


@pytest.mark.parametrize(
    "options",
    [
        (),
        pytest.param(("--set", "before=2", "--every", "3", "--start", "0.5"), marks=pytest.mark.slow),
        pytest.param(("--set", "before=3"), marks=pytest.mark.slow),
        pytest.param(("--every", "2"), marks=pytest.mark.slow),
        pytest.param(("--frames", "30-500"), marks=pytest.mark.slow),
    ],
)
def test_two_workers_give_the_bytes_of_one(fleet, orders, options):
    clip = clip_of(fleet, chunks=25 if "--every" in options else 9)

    done = fleet("run", clip, "-o", "out.json", "--workers", "2", *options)

    assert done.code == 0, done.err
    assert Path("out.json").read_bytes() == alone(fleet, clip, *options)
    assert sorted(path.name for path in fleet.folder.iterdir()) == ["alone.json", "clip.mp4", "out.json"]
    assert {worker for worker, _ in orders} == {0, 1} or "--every" in options
    assert len({order.unit for _, order in orders if order.kind == "unit"}) >= 2


@pytest.mark.parametrize("damage", [[150], pytest.param([400, 401, 402], marks=pytest.mark.slow)])
def test_a_frame_that_cannot_be_decoded_shifts_later_units_and_changes_no_byte(fleet, orders, damage):
    clip = clip_of(fleet, chunks=13, damage=damage)

    done = fleet("run", clip, "-o", "out.json", "--workers", "2")

    assert done.code == 0, done.err
    assert Path("out.json").read_bytes() == alone(fleet, clip)
    shifted = {order.unit.after % 64 for _, order in orders if order.kind == "unit" and order.unit.after >= 0}
    assert len(shifted) == 2, "units behind the gap are cut anew"


def test_many_clips_share_two_workers_and_a_broken_one_stops_nobody(fleet, orders):
    Path("clips").mkdir()
    for number in range(6):
        write_video(Path(f"clips/{number}.mp4"), num_frames=10 + number, options={"bf": "0"})
    Path("clips/3.mp4").write_bytes(b"broken")

    done = fleet("run", "clips", "-o", "out", "--workers", "2", "--summary", "s.json")
    again = fleet("run", "clips", "-o", "out", "--workers", "2")

    assert (done.code, again.code) == (1, 1)
    rows = {Path(row["clip"]).stem: row for row in json.loads(Path("s.json").read_text())["clips"]}
    assert [rows[str(k)]["frames"] for k in range(6)] == [10, 11, 12, 0, 14, 15]
    assert rows["3"]["state"] == "failed"
    assert "clips/3.mp4" in rows["3"]["error"]
    assert len([order for _, order in orders if order.clip.clip == "clips/3.mp4"]) == 2, "once in each call"
    assert "0 of 6 clips done, 5 finished before, 1 failed" in again.err
    assert sorted(path.name for path in Path("out").iterdir()) == [f"{k}.poses.json" for k in (0, 1, 2, 4, 5)]


def _killed(command, words, moments):
    """Run a command line in a process of its own and kill its workers at some moments; return its exit code."""
    process = multiprocessing.get_context("fork").Process(target=_run, args=(words, str(command.config)))
    process.start()
    killed = 0
    for moment in moments:
        time.sleep(moment)
        workers = _children(process.pid)
        if workers:
            os.kill(workers[killed % len(workers)], signal.SIGKILL)
            killed += 1
    process.join(120)
    return process.exitcode, killed


def _children(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _run(words, config, seconds_a_frame=0.004):
    os.environ[fake_recipe.SECONDS_A_FRAME] = str(seconds_a_frame)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    processes.START_METHOD = "fork"
    with open("said.txt", "a", buffering=1) as said:  # noqa: PTH123 - a plain file in the test's folder
        sys.stdout = sys.stderr = said
        code = main([*words, "--pipeline", config])
    os._exit(code)


def kill_workers(command, clip, kills, seed):
    """Kill workers at random moments of several runs of one clip until so many kills have met one."""
    expected, moments, met = alone(command, clip), random.Random(seed), 0
    while met < kills:
        words = ["run", str(clip), "-o", "out.json", "--workers", "2", "--overwrite"]
        code, killed = _killed(command, words, [moments.uniform(0.1, 1.0) for _ in range(2)])
        met += killed
        assert code == 0, Path("said.txt").read_text()
        assert Path("out.json").read_bytes() == expected
        assert not Path("out.json.partial").exists()
    return met


def kill_drivers(command, clip, kills, seed):
    """Kill the driver at random moments and type its command again, until so many kills have met it."""
    expected, moments, met = alone(command, clip), random.Random(seed), 0
    words = ["run", str(clip), "-o", "out.json", "--workers", "2"]
    while met < kills:
        process = multiprocessing.get_context("fork").Process(target=_run, args=(words, str(command.config)))
        process.start()
        process.join(moments.uniform(0.3, 1.5))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            met += 1
            time.sleep(0.7)  # its workers notice, and let go of the lock a fork has given them
            if Path("out.json").exists():
                assert Path("out.json").read_bytes() == expected
        else:
            assert process.exitcode == 0, Path("said.txt").read_text()
            assert Path("out.json").read_bytes() == expected
            Path("out.json").unlink()
    done = command(*words)
    assert done.code == 0, done.err
    assert Path("out.json").read_bytes() == expected
    assert not Path("out.json.partial").exists()
    return met


def test_workers_may_be_killed(fleet):
    assert kill_workers(fleet, clip_of(fleet), kills=2, seed=1) >= 2


def test_the_driver_may_be_killed(fleet):
    assert kill_drivers(fleet, clip_of(fleet), kills=2, seed=1) == 2


@pytest.mark.slow
def test_workers_may_be_killed_many_times(fleet):
    assert kill_workers(fleet, clip_of(fleet), kills=int(os.environ.get("VIDEOPOSE_TEST_KILLS", "12")), seed=2) >= 12


@pytest.mark.slow
def test_the_driver_may_be_killed_many_times(fleet):
    assert kill_drivers(fleet, clip_of(fleet), kills=10, seed=2) == 10


def test_a_worker_that_keeps_dying_is_tried_three_times(fleet, orders, monkeypatch):
    monkeypatch.setattr(fake_recipe.InventPeople, "_poses", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    clip = clip_of(fleet, chunks=2)

    done = fleet("run", clip, "-o", "out.json", "--workers", "1")

    assert done.code == 1
    assert len([order for _, order in orders if order.kind == "unit"]) == 3
    assert "the worker died (SIGKILL: out of memory, or ended by somebody) (tried 3 times)" in done.err


def test_what_is_done_when_a_clip_fails_is_kept_for_the_next_run(fleet, orders, monkeypatch):
    """A full disk in one worker: its chunks, and those of the others, are not computed again."""
    clip = clip_of(fleet)
    expected = alone(fleet, clip)
    original = journal_units.write_chunk

    def full(path, run, number, records):
        if number == 6:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return original(path, run, number, records)

    monkeypatch.setattr(journal_units, "write_chunk", full)
    failed = fleet("run", clip, "-o", "out.json", "--workers", "2")
    monkeypatch.setattr(journal_units, "write_chunk", original)
    counted = fleet.folder / "computed"
    batch = fake_recipe.InventPeople._poses

    def counting(self, record, size):
        with counted.open("a") as file:
            file.write(f"{record.frame.index}\n")
        return batch(self, record, size)

    monkeypatch.setattr(fake_recipe.InventPeople, "_poses", counting)
    done = fleet("run", clip, "-o", "out.json", "--workers", "2")

    assert failed.code == 1
    assert "No space left on device (tried 3 times)" in failed.err
    assert done.code == 0
    assert Path("out.json").read_bytes() == expected
    assert min(map(int, counted.read_text().split())) >= 6 * 64 - 5


def test_one_process_goes_on_with_what_workers_have_left(fleet, monkeypatch):
    clip = clip_of(fleet)
    expected = alone(fleet, clip)
    threading.Timer(2.0, signal.raise_signal, [signal.SIGINT]).start()
    monkeypatch.setenv(fake_recipe.SECONDS_A_FRAME, "0.02")

    stopped = fleet("run", clip, "-o", "out.json", "--workers", "2")
    left = sorted(Path("out.json.partial/units").glob("*/*.arrow"))
    monkeypatch.setenv(fake_recipe.SECONDS_A_FRAME, "0")
    done = fleet("run", clip, "-o", "out.json")

    assert stopped.code == 130
    assert stopped.err.splitlines()[-1] == "Stopped. Type the same command again to go on from here."
    assert left, "a second is enough for a chunk"
    assert done.code == 0
    assert Path("out.json").read_bytes() == expected
    assert not Path("out.json.partial").exists()


def test_a_second_driver_is_refused(fleet, monkeypatch):
    clip = clip_of(fleet, chunks=2)
    monkeypatch.setenv(fake_recipe.SECONDS_A_FRAME, "0.02")
    words = ["run", str(clip), "-o", "out.json", "--workers", "2"]
    process = multiprocessing.get_context("fork").Process(target=_run, args=(words, str(fleet.config), 0.03))
    process.start()
    while not Path("out.json.partial/journal.json").exists():
        time.sleep(0.01)

    second, plain = fleet(*words), fleet("run", clip, "-o", "out.json")
    process.join()

    assert (second.code, plain.code, process.exitcode) == (1, 1, 0)
    assert "another run is writing this result" in second.err
    assert "another run is writing this result" in plain.err


def test_fewer_workers_where_memory_is_short(fleet, orders, monkeypatch, caplog):
    monkeypatch.setattr(processes, "free_memory", lambda: 1)

    done = fleet("run", clip_of(fleet, chunks=9), "-o", "out.json", "--workers", "3")

    assert done.code == 0
    assert {worker for worker, _ in orders} == {0}
    assert "1 workers instead of 3: one needs about" in caplog.text
