"""Has what a user gets changed? Whole documents against stored ones, number by number within a tolerance.

`pytest tests/golden --update-golden` writes them anew; the difference is read like code before it is committed.
"""

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from video_files import damage_packets, write_video

from videopose.cli.main import main
from videopose.io.result import ResultHeader
from videopose.io.results import write_result
from videopose.skeletons import skeleton_named
from videopose.types import Frame, Poses, Record, VideoInfo

FOLDER = Path(__file__).parent
E2E = FOLDER.parent / "e2e"

PIXELS = 0.5  # of boxes and keypoints: encoders of different versions differ by a level or two of brightness
SECONDS = 1e-6
SCORE = 0.005
BY_FIELD = {"box": PIXELS, "keypoints": PIXELS, "score": SCORE}
MAY_DIFFER = {"version", "torch", "computing", "bytes", "sha256"}
"""What depends on the machine: its packages and processor, and how many threads encode the clip."""


def assert_close(got, expected, where="document", field=""):
    """Compare two JSON values: order of keys and lengths exactly, numbers by the tolerance of their field."""
    if field in MAY_DIFFER:
        return
    assert type(got) is type(expected), where
    if isinstance(expected, dict):
        assert list(got) == list(expected), where
        for key in expected:
            assert_close(got[key], expected[key], f"{where}.{key}", key)
    elif isinstance(expected, list):
        assert len(got) == len(expected), where
        for number, (a, b) in enumerate(zip(got, expected, strict=True)):
            is_score = field == "keypoints" and number == 2 and isinstance(b, float)
            assert_close(a, b, f"{where}[{number}]", "score" if is_score else field)
    elif isinstance(expected, float):
        assert abs(got - expected) <= BY_FIELD.get(field, SECONDS), f"{where}: {got}, not {expected}"
    else:
        assert got == expected, where


def laid_out(document):
    """Write a key and a frame to a line, so that a difference is short."""
    frames = ",\n".join(json.dumps(frame, separators=(",", ":")) for frame in document["frames"])
    head = [f"{json.dumps(key)}:{json.dumps(value)},\n" for key, value in document.items() if key != "frames"]
    return "{" + "".join(head) + f'"frames":[\n{frames}\n]}}\n'


def check(name, document, update):
    path = FOLDER / name
    if update:
        path.write_text(laid_out(document), encoding="utf-8")
        pytest.skip(f"{name} is written anew; read the difference before you commit it")
    assert_close(document, json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture
def update(request):
    return request.config.getoption("--update-golden")


def test_the_document_a_run_writes(tmp_path, monkeypatch, update):
    monkeypatch.syspath_prepend(str(E2E))
    monkeypatch.delitem(sys.modules, "fake_recipe", raising=False)
    import fake_recipe

    fake_recipe.install(monkeypatch.setattr)
    config = fake_recipe.config_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    clip = damage_packets(write_video(Path("clip.mp4"), num_frames=10, options={"bf": "0"}), [6])

    assert main(["run", str(clip), "--pipeline", str(config), "--frames", "1-8", "-q"]) == 0

    check("run.json", json.loads(Path("clip.poses.json").read_text(encoding="utf-8")), update)


def test_what_tracking_makes_of_people_who_cross(tmp_path, monkeypatch, update):
    """Two people walk past each other; the one behind is not seen for three frames."""
    skeleton = skeleton_named("coco17")
    angles = np.arange(len(skeleton))
    shape = np.stack([30 * np.cos(2.4 * angles), 60 * np.sin(1.7 * angles)], 1)
    header = ResultHeader(VideoInfo("clip.mp4", (300, 500), Fraction(25), 15, 0.6), skeleton)
    monkeypatch.chdir(tmp_path)
    with write_result(Path("clip.poses.json"), header) as writer:
        for t in range(15):
            sway = 3 * np.sin(0.7 * t + angles)[:, None] * [[1, 0.5]]
            xy = shape + sway + np.array([[[100 + 20 * t, 140]], [[400 - 20 * t, 160]]])
            keypoints = np.concatenate([xy, np.full((2, len(skeleton), 1), 0.9)], 2).astype(np.float32)
            xyxy = np.concatenate([xy.min(1), xy.max(1)], 1).astype(np.float32)
            poses = Poses(keypoints, np.float32([0.9, 0.8]), xyxy, np.array([-1, -1]))
            writer.write(Record(Frame(t, t / 25, None), poses=poses[:1] if t in (7, 8, 9) else poses))

    assert main(["track", "clip.poses.json", "-o", "tracked.json"]) == 0

    document = json.loads(Path("tracked.json").read_text(encoding="utf-8"))
    del document["provenance"]  # every value of the tracker: a new option is no change of the result
    check("tracked.json", document, update)


def test_a_difference_is_found_and_named():
    expected = {"frames": [{"people": [{"score": 0.5, "keypoints": [[1.0, 2.0, 0.9]]}]}]}
    near = {"frames": [{"people": [{"score": 0.502, "keypoints": [[1.3, 2.0, 0.903]]}]}]}
    far = {"frames": [{"people": [{"score": 0.5, "keypoints": [[1.0, 2.0, 0.8]]}]}]}

    assert_close(near, expected)
    with pytest.raises(AssertionError, match=r"frames\[0\]\.people\[0\]\.keypoints\[0\]\[2\]: 0\.8, not 0\.9"):
        assert_close(far, expected)
