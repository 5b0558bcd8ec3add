"""Reading on behind a record, and chunks that lie in workers' folders."""

from fractions import Fraction

import pytest
from builders import some_records
from hypothesis import given
from hypothesis import strategies as st

from videopose.errors import InputError, InUseError
from videopose.io.journal_store import JournalStore, mark_of
from videopose.io.journal_units import UNITS, Unit, UnitStore, known_chunks
from videopose.types import Gap
from videopose.workflows.parts import records_behind

IDENTITY = {"video": "clip.mp4"}


class Reader:
    """A video some of whose frames cannot be decoded."""

    def __init__(self, present, first=0, every=1):
        self.present, self.first, self.every = present, first, every
        self.rate = Fraction(25)

    def index_of(self, position):
        return self.first + position * self.every

    def records(self, *, since=0):
        for record in some_records(max(self.present, default=-1) + 1):
            if record.frame.index in self.present and record.frame.index >= since:
                yield record


@given(st.sets(st.integers(0, 40)), st.integers(0, 6), st.integers(-1, 40), st.integers(1, 3), st.integers(0, 4))
def test_neighbours_before_are_found_behind_any_gap(present, before, last, every, first):
    present = {index for index in present if index >= first and (index - first) % every == 0}
    wanted = sorted(present)
    earlier, later = [k for k in wanted if k <= last], [k for k in wanted if k > last]

    found = [record.frame.index for record in records_behind(Reader(present, first, every), last, before, every)]

    assert found == [*(earlier[-before:] if before else []), *later]


def left_by(folder, unit, owner, records, *, run=None, gaps=None):
    store = UnitStore(folder, run or mark_of(IDENTITY), unit, owner)
    for start in range(0, len(records), 4):
        store.append(records[start : start + 4])
    if gaps is not None:
        store.finish(gaps)
    return store


@pytest.fixture
def journal(tmp_path):
    """Begin a journal that knows what it is of."""
    store = JournalStore(tmp_path / "out.partial", IDENTITY)
    store.begin()
    return store.folder


def test_chunks_of_several_workers_follow_one_another(journal):
    records = some_records(18)
    left_by(journal, Unit(2, None, 7), "b", records[8:], gaps=[Gap(18, 19, 0.72, 0.8, "lost")])
    left_by(journal, Unit(0, 2, -1), "a", records[:8])

    store = JournalStore(journal, IDENTITY)
    store.prepare()

    assert store.is_complete
    assert [record.frame.index for record in store] == list(range(18))
    assert store.gaps() == [Gap(18, 19, 0.72, 0.8, "lost")]
    assert not (journal / UNITS).exists()


def test_what_does_not_follow_is_left_for_those_who_fill_the_hole(journal):
    records = some_records(16)
    left_by(journal, Unit(0, 1, -1), "a", records[:4])
    left_by(journal, Unit(2, 4, 7), "b", records[8:])
    left_by(journal, Unit(1, 2, 4), "shifted", records[5:9])

    store = JournalStore(journal, IDENTITY)
    store.prepare(keep_units=True)

    assert store.num_chunks == 1
    assert len(list((journal / UNITS).iterdir())) == 3
    left_by(journal, Unit(1, 2, 3), "c", records[4:8])
    store.prepare()
    assert store.num_chunks == 4


def test_a_worker_takes_over_what_another_left_of_the_same_chunks(journal):
    records = some_records(16)
    dead = left_by(journal, Unit(1, 4, 3), "dead", records[4:12])
    (dead.folder / "000003.arrow.part").write_bytes(b"half")

    store = UnitStore(journal, mark_of(IDENTITY), Unit(2, 4, 7), "heir")

    assert (store.num_missing, store.next_index) == (1, 12)
    assert not store.is_complete


@pytest.mark.parametrize("spoil", ["damaged", "of another run", "of another place"])
def test_what_is_not_to_be_trusted_is_computed_again(journal, spoil):
    records = some_records(8)
    run = mark_of({"video": "other.mp4"}) if spoil == "of another run" else mark_of(IDENTITY)
    after = 2 if spoil == "of another place" else -1
    left = left_by(journal, Unit(0, 2, after), "a", records[4:8], run=run)
    if spoil == "damaged":
        path = left.folder / "000000.arrow"
        path.write_bytes(path.read_bytes()[:-1] + b"x")

    assert (0, -1) not in known_chunks(journal, mark_of(IDENTITY)).chunks
    assert UnitStore(journal, mark_of(IDENTITY), Unit(0, 2, -1), "b").num_missing == 2


def test_a_journal_that_is_gone_stays_gone(tmp_path):
    from videopose.errors import VideoPoseError

    with pytest.raises(VideoPoseError, match="cannot be written"):
        UnitStore(tmp_path / "out.partial", mark_of(IDENTITY), Unit(0, 2, -1), "a")
    assert not (tmp_path / "out.partial").exists()


def test_nothing_is_written_where_a_link_leads(journal, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (journal / UNITS).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InputError, match="units: is a link"):
        UnitStore(journal, mark_of(IDENTITY), Unit(0, 2, -1), "a")


def test_leased_units_are_not_thrown_away(journal):
    (journal / UNITS).mkdir()
    (journal / UNITS / f"{Unit(0, 2, -1)}.lease").write_text("{}")

    with pytest.raises(InUseError, match="shards are at work on it"):
        JournalStore(journal, IDENTITY).prepare()
    JournalStore(journal, IDENTITY).prepare(keep_units=True)
    JournalStore(journal, IDENTITY, restart=True).prepare()
    assert not (journal / UNITS).exists()
