"""What an installation holds: wheel and sdist are built from a copy of the checkout, and the wheel is run elsewhere."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from demo_clip import write_demo_clip

ROOT = Path(__file__).parents[2]
SOURCES = (
    "videopose", "pipelines", "configs", "eval", "docs", "tests", ".ci", "setup.py", "pyproject.toml", "MANIFEST.in",
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "NOTICE", "Makefile", "constraints.txt",
)  # fmt: skip
NEEDED = {".py", ".yaml"}
BUILD = "from setuptools import build_meta; print(build_meta.build_{}('out'))"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Copy what a build reads, so that it leaves nothing in the real one."""
    pytest.importorskip("setuptools", minversion="77", reason="setuptools 77 builds the package")
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


def build(folder, kind):
    """Build a wheel or an sdist in a folder, without a network, and give its path."""
    (folder / "out").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-P", "-c", BUILD.format(kind)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "out" / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(checkout):
    return build(checkout, "wheel")


def names_in(wheel):
    return {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}


def test_the_wheel_holds_the_four_folders_and_every_data_file(checkout, wheel):
    inside = names_in(wheel)

    for folder in ("videopose", "pipelines", "configs", "eval"):
        for path in (checkout / folder).rglob("*"):
            if path.suffix in NEEDED or path.parent.name == "assets":
                name = path.relative_to(checkout).as_posix()
                assert (name if folder == "videopose" else f"videopose/{name}") in inside
    assert {"videopose/py.typed", "videopose/io/schema.json", "videopose/assets/pose.safetensors"} <= inside
    assert {"videopose/configs/pipelines/fast.yaml", "videopose/pipelines/topdown.py"} <= inside


def test_nothing_generic_lands_in_site_packages(wheel):
    top = {name.partition("/")[0] for name in names_in(wheel)}

    assert sorted(name.partition("-")[0] for name in top) == ["videopose", "videopose"]
    assert all(name == "videopose" or name.endswith(".dist-info") for name in top)


@pytest.fixture(scope="module")
def unpacked(checkout, tmp_path_factory):
    """Build an sdist and unpack it."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build(checkout, "sdist")) as archive:
        archive.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    return inside


def test_an_sdist_builds_the_same_wheel(wheel, unpacked):
    assert names_in(build(unpacked, "wheel")) == names_in(wheel)


def test_an_sdist_is_the_checkout(checkout, unpacked):
    """Who has only the sdist can read the docs, run the tests and `make`."""
    there = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}

    for path in checkout.rglob("*"):
        name = path.relative_to(checkout).as_posix()
        is_made = name.startswith(("out/", "build/")) or ".egg-info" in name
        assert not path.is_file() or is_made or name in there, f"{name} is missing from the sdist"


def test_an_installed_wheel_runs_from_another_folder(wheel, tmp_path):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    site, work = tmp_path / "site", tmp_path / "work"
    zipfile.ZipFile(wheel).extractall(site)
    work.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def python(*words):
        done = subprocess.run(
            [sys.executable, "-P", *words], cwd=work, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert Path(python("-c", "import videopose; print(videopose.__file__)").strip()).is_relative_to(site)
    write_demo_clip(work / "demo.mp4", num_frames=8)
    assert python("-m", "videopose.cli.main", "run", "demo.mp4", "-q") == "demo.poses.json\n"
    assert (work / "demo.poses.json").stat().st_size > 1000
