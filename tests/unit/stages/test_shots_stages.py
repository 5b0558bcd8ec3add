"""Shots in streams of records: ids, links, filled gaps and windows end where the scene changes."""

from dataclasses import replace
from fractions import Fraction
from typing import get_args

import pytest
import torch
from builders import assert_same_records
from click.testing import CliRunner
from tracking_builders import SKELETON, people

from videopose.catalog import recipe
from videopose.cli.track import command
from videopose.config import input_paths
from videopose.errors import DatasetError, InputError
from videopose.estimators.image_signature import image_signature
from videopose.io.journal_store import JournalStore
from videopose.io.result import ResultHeader
from videopose.io.results import read_result, write_result
from videopose.io.shots_file import read_shots
from videopose.stages.pipeline import Window
from videopose.stages.shots import GivenShots, MeasureSignatures, NumberShots, shot_stages
from videopose.stages.smooth import TrackAndSmooth
from videopose.stages.temporal import _moments
from videopose.stages.track import TrackPoses
from videopose.tracking.options import SmoothingOptions, TrackerName, TrackerOptions
from videopose.types import Frame, Record, TrackingFeatures, VideoInfo


def records(frames=60, starts=(30,), score=0.9):
    """Two people who stand on one place all the time, whoever they are."""
    still = people([[200, 200], [500, 220]], score=score)
    return list(GivenShots(starts)(Record(Frame(t, t / 25, None), poses=still) for t in range(frames)))


def ids_by_shot(tracked):
    found = {}
    for record in tracked:
        found.setdefault(record.shot, set()).update(record.poses.track_id.tolist())
    return found


def plain_image(colour):
    """Paint a plain scene with a ball whose place depends on the colour."""
    image = torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(3, 48, 64).clone()
    image[:, 10:30, colour[2] // 6 : colour[2] // 6 + 20] = 250
    return image


@pytest.mark.parametrize("name", get_args(TrackerName))
def test_no_id_lives_in_two_shots(name):
    tracked = list(TrackPoses(TrackerOptions(name=name), SKELETON)(records()))

    assert ids_by_shot(tracked) == {0: {1, 2}, 1: {3, 4}}


def test_gap_around_a_cut_is_not_filled():
    stream = [replace(r, poses=r.poses[:0]) if 25 <= r.frame.index < 35 else r for r in records()]

    cleaned = list(TrackAndSmooth(TrackerOptions(), SmoothingOptions(), SKELETON)(stream))

    assert [len(r.poses) for r in cleaned] == [2] * 25 + [0] * 10 + [2] * 25


def test_faint_people_are_measured_by_their_own_shot():
    faint = people([[200, 200]], score=0.45)
    stream = [replace(r, poses=faint) if r.shot else r for r in records()]

    assert ids_by_shot(TrackPoses(TrackerOptions(), SKELETON)(stream)) == {0: {1, 2}, 1: {3}}


def test_stream_without_a_cut_is_tracked_as_before():
    plain = [replace(r, shot=0) for r in records(starts=())]
    stage = TrackAndSmooth(TrackerOptions(), SmoothingOptions(), SKELETON)
    signed = [replace(r, features=TrackingFeatures(signature=image_signature(plain_image((9, 8, 7))))) for r in plain]

    assert_same_records(list(stage(NumberShots()(signed))), list(stage(plain)))


def test_shots_are_numbered_from_images():
    stream = [Record(Frame(t, t / 25, plain_image((200, 30, 30) if t < 40 else (20, 40, 220)))) for t in range(70)]

    numbered = list(NumberShots()(MeasureSignatures()(stream)))

    assert [r.frame.index for r in numbered] == list(range(70))
    assert [r.shot for r in numbered] == [0] * 40 + [1] * 30


def test_signing_needs_images():
    with pytest.raises(InputError, match="frame 3 has no image; it is signed before DropImages"):
        next(MeasureSignatures()([Record(Frame(3, 0.1, None))]))


def test_given_shots_may_begin_between_the_frames_of_a_stream():
    stream = [Record(Frame(t, t / 25, None)) for t in range(0, 60, 10)]

    assert [r.shot for r in NumberShots()(GivenShots((15, 40))(stream))] == [0, 0, 1, 1, 2, 2]


def test_window_ends_where_the_scene_changes():
    window = Window(((None, "a", 0), (None, "b", 1)), (None, "c", 1), ((None, "d", 1), (None, "e", 2)))

    assert _moments(window, 2, 2).neighbors == (None, "b", "d", None)


def test_signatures_and_shots_outlive_a_kill(tmp_path):
    stream = list(MeasureSignatures()([Record(Frame(0, 0.0, plain_image((9, 8, 7))))]))
    stream.append(Record(Frame(1, 0.04, None), shot=2))
    store = JournalStore(tmp_path / "j", {})
    store.append([replace(r, frame=replace(r.frame, image=None)) for r in stream])

    kept = list(JournalStore(tmp_path / "j", {}))

    assert kept[0].features.signature.tolist() == stream[0].features.signature.tolist()
    assert [r.shot for r in kept] == [0, 2]


def test_list_of_shots_is_read(tmp_path):
    path = tmp_path / "shots.txt"
    path.write_text("# first frames\n0\n60  # gym\n\n135\n")

    assert read_shots(path) == (60, 135)


@pytest.mark.parametrize("text", ["60\n60\n", "60\n12\n", "-3\n", "1.5\n", "sixty\n", "²\n"])
def test_wrong_list_of_shots_is_refused(tmp_path, text):
    path = tmp_path / "shots.txt"
    path.write_text(text)

    with pytest.raises(DatasetError, match=r"shots\.txt: line [12]: .* is no frame index larger than the one before"):
        read_shots(path)


def test_missing_list_of_shots_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"none\.txt: cannot be read"):
        shot_stages(str(tmp_path / "none.txt"))


def test_choice_of_shots_is_obeyed(tmp_path):
    path = tmp_path / "shots.txt"
    path.write_text("30\n")
    topdown = recipe("topdown")
    options = topdown.PipelineOptions.model_validate({"tracker": {"shots": str(path)}})

    assert shot_stages("off") == ()
    assert shot_stages("auto") == (MeasureSignatures(),)
    assert shot_stages(str(path)) == (GivenShots((30,)),)
    assert input_paths(options) == {"tracker.shots": path}


@pytest.fixture
def saved(tmp_path):
    """A result whose provenance says that another scene begins at frame 30."""
    path = tmp_path / "clip.poses.json"
    header = ResultHeader(VideoInfo("clip.mp4", (600, 1000), Fraction(25), 60, 2.4), SKELETON, {"shots": [30]})
    with write_result(path, header) as writer:
        for record in records():
            writer.write(record)
    return path


@pytest.mark.parametrize(("choice", "shots", "count"), [("auto", [30], 4), ("off", None, 2), ("FILE", [20, 40], 6)])
def test_tracking_again_knows_the_shots(saved, tmp_path, choice, shots, count):
    out, listed = tmp_path / "again.json", tmp_path / "shots.txt"
    listed.write_text("20\n40\n")
    override = f"tracker.shots={listed if choice == 'FILE' else choice}"

    result = CliRunner().invoke(command, [str(saved), "-o", str(out), "--set", override])

    again = read_result(out)
    assert result.exit_code == 0, result.output
    assert again.header.provenance.get("shots") == shots
    assert len({i for record in again for i in record.poses.track_id.tolist()}) == count


def test_shots_in_the_provenance_that_are_none_are_refused(saved, tmp_path):
    saved.write_text(saved.read_text().replace('"shots":[30]', '"shots":["x"]'))

    result = CliRunner().invoke(command, [str(saved), "-o", str(tmp_path / "again.json")])

    assert isinstance(result.exception, DatasetError)
    assert "in the result's provenance is no list of frames" in str(result.exception)
