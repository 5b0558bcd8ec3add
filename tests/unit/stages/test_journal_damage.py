"""A journal is believed only as far as its checksums agree: damage is computed again, and never other numbers."""

import json
import random
import shutil
from contextlib import suppress

import pytest
from builders import assert_same_records, some_records
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import ConfigError, DatasetError, InputError
from videopose.io.journal_store import JournalStore
from videopose.types import Gap

IDENTITY = {"video": "clip.mp4", "config": {"window": 5}}
RECORDS = some_records(20)
NAMES = st.sampled_from(["journal.json", "end.json", *(f"{number:06}.arrow" for number in range(6))])
GAP = Gap(20, 21, 0.8, 0.88, "lost")


@pytest.fixture
def folder(tmp_path):
    """Write a finished journal of five chunks."""
    write(tmp_path / "j", IDENTITY, RECORDS)
    return tmp_path / "j"


def write(folder, identity, records, *, is_finished=True):
    store = JournalStore(folder, identity)
    for first in range(0, len(records), 4):
        store.append(records[first : first + 4])
    if is_finished:
        store.finish([GAP])


def test_a_finished_journal_is_complete(folder):
    store = JournalStore(folder, IDENTITY)

    assert (store.is_complete, store.num_records, store.gaps()[-1]) == (True, 20, GAP)
    assert_same_records(list(store), RECORDS)


def test_every_flipped_bit_is_noticed(folder):
    choose = random.Random(3)
    path = folder / "000001.arrow"
    whole = path.read_bytes()
    places = [*range(70), *(choose.randrange(len(whole)) for _ in range(130))]

    for place in places:
        data = bytearray(whole)
        data[place] ^= 1 << choose.randrange(8)
        path.write_bytes(data)
        store = JournalStore(folder, IDENTITY)
        assert (store.is_complete, store.num_records) == (False, 4), place


@pytest.mark.parametrize("name", ["end.json", "journal.json"])
def test_every_flipped_bit_of_what_is_said_of_the_journal_is_noticed(folder, name):
    choose = random.Random(5)
    whole = (folder / name).read_bytes()

    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << choose.randrange(7)
        (folder / name).write_bytes(data)
        try:
            store = JournalStore(folder, IDENTITY)
        except ConfigError as error:
            assert "another version" in str(error)  # noqa: PT017 - either answer is right
            continue
        is_blank = json.loads(whole) == _parsed(data)
        assert store.is_complete is is_blank, place


def _parsed(data):
    try:
        return json.loads(data)
    except ValueError:
        return None


@given(st.lists(st.tuples(st.sampled_from(["delete", "copy", "swap", "cut", "flip"]), NAMES, NAMES, st.floats(0, 1))))
@settings(max_examples=25, deadline=None)
def test_whatever_happens_to_the_files_what_is_read_is_a_beginning_of_what_was_written(tmp_path_factory, harms):
    folder = tmp_path_factory.mktemp("journal") / "j"
    write(folder, IDENTITY, RECORDS)
    for harm, name, other, where in harms:
        do_harm(harm, folder / name, folder / other, where)

    try:
        store = JournalStore(folder, IDENTITY)
    except ConfigError:
        return  # its own account of itself was harmed
    records = list(store)

    assert_same_records(records, RECORDS[: len(records)])
    assert not store.is_complete or (len(records), store.gaps()[-1]) == (20, GAP)
    store.prepare()
    again = JournalStore(folder, IDENTITY)
    assert (again.num_records, again.is_complete) == (len(records), store.is_complete)


def do_harm(harm, path, other, where):
    if not path.exists():
        return
    data = bytearray(path.read_bytes())
    place = int(where * (len(data) - 1)) if data else 0
    if harm == "delete":
        path.unlink()
    elif harm == "copy":
        other.write_bytes(data)
    elif harm == "swap" and other.exists():
        path.write_bytes(other.read_bytes())
        other.write_bytes(data)
    elif harm == "cut":
        path.write_bytes(data[:place])
    elif harm == "flip" and data:
        data[place] ^= 1 << int(where * 8) % 8
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("source", "target", "left"), [("000000", "000001", 4), ("000003", "000000", 0), ("000002", "000004", 16)]
)
def test_a_copied_chunk_is_noticed(folder, source, target, left):
    shutil.copy(folder / f"{source}.arrow", folder / f"{target}.arrow")

    assert JournalStore(folder, IDENTITY).num_records == left


def test_exchanged_chunks_are_noticed(folder):
    (folder / "000001.arrow").rename(folder / "kept")
    (folder / "000002.arrow").rename(folder / "000001.arrow")
    (folder / "kept").rename(folder / "000002.arrow")

    assert JournalStore(folder, IDENTITY).num_records == 4


def test_a_chunk_of_another_run_is_noticed(folder, tmp_path):
    write(tmp_path / "other", {"video": "other.mp4"}, RECORDS)
    shutil.copy(tmp_path / "other" / "000001.arrow", folder / "000001.arrow")

    assert JournalStore(folder, IDENTITY).num_records == 4


def test_a_hole_in_the_chunks_ends_them(folder, caplog):
    (folder / "000001.arrow").unlink()

    store = JournalStore(folder, IDENTITY)

    assert (store.is_complete, store.num_records, store.next_index) == (False, 4, 4)
    assert "000001.arrow: cannot be read" in caplog.text
    store.prepare()
    assert sorted(path.name for path in folder.iterdir()) == ["000000.arrow", "journal.json"]


@pytest.mark.parametrize("left", range(5))
def test_an_end_marker_does_not_stand_for_chunks_that_are_gone(folder, left):
    for number in range(left, 5):
        (folder / f"{number:06}.arrow").unlink()

    store = JournalStore(folder, IDENTITY)

    assert (store.is_complete, store.num_records) == (False, 4 * left)


def test_an_end_marker_of_another_number_of_records_is_none(tmp_path):
    write(tmp_path / "short", IDENTITY, RECORDS[:16])
    write(tmp_path / "j", IDENTITY, RECORDS, is_finished=False)
    shutil.copy(tmp_path / "short" / "end.json", tmp_path / "j" / "end.json")

    assert not JournalStore(tmp_path / "j", IDENTITY).is_complete


def test_a_chunk_damaged_after_it_was_checked_never_reaches_the_result(folder):
    store = JournalStore(folder, IDENTITY)
    stream = iter(store)
    next(stream)
    data = bytearray((folder / "000002.arrow").read_bytes())
    data[-200] ^= 1
    (folder / "000002.arrow").write_bytes(data)

    with pytest.raises(DatasetError, match=r"000002\.arrow: is damaged\. Type the same command again"):
        list(stream)


def test_a_journal_that_does_not_say_what_it_is_of_is_thrown_away_with_one_line(folder, caplog):
    (folder / "journal.json").unlink()
    store = JournalStore(folder, IDENTITY)
    assert (store.is_complete, store.num_records) == (False, 0)
    assert len(list(folder.iterdir())) == 6, "it only looks"

    store.prepare()

    assert list(folder.iterdir()) == []
    assert [record.message for record in caplog.records] == [
        f"{folder}: does not say which run it is of; it is thrown away"
    ]


def test_a_journal_of_another_version_is_refused(folder):
    (folder / "journal.json").write_text('{"version": "0.1.0", "asked": {}}')

    with pytest.raises(ConfigError, match=r"an unfinished run of another version of videopose.*--restart"):
        JournalStore(folder, IDENTITY)


def test_the_clip_of_another_run_is_named(tmp_path):
    store = JournalStore(tmp_path / "j", IDENTITY, clip="clip.mp4")
    store.append(RECORDS[:4])

    with pytest.raises(ConfigError, match=r"unfinished run of clip\.mp4 was begun with other settings: config\.window"):
        JournalStore(tmp_path / "j", {**IDENTITY, "config": {"window": 6}}, clip="clip.mov")


def test_restart_takes_the_journal_for_nothing_and_removes_it_when_told(folder):
    store = JournalStore(folder, {"video": "other.mp4"}, restart=True)
    assert (store.num_records, len(list(folder.iterdir()))) == (0, 7)

    store.prepare()
    store.append(RECORDS[:3])

    assert JournalStore(folder, {"video": "other.mp4"}).num_records == 3


def test_every_state_of_being_thrown_away_is_a_journal_to_go_on_with(folder, monkeypatch, tmp_path):
    from pathlib import Path

    class Stopped(Exception):
        pass

    def stopping(after):
        left = iter(range(after))

        def unlink(path, missing_ok=False):
            if next(left, None) is None:
                raise Stopped
            real(path, missing_ok=missing_ok)

        return unlink

    real = Path.unlink
    for after in range(7):
        copy = tmp_path / f"copy{after}"
        shutil.copytree(folder, copy)
        store = JournalStore(copy, {"video": "other.mp4"}, restart=True)
        monkeypatch.setattr(Path, "unlink", stopping(after))
        with suppress(Stopped):
            store.prepare()
        monkeypatch.setattr(Path, "unlink", real)
        again = JournalStore(copy, IDENTITY)
        assert again.is_complete is (after == 0)
        assert_same_records(list(again), RECORDS[: again.num_records])


def test_a_folder_with_other_files_is_not_touched(tmp_path):
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "holiday.png").write_text("mine")

    with pytest.raises(InputError, match=r"a run would keep its own files there, but it holds holiday\.png"):
        JournalStore(tmp_path / "j", IDENTITY)

    assert (tmp_path / "j" / "holiday.png").read_text() == "mine"


def test_a_link_is_refused(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)

    with pytest.raises(InputError, match="link: is a link"):
        JournalStore(tmp_path / "link", IDENTITY)


def test_what_a_kill_left_of_a_removed_journal_goes_away(folder, tmp_path):
    folder.rename(tmp_path / "j.gone")

    JournalStore(folder, IDENTITY).prepare()

    assert list(tmp_path.iterdir()) == []


def test_a_removed_journal_loses_its_name_first(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: None)

    JournalStore(folder, IDENTITY).remove()

    assert [path.name for path in tmp_path.iterdir()] == ["j.gone"]
