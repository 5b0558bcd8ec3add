"""The command line with a recipe that needs no weights."""

from types import SimpleNamespace

import fake_recipe
import pytest
from video_files import write_video

from videopose.cli.main import main


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command line in an empty folder: exit code, stdout, stderr."""
    fake_recipe.install(monkeypatch.setattr)
    config = fake_recipe.config_file(tmp_path)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def call(*words):
        words = [str(word) for word in words]
        if words[0] == "run":
            words += ["--pipeline", str(config)]
        capsys.readouterr()
        code = main(words)
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    call.folder = folder
    call.config = config
    return call


@pytest.fixture
def clip(command):
    """Write a clip of 40 frames into the folder the command runs in."""
    return write_video(command.folder / "clip.mp4", num_frames=40)
