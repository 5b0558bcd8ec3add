"""The examples of the documentation run from beginning to end, on a short clip, and leave what they promise."""

import os
from pathlib import Path

import pytest
from demo_clip import write_demo_clip

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(set((ROOT / "docs/examples").glob("*.py")) - {ROOT / "docs/examples/first_steps.py"})
"""Without the one that `test_notebook.py` runs in a kernel."""

pytestmark = pytest.mark.slow

LEAVES = {
    "annotations": ["all.poses.json", "corrected.json"],
    "by_hand": [],
    "crossing": ["raw.poses.json"],
    "knee_angles": ["knees.csv", "knees.poses.json"],
    "submission": ["submission/000001_clip.json"],
    "ten_images": ["run/weights.safetensors", "mine.yaml"],
}
SAYS = {
    "annotations": "11 frames with people",
    "by_hand": "(2, 19, 3)",
    "crossing": "whole video: 2 ids",
    "knee_angles": "{'left': (12, ",
    "submission": "mAP 100",
    "ten_images": "4 ",
}
"""A part of what each prints."""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, tmp_path, monkeypatch, capfd):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    pytest.importorskip("pandas", reason="pandas is not installed; pip install -e '.[test]'")
    if path.stem == "ten_images":
        pytest.importorskip("lightning_fabric", reason="lightning-fabric is not installed; pip install -e '.[train]'")
    write_demo_clip(tmp_path / "clip.mp4", num_frames=12)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))

    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__name__": "__main__"})

    assert SAYS[path.stem] in capfd.readouterr().out
    for name in LEAVES[path.stem]:
        assert (tmp_path / name).stat().st_size > 50, name
