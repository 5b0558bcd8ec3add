"""A file appears whole or not at all, and nothing else is written to."""

import os

import pytest

from videopose.errors import VideoPoseError
from videopose.io.result import atomic_write, sync_folder


def test_a_link_of_the_unfinished_name_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "out.json.part").symlink_to(tmp_path / "mine")

    with atomic_write(tmp_path / "out.json") as file:
        file.write(b"result")

    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "out.json").read_text() == "result"
    assert not (tmp_path / "out.json").is_symlink()


def test_what_a_kill_left_is_replaced(tmp_path):
    (tmp_path / "out.json.part").write_text("half a result, which is longer than the whole")

    with atomic_write(tmp_path / "out.json") as file:
        file.write(b"result")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json"]
    assert (tmp_path / "out.json").read_text() == "result"


def test_a_folder_of_the_unfinished_name_is_one_line(tmp_path):
    (tmp_path / "out.json.part").mkdir()

    with pytest.raises(VideoPoseError, match=r"out\.json: cannot be written"), atomic_write(tmp_path / "out.json"):
        pass

    assert (tmp_path / "out.json.part").is_dir()


def test_two_writers_never_mix(tmp_path):
    path = tmp_path / "out.json"

    with pytest.raises(VideoPoseError, match="another process is writing it"), atomic_write(path) as first:  # noqa: PT012
        first.write(b"first")
        with atomic_write(path) as second:
            second.write(b"second")
        (tmp_path / "out.json.part").write_text("of a third")

    assert path.read_text() == "second"
    assert (tmp_path / "out.json.part").read_text() == "of a third"


def test_no_folder_is_opened_where_the_system_cannot(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "name", "nt")
    monkeypatch.setattr(os, "open", None)

    sync_folder(tmp_path)
