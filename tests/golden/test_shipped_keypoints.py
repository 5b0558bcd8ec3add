"""Do the shipped networks still answer what they answered? Boxes and keypoints of three frames of the demo clip.

`pytest tests/golden/test_shipped_keypoints.py --update-golden` writes them anew, as after new weights; the difference
is read like code before it is committed.
"""

import json
from pathlib import Path

import demo_clip
import numpy as np
import pytest
import torch

from videopose.estimators.build import DetectorOptions, PoseOptions, create_detector, create_estimator
from videopose.runtime.choice import RuntimeOptions

FILE = Path(__file__).parents[1] / "data" / "shipped_keypoints.json"
TIMES = (1.0, 4.0, 6.6)  # seconds into the clip, whose images are taken before an encoder sees them
PIXELS = 0.5  # arithmetic of other processors and versions moves a keypoint by a tenth; half a pixel is a shifted crop
SCORE = 0.02
PLAIN = RuntimeOptions(runtime="torch", precision="float32")


def test_the_shipped_networks_answer_as_they_did(request):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    person, opacity = demo_clip.portrait()
    images = [demo_clip.frame_at(time, demo_clip.stage(), person, opacity) for time in TIMES]
    cpu = torch.device("cpu")

    boxes = create_detector(DetectorOptions(), cpu, PLAIN).detect(images)
    poses = create_estimator(PoseOptions(), cpu, PLAIN).estimate(images, boxes)

    found = [
        {
            "time": time,
            "boxes": people.xyxy.round(2).tolist(),
            "box_scores": people.score.round(4).tolist(),
            "keypoints": each.keypoints[..., :2].round(2).tolist(),
            "keypoint_scores": each.keypoints[..., 2].round(4).tolist(),
            "scores": each.score.round(4).tolist(),
        }
        for time, people, each in zip(TIMES, boxes, poses, strict=True)
    ]
    if request.config.getoption("--update-golden"):
        lines = ",\n".join(json.dumps(_plain(frame), separators=(",", ":")) for frame in found)
        FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        pytest.skip(f"{FILE.name} is written anew; read the difference before you commit it")
    for frame, expected in zip(found, json.loads(FILE.read_text(encoding="utf-8")), strict=True):
        for name, values in expected.items():
            got, wanted = np.array(frame[name]), np.array(values)
            where = f"{name} at {frame['time']} s"
            assert got.shape == wanted.shape, where
            tolerance = SCORE if name.endswith("scores") else PIXELS
            np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance, err_msg=where)


def _plain(value):
    """Round floats that float32 has left long."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else round(value, 4)


def test_the_stored_answer_holds_people():
    stored = json.loads(FILE.read_text(encoding="utf-8"))

    assert [frame["time"] for frame in stored] == list(TIMES)
    assert all(frame["boxes"] for frame in stored)
