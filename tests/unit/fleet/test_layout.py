"""Where a video is cut, what that costs, and what follows from frames that are missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videopose.fleet.layout import DEAREST, DECODING, Done, Layout, layout_of
from videopose.fleet.machine import free_memory, num_cores
from videopose.io.journal_units import Unit
from videopose.workflows.parts import Extent


def extent(chunks=40, *, keys=50, before=0, after=0, every=1, first=0):
    return Extent(chunks * 64, first, every, 64, before, after, lambda index: index - index % keys)


def test_units_are_whole_chunks_that_cover_the_video_once():
    units = layout_of(extent(), 5).units({})

    assert units[0].first == 0
    assert [unit.stop for unit in units[:-1]] == [unit.first for unit in units[1:]]
    assert units[-1].stop is None
    assert [unit.after for unit in units] == [-1, *(64 * unit.first - 1 for unit in units[1:])]
    assert len(units) == 5


def test_cuts_lie_where_decoding_can_start():
    near = layout_of(extent(keys=64 * 3), 5)

    assert {cut % 3 for cut in near.cuts} == {0}


def test_a_video_with_rare_key_frames_is_cut_less(caplog):
    layout = layout_of(extent(keys=10**9), 8, name="clip.mp4")

    assert len(layout.units({})) == 1
    assert "clip.mp4: is cut into 1 units instead of 8" in caplog.text


@given(st.integers(4, 300), st.integers(1, 5000), st.integers(0, 20), st.integers(1, 100), st.integers(1, 5))
def test_cutting_never_costs_more_than_it_may(chunks, keys, before, wanted, every):
    given_ = extent(chunks, keys=keys, before=before, after=before, every=every)
    layout = layout_of(given_, wanted)

    cost = 0.0
    for cut in layout.cuts:
        index = max(0, (cut * 64 - before) * every)
        cost += DECODING * (index - given_.decoding_start(index)) + 2 * before
    assert cost <= DEAREST * chunks * 64
    assert list(layout.cuts) == sorted(set(layout.cuts))
    assert all(0 < cut < chunks for cut in layout.cuts)


def test_what_is_there_is_left_out():
    units = layout_of(extent(), 3, start=20, after=1279).units({})

    assert (units[0].first, units[0].after) == (20, 1279)


def test_a_missing_frame_shifts_what_follows_and_the_second_ends_cutting():
    layout = Layout(0, 1, 40 * 64, 64, 0, -1, (10, 20, 30))
    one, two, three, _ = layout.units({})
    assert two == Unit(10, 20, 639)

    done = {one: Done(10, 641, has_ended=False), three: Done(30, 1919, has_ended=False)}
    shifted = layout.units(done)
    assert shifted == [Unit(10, 20, 641), Unit(20, 30, 1281), Unit(30, None, 1921)]

    done[shifted[0]] = Done(20, 1285, has_ended=False)
    assert layout.units(done) == [Unit(20, None, 1285)]
    done[Unit(20, None, 1285)] = Done(40, 2558, has_ended=True)
    assert layout.units(done) is None


def test_a_video_that_ends_early_is_complete():
    layout = Layout(0, 1, 40 * 64, 64, 0, -1, (10, 20))
    one, *_ = layout.units({})

    assert layout.units({one: Done(7, 400, has_ended=True)}) is None


@given(
    st.integers(1, 60), st.sets(st.integers(1, 59)), st.sets(st.integers(0, 60 * 64 - 1), max_size=8), st.integers(1, 3)
)
def test_units_done_one_by_one_complete_any_video(chunks, cuts, missing, every):
    """Whatever frames are missing, doing what is listed comes to an end, with the chunks of one run."""
    selected = [index for index in range(0, chunks * 64 * every, every) if index // every not in missing]
    layout = Layout(0, every, chunks * 64, 64, 0, -1, tuple(sorted(cut for cut in cuts if cut < chunks)))
    done = {}
    while (units := layout.units(done)) is not None:
        unit = units[-1]  # in the worst order
        rest = [index for index in selected if index > unit.after]
        wanted = len(rest) if unit.stop is None else (unit.stop - unit.first) * 64
        taken = rest[:wanted]
        has_ended = unit.stop is None or len(taken) < wanted
        last = taken[-1] if taken else unit.after
        done[unit] = Done(unit.first + -(-len(taken) // 64), last, has_ended=has_ended)
        assert len(done) < 500

    chain, number, after = [], 0, -1
    while True:
        (unit,) = [
            each for each in done if (each.first, each.after) == (number, after) and done[each].chunks >= number
        ][:1]
        chain.append(unit)
        if done[unit].has_ended:
            break
        number, after = done[unit].chunks, done[unit].last
    assert done[chain[-1]].chunks == -(-len(selected) // 64)


def test_a_container_limits_cores_and_memory(tmp_path):
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("2000000000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 500000000\n")
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n")

    assert num_cores(tmp_path) == 1
    assert free_memory(tmp_path, meminfo) == 1_500_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(tmp_path, meminfo) == 8_192_000_000
    assert num_cores(tmp_path / "nothing") >= 1


@pytest.mark.parametrize("version", [1])
def test_older_containers_say_it_elsewhere(tmp_path, version):
    for name, text in (
        ("memory/memory.limit_in_bytes", "1000"), ("memory/memory.usage_in_bytes", "600"),
        ("memory/memory.stat", "total_inactive_file 100"),
        ("cpu/cpu.cfs_quota_us", "-1"), ("cpu/cpu.cfs_period_us", "100000"),
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    assert free_memory(tmp_path, tmp_path / "none") == 500
    assert num_cores(tmp_path) == num_cores(tmp_path / "nothing")
