"""Progress on a terminal and elsewhere."""

import io
import sys

import pytest

from videopose.cli import progress
from videopose.cli.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that goes when it is told to."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_elsewhere_it_is_a_line_every_ten_seconds(clock, capsys):
    bar = ProgressBar()
    for done in range(1, 61):
        clock[0] += 0.5
        bar(done, 120)

    assert capsys.readouterr().err.splitlines() == [
        "20 of 120 frames, 2.0 frames per second, 0 min 50 s left",
        "40 of 120 frames, 2.0 frames per second, 0 min 40 s left",
        "60 of 120 frames, 2.0 frames per second, 0 min 30 s left",
    ]


def test_frames_of_an_earlier_run_are_no_speed(clock, capsys):
    bar = ProgressBar(resumed_frames=64)
    for done in range(1, 65):
        bar(done, 100)
    clock[0] += 20
    bar(74, 100)

    assert capsys.readouterr().err == "74 of 100 frames, 0.5 frames per second, 0 min 52 s left\n"


def test_loading_the_networks_is_no_speed(clock, capsys):
    bar = ProgressBar()
    clock[0] += 30
    bar(0, 100)
    assert capsys.readouterr().err == ""
    clock[0] += 5
    bar(50, 100)

    assert capsys.readouterr().err == "50 of 100 frames, 10.0 frames per second, 0 min 5 s left\n"


def test_a_bar_begins_where_an_earlier_run_stopped(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = ProgressBar(resumed_frames=3)
    for done in (0, 1, 2, 3):
        bar(done, 4)
    bar.close()

    assert "3/4" in terminal.getvalue()
    assert "0/4" not in terminal.getvalue()


def test_on_a_terminal_it_is_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = ProgressBar()
    bar(1, 4)
    bar(4, 4)
    bar.close()

    assert "4/4" in terminal.getvalue()


def test_quiet_is_quiet(clock, capsys):
    bar = ProgressBar(is_quiet=True)
    clock[0] += 60
    bar(1, 2)

    assert capsys.readouterr().err == ""
