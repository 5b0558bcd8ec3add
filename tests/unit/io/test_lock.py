import os

import pytest

from videopose.errors import InputError, VideoPoseError
from videopose.io.lock import exclusive_lock


def test_a_second_run_of_one_result_is_refused(tmp_path):
    folder = tmp_path / "clip.poses.json.partial"

    message = "another run is writing this result. Wait for it"
    with exclusive_lock(folder), pytest.raises(InputError, match=message), exclusive_lock(folder):
        pass

    with exclusive_lock(folder):  # free again
        pass


def test_the_refused_run_leaves_the_others_lock_alone(tmp_path):
    folder = tmp_path / "a.partial"

    with exclusive_lock(folder):
        for _ in range(2):
            with pytest.raises(InputError, match="another run"), exclusive_lock(folder):
                pass
        assert (folder / "lock").exists()


def test_nothing_is_left_of_a_run_that_kept_nothing(tmp_path):
    folder = tmp_path / "a.partial"

    with pytest.raises(ZeroDivisionError, match="division"), exclusive_lock(folder):
        _ = 1 / 0

    assert not folder.exists()


def test_chunks_outlive_the_lock(tmp_path):
    folder = tmp_path / "a.partial"

    with exclusive_lock(folder):
        (folder / "000000.arrow").write_text("kept")

    assert (folder / "000000.arrow").read_text() == "kept"


def test_a_lock_dies_with_its_process(tmp_path):
    folder = tmp_path / "a.partial"
    child = os.fork()
    if child == 0:
        with exclusive_lock(folder):
            os._exit(0)  # as a kill would: nothing is cleaned up
    os.waitpid(child, 0)

    assert folder.exists()
    with exclusive_lock(folder):
        pass


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(VideoPoseError, match="cannot be written"), exclusive_lock(tmp_path / "no" / "where.partial"):
        pass


def test_a_link_of_that_name_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a.partial").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InputError, match=r"a\.partial: is a link"), exclusive_lock(tmp_path / "a.partial"):
        pass

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_in_place_of_the_lock_is_not_written_through(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "a.partial").mkdir()
    (tmp_path / "a.partial" / "lock").symlink_to(tmp_path / "mine")

    with pytest.raises(VideoPoseError, match="cannot be written"), exclusive_lock(tmp_path / "a.partial"):
        pass

    assert (tmp_path / "mine").read_text() == "mine"


def test_the_lock_of_a_folder_that_was_taken_away_is_none(tmp_path):
    folder = tmp_path / "a.partial"

    with exclusive_lock(folder):
        folder.rename(tmp_path / "gone")
        with exclusive_lock(folder):  # another run, of the same name
            (folder / "000000.arrow").write_text("kept")
        assert (folder / "lock").exists()

    assert (folder / "lock").exists()  # it is not ours to remove
