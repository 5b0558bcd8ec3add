"""What an unfinished run must have in common with the one that goes on, and what a finished one is known by."""

import json
import os

import cv2
import fake_recipe
import numpy as np
import pytest
import torch
from video_files import frame_image, write_video

import videopose
from videopose.errors import AlreadyFinishedError, InputError
from videopose.io import provenance
from videopose.io.results import read_result
from videopose.stages.sink import WriteResult
from videopose.workflows import running


@pytest.fixture
def long_clip(command):
    """Write a clip of two chunks."""
    return write_video(command.folder / "clip.mp4", num_frames=100)


def stop_at(frames):
    def stop(done, total):
        if done == frames:
            raise KeyboardInterrupt

    return stop


def half_done(command, clip, **options):
    """Leave a run behind that broke off after a chunk."""
    run = videopose.run(clip, "out.json", pipeline=str(command.config), progress=stop_at(80), **options)
    with pytest.raises(KeyboardInterrupt):
        list(run)


def leaves(values, prefix=""):
    for key, value in values.items():
        yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]


def test_the_identity_holds_everything_that_changes_a_chunk(command, long_clip):
    (command.folder / "boxes.txt").write_text("1,-1,1,2,3,4,0.5\n")
    half_done(command, long_clip, overrides=["detector.source=file", "detector.boxes=boxes.txt"])

    identity = json.loads((command.folder / "out.json.partial" / "journal.json").read_text())["identity"]

    assert sorted(leaves(identity)) == sorted(
        [
            *("version", "torch", "device"),
            *("computing.runtime", "computing.version", "computing.instruction_set"),
            *("computing.precision", "computing.published_precision"),
            *("weights.people.option", "weights.people.name", "weights.people.sha256"),
            *("files.detector.boxes.path", "files.detector.boxes.bytes", "files.detector.boxes.sha256"),
            *("config.recipe", "config.people", "config.window", "config.before"),
            *("config.detector.source", "config.detector.boxes"),
            *("asked.video.bytes", "asked.video.sha256", "asked.backend", "asked.start", "asked.end"),
            *("asked.frames", "asked.every", "asked.frame_rate", "asked.stream", "asked.keep_holes"),
        ]
    )


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (("--set", "window=7"), "config.window was 5 and is 7"),
        (("--set", "people=1"), "config.people was 2 and is 1"),
        (("--set", "before=1"), "config.before was 0 and is 1"),
        (("--single-person",), 'config.detector.source was "network" and is "frame"'),
        (("--frames", "0-98"), "asked.frames was null and is [0, 98]"),
        (("--every", "2"), "asked.every was 1 and is 2"),
        (("--start", "0"), "asked.start was null and is 0.0"),
        (("--end", "3"), "asked.end was null and is 3.0"),
        (("--backend", "opencv"), 'asked.backend was "pyav" and is "opencv"'),
    ],
)
def test_a_run_with_another_value_does_not_go_on(command, long_clip, options, change):
    half_done(command, long_clip)

    done = command("run", long_clip, "-o", "out.json", *options)

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert f"an unfinished run was begun with other settings: {change}" in done.err


@pytest.mark.parametrize(
    ("patch", "change"),
    [
        ((torch, "__version__", "9.9"), "torch was"),
        ((provenance, "__version__", "9.9"), "version was"),
        ((fake_recipe.FakeRecipe, "weights", lambda _: [{"option": "people", "name": "fake", "sha256": "1"}]),
         "weights.people (fake) has other content"),
    ],
)  # fmt: skip
def test_nor_does_one_by_another_version_or_with_other_weights(command, long_clip, monkeypatch, patch, change):
    half_done(command, long_clip)
    monkeypatch.setattr(*patch)

    done = command("run", long_clip, "-o", "out.json")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert f"begun with other settings: {change}" in done.err


def images(folder, number, *, shade=0):
    folder.mkdir(exist_ok=True)
    for k in range(number):
        cv2.imwrite(str(folder / f"{k:03}.bmp"), np.clip(frame_image(k).astype(int) + shade, 0, 255).astype(np.uint8))


def test_another_frame_rate_is_noticed(command):
    images(command.folder / "images", 100)
    half_done(command, "images", frame_rate=10)

    done = command("run", "images", "-o", "out.json", "--frame-rate", "20")

    assert "begun with other settings: asked.frame_rate was 10 and is 20.0" in done.err


@pytest.mark.parametrize("name", ["images", "images/*.bmp"])
def test_images_of_the_same_names_and_sizes_are_noticed(command, name):
    images(command.folder / "images", 100)
    half_done(command, name)
    images(command.folder / "images", 100, shade=9)

    done = command("run", name, "-o", "out.json")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "begun with other settings: asked.video has other content" in done.err


def test_swapped_boxes_are_noticed_and_named(command, long_clip):
    (command.folder / "boxes.txt").write_text("1,-1,1,2,3,4,0.5\n")
    half_done(command, long_clip, overrides=["detector.source=file", "detector.boxes=boxes.txt"])
    (command.folder / "boxes.txt").write_text("1,-1,1,2,3,4,0.6\n")

    done = command("run", long_clip, "-o", "out.json", "--boxes", "boxes.txt")

    assert "begun with other settings: files.detector.boxes (boxes.txt) has other content." in done.err


def test_a_file_swapped_before_the_work_begins_is_noticed(command, long_clip):
    (command.folder / "boxes.txt").write_text("1,-1,1,2,3,4,0.5\n")
    chosen = ["detector.source=file", "detector.boxes=boxes.txt"]
    run = videopose.run(long_clip, pipeline=str(command.config), overrides=chosen)
    (command.folder / "boxes.txt").write_text("1,-1,1,2,3,4,0.6\n")

    with pytest.raises(InputError, match=r"since the run was made, files\.detector\.boxes \(boxes\.txt\) has other"):
        list(run)


def test_tracking_may_change_before_a_run_goes_on(command, long_clip):
    (command.folder / "names.txt").write_text("former names")
    changed = ("--set", "numbers.first=5", "--set", "numbers.names=names.txt")
    half_done(command, long_clip, overrides=["numbers.names=names.txt"])
    (command.folder / "names.txt").write_text("other names")

    done = command("run", long_clip, "-o", "out.json", *changed)
    command("run", long_clip, "-o", "whole.json", *changed)

    assert done.code == 0
    assert "going on after 64 of 100 frames" in done.err
    assert (command.folder / "out.json").read_bytes() == (command.folder / "whole.json").read_bytes()
    assert json.loads((command.folder / "out.json").read_text())["frames"][0]["people"][0]["track_id"] == 5


def test_a_clip_replaced_while_it_is_read_is_one_line_and_what_is_kept_is_of_the_former(command, long_clip):
    command("run", long_clip, "-o", "whole.json")
    former = long_clip.read_bytes()
    write_video(command.folder / "other.mp4", num_frames=90)

    def replaced(done, total):
        if done == 70:
            long_clip.write_bytes((command.folder / "other.mp4").read_bytes())

    with pytest.raises(InputError, match=r"clip\.mp4: was replaced while it was read"):
        list(videopose.run(long_clip, "out.json", pipeline=str(command.config), progress=replaced))
    refused = command("run", long_clip, "-o", "out.json")
    long_clip.write_bytes(former)
    done = command("run", long_clip, "-o", "out.json")

    assert "asked.video has other content" in refused.err
    assert "going on after 64 of 100 frames" in done.err
    assert (command.folder / "out.json").read_bytes() == (command.folder / "whole.json").read_bytes()


def test_without_an_output_a_replaced_clip_is_noticed_too(command, long_clip):
    def replaced(done, total):
        if done == 70:
            write_video(long_clip, num_frames=90)

    with pytest.raises(InputError, match=r"clip\.mp4: was replaced while it was read"):
        list(videopose.run(long_clip, pipeline=str(command.config), progress=replaced))


def test_iterating_a_finished_run_again_raises(command, clip):
    run = videopose.run(clip, "out.json", pipeline=str(command.config))
    list(run)
    (command.folder / "out.json").write_text("mine")

    with pytest.raises(InputError, match=r"out\.json: this run is over and its result written"):
        list(run)

    assert (command.folder / "out.json").read_text() == "mine"
    assert sorted(path.name for path in command.folder.iterdir()) == ["clip.mp4", "out.json"]


def test_a_run_that_was_left_may_be_iterated_again(command, long_clip):
    run = videopose.run(long_clip, "out.json", pipeline=str(command.config))
    run.progress = stop_at(80)
    with pytest.raises(KeyboardInterrupt):
        list(run)
    run.progress = None

    assert len(list(run)) == 100
    assert len(list(read_result("out.json"))) == 100


def test_a_run_without_an_output_may_be_iterated_again(command, clip):
    run = videopose.run(clip, pipeline=str(command.config))

    assert len(list(run)) == len(list(run)) == 40


def test_a_result_that_appears_meanwhile_is_not_replaced(command, clip):
    run = videopose.run(clip, "out.json", pipeline=str(command.config))
    (command.folder / "out.json").write_text("of another run")

    with pytest.raises(InputError, match=r"out\.json: is already there\. Add --overwrite"):
        list(run)

    assert (command.folder / "out.json").read_text() == "of another run"


@pytest.mark.parametrize("suffix", ["json", "parquet", "csv"])
def test_the_same_command_again_is_done_with_one_line(command, clip, monkeypatch, suffix):
    command("run", clip, "-o", f"out.{suffix}")
    before = (command.folder / f"out.{suffix}").read_bytes()
    monkeypatch.setattr(fake_recipe.FakeRecipe, "networks", None)

    done = command("run", clip, "-o", f"out.{suffix}")

    assert (done.code, done.out) == (0, f"out.{suffix}\n")
    assert done.err == f"out.{suffix}: is already finished. Add --overwrite to make it again\n"
    assert (command.folder / f"out.{suffix}").read_bytes() == before
    with pytest.raises(AlreadyFinishedError, match="already finished"):
        videopose.run(clip, f"out.{suffix}", pipeline=str(command.config))


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (("--set", "numbers.first=5"), "config.numbers.first was 1 and is 5"),
        (("--frames", "0-20"), "asked.frames was null and is [0, 20]"),
    ],
)
def test_another_command_says_what_the_result_was_made_with(command, clip, options, change):
    command("run", clip)

    done = command("run", clip, *options)

    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert f"clip.poses.json: is already there, made with other settings ({change}). Add --overwrite" in done.err


def test_the_same_command_again_draws_what_is_asked_for_more(command, clip):
    command("run", clip, "-o", "r.json")

    done = command("run", clip, "-o", "r.json", "--save")
    again = command("run", clip, "-o", "r.json", "--save")

    assert (done.code, done.out) == (0, "r.json\nr.overlay.mp4\n")
    assert (again.code, again.out) == (0, "r.json\n")
    assert (command.folder / "r.overlay.mp4").stat().st_size > 1000


def test_save_alone_means_video_and_the_overlay_is_named_after_the_result(command, clip):
    done = command("run", clip, "-o", "r.poses.json", "--save", "-q")

    assert (done.code, done.out) == (0, "r.poses.json\nr.overlay.mp4\n")


def test_an_overlay_that_is_there_is_not_replaced(command, clip):
    (command.folder / "clip.overlay.mp4").write_text("mine")

    done = command("run", clip, "--save", "video")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "clip.overlay.mp4: is already there" in done.err
    assert not (command.folder / "clip.poses.json").exists()


def test_a_journal_that_a_kill_left_beside_its_result_goes_away(command, long_clip, monkeypatch):
    monkeypatch.setattr(running.JournalStore, "remove", lambda self: None)
    command("run", long_clip, "-o", "out.json")
    monkeypatch.undo()
    assert (command.folder / "out.json.partial" / "end.json").exists()
    fake_recipe.install(monkeypatch.setattr)
    os.chdir(command.folder)

    assert command("run", long_clip, "-o", "out.json").code == 0
    assert sorted(path.name for path in command.folder.iterdir()) == ["clip.mp4", "out.json"]


def other_of_the_same_name(command, kind):
    if kind == "folder":
        images(command.folder / "clip", 40)
        return "clip"
    (command.folder / "clip.mkv").write_bytes((command.folder / "clip.mp4").read_bytes())
    return "clip.mkv"


@pytest.mark.parametrize("kind", ["video", "folder"])
@pytest.mark.parametrize("option", [None, "--overwrite", "--restart"])
def test_two_clips_of_one_name_do_not_share_a_result(command, clip, kind, option):
    other = other_of_the_same_name(command, kind)
    name = {"video": "clip.mkv.poses.json", "folder": "clip.images.poses.json"}[kind]
    command("run", clip)
    before = (command.folder / "clip.poses.json").read_bytes()

    done = command("run", other, *([option] if option else []))

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert f"is the result of {clip}, and would also be that of {other}" in done.err
    assert f"-o {name}" in done.err
    assert (command.folder / "clip.poses.json").read_bytes() == before
    assert command("run", other, "-o", name).code == 0


@pytest.mark.parametrize("option", [None, "--overwrite", "--restart"])
def test_nor_an_unfinished_run(command, long_clip, option):
    other = other_of_the_same_name(command, "video")
    run = videopose.run("clip.mp4", "clip.poses.json", pipeline=str(command.config), progress=stop_at(80))
    with pytest.raises(KeyboardInterrupt):
        list(run)

    done = command("run", other, *([option] if option else []))

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "is begun as the result of clip.mp4" in done.err
    assert "going on after 64" in command("run", "clip.mp4").err


def test_a_name_that_was_chosen_may_be_given_again(command, clip):
    other = other_of_the_same_name(command, "video")
    command("run", clip, "-o", "clip.poses.json")

    assert command("run", other, "-o", "clip.poses.json", "--overwrite").code == 0
    assert read_result("clip.poses.json").header.video.path == other


@pytest.mark.parametrize(
    ("name", "output"),
    [("x.json", "x.json"), ("x.json.part", "x.json"), ("x.json.partial/x.mp4", "x.json"), ("link.json", "x.json")],
)
def test_the_clip_is_never_replaced_by_its_result(command, clip, name, output):
    path = command.folder / name
    path.parent.mkdir(exist_ok=True)
    before = clip.read_bytes()
    clip.rename(path)
    if name == "link.json":
        (command.folder / output).hardlink_to(path)

    done = command("run", name, "-o", output, "--overwrite")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert path.read_bytes() == before
    assert not (command.folder / output).exists() or (command.folder / output).read_bytes() == before


def test_nor_is_one_of_its_images(command):
    images(command.folder / "images", 3)
    (command.folder / "images" / "1.json").write_bytes((command.folder / "images" / "001.bmp").read_bytes())

    done = command("run", "images/*", "-o", "images/1.json", "--overwrite")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "is what the result is made from" in done.err


@pytest.mark.parametrize("name", ["out.json.part", "out.json.partial"])
def test_links_are_not_written_through(command, clip, name):
    (command.folder / "mine").mkdir()
    (command.folder / "mine" / "file").write_text("mine")
    target = command.folder / "mine" if name.endswith("partial") else command.folder / "mine" / "file"
    (command.folder / name).symlink_to(target)

    done = command("run", clip, "-o", "out.json")

    assert done.code == (1 if name.endswith("partial") else 0)
    assert [path.name for path in (command.folder / "mine").iterdir()] == ["file"]
    assert (command.folder / "mine" / "file").read_text() == "mine"


def test_restart_leaves_a_live_run_alone(command, long_clip):
    answers = []

    def meanwhile(done, total):
        if done == 80:
            answers.append(command("run", long_clip, "-o", "out.json", "--restart", "--overwrite", "--set", "people=1"))

    frames = list(videopose.run(long_clip, "out.json", pipeline=str(command.config), progress=meanwhile))

    assert (len(frames), len(frames[0].people)) == (100, 2)
    assert (answers[0].code, answers[0].err.count("\n")) == (1, 1)
    assert "another run is writing this result" in answers[0].err
    assert sorted(path.name for path in command.folder.iterdir()) == ["clip.mp4", "out.json"]


def test_a_kill_while_the_result_is_written_leaves_the_old_one(command, long_clip, monkeypatch):
    (command.folder / "out.json").write_text("old")

    def broken(self, records):
        for record in original(self, records):
            if record.frame.index == 50:
                raise KeyboardInterrupt
            yield record

    original = WriteResult.__call__
    monkeypatch.setattr(WriteResult, "__call__", broken)

    assert command("run", long_clip, "-o", "out.json", "--overwrite").code == 130
    assert (command.folder / "out.json").read_text() == "old"
