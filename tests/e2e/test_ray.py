"""`--cluster ray`: actors on a cluster that Ray starts on this machine give the bytes of one process."""

import os
import signal
import threading
from pathlib import Path

import pytest
from video_files import write_video

from videopose.cli.main import main
from videopose.errors import InputError
from videopose.fleet import place
from videopose.fleet.place import Place, place_from

SMALL = ("detector.source=frame", "pose.input_hw=[64,32]", "smoothing.method=none", "tracker.keep_untracked=true")
OPTIONS = [word for text in SMALL for word in ("--set", text)]


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """Write a clip of two units and two short ones, and go to their folder."""
    pytest.importorskip("ray", reason="pip install 'videopose[ray]'")
    monkeypatch.chdir(tmp_path)
    Path("clips").mkdir()
    write_video(Path("clips/long.mp4"), num_frames=530, size_hw=(120, 160))
    write_video(Path("clips/a.mp4"), num_frames=20, size_hw=(120, 160))
    Path("clips/b.mp4").write_bytes(b"broken")
    return tmp_path


def _actors():
    """List the processes of actors of the cluster that this process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().startswith(b"ray::Actor"):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_actors_give_the_bytes_of_one_process_though_one_is_killed(clips, capfd):
    before = set(_actors())
    killed, over = [], threading.Event()

    def kill():
        while not over.wait(0.05):
            there = sorted(set(_actors()) - before)
            if there and list(Path().glob("out/*.partial/units/*/*.arrow")):
                os.kill(there[0], signal.SIGKILL)
                killed.append(there[0])
                return

    thread = threading.Thread(target=kill)
    thread.start()
    code = main(["run", "clips", "-o", "out", "--cluster", "ray", "--workers", "2", *OPTIONS])
    over.set()
    thread.join()
    said = capfd.readouterr().err
    alone = main(["run", "clips", "-o", "alone", *OPTIONS])

    assert (code, alone) == (1, 1), said
    assert killed
    assert "FAILED  clips/b.mp4" in said
    for name in ("long", "a"):
        assert Path(f"out/{name}.poses.json").read_bytes() == Path(f"alone/{name}.poses.json").read_bytes()
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.poses.json", "long.poses.json"]


def test_a_machine_that_does_not_see_the_files_says_so(tmp_path):
    path, text = place.write_probe(tmp_path / "out")

    assert place.complaint(str(tmp_path), path, text) == ""
    for folder, seen in ((str(tmp_path / "gone"), text), (str(tmp_path), "other")):
        assert "does not see" in place.complaint(folder, path, seen)
    Path(path).unlink()
    assert "Put clips and results on a file system that all machines share" in place.complaint(
        str(tmp_path), path, text
    )


def test_without_ray_it_is_said_how_to_get_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(place, "find_spec", lambda name: None)
    write_video(tmp_path / "clip.mp4", num_frames=3)

    assert main(["run", str(tmp_path / "clip.mp4"), "--cluster", "ray"]) == 1

    assert "Ray is not installed here. Run `pip install 'videopose[ray]'`" in capsys.readouterr().err


def test_a_place_is_read_from_words():
    assert place_from("ray", 1, 0, ()) == Place("", 1, 0, {})
    assert place_from("ray:auto", 2, 0.25, ("ssd=1", "x=.5")) == Place("auto", 2, 0.25, {"ssd": 1.0, "x": 0.5})
    with pytest.raises(InputError, match="--cluster slurm: is unknown. Give ray"):
        place_from("slurm", 1, 0, ())
    with pytest.raises(InputError, match="--resource ssd: give a name and how much"):
        place_from("ray", 1, 0, ("ssd",))
