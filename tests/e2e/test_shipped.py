"""What a stranger gets: the demo clip with the networks inside the package."""

import json

import numpy as np
import pytest
from demo_clip import write_demo_clip

from videopose.cli.main import main

SHIPPED_NAMES = {
    "convlstm_head.default", "dcpose_head.default", "fpn_detector.default", "fpn_pose.default",
    "pose_entailment.default", "posewarper_head.default", "refiner.default", "rtmdet_nano.default",
    "tinypose.default",
}  # fmt: skip
"""What a user gets without fetching anything; a network that goes missing is noticed here."""


@pytest.fixture(scope="module")
def demo_clip():
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    return write_demo_clip


@pytest.mark.slow
def test_the_demo_clip_has_two_people_who_keep_their_ids(demo_clip, tmp_path):
    demo_clip(tmp_path / "demo.mp4")

    assert main(["run", str(tmp_path / "demo.mp4"), "--save", "video"]) == 0

    result = json.loads((tmp_path / "demo.poses.json").read_text())
    people = [frame["people"] for frame in result["frames"]]
    seen = sum(bool(each) for each in people) / len(people)
    lengths = np.bincount([person["track_id"] for each in people for person in each])
    assert len(people) == 200
    assert seen >= 0.95
    assert np.sort(lengths)[-2] > 60  # two people, each followed for seconds
    assert (tmp_path / "demo.overlay.mp4").stat().st_size > 50_000


def test_shipped_weights_are_what_the_table_says():
    from videopose.models.weights import file_sha256, locate, read_card
    from videopose.models.zoo import SHIPPED

    assert {weights.name for weights in SHIPPED} == SHIPPED_NAMES
    total = 0
    for weights in SHIPPED:
        path = locate(weights)
        total += path.stat().st_size
        assert weights.sha256 == file_sha256(path)
        assert weights.bytes == path.stat().st_size
        assert read_card(path) is not None
        assert path.with_suffix(".md").is_file()  # the model card
        assert path.with_suffix(".yaml").is_file()  # the config that made it
    assert total <= 30_000_000
