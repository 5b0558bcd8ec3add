"""The planner: who does what next, what follows from a failure, and that nothing is lost."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.fleet.plan import Planner, Task, units_wanted

sys.path.append(str(Path(__file__).parents[3] / "eval" / "benchmarks"))
from fleet import World, simulate


def opened(planner, worker, units=2):
    """Let a worker open the next clip; return it."""
    task = planner.pick(worker)
    assert task.kind == "open"
    planner.opened(task.clip, [(number, 1.0) for number in range(units)])
    return task.clip


def test_the_longest_clip_comes_first_and_a_worker_stays_with_it():
    planner = Planner([1.0, 4.0, 2.0])

    first, second = opened(planner, 0), opened(planner, 1)

    assert (first, second) == (1, 2)
    assert [planner.pick(0), planner.pick(1)] == [Task(1, "unit", 0), Task(2, "unit", 0)]
    assert planner.pick(0) == Task(1, "unit", 1)


def test_when_no_clip_is_left_the_fullest_is_helped_with():
    planner = Planner([4.0, 9.0])
    opened(planner, 0, 6)
    opened(planner, 1, 3)

    assert [planner.pick(2).clip for _ in range(4)] == [1, 1, 1, 1]
    assert planner.pick(3).clip == 0, "of the one 3 are left, of the other 2"


def test_a_clip_is_joined_once_when_its_last_unit_is_done():
    planner = Planner([2.0])
    opened(planner, 0)
    one, two = planner.pick(0), planner.pick(1)

    planner.ended(one)
    assert planner.pick(2) is None, "one is still under way, and half of the work is left"
    planner.ended(two)
    join = planner.pick(0)
    assert (join.kind, planner.is_over) == ("join", False)
    planner.ended(join)
    assert planner.is_over


def test_a_task_is_begun_three_times_and_then_its_clip_has_failed():
    planner = Planner([2.0, 1.0])
    opened(planner, 0, 1)
    for _ in range(2):
        task = planner.pick(0)
        assert planner.lost(task, 0)
    task = planner.pick(0)
    assert task == Task(0, "unit", 0)

    assert not planner.lost(task, 0)
    assert opened(planner, 0, 0) == 1, "the other clip goes on"
    planner.ended(planner.pick(0))
    assert planner.is_over


def test_the_last_of_it_is_done_twice_and_the_first_wins():
    planner = Planner([100.0], twice=0.5)
    planner.pick(0)
    planner.opened(0, [(0, 60.0), (1, 40.0)])
    slow, other = planner.pick(0), planner.pick(1)

    assert planner.pick(2) is None, "all of the work is left"
    planner.ended(slow if slow.unit == 0 else other)
    copy = planner.pick(2)
    assert copy.unit == 1
    assert planner.pick(3) is None, "two are enough"
    assert sorted(planner.ended(copy)) == [1, 2] or planner.is_over
    assert planner.pick(0).kind == "join"


def test_what_somebody_else_is_at_comes_up_again():
    planner = Planner([1.0])
    opened(planner, 0, 2)
    task = planner.pick(0)

    planner.later(task, 0)

    assert [planner.pick(0).unit, planner.pick(0).unit] == [1, 0]


def test_a_clip_that_is_cut_anew_keeps_what_is_under_way():
    planner = Planner([1.0])
    opened(planner, 0, 3)
    first = planner.pick(0)

    planner.opened(0, [(0, 1.0), ("b", 1.0)])

    assert planner.pick(0) == Task(0, "unit", "b")
    planner.ended(first)
    planner.ended(Task(0, "unit", "b"))
    assert planner.pick(0).kind == "join"


def test_units_go_by_share_and_one_worker_cuts_nothing():
    assert units_wanted(1.0, 1) == 1
    assert units_wanted(0.5, 4) == 2 * units_wanted(0.25, 4) == 128
    assert units_wanted(1e-6, 4) == 1


EVENTS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["end", "end", "die", "later"])), max_size=80)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), EVENTS)
def test_whatever_happens_no_unit_is_lost(clips, events):
    """Workers end, die or are turned away in any order; at last every clip is joined or has failed for deaths."""
    planner = Planner([1.0 + units for units in clips], tries=1000)
    at: dict[int, Task] = {}
    done: set[Task] = set()
    script = iter([*events, *[(worker, "end") for _ in range(200) for worker in range(4)]])
    for worker, what in script:
        if planner.is_over:
            break
        task = at.pop(worker, None) or planner.pick(worker)
        if task is None:
            continue
        if what == "die":
            planner.lost(task, worker)
        elif what == "later":
            planner.later(task, worker)
        elif task.kind == "open":
            planner.opened(task.clip, [(number, 1.0) for number in range(clips[task.clip])])
        else:
            assert task.kind == "unit" or {each.unit for each in done if each.clip == task.clip} == set(
                range(clips[task.clip])
            ), "joined before all is done"
            done.add(task)
            for other in planner.ended(task):
                if at.get(other) == task:
                    del at[other]

    assert planner.is_over
    units = {(number, unit) for number, count in enumerate(clips) for unit in range(count)}
    assert {(task.clip, task.unit) for task in done if task.kind == "unit"} == units


def test_many_machines_are_near_the_bound():
    outcome = simulate(World(nodes=60, videos=600, seed=2))

    assert outcome.lost == 0
    assert outcome.times <= 1.1
    assert outcome.ratio <= 1.05


def test_dying_machines_and_slow_ones_cost_time_and_lose_nothing():
    hard = simulate(World(nodes=40, videos=200, deaths=0.3, slow=0.1, seed=1))
    kind = simulate(World(nodes=40, videos=200, deaths=0.0, slow=0.0, seed=1))

    assert (hard.lost, kind.lost, kind.deaths) == (0, 0, 0)
    assert hard.deaths > 10
    assert kind.ratio < hard.ratio < 1.6


@pytest.mark.slow
def test_a_thousand_machines_with_ten_thousand_videos_take_seconds():
    outcome = simulate(World())

    assert outcome.lost == 0
    assert outcome.times <= 1.1
    assert outcome.ratio <= 1.05
    assert outcome.wall < 60
