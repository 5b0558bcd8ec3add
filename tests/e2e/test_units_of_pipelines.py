"""Every shipped pipeline: units computed by workers that know nothing of one another join to the bytes of one run."""

import random
from importlib import resources
from pathlib import Path

import pytest
from demo_clip import write_demo_clip
from video_files import write_video

import videopose
from videopose.cli.main import main
from videopose.fleet import layout
from videopose.fleet.executor import Order
from videopose.fleet.inputs import Input
from videopose.fleet.job import Job
from videopose.fleet.worker import Worker
from videopose.runtime import choice

PIPELINES = sorted(
    path.name.removesuffix(".yaml")
    for path in resources.files("videopose.configs").joinpath("pipelines").iterdir()
    if path.name.endswith(".yaml")
)
SMALL = ("detector.source=frame", "smoothing.method=none", "tracker.keep_untracked=true")


def in_parts(clip, output, pipeline, overrides):
    """Compute a clip's units in any order, by two workers, then join them; return how many there were."""
    job, given = Job(pipeline, overrides, device="cpu"), Input(str(clip), output)
    workers = [Worker(job), Worker(job)]
    workers[1]._loaded = (job.overrides, workers[0].networks(given))  # loading takes longer than all else
    opened = workers[0].do(Order("open", given, "a", wanted=9))
    assert opened.layout is not None, opened.error
    units = opened.layout.units({})
    random.Random(4).shuffle(units)
    for number, unit in enumerate(units):
        answer = workers[number % 2].do(Order("unit", given, f"b{number}", unit))
        assert answer.done is not None, answer.error
    joined = workers[1].do(Order("join", given, "c"))
    assert joined.report is not None, joined.error
    assert joined.report.state == "done"
    return len(units)


def both_ways(clip, folder, pipeline, overrides=()):
    count = in_parts(clip, folder / "parts.json", pipeline, overrides)
    for _ in videopose.run(clip, folder / "whole.json", pipeline=pipeline, overrides=overrides, device="cpu"):
        pass

    whole = (folder / "whole.json").read_bytes()
    assert count >= 2
    assert b'"track_id"' in whole, "somebody is there"
    assert (folder / "parts.json").read_bytes() == whole


@pytest.fixture
def _short_units(monkeypatch):
    """Let a unit be a single chunk, whatever it costs."""
    monkeypatch.setattr(layout, "FEWEST", 1)
    monkeypatch.setattr(layout, "DEAREST", 10.0)


def test_the_shipped_pipelines_are_found():
    assert {"default", "fast", "accurate", "dcpose", "tubes", "flow"} <= set(PIPELINES)


@pytest.mark.usefixtures("_short_units")
@pytest.mark.parametrize("pipeline", ["default", pytest.param("tubes", marks=pytest.mark.slow)])
def test_parts_of_a_small_clip_join_to_the_whole(tmp_path, pipeline):
    clip = write_video(tmp_path / "clip.mp4", num_frames=80, size_hw=(120, 160))

    both_ways(clip, tmp_path, pipeline, SMALL)


@pytest.mark.slow
@pytest.mark.usefixtures("_short_units")
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_parts_join_to_the_whole(tmp_path, pipeline):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    clip = tmp_path / "clip.mp4"
    write_demo_clip(clip, num_frames=140)

    both_ways(clip, tmp_path, pipeline)


@pytest.mark.slow
@pytest.mark.usefixtures("_short_units")
@pytest.mark.parametrize("features", ["flow=dis", "camera=true", "recover=true", "appearance=true"])
def test_so_do_parts_whose_tracker_measures_pixels(tmp_path, features):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    clip = tmp_path / "clip.mp4"
    write_demo_clip(clip, num_frames=140)

    both_ways(clip, tmp_path, "fast", (f"tracker.features.{features}",))


@pytest.mark.slow
def test_real_processes_give_the_bytes_of_one(tmp_path, capfd):
    """Workers that begin from nothing, as they do for a user."""
    clip = write_video(tmp_path / "clip.mp4", num_frames=530, size_hw=(120, 160))
    words = ["run", str(clip), "--pipeline", "fast", "--set", "pose.input_hw=[64,32]"]
    words += [word for text in SMALL for word in ("--set", text)]

    assert main([*words, "-o", str(tmp_path / "two.json"), "--workers", "2"]) == 0, capfd.readouterr().err
    assert main([*words, "-o", str(tmp_path / "one.json")]) == 0

    assert (tmp_path / "two.json").read_bytes() == (tmp_path / "one.json").read_bytes()


def test_a_worker_that_would_round_otherwise_is_refused_by_name(command, clip, monkeypatch):
    given, job = Input(str(clip), Path("out.json")), Job(str(command.config))
    (unit,) = Worker(job).do(Order("open", given, "a")).layout.units({})
    here = choice.instruction_set()
    other = next(each for each in ("avx2", "avx512") if each != here)
    monkeypatch.setattr(choice, "instruction_set", lambda: other)

    answer = Worker(job).do(Order("unit", given, "b", unit))

    assert answer.done is None
    assert not answer.is_lost, "it would be refused again"
    assert f'computing.instruction_set was "{here}" and is "{other}"' in answer.error
