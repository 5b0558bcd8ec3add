"""Leases: one holder, given up by nobody who lives, taken from the dead, whatever clocks say."""

import json
import os
import time

import pytest

from videopose.fleet.leases import Leases


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def path(tmp_path):
    return tmp_path / "unit.lease"


def test_only_one_has_it_and_it_is_free_afterwards(path):
    first, second = Leases("a"), Leases("b")

    with first.take(path):
        assert second.take(path) is None
        assert json.loads(path.read_text())["owner"] == "a"

    assert not path.exists()
    assert second.take(path) is not None
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_one_that_is_left_behind_is_taken_after_patience_by_the_finders_clock(path):
    clock = Clock()
    Leases("dead").take(path)
    finder = Leases("b", patience=10, clock=clock)

    assert finder.take(path) is None, "seen for the first time"
    clock.now = 9.9
    assert finder.take(path) is None
    clock.now = 10.0
    assert finder.take(path) is not None
    assert json.loads(path.read_text())["owner"] == "b"


@pytest.mark.parametrize("jump", [-1e6, 1e6])
def test_clocks_that_jump_change_nothing(path, jump, monkeypatch):
    """The time of day and a file's own times are not looked at."""
    clock = Clock()
    Leases("a").take(path)
    finder = Leases("b", patience=10, clock=clock)
    assert finder.take(path) is None
    now = time.time() + jump
    monkeypatch.setattr(time, "time", lambda: now)
    os.utime(path, (now, now))

    assert finder.take(path) is None


def test_one_that_changes_is_alive(path):
    clock = Clock()
    finder = Leases("b", patience=10, clock=clock)
    for beat in range(5):
        path.write_text(json.dumps({"owner": "a", "beat": beat}))
        assert finder.take(path) is None
        clock.now += 9


def test_a_holder_keeps_it_alive_and_gives_it_back(path):
    with Leases("a", patience=0.06).take(path):
        first = path.read_text()
        for _ in range(200):
            time.sleep(0.01)
            if path.read_text() != first:
                break
        assert path.read_text() != first
    assert not path.exists()


def test_of_several_who_find_it_dead_one_gets_it(path):
    clock = Clock()
    Leases("dead").take(path)
    finders = [Leases(name, patience=1, clock=clock) for name in "bcd"]
    assert [finder.take(path) for finder in finders] == [None] * 3
    clock.now = 2.0

    taken = [finder.take(path) is not None for finder in finders]

    assert taken == [True, False, False]


def test_a_new_lease_that_was_moved_by_mistake_is_put_back(path):
    """Between the look and the move another has taken it anew."""
    clock = Clock()
    Leases("dead").take(path)
    slow = Leases("b", patience=1, clock=clock)
    slow.take(path)
    path.unlink()
    Leases("quick").take(path)

    assert not slow._remove(path, json.dumps({"owner": "dead", "beat": 0}))
    assert json.loads(path.read_text())["owner"] == "quick"


def test_one_who_was_robbed_leaves_the_new_holder_alone(path):
    with Leases("a", patience=60).take(path):
        path.write_text(json.dumps({"owner": "b", "beat": 0}))

    assert json.loads(path.read_text())["owner"] == "b"


def test_without_links_a_lease_is_still_one(path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)

    assert Leases("a").take(path) is not None
    assert Leases("b").take(path) is None
