"""Time stamps that are wrong, missing, or of a clock that was set anew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videopose.io._stamps import fill_losses, long_holes, repair

EVEN = list(range(100, 100 + 40 * 30, 40))


def test_stamps_that_increase_are_kept():
    repaired = repair(EVEN, 1)

    assert repaired.ticks.tolist() == EVEN
    assert repaired.wrong == repaired.shifted == []


@pytest.mark.parametrize("wrong", [None, 0, EVEN[11], EVEN[13] + 3, EVEN[20], 10**7])
def test_one_wrong_stamp_is_put_between_its_neighbours(wrong):
    repaired = repair([*EVEN[:12], wrong, *EVEN[13:]], 1)

    assert repaired.ticks.tolist() == EVEN
    assert repaired.wrong == [12]


@pytest.mark.parametrize("place", [0, 29])
def test_a_missing_stamp_at_an_end_is_a_step_away(place):
    repaired = repair([tick if index != place else None for index, tick in enumerate(EVEN)], 1)

    assert repaired.ticks.tolist() == EVEN


def test_a_clock_that_starts_again_goes_on_behind_what_came_before():
    repaired = repair([*EVEN, *EVEN], 1)

    assert repaired.ticks.tolist() == list(range(100, 100 + 40 * 60, 40))
    assert repaired.shifted == [(30, 1200)]
    assert repaired.wrong == []


def test_a_clock_that_leaps_ahead_is_kept():
    stamps = [*EVEN, *(tick + 10**8 for tick in EVEN)]

    repaired = repair(stamps, 1)

    assert repaired.ticks.tolist() == stamps
    assert long_holes(repaired.ticks, 40, 1000) == [29]


def test_a_missing_stamp_before_a_leap_stays_with_its_part():
    stamps = [*EVEN[:-1], None, *(tick + 10**8 for tick in EVEN)]

    assert repair(stamps, 1).ticks.tolist()[:30] == EVEN


def test_frames_without_any_stamp_are_even():
    assert repair([None, None, None], 40).ticks.tolist() == [0, 40, 80]


@given(st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=40), st.integers(1, 1000))
def test_repaired_stamps_always_increase(stamps, step):
    repaired = repair(stamps, step)

    assert len(repaired.ticks) == len(stamps)
    assert (np.diff(repaired.ticks.astype(object)) > 0).all()


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60))
def test_increasing_stamps_are_never_touched(steps):
    stamps = np.cumsum(steps).tolist()

    assert repair(stamps, 1).ticks.tolist() == stamps


def test_a_hole_is_loss_only_beside_a_complaint_and_within_its_bound():
    ticks = np.array([*range(0, 400, 40), *range(520, 1200, 40), *range(9200, 10000, 40)])
    bound = [5] * (len(ticks) - 1)

    assert len(fill_losses(ticks, 40, {}, bound)[0]) == len(ticks)
    assert len(fill_losses(ticks, 40, {3: "damaged"}, bound)[0]) == len(ticks)
    filled, moved, damage = fill_losses(ticks, 40, {9: "damaged", 26: "damaged"}, bound)
    assert filled.tolist()[9:14] == [360, 400, 440, 480, 520]
    assert damage == {10: "damaged", 11: "damaged", 12: "damaged"}
    assert moved.tolist()[9:11] == [9, 13]


def test_holes_of_a_variable_frame_rate_are_no_loss():
    ticks = np.cumsum([1, 5, 9, 2, 80, 3, 3, 9, 40])

    assert len(fill_losses(ticks, 3, dict.fromkeys(range(9), "damaged"), [99] * 8)[0]) == 9
