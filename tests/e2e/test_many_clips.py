"""`videopose run` on several clips: what is skipped, gone on with, failed, and what is said of it."""

import json
import os
import signal
from pathlib import Path

import fake_recipe
import pytest
from video_files import damage_packets, write_video

import videopose
from videopose.io.results import read_result


@pytest.fixture
def clips(command):
    """Write three clips into a folder, one of them with a frame that cannot be decoded."""
    folder = command.folder / "clips"
    folder.mkdir()
    write_video(folder / "a.mp4", num_frames=12, options={"bf": "0"})
    damage_packets(write_video(folder / "b.mp4", num_frames=14, options={"bf": "0"}), [5])
    write_video(folder / "c.mp4", num_frames=16, options={"bf": "0"})
    return folder


def test_every_clip_of_a_folder_gets_the_result_it_would_get_alone(command, clips):
    done = command("run", "clips", "-o", "out/", "--summary", "s.json")
    alone = command("run", "clips/b.mp4", "-o", "alone.json")

    assert (done.code, alone.code) == (0, 0), done.err
    assert done.out.splitlines() == ["out/a.poses.json", "out/b.poses.json", "out/c.poses.json"]
    assert Path("out/b.poses.json").read_bytes() == Path("alone.json").read_bytes()
    facts = json.loads(Path("s.json").read_text())
    assert facts["totals"] | {"seconds": 0} == {
        "clips": 3, "done": 3, "finished_before": 0, "failed": 0, "not_reached": 0, "frames": 41, "seconds": 0,
    }  # fmt: skip
    assert [(row["clip"], row["frames"], row["people"], row["gaps"]) for row in facts["clips"]] == [
        ("clips/a.mp4", 12, 2, 0), ("clips/b.mp4", 13, 2, 1), ("clips/c.mp4", 16, 2, 0),
    ]  # fmt: skip
    assert "3 of 3 clips done, 41 frames in" in done.err


def test_finished_ones_are_skipped_failed_ones_named_and_the_rest_done(command, clips):
    assert command("run", "clips/a.mp4", "-o", "clips/a.poses.json").code == 0
    before = Path("clips/a.poses.json").stat().st_mtime_ns
    (clips / "b.mp4").write_bytes(b"no video")

    done = command("run", "clips", "--summary", "s.json")

    assert done.code == 1
    states = {row["clip"]: row["state"] for row in json.loads(Path("s.json").read_text())["clips"]}
    assert states == {"clips/a.mp4": "finished before", "clips/b.mp4": "failed", "clips/c.mp4": "done"}
    assert Path("clips/a.poses.json").stat().st_mtime_ns == before
    assert "FAILED  clips/b.mp4: clips/b.mp4: " in done.err
    assert "1 of 3 clips done, 1 finished before, 1 failed, 16 frames" in done.err
    assert not Path("clips/b.poses.json.partial").exists()


def test_a_result_of_other_settings_is_not_taken_for_finished(command, clips):
    command("run", "clips/a.mp4", "-o", "clips/a.poses.json", "--set", "people=1")

    done = command("run", "clips")

    assert done.code == 1
    assert "a.poses.json: is already there, made with other settings (config.people was 1 and is 2)" in done.err
    assert command("run", "clips", "--overwrite").code == 0


def test_an_unfinished_one_goes_on(command, clips):
    write_video(clips / "long.mp4", num_frames=100, options={"bf": "0"})

    def stop(done, total):
        if done == 80:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(videopose.run("clips/long.mp4", "clips/long.poses.json", pipeline=str(command.config), progress=stop))

    forecast = command("run", "clips", "--dry-run")
    assert command("run", "clips").code == 0
    assert "clips/long.mp4 -> clips/long.poses.json: go on after 64 of 100 frames" in forecast.out
    assert len(list(read_result("clips/long.poses.json"))) == 100


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(command, clips):
    (clips / "b.mp4").write_bytes(b"no video")
    command("run", "clips/a.mp4", "-o", "clips/a.poses.json")
    write_video(clips / "c.mp4", num_frames=60)
    there = sorted(path.name for path in clips.iterdir())

    done = command("run", "clips", "--dry-run", "--summary", "s.json")

    assert done.code == 1
    first, second, third, total = done.out.splitlines()
    assert first == "clips/a.mp4 -> clips/a.poses.json: finished before"
    assert second.startswith("clips/b.mp4 -> clips/b.poses.json: clips/b.mp4: ")
    assert third == "clips/c.mp4 -> clips/c.poses.json: all 60 frames"
    assert total.startswith("60 frames to compute, about 0 s at ")
    assert total.endswith("frames per second, measured on clips/c.mp4")
    assert sorted(path.name for path in clips.iterdir()) == there
    assert not Path("s.json").exists()
    assert command("run", "clips/c.mp4", "-o", "new/", "--dry-run").out.startswith(
        "clips/c.mp4 -> new/c.poses.json: all 60"
    )
    assert not Path("new").exists()


def test_a_machine_reads_events_a_line_each(command, clips):
    done = command("run", "clips", "--log-json")

    events = [json.loads(line) for line in done.err.splitlines()]
    assert [event["event"] for event in events] == ["started", "ended"] * 3 + ["summary"]
    assert [event["clip"] for event in events if event["event"] == "started"] == [f"clips/{x}.mp4" for x in "abc"]
    assert events[1]["state"] == "done"
    assert events[-1]["frames"] == 41


def test_quiet_says_only_what_failed(command, clips):
    (clips / "b.mp4").write_bytes(b"")

    done = command("run", "clips", "-q")

    assert [line.partition(":")[0] for line in done.err.splitlines()] == ["[2/3] clips/b.mp4"]


def test_ctrl_c_reports_what_is_done_and_the_same_command_goes_on(command, clips, monkeypatch):
    write_video(clips / "d.mp4", num_frames=100, options={"bf": "0"})
    looked, poses = [], fake_recipe.InventPeople._poses

    def interrupted(self, record, batch):
        looked.append(record.frame.index)
        if len(looked) == 40:
            signal.raise_signal(signal.SIGINT)
        return poses(self, record, batch)

    monkeypatch.setattr(fake_recipe.InventPeople, "_poses", interrupted)
    stopped = command("run", "clips", "--summary", "s.json")
    done = command("run", "clips")

    assert stopped.code == 130
    assert stopped.err.splitlines()[-1] == "Stopped. Type the same command again to go on from here."
    facts = json.loads(Path("s.json").read_text())
    assert facts["stopped"] is True
    assert facts["totals"]["done"] + facts["totals"]["not_reached"] == 4
    assert facts["totals"]["not_reached"] > 0
    assert done.code == 0


def test_a_list_names_spans_boxes_and_results(command, clips):
    (command.folder / "boxes.txt").write_text("1,-1,1,2,3,4,0.5\n")
    (command.folder / "list.csv").write_text(
        "path,start,end,boxes,output\nclips/a.mp4,0.2,,,late\nclips/c.mp4,,,boxes.txt,boxed.csv\n"
    )

    done = command("run", "list.csv", "-o", "out")

    assert done.code == 0, done.err
    assert done.out.splitlines() == ["out/late.poses.json", "out/boxed.csv"]
    assert [record.frame.index for record in read_result("out/late.poses.json")] == list(range(5, 12))
    assert read_result("out/boxed.csv").header.provenance["config"]["detector"]["boxes"] == "boxes.txt"


def test_the_tree_is_kept_and_a_name_that_is_taken_is_not_written_over(command, clips):
    (clips / "deep").mkdir()
    write_video(clips / "deep" / "a.mp4", num_frames=9)
    command("run", "clips", "-o", "out", "-r")

    write_video(clips / "a.mov", num_frames=9)
    (clips / "a.mp4").unlink()
    done = command("run", "clips", "-o", "out", "-r")

    assert len(list(read_result("out/deep/a.poses.json"))) == 9
    assert done.code == 1
    assert "out/a.poses.json: is the result of clips/a.mp4, and would also be that of clips/a.mov" in done.err


def test_each_result_is_drawn(command, clips):
    assert command("run", "clips", "-o", "out", "--save").code == 0

    assert sorted(path.name for path in Path("out").glob("*.mp4")) == [f"{x}.overlay.mp4" for x in "abc"]


def test_names_that_are_no_text_or_would_steer_a_terminal_are_spelled_out(command):
    Path("clips").mkdir()
    for name in (b"clips/caf\xe9.mp4", b"clips/\x1b[31m.mp4"):
        Path(os.fsdecode(name)).write_bytes(b"")

    done = command("run", "clips", "--summary", "s.json")

    assert done.code == 1
    assert "\x1b" not in done.err
    assert "\\x1b[31m.mp4" in done.err
    assert len(json.loads(Path("s.json").read_text())["clips"]) == 2


def test_boxes_of_one_clip_are_refused_for_many(command, clips):
    done = command("run", "clips", "--boxes", "boxes.txt")

    assert done.code == 2
    assert "name those of each in a list, column boxes" in done.err


def test_workers_are_named_with_what_they_do_and_the_time_left(monkeypatch, capsys):
    from videopose.cli import run_many
    from videopose.fleet.inputs import Input

    monkeypatch.setattr(run_many, "SECONDS_BETWEEN_LINES", 0.0)
    speaker = run_many.Speaker([Input("a.mp4", Path("a.json"))])
    speaker.start -= 60
    speaker.working(0.25, ["worker 0 computes chunks 0-3 of a.mp4", "worker 1 joins b.mp4"])

    assert capsys.readouterr().err.splitlines() == [
        "worker 0 computes chunks 0-3 of a.mp4",
        "worker 1 joins b.mp4",
        "25% done, about 3 min 0 s left",
    ]
