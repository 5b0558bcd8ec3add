"""The commands of docs/training/gpu.md, run as they stand but for sizes; the second half with three libraries alone."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packed_toy import config
from safetensors.torch import load_file

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs/training/gpu.md").read_text(encoding="utf-8")
SMALLER = {"pose_student": "toy.yaml", "DATA": "{data}", "480": "2"}
BARE = """
import sys

HIDDEN = {"av", "click", "cv2", "filterpy", "lightning_fabric", "openvino", "PIL", "pyarrow", "pydantic",
          "pydantic_core", "scipy", "tqdm", "yaml"}

class Bare:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Bare, sys.meta_path)
"""
"""What a machine's site customisation hides here, so that it is as bare as the document says."""


def commands(section):
    """Return the command lines under a heading, made small enough for a test."""
    body = DOCUMENT.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [line for block in re.findall(r"```\n(.*?)```", body, flags=re.DOTALL) for line in block.splitlines()]


def run(lines, folder, data, **environment):
    for line in lines:
        for word, small in SMALLER.items():
            line = re.sub(rf"\b{word}\b", small.format(data=data), line)
        found = subprocess.run(
            line, shell=True, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
        )
        assert found.returncode == 0, f"{line}\n{found.stderr}"


@pytest.mark.slow
def test_the_commands_of_the_document_bring_weights_back(tmp_path, data):
    here, there = tmp_path / "here", tmp_path / "there"
    programs = {}
    for place, interpreter in ((here, "videopose"), (there, "python3")):
        (place / "bin").mkdir(parents=True)
        (place / "packed").mkdir()
        script = place / "bin" / interpreter
        module = " -m videopose.cli.main" if interpreter == "videopose" else ""
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n')
        script.chmod(0o755)
        programs[place] = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    (here / "toy.yaml").write_text(yaml.safe_dump(config()))
    (here / "videopose").symlink_to(ROOT / "videopose")
    packing = [line.replace("videopose.tgz", "videopose.tgz -h") for line in commands("Before, where the data are")]

    run(packing, here, data, PATH=programs[here])
    for path in (here / "packed").iterdir():
        shutil.copy(path, there / "packed")
    (there / "bare").mkdir()
    (there / "bare/sitecustomize.py").write_text(BARE)
    run(commands("There"), there, data, PATH=programs[there], PYTHONPATH=str(there / "bare"))

    assert not (there / "videopose/assets").exists()
    assert max(path.stat().st_size for path in (there / "out").iterdir()) < 16 * 2**20
    assert load_file(there / "out/weights.safetensors")["head.weight"].shape[0] == 19
    with (there / "out/log.csv").open() as file:
        assert [float(row["done"]) for row in csv.DictReader(file)] == [0.5, 1.0]  # a row of each call


def test_a_packed_training_imports_three_libraries_alone(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BARE)
    code = """
import importlib.util, videopose.training.packed.command
print([name for name in ("pydantic", "cv2", "yaml") if importlib.util.find_spec(name)])
import videopose.training.run
"""

    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip

    assert found.stdout == "[]\n", found.stderr
    assert "ModuleNotFoundError" in found.stderr.splitlines()[-1]  # which an ordinary training cannot do without
