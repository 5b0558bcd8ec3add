"""Numbers written many at once read as Python writes them one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.io.number_text import decimal_texts, fixed_texts, integer_texts, lines

NUMBERS = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.floats(-20_000, 20_000, width=32),
    st.sampled_from([0.0, -0.0, 0.005, -0.004, 9_998.996, 9_999.0, -9_999.0, 10_000.0, 1e22]),
)


def one_by_one(value, decimals):
    return repr(float(np.round(float(value), decimals)) + 0.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=12), st.sampled_from([2, 4]))
def test_many_numbers_are_written_as_one_is(values, decimals):
    texts = decimal_texts(np.array(values, np.float32).astype(np.float64), decimals, b";")

    expected = [f"{one_by_one(np.float32(value), decimals)};".encode() for value in values]
    assert lines(texts) == expected


def test_a_number_that_is_none_is_written_as_python_does():
    assert lines(decimal_texts(np.array([np.nan, -np.inf, 1.5]), 2, b",")) == [b"nan,", b"-inf,", b"1.5,"]


def test_columns_stand_side_by_side():
    ids = integer_texts(np.array([7, -1]), b":")

    assert lines(fixed_texts((2,), b"id "), ids, decimal_texts(np.array([[1.25, 3], [0, -2.5]]), 2, b" ")) == [
        b"id 7:1.25 3.0 ",
        b"id -1:0.0 -2.5 ",
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_few_rows_are_as_many_lines(number):
    assert len(lines(decimal_texts(np.zeros((number, 3)), 2, b","))) == number
