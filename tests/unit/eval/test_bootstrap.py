import importlib

import numpy as np
import pytest

from videopose.errors import InputError

bootstrap = importlib.import_module("videopose.eval.reports.intervals")
VALUES = np.random.default_rng(0).normal(50, 10, 40)


def mean_of(values):
    return lambda times: {"mean": float((values * times).sum() / times.sum())}


def test_the_interval_of_a_mean_is_near_its_normal_one():
    low, high = bootstrap.intervals(40, mean_of(VALUES), repeats=2000)["mean"]

    half = 1.96 * VALUES.std() / np.sqrt(40)
    assert low == pytest.approx(VALUES.mean() - half, abs=0.6)
    assert high == pytest.approx(VALUES.mean() + half, abs=0.6)


def test_the_same_seed_gives_the_same_interval():
    first, second = (bootstrap.intervals(40, mean_of(VALUES), repeats=50, seed=3) for _ in range(2))

    assert first == second


def test_a_small_but_steady_advantage_is_seen_when_paired():
    found = bootstrap.compare(40, mean_of(VALUES), mean_of(VALUES + 0.5), repeats=300)["mean"]

    assert found["difference"] == pytest.approx(0.5)
    assert found["not_better"] == 0
    assert found["low"] == pytest.approx(0.5)


def test_no_advantage_is_not_seen():
    noise = np.random.default_rng(1).normal(0, 5, 40)

    found = bootstrap.compare(40, mean_of(VALUES), mean_of(VALUES + noise - noise.mean()), repeats=300)["mean"]

    assert 0.2 < found["not_better"] < 0.8


def test_one_sequence_cannot_be_drawn_from():
    with pytest.raises(InputError, match="draws from two sequences or more; there is 1"):
        bootstrap.intervals(1, mean_of(VALUES[:1]), repeats=10)
