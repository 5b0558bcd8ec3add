"""`--workers N`: the same bytes as one process, whatever dies on the way."""

import errno
import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import fake_recipe
import pytest
from video_files import damage_packets, write_video

from videopose.cli.main import main
from videopose.fleet import processes
from videopose.io import journal_units


@pytest.fixture
def fleet(command, monkeypatch):
    """Return the command line, whose workers are forked: they know the recipe of tests, and start at once."""
    monkeypatch.setattr(processes, "START_METHOD", "fork")
    return command


def clip_of(command, name="clip.mp4", *, chunks=9, damage=(), **options):
    path = write_video(command.folder / name, num_frames=64 * chunks - 20, options={"bf": "0"}, **options)
    return damage_packets(path, damage) if damage else path


def alone(command, clip, *options):
    done = command("run", clip, "-o", "alone.json", "--overwrite", *options)
    assert done.code == 0, done.err
    return Path("alone.json").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--set", "before=3"),
        ("--every", "2"),
        ("--frames", "30-500"),
        ("--set", "before=2", "--every", "3", "--start", "0.5"),
    ],
)
def test_two_workers_give_the_bytes_of_one(fleet, options):
    clip = clip_of(fleet)

    done = fleet("run", clip, "-o", "out.json", "--workers", "2", "--log-json", *options)

    assert done.code == 0, done.err
    assert Path("out.json").read_bytes() == alone(fleet, clip, *options)
    assert sorted(path.name for path in fleet.folder.iterdir()) == ["alone.json", "clip.mp4", "out.json"]
