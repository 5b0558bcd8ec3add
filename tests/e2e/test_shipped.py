"""What a stranger gets: the demo clip with the networks inside the package."""

import json
from itertools import pairwise

import pytest
from demo_clip import write_demo_clip

from videopose.cli.main import main

SHIPPED_NAMES = {
    "convlstm_head.default", "dcpose_head.default", "fpn_detector.default", "fpn_pose.default",
    "pose_entailment.default", "posewarper_head.default", "refiner.default", "rtmdet_nano.default",
    "tinypose.default", "tinypose.fast",
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
    places = {}
    for frame in result["frames"]:
        for person in frame["people"]:
            places.setdefault(person["track_id"], []).append((frame["index"], person["box"][0]))
    assert len(people) == 200
    assert len(places) == 2  # they meet, one of them is hidden for a second, and nobody gets a new id
    crossed = set()
    for path in places.values():
        (first, start), (last, end) = path[0], path[-1]
        assert first < 10
        assert last > 190
        assert abs(end - start) > 300  # from one side of the stage to the other
        assert all(abs(b - a) <= 15 * (k - j) for (j, a), (k, b) in pairwise(path))
        crossed.add(end > start)
    assert crossed == {True, False}  # in opposite directions
    assert sum(map(bool, people)) >= 190
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
        made_by_config = weights.architecture != "pose_entailment"  # whose training has no options: see its card
        assert path.with_suffix(".yaml").is_file() == made_by_config
    assert total <= 30_000_000
