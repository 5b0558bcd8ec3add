"""A run that is killed goes on when its command is typed again, and ends with the same bytes."""

import errno
import multiprocessing
import os
import random
import signal
import sys
import time

import fake_recipe
import pytest
from video_files import damage_packets, write_video

import videopose
from videopose.cli.main import main
from videopose.errors import VideoPoseError
from videopose.stages.sink import WriteResult


@pytest.fixture
def long_clip(command):
    """Write a clip of four chunks, with damage in the second."""
    path = write_video(command.folder / "clip.mp4", num_frames=230, options={"bf": "0"})
    return damage_packets(path, [90, 91, 229])


def start(command, clip, output, *, seconds_a_frame=0.0):
    """Begin a run in a process of its own; forked, because importing torch anew takes longer than the run."""
    words = ["run", str(clip), "-o", str(output), "--pipeline", str(command.config)]
    process = multiprocessing.get_context("fork").Process(target=_run, args=(words, seconds_a_frame))
    process.start()
    return process


def _run(words, seconds_a_frame):
    os.environ[fake_recipe.SECONDS_A_FRAME] = str(seconds_a_frame)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started deaf to it
    with open("said.txt", "w", buffering=1) as said:  # noqa: PTH123 - a plain file in the test's folder
        sys.stdout = sys.stderr = said
        code = main(words)
    os._exit(code)


def wait_for_chunk(folder, number, process):
    chunk = folder / f"{number:06}.arrow"
    while not chunk.exists():
        assert process.is_alive()
        time.sleep(0.005)


def test_five_kills_change_no_byte(command, long_clip):
    assert command("run", long_clip, "-o", "whole.json").code == 0
    expected = (command.folder / "whole.json").read_bytes()
    output = command.folder / "killed.json"
    moments = random.Random(3)

    for kill in range(5):
        process = start(command, long_clip, output, seconds_a_frame=0.01)
        if kill < 3:
            wait_for_chunk(command.folder / "killed.json.partial", kill, process)
        time.sleep(moments.uniform(0, 0.1))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run was quicker than the kill"
        assert not output.exists()
    process = start(command, long_clip, output)
    process.join()

    assert process.exitcode == 0
    assert (command.folder / "said.txt").read_text().splitlines()[-1] == str(output)
    assert output.read_bytes() == expected
    assert not (command.folder / "killed.json.partial").exists()


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(command, long_clip):
    output = command.folder / "clip.json"
    process = start(command, long_clip, output, seconds_a_frame=0.01)
    wait_for_chunk(command.folder / "clip.json.partial", 0, process)

    os.kill(process.pid, signal.SIGINT)
    process.join(timeout=30)

    said = (command.folder / "said.txt").read_text()
    assert process.exitcode == 130
    assert said.splitlines()[-1] == "Stopped. Type the same command again to go on from here."
    assert "Traceback" not in said
    assert not output.exists()
    assert not list(command.folder.glob("*.part"))


def test_the_second_run_does_not_compute_what_is_kept(command, long_clip, monkeypatch):
    half_done(command, long_clip, 100)
    computed = []
    original = fake_recipe.InventPeople._poses

    def counting(self, record, batch):
        computed.append(record.frame.index)
        return original(self, record, batch)

    monkeypatch.setattr(fake_recipe.InventPeople, "_poses", counting)
    done = command("run", long_clip, "-o", "clip.json")

    assert done.code == 0
    assert "going on after 64 of 230 frames" in done.err
    assert computed == [k for k in range(64, 229) if k not in (90, 91)]


def test_neighbours_of_the_first_missing_frame_are_seen_again(command, long_clip):
    options = ("--set", "before=3")
    command("run", long_clip, "-o", "whole.json", *options)
    half_done(command, long_clip, 100, overrides=["before=3"])

    done = command("run", long_clip, "-o", "clip.json", *options)

    assert "going on after 64" in done.err
    assert (command.folder / "clip.json").read_bytes() == (command.folder / "whole.json").read_bytes()


def half_done(command, clip, frames, **options):
    """Leave a run behind that broke off after some frames."""

    def stop(done, total):
        if done == frames:
            raise KeyboardInterrupt

    run = videopose.run(clip, "clip.json", pipeline=str(command.config), progress=stop, **options)
    with pytest.raises(KeyboardInterrupt):
        list(run)


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (("--set", "window=7"), "config.window was 5 and is 7"),
        (("--frames", "0-99"), "asked.frames was null and is [0, 99]"),
        (("--every", "2"), "asked.every was 1 and is 2"),
    ],
)
def test_a_changed_setting_is_noticed(command, long_clip, options, change):
    half_done(command, long_clip, 100)

    done = command("run", long_clip, "-o", "clip.json", *options)

    assert done.code == 1
    assert f"an unfinished run was begun with other settings: {change}." in done.err
    assert "start over with --restart" in done.err
    assert done.err.count("\n") == 1


def test_a_changed_video_is_noticed(command, long_clip):
    half_done(command, long_clip, 100)
    write_video(long_clip, num_frames=200)

    done = command("run", long_clip, "-o", "clip.json")

    assert done.code == 1
    assert "other settings: asked.video has other content" in done.err


def test_restart_begins_anew(command, long_clip):
    half_done(command, long_clip, 100)

    done = command("run", long_clip, "-o", "clip.json", "--set", "window=7", "--restart")

    assert done.code == 0
    assert "going on" not in done.err


def test_a_full_disk_is_one_line_and_the_run_goes_on_later(command, long_clip, monkeypatch):
    command("run", long_clip, "-o", "whole.json")
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    failed = command("run", long_clip, "-o", "clip.json")
    monkeypatch.setattr(os, "fsync", real)
    done = command("run", long_clip, "-o", "clip.json")

    assert failed.code == 1
    assert "cannot be written (No space left on device)" in failed.err
    assert "frames done so far are kept" in failed.err
    assert failed.err.count("\n") == 1
    assert done.code == 0
    assert "going on after 128" in done.err
    assert (command.folder / "clip.json").read_bytes() == (command.folder / "whole.json").read_bytes()


def test_a_kill_while_the_result_is_written_costs_nothing(command, long_clip, monkeypatch):
    command("run", long_clip, "-o", "whole.json")

    def broken(self, records):
        def dimming():
            for record in records:
                if record.frame.index == 50:
                    raise VideoPoseError("the lights went out")
                yield record

        yield from original(self, dimming())

    original = WriteResult.__call__
    monkeypatch.setattr(WriteResult, "__call__", broken)
    assert command("run", long_clip, "-o", "clip.json").code == 1
    assert not list(command.folder.glob("*.part"))
    monkeypatch.setattr(WriteResult, "__call__", original)
    monkeypatch.setattr(fake_recipe.InventPeople, "__call__", None)  # the networks are not asked again

    assert command("run", long_clip, "-o", "clip.json").code == 0
    assert (command.folder / "clip.json").read_bytes() == (command.folder / "whole.json").read_bytes()
