"""A clip of two scenes, from file to result: no id in both, and the result says where the scene changes."""

import json

import fake_recipe
import numpy as np
import pytest
from video_files import write_video

from videopose.stages.pipeline import Pipeline
from videopose.stages.shots import shot_stages
from videopose.stages.smooth import TrackAndSmooth
from videopose.tracking.options import SmoothingOptions, TrackerOptions


def paint(number, size_hw):
    """Show a bright ball on the left of a dark blue scene, from frame 40 on one on the right of a red one."""
    image = np.full((*size_hw, 3), (10, 20, 120) if number < 40 else (220, 60, 30), np.uint8)
    left = 5 if number < 40 else size_hw[1] - 25
    image[10:30, left : left + 20] = 250
    return image


@pytest.fixture
def tracking(monkeypatch):
    """Let the recipe look for shots and track."""
    built = fake_recipe.FakeRecipe.networks

    def networks(self, device):
        return Pipeline((*shot_stages("auto"), *built(self, device).stages))

    def tracks(self):
        return Pipeline((TrackAndSmooth(TrackerOptions(), SmoothingOptions(), self.skeleton),))

    monkeypatch.setattr(fake_recipe.FakeRecipe, "networks", networks)
    monkeypatch.setattr(fake_recipe.FakeRecipe, "tracks", tracks)


def ids(document, frames):
    return {person["track_id"] for frame in document["frames"][frames] for person in frame["people"]}


def test_no_id_is_in_two_shots_and_the_result_names_them(command, tracking):
    clip = write_video(command.folder / "clip.mp4", num_frames=90, paint=paint)

    assert command("run", clip, "-o", "out.json").code == 0

    document = json.loads((command.folder / "out.json").read_text())
    assert document["provenance"]["shots"] == [40]
    assert ids(document, slice(0, 40))
    assert not ids(document, slice(0, 40)) & ids(document, slice(40, 90))


def test_result_of_a_single_shot_says_nothing_of_shots(command, tracking):
    clip = write_video(command.folder / "clip.mp4", num_frames=30, paint=paint)

    assert command("run", clip, "-o", "out.json").code == 0

    assert "shots" not in json.loads((command.folder / "out.json").read_text())["provenance"]
