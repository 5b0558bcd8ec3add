"""The shipped networks through the command line: pipelines, sources of boxes, and kills at random moments."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from demo_clip import write_demo_clip
from json_schema import complaints

import videopose
from videopose.cli.main import main
from videopose.io.results import read_result

pytestmark = pytest.mark.slow

KILLS = 5


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Write the demo clip, 100 frames of it."""
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    path = tmp_path_factory.mktemp("demo") / "demo.mp4"
    write_demo_clip(path, num_frames=100)
    return path


def people_of(path):
    return [record.poses for record in read_result(path)]


@pytest.mark.parametrize(
    "options",
    [("--pipeline", "fast"), ("--pipeline", "accurate"), ("--single-person",), ("--every", "3")],
    ids=lambda options: options[-1].strip("-"),
)
def test_a_real_result_fits_the_schema_and_has_people(demo, tmp_path, options):
    schema = json.loads((Path(videopose.__file__).parent / "io" / "schema.json").read_text())

    assert main(["run", str(demo), "-q", "-o", str(tmp_path / "r.json"), "--frames", "60-69", *options]) == 0

    document = json.loads((tmp_path / "r.json").read_text())
    assert complaints(document, schema, "$") == []
    assert all(frame["people"] for frame in document["frames"])
    assert len(document["skeleton"]["keypoints"]) == len(document["frames"][0]["people"][0]["keypoints"])


def mot(boxes):
    return "\n".join(f"{index + 1},-1,{x},{y},{w},{h},0.9" for index, (x, y, w, h) in boxes)


def coco(boxes):
    return json.dumps([{"image_id": i, "category_id": 1, "bbox": list(box), "score": 0.9} for i, box in boxes])


def posetrack(boxes):
    images = [{"id": 100 + index, "file_name": f"{index:06}.jpg"} for index, _ in boxes]
    annotations = [{"image_id": 100 + index, "category_id": 1, "bbox": list(box)} for index, box in boxes]
    return json.dumps({"images": images, "annotations": annotations})


@pytest.mark.parametrize("write", [mot, coco, posetrack])
def test_boxes_from_a_file_take_the_detectors_place(demo, tmp_path, write):
    box = (40.0, 60.0, 250.0, 290.0)
    (tmp_path / "boxes").write_text(write([(index, box) for index in range(8)]))
    words = ["run", str(demo), "-q", "-o", str(tmp_path / "r.json"), "--frames", "0-7"]
    as_found = ["--set", "smoothing.method=none", "--set", "tracker.keep_untracked=true"]

    assert main([*words, *as_found, "--boxes", str(tmp_path / "boxes")]) == 0

    for poses in people_of(tmp_path / "r.json"):
        np.testing.assert_allclose(poses.xyxy, [[40, 60, 290, 350]], atol=0.01)


def test_five_kills_at_random_moments_change_no_byte(demo, tmp_path):
    output = tmp_path / "killed.json"
    assert main(["run", str(demo), "-q", "-o", str(tmp_path / "whole.json"), "--pipeline", "fast"]) == 0
    expected = (tmp_path / "whole.json").read_bytes()
    moments = random.Random(5)

    for _ in range(KILLS):
        process = start(demo, output)
        time.sleep(moments.uniform(0, 0.7))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if output.exists():  # quicker than the kill; a result is there only when it is whole
            assert output.read_bytes() == expected
            output.unlink()
    assert start(demo, output).wait() == 0

    assert output.read_bytes() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.json", "whole.json"]


def start(clip, output):
    """Begin a run in a process of its own and wait until it has begun to write."""
    words = ["run", str(clip), "-q", "-o", str(output), "--pipeline", "fast"]
    process = subprocess.Popen([sys.executable, "-m", "videopose.cli.main", *words], stdout=subprocess.DEVNULL)
    journal = output.with_name(output.name + ".partial") / "journal.json"
    while process.poll() is None and not journal.exists():
        time.sleep(0.005)
    return process


@pytest.mark.shared
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_two_players_keep_their_ids_in_either_arithmetic(shared_dir, tmp_path, precision):
    clip, out = shared_dir / "clips" / "basketball.mp4", tmp_path / "r.json"

    words = ("-q", "--frames", "0-99", "--set", f"precision={precision}", "--set", "runtime=torch")
    assert main(["run", str(clip), "-o", str(out), *words]) == 0

    result = read_result(out)
    assert {track_id for poses in people_of(out) for track_id in poses.track_id.tolist()} == {1, 2}
    assert all(len(set(poses.track_id.tolist())) == len(poses) for poses in people_of(out))
    assert precision in str(result.header.provenance["computing"])
