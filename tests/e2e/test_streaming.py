"""An online tracker without smoothing answers while the video is read, and the result is the same for it."""

import fake_recipe
import pytest
from video_files import write_video

import videopose
from videopose.stages.pipeline import Pipeline
from videopose.stages.smooth import TrackAndSmooth
from videopose.tracking.options import SmoothingOptions, TrackerOptions

NOTHING = {"method": "none", "max_fill": 0, "repair_swaps": False, "reject_outliers": False}
FRAMES = 150


@pytest.fixture
def clip(command):
    return write_video(command.folder / "clip.mp4", num_frames=FRAMES, options={"bf": "0"})


def track_with(monkeypatch, name="oks", **smoothing):
    tracker, cleaning = TrackerOptions(name=name), SmoothingOptions(**NOTHING | smoothing)
    monkeypatch.setattr(
        fake_recipe.FakeRecipe, "tracks", lambda self: Pipeline((TrackAndSmooth(tracker, cleaning, self.skeleton),))
    )


def frames_before_the_first_result(command, clip):
    looked_at = []
    run = videopose.run(clip, pipeline=str(command.config), progress=lambda done, _: looked_at.append(done))
    next(iter(run))
    return looked_at[-1]


def test_the_first_result_comes_long_before_the_last_frame(command, clip, monkeypatch):
    track_with(monkeypatch)

    assert frames_before_the_first_result(command, clip) <= 30  # shots are told apart 24 frames ahead


@pytest.mark.parametrize("waits", [{"name": "whole-video"}, {"method": "rts"}, {"max_fill": 0.5}])
def test_what_looks_at_whole_tracks_waits_for_their_end(command, clip, monkeypatch, waits):
    track_with(monkeypatch, **waits)

    assert frames_before_the_first_result(command, clip) == FRAMES


def test_the_file_holds_what_was_streamed(command, clip, monkeypatch):
    track_with(monkeypatch)
    streamed = list(videopose.run(clip, pipeline=str(command.config)))

    written = list(videopose.run(clip, "out.json", pipeline=str(command.config)))

    assert len(streamed) == len(written) == FRAMES
    for one, other in zip(streamed, written, strict=True):
        assert [person.track_id for person in one.people] == [person.track_id for person in other.people]
        assert all((a.keypoints == b.keypoints).all() for a, b in zip(one.people, other.people, strict=True))


def test_streaming_gives_what_a_table_of_the_whole_video_gives(command, clip, monkeypatch):
    track_with(monkeypatch)
    at_once = list(videopose.run(clip, pipeline=str(command.config)))
    monkeypatch.setattr(SmoothingOptions, "changes_nothing", False)

    by_table = list(videopose.run(clip, pipeline=str(command.config)))

    for one, other in zip(at_once, by_table, strict=True):
        assert [person.track_id for person in one.people] == [person.track_id for person in other.people]
        assert all((a.keypoints == b.keypoints).all() for a, b in zip(one.people, other.people, strict=True))
