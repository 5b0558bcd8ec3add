"""A whole run with networks from elsewhere: a detector in a zip, a pose network with SimCC's two outputs."""

import json
import zipfile

import numpy as np
import pytest
from graphs import write_graph
from video_files import write_video

from videopose.cli.main import main

pytest.importorskip("onnx", reason="an optional extra")


def test_a_run_with_networks_from_elsewhere(tmp_path):
    write_video(tmp_path / "clip.mp4", num_frames=6, size_hw=(240, 320))
    boxes = np.zeros((1, 3, 5), np.float32)
    boxes[0, 0] = (100, 20, 220, 220, 0.9)  # the clip is letterboxed into 320 x 320, at the top left
    write_graph(tmp_path / "end2end.onnx", {"dets": boxes, "labels": np.zeros((1, 3), np.int64)}, batch=1)
    with zipfile.ZipFile(tmp_path / "det.zip", "w") as archive:
        archive.write(tmp_path / "end2end.onnx", "sdk/end2end.onnx")
    x, y = np.zeros((1, 17, 192), np.float32), np.zeros((1, 17, 256), np.float32)
    x[0, np.arange(17), 60 + 4 * np.arange(17)] = y[0, np.arange(17), 100 + 4 * np.arange(17)] = 0.9
    write_graph(tmp_path / "pose.onnx", {"simcc_x": x, "simcc_y": y}, size=(128, 96))

    main([
        "run", str(tmp_path / "clip.mp4"), "-o", str(tmp_path / "out.json"), "--device", "cpu", "--quiet",
        "--set", f"detector.weights={tmp_path / 'det.zip'}", "--set", f"pose.weights={tmp_path / 'pose.onnx'}",
    ])  # fmt: skip

    result = json.loads((tmp_path / "out.json").read_text())
    assert len(result["frames"]) == 6
    for frame in result["frames"]:
        (person,) = frame["people"]
        assert person["box"] == pytest.approx([100, 20, 220, 220], abs=0.5)
        assert len(person["keypoints"]) == 17
    used = {row["option"]: row["name"] for row in result["provenance"]["weights"]}
    assert used == {"detector.weights": "graph.det", "pose.weights": "graph.pose"}
