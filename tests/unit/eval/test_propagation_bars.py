"""The measure of propagated labels: a person who moves along a straight line is filled in by both ways."""

import json

import numpy as np
import pytest
from video_files import write_video

from videopose import catalog
from videopose.cli.main import main
from videopose.workflows.propagate import PropagateOptions

JOINTS = ["neck", "belly", "face"] + [
    f"{side}_{name}" for name in ("shoulder", "hip", "elbow", "knee", "wrist", "ankle") for side in ("right", "left")
]


@pytest.fixture
def data(tmp_path):
    """One val clip of 9 frames in which nobody moves."""
    folder = tmp_path / "jhmdb"
    (folder / "clips").mkdir(parents=True)
    write_video(folder / "clips" / "still.mp4", num_frames=9)
    pose = [[10 + 2 * k, 5 + 2 * k] for k in range(len(JOINTS))]
    clip = {"clip": "still.mp4", "action": "stand", "frames": 9, "split": "val", "keypoints": [pose] * 9}
    document = {"keypoint_names": JOINTS, "width": 64, "height": 48, "clips": [clip]}
    (folder / "annotations.json").write_text(json.dumps(document))
    return tmp_path


def test_a_person_who_stands_still_is_filled_in_by_a_straight_line(data):
    bars = catalog.evaluation("benchmarks.propagation")
    straight = [row for row in bars.measure(data, [4], PropagateOptions()) if row.way == "straight line"]

    assert [row.pck for row in straight] == [(100.0, 100.0, 100.0)]


def test_the_command_prints_a_row_for_each_distance_and_way(data, capsys):
    assert main(["eval", "propagation", "--data", str(data), "--every", "2", "--every", "4"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 4
    assert lines[2].startswith("| 2 frames | propagated |")
    assert np.all(["100.0" in line for line in lines if "straight" in line])


def test_a_folder_without_the_set_is_refused(tmp_path, capsys):
    assert main(["eval", "propagation", "--data", str(tmp_path)]) == 1
    assert "no annotations.json there; --data names the folder that holds jhmdb/" in capsys.readouterr().err
