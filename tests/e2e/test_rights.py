"""What may not be read or written is one line with the name of the file, whatever command meets it."""

import os
import shutil
import tempfile
from pathlib import Path

import fake_recipe
import pytest
from video_files import write_video

from videopose.cli.main import main

NOBODY = 65534


@pytest.fixture
def scene(monkeypatch):
    """Return a folder of files and folders of every kind of right, and leave root's powers for the test's time."""
    folder = Path(tempfile.mkdtemp())  # pytest's own may only be entered by whoever runs it
    folder.chmod(0o755)
    fake_recipe.install(monkeypatch.setattr)
    config = fake_recipe.config_file(folder)
    clip = write_video(folder / "clip.mp4", num_frames=10)
    work = folder / "work"
    work.mkdir()
    work.chmod(0o777)
    monkeypatch.chdir(work)
    words = ["run", str(clip), "-o", "fine.json", "-q", "--pipeline", str(config)]
    for line in (
        words,
        ["track", "fine.json", "-o", "b.json"],
        ["convert", "fine.json", "-o", "c.json", "--to", "coco"],
    ):
        assert main(line) == 0  # everything is imported as long as that is allowed
    main(["train", "pose", "--data", ".", "--run", "nowhere"])
    for name in ("locked", "read_only", "no_x", "work/begun.json.partial"):
        (folder / name).mkdir()
        shutil.copy(clip, folder / name)
    for name in ("fine.json", "b.json", "c.json"):
        (work / name).chmod(0o644)
    shutil.copy(clip, folder / "unreadable.mp4")
    (folder / "unreadable.mp4").chmod(0)
    (folder / "read_only").chmod(0o555)
    (folder / "no_x").chmod(0o666)
    (folder / "locked").chmod(0)
    (work / "begun.json.partial").chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    yield
    if os.getuid() == 0:
        os.seteuid(0)
    for name in ("read_only", "no_x", "locked", "work/begun.json.partial"):
        (folder / name).chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX rights")
@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("run ../unreadable.mp4 -o a.json", "unreadable.mp4"),
        ("run ../locked/clip.mp4 -o a.json", "locked/clip.mp4"),
        ("run ../locked -o a.json", "locked"),
        ("run ../read_only/clip.mp4", "read_only/clip.poses.json"),
        ("run ../clip.mp4 -o ../read_only/a.json", "read_only/a.json"),
        ("run ../clip.mp4 -o ../no_x/a.json", "no_x/a.json"),
        ("run ../clip.mp4 -o ../locked/a.json", "locked/a.json"),
        ("run ../clip.mp4 -o begun.json", "begun.json.partial"),
        ("run ../clip.mp4 -o a.json --set detector.source=file --set detector.boxes=../locked/b.txt", "locked/b.txt"),
        ("track ../locked/p.json -o a.json", "locked/p.json"),
        ("track fine.json -o ../no_x/a.json", "no_x/a.json"),
        ("render ../clip.mp4 fine.json -o ../no_x/a.mp4", "no_x/a.mp4"),
        ("render ../clip.mp4 fine.json -o ../read_only/a.mp4", "read_only/a.mp4"),
        ("convert fine.json -o ../no_x/a.json --to coco", "no_x/a.json"),
        ("convert . -o ../read_only/folder --to coco", "read_only/folder"),
        ("convert ../locked -o folder --to coco", "locked"),
        ("train pose --data . --run ../read_only/run", "read_only/run"),
        ("train pose --data . --run ../locked/run", "locked/run"),
        ("eval coco --truth ../locked/a.json --predictions c.json", "locked/a.json"),
    ],
)
def test_what_may_not_be_read_or_written_is_one_line(scene, capsys, line, named):
    words = line.split()
    if words[0] == "run":
        words += ["-q", "--pipeline", "../fake.yaml"]
    capsys.readouterr()

    assert main(words) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert named in said
    assert said.count("\n") == 1
