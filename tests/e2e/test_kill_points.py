"""A run is killed before each single change it makes to the file system, and the same command typed again.

Before going on the old result is there, the new one or none; afterwards the whole new one, and nothing else.
"""

import multiprocessing
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from video_files import write_video

from videopose.cli.main import main

OLD = b"an older result"
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")


class Killer:
    """Ends the process before its n-th change of the file system below a folder; with n = 0 it only counts."""

    def __init__(self, folder: Path, at: int) -> None:
        self.folder, self.at = str(folder), at
        self.seen: list[str] = []
        self._sync = os.fsync
        os.fsync = self._fsync
        sys.addaudithook(self._heard)

    def _fsync(self, descriptor: int) -> None:
        self._change("fsync", self.folder)
        self._sync(descriptor)

    def _heard(self, event: str, args: tuple) -> None:
        if event == "open" and isinstance(args[0], str | bytes):
            mode, flags = args[1], args[2]
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            if writes or (isinstance(mode, str) and set(mode) & set("wax+")):
                self._change("open", os.path.abspath(os.fsdecode(args[0])))  # noqa: PTH100 - audit events have texts
        elif event in _CHANGES:
            path = os.fsdecode(args[0])
            is_relative_to_a_folder = args[-1] not in (-1, None) and not os.path.isabs(path)  # noqa: PTH117
            self._change(event, self.folder if is_relative_to_a_folder else os.path.abspath(path))  # noqa: PTH100

    def _change(self, what: str, path: str) -> None:
        if not path.startswith(self.folder):
            return
        self.seen.append(f"{what} {path.removeprefix(self.folder)}")
        if len(self.seen) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def _run(words, folder, at, tally):
    killer = Killer(folder, at)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        sys.stdout = sys.stderr = nowhere
        code = main(words)
    if not at:
        tally.write_text("\n".join(killer.seen))
    os._exit(code)


@pytest.fixture
def scene(command):
    """Return a clip of two chunks, the command line, and a function that starts it in an empty folder and kills it."""
    write_video(command.folder / "clip.mp4", num_frames=70, options={"bf": "0"})
    folder = command.folder / "results"

    def begin(at, *, overwrite):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if overwrite:
            (folder / "out.json").write_bytes(OLD)
        words = ["run", "clip.mp4", "-o", "results/out.json", *(["--overwrite"] if overwrite else [])]
        tally = command.folder / "tally"
        arguments = ([*words, "--pipeline", str(command.config)], folder, at, tally)
        process = multiprocessing.get_context("fork").Process(target=_run, args=arguments)
        process.start()
        process.join()
        assert process.exitcode == (-signal.SIGKILL if at else 0)
        return words

    begin.command, begin.folder, begin.tally = command, folder, command.folder / "tally"
    return begin


def check(scene, at, *, overwrite, right):
    out = scene.folder / "out.json"
    words = scene(at, overwrite=overwrite)
    between = out.read_bytes() if out.exists() else None
    done = scene.command(*words)

    assert between in ((OLD, right) if overwrite else (None, right))
    assert (done.code, out.read_bytes() == right) == (0, True), done.err
    assert [path.name for path in scene.folder.iterdir()] == ["out.json"]


def points(scene, *, overwrite):
    scene(0, overwrite=overwrite)
    return scene.tally.read_text().splitlines(), (scene.folder / "out.json").read_bytes()


@pytest.mark.parametrize("overwrite", [False, True])
def test_every_ninth_change_may_be_the_last(scene, overwrite):
    changes, right = points(scene, overwrite=overwrite)

    assert len(changes) > 25
    for at in range(1 + 4 * overwrite, len(changes) + 1, 9):
        check(scene, at, overwrite=overwrite, right=right)


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
def test_every_change_may_be_the_last(scene, overwrite):
    changes, right = points(scene, overwrite=overwrite)

    for at in range(1, len(changes) + 1):
        check(scene, at, overwrite=overwrite, right=right)


@pytest.mark.slow
def test_every_change_of_starting_over_may_be_the_last(scene):
    """An unfinished run of other settings is thrown away by `--restart`: it stays whole or goes as a whole."""
    changes, right = points(scene, overwrite=False)
    half = next(k for k, change in enumerate(changes, start=1) if "000001.arrow.part" in change)
    words = scene(half, overwrite=False)
    kept = scene.command.folder / "kept"
    shutil.copytree(scene.folder, kept)
    other = [*words, "--set", "people=1", "--restart", "--pipeline", str(scene.command.config)]

    def restarted(at):
        shutil.rmtree(scene.folder)
        shutil.copytree(kept, scene.folder)
        process = multiprocessing.get_context("fork").Process(target=_run, args=(other, scene.folder, at, scene.tally))
        process.start()
        process.join()

    restarted(0)
    for at in range(1, len(scene.tally.read_text().splitlines()) + 1):
        restarted(at)
        out = scene.folder / "out.json"
        was_done = out.exists()
        done = scene.command(*words)
        if done.code == 0:
            assert out.read_bytes() == right
        else:
            assert was_done or "begun with other settings: config.people was 1 and is 2" in done.err
